"""Cohorts: who comes back, and what lies in the future stays empty."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from crmkit.analytics import Purchase, cohorts
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money


def euro(amount: int) -> Money:
    return Money(amount, "EUR")


def test_a_small_world() -> None:
    rows = [
        Purchase("ann", date(2026, 1, 5), euro(10)),
        Purchase("ann", date(2026, 1, 6), euro(1)),  # twice in a month is once active
        Purchase("ann", date(2026, 3, 1), euro(5)),
        Purchase("bob", date(2026, 1, 31), euro(20)),
        Purchase("cat", date(2026, 3, 31), euro(7)),
        Purchase("cat", date(2026, 4, 1), euro(7)),  # behind the end
    ]
    found = cohorts(rows, until=date(2026, 3, 31))
    assert [(c.month, c.size, c.active) for c in found.cohorts] == [
        (date(2026, 1, 1), 2, (2, 0, 1)),
        (date(2026, 3, 1), 1, (1,)),
    ]
    assert found.cohorts[0].revenue == (euro(31), euro(0), euro(5))
    assert [found.retention(m) for m in range(4)] == [1.0, 0.0, 0.5, None]
    assert found.cohorts[1].retention(1) is None
    assert "| 2026-03 | 1 | 100% |  |  |" in format(found, "md")
    assert found._repr_html_().count("<rect") == 4


def test_horizon() -> None:
    rows = [Purchase("ann", date(2025, 1, 5), euro(10)), Purchase("ann", date(2026, 1, 5), euro(10))]
    assert cohorts(rows, until=date(2026, 1, 31), horizon=2).cohorts[0].active == (1, 0, 0)


def test_nobody() -> None:
    assert cohorts([], until=date(2026, 1, 31)).cohorts == ()
    assert "nothing" not in cohorts([], until=date(2026, 1, 31))._repr_html_()


def test_cdnow(cdnow: list[Purchase]) -> None:
    """All customers made their first purchase in the first quarter of 1997; every purchase is in some cell."""
    found = cohorts(cdnow, until=date(1998, 6, 30), horizon=18)
    assert [c.month for c in found.cohorts] == [date(1997, m, 1) for m in (1, 2, 3)]
    assert sum(c.size for c in found.cohorts) == 2357
    assert Money.total((r for c in found.cohorts for r in c.revenue), currency="USD") == Money.total(
        (p.amount for p in cdnow), currency="USD"
    )
    active = Counter((c, on.year, on.month) for c, on, _ in cdnow)
    assert sum(n for c in found.cohorts for n in c.active) == len(active)
    assert found.retention(1) == pytest.approx(0.15, abs=0.03)


@pytest.mark.parametrize("horizon", [-1, 1.5, "12", True])
def test_a_horizon_is_a_number_of_months(horizon: Any) -> None:
    with pytest.raises(InvalidInput, match="horizon is a whole number of months from 0"):
        cohorts([], until=date(2026, 3, 31), horizon=horizon)
