"""Cohorts: customers by the month of their first purchase, and how many of them are still there later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

import attrs

from crmkit.analytics.charts import figure, heatmap
from crmkit.analytics.purchases import by_customer
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md


@attrs.frozen(kw_only=True)
class Cohort:
    """The customers whose first purchase was in one month.

    Attributes:
        month: its first day.
        size: how many they are.
        active: how many of them bought in that month, in the next one, and so on until the end of the analysis.
        revenue: what they paid in each of these months.
    """

    month: date
    size: int
    active: tuple[int, ...]
    revenue: tuple[Money, ...]

    def retention(self, months: int) -> float | None:
        """The part that bought *months* after the first month; missing when that lies in the future."""
        return self.active[months] / self.size if months < len(self.active) else None


@attrs.frozen(kw_only=True)
class Cohorts:
    """All cohorts until a day; the month of that day may not be complete.

    Attributes:
        horizon: months after the first one that are shown.
    """

    until: date
    horizon: int
    cohorts: tuple[Cohort, ...]

    def retention(self, months: int) -> float | None:
        """The part of all customers that bought *months* after their first month; missing when nobody can have."""
        seen = [c for c in self.cohorts if months < len(c.active)]
        customers = sum(c.size for c in seen)
        return sum(c.active[months] for c in seen) / customers if customers else None

    def svg(self) -> str:
        """The shares as a table of shades."""
        rows = [(f"{c.month:%Y-%m}", [c.retention(m) for m in range(self.horizon + 1)]) for c in self.cohorts]
        heads = [str(m) for m in range(self.horizon + 1)]
        return heatmap(
            rows, heads=heads, title="Customers who bought again, in per cent, by the month of their first purchase"
        )

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Cohorts: {len(self.cohorts)} months until {self.until}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(*self._table(), caption="Share of a cohort that bought, by months"))

    def _table(self) -> tuple[list[str], list[list[str]]]:
        heads = ["first purchase", "customers", *(f"+{m}" for m in range(self.horizon + 1))]
        rows = []
        for c in self.cohorts:
            shares = [c.retention(m) for m in range(self.horizon + 1)]
            rows.append([f"{c.month:%Y-%m}", str(c.size), *("" if s is None else f"{s:.0%}" for s in shares)])
        return heads, rows


def cohorts(purchases: Iterable[tuple[str, date, Money]], *, until: date, horizon: int = 12) -> Cohorts:
    """Follow customers from the month of their first purchase.

    Args:
        purchases: rows of customer, day and amount, all in one currency.
        until: the last day that is looked at.
        horizon: months after the first one, 0 and more.

    Raises:
        InvalidInput: the amounts have two currencies, or *horizon* is no such number.

    Example:
        >>> rows = [("ann", date(2026, 1, 9), Money(5, "EUR")), ("ann", date(2026, 2, 1), Money(5, "EUR"))]
        >>> found = cohorts([*rows, ("bob", date(2026, 1, 2), Money(5, "EUR"))], until=date(2026, 2, 28))
        >>> [found.retention(months) for months in (0, 1, 2)]
        [1.0, 0.5, None]
    """
    if type(horizon) is not int or horizon < 0:
        raise InvalidInput(f"horizon is a whole number of months from 0, got {horizon!r}")
    rows = [p for p in purchases if p[1] <= until]
    currency = rows[0][2].currency if rows else "EUR"
    sizes: dict[date, int] = defaultdict(int)
    active: dict[tuple[date, int], int] = defaultdict(int)
    revenue: dict[tuple[date, int], int] = defaultdict(int)
    for found in by_customer(rows).values():
        first = found[0][0].replace(day=1)
        sizes[first] += 1
        paid: dict[int, int] = defaultdict(int)
        for on, minor in found:
            paid[months_between(first, on)] += minor
        for age, minor in paid.items():
            active[first, age] += 1
            revenue[first, age] += minor
    made = []
    for month in _months(min(sizes, default=None), until):
        ages = range(min(horizon, months_between(month, until)) + 1)
        made.append(
            Cohort(
                month=month,
                size=sizes[month],
                active=tuple(active[month, age] for age in ages),
                revenue=tuple(Money.from_minor(revenue[month, age], currency) for age in ages),
            )
        )
    longest = months_between(made[0].month, until) if made else 0
    return Cohorts(until=until, horizon=min(horizon, longest), cohorts=tuple(c for c in made if c.size))


def months_between(first: date, last: date) -> int:
    """Calendar months from the month of *first* to the month of *last*."""
    return (last.year - first.year) * 12 + last.month - first.month


def _months(first: date | None, last: date) -> list[date]:
    return [] if first is None else [shift(first, months=n) for n in range(months_between(first, last) + 1)]
