"""What has a name is named alike everywhere: by the entity, its id or its name, as names are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, F, InvalidInput, NotFound

# How each kind is made under a name, and where it is looked up.
KINDS: dict[str, tuple[Callable[[CRM, str], Any], Callable[[CRM], Any]]] = {
    "segment": (
        lambda crm, name: crm.customers.segments.define(name, rule=F.city == "Chengdu"),
        lambda crm: crm.customers.segments,
    ),
    "campaign": (
        lambda crm, name: crm.marketing.campaigns.plan(name=name),
        lambda crm: crm.marketing.campaigns,
    ),
    "template": (
        lambda crm, name: crm.marketing.templates.define(name, body="Hello"),
        lambda crm: crm.marketing.templates,
    ),
    "journey": (
        lambda crm, name: crm.lifecycle.journeys.define(name, on="engagement", steps=[{"wait": {"days": 3}}]),
        lambda crm: crm.lifecycle.journeys,
    ),
    "salesperson": (
        lambda crm, name: crm.pipeline.salespeople.register(name),
        lambda crm: crm.pipeline.salespeople,
    ),
    "policy": (
        lambda crm, name: crm.service.policies.define(
            name, calendar=BusinessCalendar.always_open(), resolution=timedelta(days=1)
        ),
        lambda crm: crm.service.policies,
    ),
}
DEFINED = ("segment", "template", "journey", "policy")


@pytest.fixture
def crm() -> CRM:
    return CRM.open("memory://")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_by_its_name_its_id_and_itself(crm: CRM, kind: str) -> None:
    make, among = KINDS[kind]
    for name in ("spring", "Cafe\u0301", f"{make(crm, 'first').__schema__.prefix}_spring"):
        made = make(crm, f" {name} ")
        for ref in (made, made.id, made.name, f" {name}"):
            assert among(crm).get(ref) == made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_refused_with_the_nearest(crm: CRM, kind: str) -> None:
    make, among = KINDS[kind]
    made = make(crm, "spring fair")
    with pytest.raises(NotFound, match=f"there is no {kind} 'sprnig fair', did you mean 'spring fair'"):
        among(crm).get("sprnig fair")
    with pytest.raises(NotFound, match=f"there is no {kind} '{made.id[:-1]}"):
        among(crm).get(f"{made.id[:-1]}{'0' if made.id[-1] != '0' else '1'}")
    for wrong in (None, 5, "", "  ", "a\0b"):
        with pytest.raises(InvalidInput):
            among(crm).get(wrong)


@pytest.mark.parametrize("kind", DEFINED)
def test_defining_it_again_is_about_the_same_one(crm: CRM, kind: str) -> None:
    make, among = KINDS[kind]
    first = make(crm, "spring")
    assert make(crm, " spring ") == first
    assert among(crm).count() == 1
