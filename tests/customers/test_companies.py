"""Companies: what is known of them is checked like what is known of people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from crmkit import CRM, InvalidInput
from crmkit.customers.companies import Company

YESTERDAY = datetime(2026, 3, 1, tzinfo=UTC)
STRANGE = {
    "an unknown field": ("foo", 1),
    "an id": ("id", "com_01kjp0y9m0e37tvmjcxvcj7ah4"),
    "a version": ("version", 7),
    "a moment": ("created_at", YESTERDAY),
    "another moment": ("updated_at", YESTERDAY),
}


@pytest.fixture
def lantern(crm: CRM) -> Company:
    return crm.customers.companies.register(name="Red Lantern Studio", domain="lantern.example")


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_only_what_is_told_of_a_company_is_taken(crm: CRM, lantern: Company, strange: tuple[str, Any]) -> None:
    name, value = strange
    given: dict[str, Any] = {name: value}
    says = f"a company has no field '{name}'; it has city, country, domain"
    with pytest.raises(InvalidInput, match=says):
        crm.customers.companies.register(name="Another", **given)
    with pytest.raises(InvalidInput, match=says):
        crm.customers.companies.update(lantern, **given)
    assert crm.customers.companies.find() == [lantern]


@pytest.mark.parametrize("written", ["lantern.example", "WWW.Lantern.example", " WWW.Lantern.example "])
def test_a_domain_is_kept_in_one_form(crm: CRM, written: str) -> None:
    companies = crm.customers.companies
    company = companies.register(name="Red Lantern Studio", domain=written)
    assert company.domain == "lantern.example"
    assert companies.update(company, domain=written) == company


def test_a_domain_is_text(crm: CRM, lantern: Company) -> None:
    number: Any = 5
    with pytest.raises(InvalidInput, match="domain must be text, got 5"):
        crm.customers.companies.register(name="Another", domain=number)
    assert crm.customers.companies.update(lantern, domain=None).domain is None
