"""Who might be the same person: evidence, doubts, decisions, and what a look costs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from crmkit import CRM, InvalidInput, NotFound, Refused
from crmkit.customers.identity.duplicates import Candidate
from crmkit.customers.people import Customer
from crmkit.testing import FrozenClock


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(
        name="Xiao Li", email="li@example.com", phone="13912345678", birthday=date(1997, 8, 14), gender="f"
    )


def found(crm: CRM, customer: Customer, **options: Any) -> list[tuple[str, list[str], list[str]]]:
    several = crm.customers.duplicates.of(customer, **options)
    return [(c.other.name, list(c.reasons), list(c.doubts)) for c in several]


def test_a_mailbox_is_the_strongest_evidence(crm: CRM, li: Customer) -> None:
    tagged = crm.customers.register(name="LI Xiao", email="li+album@example.com")
    crm.customers.register(name="Lili", email="li@example.org")
    crm.customers.register(name="Lilian", email="lili@example.com")
    assert found(crm, li) == [("LI Xiao", ["mailbox", "name"], [])]
    assert found(crm, tagged) == [("Xiao Li", ["mailbox", "name"], [])]
    assert crm.customers.duplicates.of(li)[0].score == pytest.approx(1 - 0.1 * 0.7)


def test_contact_points_count(crm: CRM, li: Customer) -> None:
    other = crm.customers.register(name="Li", email="xiao@studio.example")
    crm.customers.contact_points.add(other, kind="email", value="li+office@example.com")
    crm.customers.contact_points.add(other, kind="phone", value="13912345678")
    assert found(crm, li) == [("Li", ["mailbox", "phone"], ["name"])]
    assert found(crm, other) == [("Xiao Li", ["mailbox", "phone"], ["name"])]


def test_a_shared_phone_alone_is_little(crm: CRM, li: Customer) -> None:
    crm.customers.register(name="Wang Wu", phone="13912345678", birthday=date(1990, 1, 1), gender="m")
    assert found(crm, li) == []
    assert found(crm, li, at_least=0) == [("Wang Wu", ["phone"], ["birthday", "gender", "name"])]
    crm.customers.register(name="xiao li", phone="13912345678")
    assert found(crm, li) == [("xiao li", ["phone", "name"], [])]


def test_name_and_birthday_or_company(crm: CRM, li: Customer) -> None:
    studio = crm.customers.companies.register(name="Studio")
    crm.customers.update(li, company=studio)
    crm.customers.register(name="Xiao Lii", birthday=date(1997, 8, 14))
    crm.customers.register(name="Twin Tang", birthday=date(1997, 8, 14))
    crm.customers.register(name="XIAO LI", company=studio)
    crm.customers.register(name="Xiao Li")  # a name that many have, and nothing else
    assert found(crm, li) == [("Xiao Lii", ["name and birthday"], []), ("XIAO LI", ["name and company"], [])]


def test_who_differs_is_not_proposed_again(crm: CRM, li: Customer) -> None:
    twin = crm.customers.register(name="Xiao Li", birthday=date(1997, 8, 14))
    duplicates = crm.customers.duplicates
    assert len(duplicates.of(li)) == len(duplicates.of(twin)) == 1
    decided = duplicates.differ(twin, li, reason="two people of one name")
    assert duplicates.of(li) == duplicates.of(twin) == []
    assert duplicates.differ(li, twin).id == decided.id
    assert crm.customers.timeline(min(li.id, twin.id))[0].name == "customers.customers_distinguished"
    duplicates.undecided(li, twin)
    assert len(duplicates.of(li)) == 1
    with pytest.raises(Refused, match="nobody has said"):
        duplicates.undecided(li, twin)
    duplicates.differ(li, twin)
    crm.customers.merge(li, twin)  # somebody knew better
    crm.customers.unmerge(twin.id)
    assert duplicates.of(li.id) == []


def test_every_pair_is_found_once(crm: CRM) -> None:
    for n in range(10):
        crm.customers.register(name=f"Name {n}", email=f"name{n}@example.com")
        crm.customers.register(name=f"name {n}", email=f"name{n}+x@example.com")
    pairs: list[Candidate] = []
    after: str | None = None
    parts = 0
    while True:
        scan = crm.customers.duplicates.scan(after=after, size=7)
        pairs += scan.found
        parts += 1
        if (after := scan.next) is None:
            break
    assert parts == 3
    assert len({frozenset((p.customer.id, p.other.id)) for p in pairs}) == len(pairs) == 10
    assert "mailbox, name" in format(crm.customers.duplicates.scan(), "md")


def test_the_erased_and_other_tenants_are_nobody(crm: CRM, li: Customer) -> None:
    same = crm.customers.register(name="Xiao Li", birthday=date(1997, 8, 14))
    crm.for_tenant("other").customers.register(name="Xiao Li", email="li@example.com", birthday=date(1997, 8, 14))
    crm.customers.privacy.erase(same)
    assert found(crm, li, at_least=0) == []


def test_bad_input(crm: CRM, li: Customer) -> None:
    duplicates = crm.customers.duplicates
    with pytest.raises(InvalidInput, match="does not differ from himself"):
        duplicates.differ(li, li)
    with pytest.raises(NotFound):
        duplicates.differ(li, crm.for_tenant("other").customers.register(name="Stranger"))
    with pytest.raises(InvalidInput, match="nothing is called 'shoe'"):
        duplicates.of(li, weights={"shoe": 1})
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        duplicates.of(li, weights={"phone": 2})
    with pytest.raises(InvalidInput, match="whole number from 1"):
        duplicates.scan(size=0)


def test_a_look_does_not_cost_more_among_many(clock: FrozenClock) -> None:
    """Counted in steps of SQLite's own machine, which no other program on the computer can disturb."""
    with CRM.open("sqlite://", clock=clock, region="CN") as crm:
        studio = crm.customers.companies.register(name="Studio")
        li = crm.customers.register(
            name="Xiao Li", email="li@example.com", phone="13912345678", birthday=date(1997, 8, 14), company=studio
        )
        few = steps(crm, li)
        days = [date(1950 + n % 50, 1 + n % 12, 1 + n % 28) for n in range(6_000)]
        crm.customers.register_many(
            {"name": f"Name {n}", "email": f"name{n}@example.com", "birthday": day} for n, day in enumerate(days)
        )
        assert steps(crm, li) < 2 * few + 200


def steps(crm: CRM, customer: Customer) -> int:
    store: Any = crm.storage
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    crm.customers.duplicates.of(customer)
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(tick, 10)
    try:
        crm.customers.duplicates.of(customer)
    finally:
        driver.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Jane Doe", "email": "jane@other.example"},  # Twenty says yes: one name is one person
        {"name": "Jane Roe", "email": "roe@other.example"},
        {"name": "Somebody Else"},  # what is missing on both sides is nothing in common
    ],
)
def test_criteria_of_twenty(crm: CRM, other: dict[str, Any]) -> None:
    """Source: twentyhq/twenty, person duplicate criteria (twenty-person-duplicates); the first row is declined."""
    jane = crm.customers.register(name="Jane Doe", email="jane@example.com")
    crm.customers.register(**other)
    assert crm.customers.duplicates.of(jane) == []
    with pytest.raises(Refused, match=r"jane@example\.com"):  # the same address never comes in a second time
        crm.customers.register(name="J. D.", email="Jane@Example.com")


def test_keys_of_salesforce(crm: CRM) -> None:
    """(Company or e-mail) and telephone; source: help.salesforce.com (salesforce-matching-rule-example)."""
    sports, sport = (crm.customers.companies.register(name=name) for name in ("Elite Sports", "Elite Sport"))
    phone = "+1 415 555 1234"
    john = crm.customers.register(name="John Doe", company=sports, phone=phone, email="john.doe@elitesport.com")
    mailbox = crm.customers.register(name="John Doe", company=sport, email="john.doe+work@elitesport.com", phone=phone)
    crm.customers.register(name="John Deer", company=sports, email="john.doe@elitesports.com")
    assert [(c.other, list(c.reasons)) for c in crm.customers.duplicates.of(john)] == [
        (mailbox, ["mailbox", "phone", "name"])
    ]
