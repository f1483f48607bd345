"""Histories: what the models of buying and spending look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

import attrs

from crmkit.analytics.purchases import by_customer
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money

WEEK = 7
FEWEST = 10  # customers who came back; fewer say nothing about the future


@attrs.frozen
class History:
    """What the models look at.

    Attributes:
        repeats: the days with a purchase after the first one.
        recency: weeks from the first purchase to the last one.
        age: weeks from the first purchase to the day of the analysis.
        spent: the mean of what was paid on the repeat days, in units of the currency; 0 without repeats.
    """

    repeats: int
    recency: float
    age: float
    spent: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.repeats < 0 or not 0 <= self.recency <= self.age or (self.repeats == 0) != (self.recency == 0):
            raise InvalidInput(
                f"{self!r} is no history: recency is 0 without repeats, and else more than 0 and at most the age"
            )


def histories(purchases: Iterable[tuple[str, date, Money]], *, until: date, exponent: int = 2) -> dict[str, History]:
    """The history of each customer until the end of a day; purchases on one day are one purchase.

    Args:
        purchases: rows of customer, day and amount.
        until: the last day that is looked at.
        exponent: decimal digits of the currency.

    Example:
        >>> rows = [("ann", date(2026, 1, 1), Money(20, "EUR")), ("ann", date(2026, 1, 15), Money(30, "EUR"))]
        >>> histories(rows, until=date(2026, 1, 29))
        {'ann': History(repeats=1, recency=2.0, age=4.0, spent=30.0)}
    """
    unit = float(10**exponent)
    found = {}
    for customer, rows in by_customer(purchases).items():
        days: Counter[date] = Counter()
        for on, minor in rows:
            if on <= until:
                days[on] += minor
        if not days:
            continue
        first, last = min(days), max(days)
        repeats = len(days) - 1
        spent = (sum(days.values()) - days[first]) / repeats / unit if repeats else 0.0
        found[customer] = History(repeats, (last - first).days / WEEK, (until - first).days / WEEK, spent)
    return found


def typical_age(counted: Counter[tuple[int, float, float]]) -> float:
    """A fourth of the median age: where the search for a scale begins, in weeks."""
    ages = [age for (_, _, age), n in counted.items() for _ in range(n) if age > 0]
    return sorted(ages)[len(ages) // 2] / 4 if ages else 1.0
