"""Growth: what customers have paid in a span of days, and what the change to the span before comes from.

revenue = customers × orders per customer × average order value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

import attrs

from crmkit.analytics.bridge import Bridge, factor_bridge
from crmkit.analytics.charts import columns, figure, short
from crmkit.analytics.cohorts import months_between
from crmkit.analytics.purchases import refuse_other_currencies
from crmkit.kernel.clock import check_days, shift
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md


class Receipt(NamedTuple):
    """A payment: who paid, for which order, on which calendar day, and how much; refunds are negative."""

    customer: str
    order: str
    on: date
    amount: Money


@attrs.frozen(kw_only=True)
class Span:
    """What came in within a span of days.

    Attributes:
        since: the first day.
        until: the last day.
        revenue: payments received less refunds given.
        customers: how many have paid.
        orders: for how many orders.
        new_customers: how many of the customers had never paid before.
    """

    since: date
    until: date
    revenue: Money
    customers: int
    orders: int
    new_customers: int

    @property
    def orders_per_customer(self) -> float | None:
        """Orders of a paying customer; missing when nobody paid."""
        return self.orders / self.customers if self.customers else None

    @property
    def average_order_value(self) -> Money | None:
        """Revenue of an order that was paid, rounded once; missing when there was none."""
        return self.revenue / self.orders if self.orders else None


@attrs.frozen(kw_only=True)
class Growth(Span):
    """The revenue of a span of days, by month, and beside the equally long span before.

    Attributes:
        months: the calendar months of the span; the first and the last may be cut.
        previous: the span before.
    """

    months: tuple[Span, ...]
    previous: Span

    @property
    def rate(self) -> float | None:
        """Revenue gained on the span before, 0.1 for ten per cent; missing when there was none."""
        before = self.previous.revenue.minor
        return (self.revenue.minor - before) / before if before > 0 else None

    @property
    def bridge(self) -> Bridge:
        """How customers, orders per customer and the value of an order changed the revenue; exact."""
        old, new = self.previous, self
        return factor_bridge(old.revenue, new.revenue, factors(old, beside=new), factors(new, beside=old))

    def svg(self) -> str:
        """The revenue of each month."""
        rows = [(f"{m.since:%b}", float(m.revenue.amount)) for m in self.months]
        texts = [short(value) for _, value in rows]
        return columns(
            rows, texts=texts, title=f"Revenue by month from {self.since} to {self.until} in {self.revenue.currency}"
        )

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Growth from {self.since} to {self.until}: {self.revenue} from {self.customers} customers>"

    def _repr_html_(self) -> str:
        table = table_html(HEADERS, self._cells(), caption=f"Revenue from {self.since} to {self.until}")
        return figure(self.svg(), table)

    def _cells(self) -> list[list[str]]:
        spans = [(f"{m.since:%Y-%m}", m) for m in self.months]
        return [
            [
                name,
                str(s.revenue),
                f"{s.customers:,}",
                f"{s.new_customers:,}",
                f"{s.orders:,}",
                "" if s.average_order_value is None else str(s.average_order_value),
            ]
            for name, s in [*spans, ("together", self)]
        ]


HEADERS = ("month", "revenue", "customers", "new", "orders", "average order")


def growth(
    receipts: Iterable[tuple[str, str, date, Money]],
    *,
    since: date,
    until: date,
    currency: str,
    known: Collection[str] | None = None,
) -> Growth:
    """Sum up what came in.

    Args:
        receipts: rows of customer, order, day and amount; refunds are negative.  Give those of the equally long span
            before too, if the two are to be compared.
        since: the first day.
        until: the last day, included.
        currency: that of all amounts.
        known: customers who have paid before the span before; unless given, nobody.

    Raises:
        InvalidInput: the days are out of order, or an amount has another currency.

    Example:
        >>> rows = [
        ...     ("ann", "o1", date(2026, 1, 9), Money(30, "EUR")),
        ...     ("ann", "o2", date(2026, 2, 9), Money(50, "EUR")),
        ... ]
        >>> found = growth(rows, since=date(2026, 1, 1), until=date(2026, 2, 28), currency="EUR")
        >>> str(found.revenue), found.customers, found.orders, str(found.average_order_value)
        ('80.00 EUR', 1, 2, '40.00 EUR')
    """
    check_days(since=since, until=until)
    rows = sorted(receipts, key=lambda row: row[2])
    refuse_other_currencies({amount.currency for *_, amount in rows}, currency)
    first = days_before(since, until)
    met = set(known or ())
    met.update(customer for customer, _, on, amount in rows if on < first and amount.minor > 0)
    previous = _span(rows, first, date.fromordinal(since.toordinal() - 1), currency, met)
    months = []
    seen = met | _paying(rows, first, date.fromordinal(since.toordinal() - 1))
    new = set(seen)
    for begin, end in months_of(since, until):
        months.append(_span(rows, begin, end, currency, new))
        new |= _paying(rows, begin, end)
    whole = _span(rows, since, until, currency, seen)
    return Growth(
        since=since,
        until=until,
        revenue=whole.revenue,
        customers=whole.customers,
        orders=whole.orders,
        new_customers=whole.new_customers,
        months=tuple(months),
        previous=previous,
    )


def days_before(since: date, until: date) -> date:
    """The first day of the equally long span before."""
    return date.fromordinal(max(1, 2 * since.toordinal() - until.toordinal() - 1))


def months_of(since: date, until: date) -> list[tuple[date, date]]:
    """The calendar months of a span, the first and the last one cut to it."""
    first = since.replace(day=1)
    begins = [shift(first, months=n) for n in range(months_between(since, until) + 1)]
    ends = [date.fromordinal(shift(begin, months=1).toordinal() - 1) for begin in begins]
    return [(max(begin, since), min(end, until)) for begin, end in zip(begins, ends, strict=True)]


def factors(span: Span, *, beside: Span) -> dict[str, Fraction]:
    """Customers, orders per customer and average order value, exactly.

    Where nobody paid, the ratios are those of the span *beside* it, so that customers alone explain the difference.
    """
    base = span if span.customers and span.orders else beside
    if not (base.customers and base.orders):
        return {"customers": Fraction(0), "orders per customer": Fraction(0), "average order": Fraction(0)}
    return {
        "customers": Fraction(span.customers if base is span else 0),
        "orders per customer": Fraction(base.orders, base.customers),
        "average order": Fraction(base.revenue.minor, base.orders),
    }


def _paying(rows: Sequence[tuple[str, str, date, Money]], since: date, until: date) -> set[str]:
    return {customer for customer, _, on, amount in rows if since <= on <= until and amount.minor > 0}


def _span(
    rows: Sequence[tuple[str, str, date, Money]], since: date, until: date, currency: str, known: Collection[str]
) -> Span:
    inside = [row for row in rows if since <= row[2] <= until]
    paying = _paying(inside, since, until)
    return Span(
        since=since,
        until=until,
        revenue=Money.total((amount for *_, amount in inside), currency=currency),
        customers=len(paying),
        orders=len({order for _, order, _, amount in inside if amount.minor > 0}),
        new_customers=len(paying - set(known)),
    )
