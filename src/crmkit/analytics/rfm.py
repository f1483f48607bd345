"""RFM: how recently, how often and for how much customers have bought, and the groups that follow from it.

Definition: A. M. Hughes, "Strategic Database Marketing" (1994).  Scores are by quantiles of Hyndman and Fan's type 7,
computed exactly: a score is one more than the number of quantiles that the value exceeds, so that customers with the
same value always have the same score.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import product

import attrs

from crmkit.analytics.charts import bars, figure
from crmkit.analytics.purchases import by_customer
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md

Span = tuple[int, int]


@attrs.frozen
class Band:
    """A group of customers by their scores; both ends of a span are included.

    Attributes:
        name: what the group is called.
        recency: scores of the last purchase; the highest is the most recent one.
        frequency: scores of the number of purchases.
        money: scores of what was paid.
    """

    name: str
    recency: Span
    frequency: Span
    money: Span

    def has(self, r: int, f: int, m: int) -> bool:
        """Whether the scores lie in the band."""
        spans = (self.recency, self.frequency, self.money)
        return all(low <= score <= high for score, (low, high) in zip((r, f, m), spans, strict=True))


class Grid:
    """A table of groups: the first band that has the scores gives the name.

    Args:
        bands: in the order in which they are tried.
        scores: the lowest and the highest score.
        otherwise: the name for scores that no band has; without one, every combination must be in a band.

    Raises:
        DefinitionError: a combination is in no band, or a band is never reached because earlier ones hide it.

    Example:
        >>> grid = Grid([Band("new", (2, 2), (1, 2), (1, 2)), Band("old", (1, 1), (1, 2), (1, 2))], scores=(1, 2))
        >>> grid.name(2, 1, 1)
        'new'
    """

    def __init__(self, bands: Iterable[Band], *, scores: Span = (1, 5), otherwise: str | None = None) -> None:
        self.bands, self.scores, self.otherwise = tuple(bands), scores, otherwise
        reached: set[Band] = set()
        for cell in product(range(scores[0], scores[1] + 1), repeat=3):
            band = self._band(*cell)
            if band is not None:
                reached.add(band)
            elif otherwise is None:
                raise DefinitionError(
                    "no band has recency {}, frequency {} and money {}: add one, or say otherwise=…".format(*cell)
                )
        hidden = [band.name for band in self.bands if band not in reached]
        if hidden:
            raise DefinitionError(f"nobody can be in {hidden[0]!r}: the bands before it, or the scores, hide it")

    @property
    def levels(self) -> int:
        """How many scores there are."""
        return self.scores[1] - self.scores[0] + 1

    def name(self, r: int, f: int, m: int) -> str:
        """The group that customers with these scores belong to.

        Raises:
            InvalidInput: a score is outside of the grid.
        """
        low, high = self.scores
        if not all(low <= score <= high for score in (r, f, m)):
            raise InvalidInput(f"scores go from {low} to {high}, got {r}, {f} and {m}")
        band = self._band(r, f, m)
        return band.name if band is not None else str(self.otherwise)

    def names(self) -> tuple[str, ...]:
        """The names of all groups, in the order of the table."""
        found = [band.name for band in self.bands]
        return tuple(dict.fromkeys([*found, *([self.otherwise] if self.otherwise else [])]))

    def _band(self, r: int, f: int, m: int) -> Band | None:
        return next((band for band in self.bands if band.has(r, f, m)), None)


GRID = Grid(
    [
        Band("champions", (4, 5), (4, 5), (4, 5)),
        Band("loyal", (3, 5), (3, 5), (1, 5)),
        Band("promising", (3, 5), (1, 2), (4, 5)),
        Band("new", (5, 5), (1, 2), (1, 3)),
        Band("occasional", (3, 4), (1, 2), (1, 3)),
        Band("cannot lose", (1, 2), (4, 5), (4, 5)),
        Band("at risk", (1, 2), (3, 5), (1, 5)),
        Band("big but gone", (1, 2), (1, 2), (4, 5)),
        Band("falling asleep", (2, 2), (1, 2), (1, 3)),
        Band("lost", (1, 1), (1, 2), (1, 3)),
    ]
)


@attrs.frozen(kw_only=True)
class Scored:
    """One customer.

    Attributes:
        days: since the last purchase.
        purchases: how many there were.
        revenue: what was paid for them.
        r: score of the last purchase, the highest for the most recent; ``f`` and ``m`` likewise.
        group: the name that the grid gives.
    """

    customer: str
    days: int
    purchases: int
    revenue: Money
    r: int
    f: int
    m: int
    group: str


@attrs.frozen(kw_only=True)
class Share:
    """One group of customers.

    Attributes:
        share: the part of all customers, 0 to 1.
        revenue: what they paid together.
    """

    group: str
    customers: int
    share: float
    revenue: Money


@attrs.frozen(kw_only=True)
class Rfm:
    """All customers who have bought, with scores and groups."""

    until: date
    rows: tuple[Scored, ...]
    groups: tuple[Share, ...]

    def of(self, customer: Record | str) -> Scored:
        """One customer.

        Raises:
            InvalidInput: the customer has not bought anything.

        Example:
            >>> rows = [("ann", date(2026, 3, 1), Money(90, "EUR")), ("bob", date(2025, 3, 1), Money(5, "EUR"))]
            >>> found = rfm(rows, until=date(2026, 3, 31)).of("ann")
            >>> found.days, str(found.revenue), found.group
            (30, '90.00 EUR', 'promising')
        """
        name = customer.id if isinstance(customer, Record) else customer
        for row in self.rows:
            if row.customer == name:
                return row
        raise InvalidInput(f"{name!r} has bought nothing until {self.until}, so there are no scores")

    def members(self, group: str) -> tuple[str, ...]:
        """The customers of one group.

        Example:
            >>> rows = [("ann", date(2026, 3, 1), Money(90, "EUR")), ("bob", date(2025, 3, 1), Money(5, "EUR"))]
            >>> rfm(rows, until=date(2026, 3, 31)).members("lost")
            ('bob',)
        """
        return tuple(row.customer for row in self.rows if row.group == group)

    def svg(self) -> str:
        """The sizes of the groups as bars."""
        rows = [(g.group, float(g.customers), f"{g.customers:,} · {g.share:.0%}") for g in self.groups]
        return bars(rows, title="Customers by group")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Rfm of {len(self.rows)} customers until {self.until}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(HEADERS, self._cells(), caption=f"Groups of customers, {self.until}"))

    def _cells(self) -> list[list[str]]:
        return [[g.group, f"{g.customers:,}", f"{g.share:.1%}", str(g.revenue)] for g in self.groups]


HEADERS = ("group", "customers", "share", "revenue")


def rfm(purchases: Iterable[tuple[str, date, Money]], *, until: date, grid: Grid = GRID, currency: str = "EUR") -> Rfm:
    """Score customers by recency, frequency and money, and put them into groups.

    Args:
        purchases: rows of customer, day and amount, all in one currency; those after *until* play no part.
        until: the day of the analysis.
        grid: the groups; its number of scores decides into how many parts customers are divided.
        currency: in which nothing is given when nobody has bought.

    Raises:
        InvalidInput: the amounts have two currencies.

    Example:
        >>> rows = [("ann", date(2026, 3, 1), Money(90, "EUR")), ("bob", date(2025, 3, 1), Money(5, "EUR"))]
        >>> [(s.customer, s.r, s.f, s.m) for s in rfm(rows, until=date(2026, 3, 31)).rows]
        [('ann', 5, 1, 5), ('bob', 1, 1, 1)]
    """
    rows = [p for p in purchases if p[1] <= until]
    currency = rows[0][2].currency if rows else currency
    bought = by_customer(rows)
    last = [max(days for days, _ in found) for found in bought.values()]
    ages = [(until - day).days for day in last]
    counts = [len(found) for found in bought.values()]
    sums = [sum(minor for _, minor in found) for found in bought.values()]
    low = grid.scores[0] - 1
    scored = [
        Scored(
            customer=customer,
            days=age,
            purchases=count,
            revenue=Money.from_minor(total, currency),
            r=r + low,
            f=f + low,
            m=m + low,
            group=grid.name(r + low, f + low, m + low),
        )
        for customer, age, count, total, r, f, m in zip(
            bought,
            ages,
            counts,
            sums,
            quantile_scores([-age for age in ages], grid.levels),
            quantile_scores(counts, grid.levels),
            quantile_scores(sums, grid.levels),
            strict=True,
        )
    ]
    scored.sort(key=lambda row: (-row.r - row.f - row.m, -row.revenue.minor, row.customer))
    return Rfm(until=until, rows=tuple(scored), groups=tuple(_shares(scored, grid, currency)))


def quantile_scores(values: Sequence[int], levels: int) -> list[int]:
    """The scores of *values*, 1 to *levels*, by their quantiles of type 7.

    Example:
        >>> quantile_scores([1, 2, 3, 4, 5], 5), quantile_scores([1, 1, 1, 9], 4)
        ([1, 2, 3, 4, 5], [1, 1, 1, 4])
    """
    if not values:
        return []
    ordered = sorted(values)
    bounds = []
    for k in range(1, levels):
        index, rest = divmod((len(ordered) - 1) * k, levels)
        following = ordered[min(index + 1, len(ordered) - 1)]
        bounds.append(ordered[index] * levels + rest * (following - ordered[index]))
    return [1 + bisect_left(bounds, value * levels) for value in values]


def _shares(scored: Sequence[Scored], grid: Grid, currency: str) -> Iterator[Share]:
    for name in grid.names():
        members = [row for row in scored if row.group == name]
        yield Share(
            group=name,
            customers=len(members),
            share=len(members) / len(scored) if scored else 0.0,
            revenue=Money.total((row.revenue for row in members), currency=currency),
        )
