"""A second window on the same rows narrows the first, or is refused; it never replaces it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, FrozenClock, Line, Money
from crmkit.errors import DefinitionError
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.fields import Relatives
from crmkit.kernel.rules.specs import from_json, to_json

BOTH: list[tuple[Relatives, str]] = [
    (F.orders.within(days=400).within(days=90), "last 90 days"),
    (F.orders.within(days=90).within(days=400), "last 90 days"),
    (F.orders.within(months=12).within(months=3), "last 3 months"),
    (F.orders.within(hours=2).within(seconds=60), "last 60 seconds"),
    (F.orders.within(days=1).within(hours=5), "last 1 days 5 hours"),
    (F.orders.before(days=90).before(days=400), "before last 400 days"),
    (F.orders.before(hours=1).before(seconds=30), "before last 1 hours"),
    (F.orders.since(date(2026, 1, 1)).since(date(2025, 1, 1)), "since 2026-01-01"),
    (F.orders.until(date(2026, 1, 1)).until(date(2025, 1, 1)), "until 2025-01-01"),
    (F.orders.within(days=90).since(date(2026, 1, 1)), "last 90 days since 2026-01-01"),
    (F.orders.since(date(2026, 1, 1)).before(days=3), "before last 3 days since 2026-01-01"),
]
DAY = datetime(2026, 1, 1, tzinfo=UTC)
NEITHER: list[Callable[[], object]] = [
    lambda: F.orders.within(days=400).before(days=90),
    lambda: F.orders.within(months=12).before(days=90),
    lambda: F.orders.within(days=400).stopped(days=90),
    lambda: F.orders.within(months=1).within(days=30),
    lambda: F.orders.within(months=2, days=1).within(months=1, days=40),
    lambda: F.orders.before(days=1).before(hours=30),
    lambda: F.orders.since(date(2026, 1, 1)).since(DAY),
]


@pytest.mark.parametrize(("rows", "window"), BOTH, ids=[f"{n} {both[1]}" for n, both in enumerate(BOTH)])
def test_the_narrower_one_counts(rows: Relatives, window: str) -> None:
    rule = rows.any()
    assert str(rule) == f"any orders[{window}]"
    assert parse(str(rule)) == from_json(to_json(rule)) == rule


@pytest.mark.parametrize("build", NEITHER, ids=range(len(NEITHER)))
def test_what_one_window_cannot_say_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(DefinitionError, match=r"before_last\(days=90\)|give both as the same"):
        build()


@st.composite
def narrowed(draw: st.DrawFn) -> list[Callable[[Relatives], Relatives]]:
    """Two windows that one can hold."""
    days, more, first, second = (draw(st.integers(0, 30)) for _ in range(4))
    since, until = (date(2026, 2, 1) + timedelta(days=n) for n in (first, second))
    side = draw(st.sampled_from(["within", "before"]))
    length = st.sampled_from(
        [
            lambda rows: getattr(rows, side)(days=days),
            lambda rows: getattr(rows, side)(days=more),
            lambda rows: rows.since(since),
            lambda rows: rows.until(until),
            lambda rows: rows.until(date(2030, 1, 1)),
        ]
    )
    return [draw(length), draw(length)]


@pytest.fixture
def buyers(crm: CRM, clock: FrozenClock) -> CRM:
    for days in range(32):
        one = crm.customers.register(name=str(days))
        at = clock.now() - timedelta(days=days)
        crm.pipeline.orders.place(one, lines=[Line("Album", unit_price=Money("1", "CNY"))], placed_at=at)
    return crm


def test_both_are_what_lies_in_each(buyers: CRM) -> None:
    def who(rule: Rule) -> set[str]:
        return {one.name for one in buyers.customers.find(rule)}

    @given(narrowed())
    def check(windows: list[Callable[[Relatives], Relatives]]) -> None:
        first, second = windows
        assert who(second(first(F.orders)).any()) == who(first(F.orders).any()) & who(second(F.orders).any())

    check()


def test_two_windows_of_which_one_is_of_the_moment_itself(buyers: CRM) -> None:
    lapsed = F.orders.within(days=20).where(F.placed_at.before_last(days=10)).any()
    assert sorted(int(one.name) for one in buyers.customers.find(lapsed)) == list(range(11, 21))


def test_a_window_ahead_has_ends_too(crm: CRM, clock: FrozenClock) -> None:
    wang = crm.customers.register(name="Wang")
    for days in range(6):
        close_on = clock.now().date() + timedelta(days=days)
        crm.pipeline.opportunities.open(name=str(days), customer=wang, close_on=close_on)
    ahead = parse("close_on in next 3 days since 2026-03-04 until 2026-03-05")
    assert [deal.name for deal in crm.pipeline.opportunities.find(ahead)] == ["2"]
