"""A related row that is the only one a unique index allows is joined on SQLite: nobody is lost or comes up twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crmkit import CRM, F, FrozenClock
from crmkit.customers.people import Customer
from crmkit.kernel.rules import Rule

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest) -> Iterator[CRM]:
    """Twelve people; regulars are those above 3, of whom 5 has been in, out and in again; the young are below 8."""
    clock = FrozenClock(NOW)
    with CRM.open(request.param, clock=clock) as opened:
        people = [
            opened.customers.register(name=f"Guest {n:02}", city="Chengdu" if n % 2 else "Xi'an", source=str(n))
            for n in range(12)
        ]
        opened.customers.segments.define("regulars", members=people[4:])
        opened.customers.segments.define("young", members=people[:8])
        opened.customers.segments.define("nobody", members=[])
        for name in ("regulars", "young", "nobody"):
            opened.customers.segments.refresh(name)
        for change in (opened.customers.segments.exclude, opened.customers.segments.include):
            clock.advance(days=1)
            change("regulars", people[5])
            opened.customers.segments.refresh("regulars")
        with opened.for_tenant("other").transaction() as tx:
            stranger = tx.customers.register(name="Guest 99", city="Chengdu")
            tx.customers.segments.define("regulars", members=[stranger])
            tx.customers.segments.refresh("regulars")
        yield opened


REGULAR, YOUNG, NOBODY = (F.in_segment(name) for name in ("regulars", "young", "nobody"))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (REGULAR, range(4, 12)),
        (REGULAR & (F.city == "Chengdu"), [5, 7, 9, 11]),
        ((F.city == "Chengdu") & REGULAR & YOUNG, [5, 7]),
        (REGULAR & ~YOUNG, range(8, 12)),
        (~REGULAR, range(4)),
        (REGULAR | (F.city == "Chengdu"), [1, 3, *range(4, 12)]),
        (REGULAR & NOBODY, []),
        (REGULAR & (F.memberships.count() >= 3), [5]),
        (F.memberships.where(F.state == "former").any(), [5]),
        (F.memberships.where((F.state == "former") & (F.segment.name == "regulars")).any() & REGULAR, [5]),
    ],
    ids=str,
)
def test_members(crm: CRM, rule: Rule, expected: Any) -> None:
    wanted = [f"Guest {n:02}" for n in expected]
    assert [c.name for c in crm.customers.find(rule, order_by="name")] == wanted
    assert sorted(c.name for c in crm.customers.find(rule)) == wanted
    assert crm.customers.count(rule) == len(wanted)
    assert [c.name for c in crm.customers.find(rule, order_by="-id", limit=2)] == wanted[::-1][:2]
    with crm.read() as work:
        assert sorted(name for (name,) in work.columns(Customer, ["name"], rule)) == wanted


def test_pages_of_members(crm: CRM) -> None:
    first = crm.customers.page(REGULAR, size=3, order_by="name")
    second = crm.customers.page(REGULAR, size=3, order_by="name", after=first.next)
    assert [c.source for c in [*first, *second]] == ["4", "5", "6", "7", "8", "9"]
    assert first.total == second.total == 8
