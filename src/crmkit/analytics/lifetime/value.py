"""Lifetime value: what each customer will buy in the coming months, and what it will bring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import attrs

from crmkit.analytics.lifetime.buying import BuyingModel
from crmkit.analytics.lifetime.history import WEEK, histories
from crmkit.analytics.lifetime.spending import SpendingModel
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md

SHOWN = 10


@attrs.frozen(kw_only=True)
class Prospect:
    """What to expect of one customer.

    Attributes:
        alive: the probability that the customer still buys.
        purchases: how many purchases to expect.
        value: what they will bring.
    """

    customer: str
    alive: float
    purchases: float
    value: Money


@attrs.frozen(kw_only=True)
class LifetimeValue:
    """What to expect of all customers, the most valuable first.

    Attributes:
        months: how far ahead.
        buying: the fitted model of repeat buying.
        spending: the fitted model of what is spent.
        total: what all of them will bring.
    """

    until: date
    months: int
    buying: BuyingModel
    spending: SpendingModel
    prospects: tuple[Prospect, ...]
    total: Money

    def of(self, customer: Record | str) -> Prospect:
        """What to expect of one customer.

        Raises:
            InvalidInput: the customer has not bought anything.
        """
        name = customer.id if isinstance(customer, Record) else customer
        for prospect in self.prospects:
            if prospect.customer == name:
                return prospect
        raise InvalidInput(f"{name!r} has bought nothing until {self.until}, so nothing can be told")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<LifetimeValue of {len(self.prospects)} customers in {self.months} months: {self.total}>"

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"Expected in {self.months} months after {self.until}")

    def _rows(self) -> list[list[str]]:
        return [[p.customer, f"{p.alive:.0%}", f"{p.purchases:.1f}", str(p.value)] for p in self.prospects[:SHOWN]]


HEADERS = ("customer", "still buys", "purchases", "value")


def lifetime_value(
    purchases: Iterable[tuple[str, date, Money]], *, until: date, months: int = 12, discount: Decimal = Decimal(0)
) -> LifetimeValue:
    """Tell what each customer will buy in the coming months.

    Args:
        purchases: rows of customer, day and amount, all in one currency.
        until: the last day that is looked at; the future begins after it.
        months: how far ahead, 1 to 120.
        discount: what money loses in value in a month: ``Decimal("0.01")`` is one per cent.

    Raises:
        InvalidInput: too few customers came back, the amounts have two currencies, or an argument is out of range.

    Example:
        >>> from datetime import timedelta
        >>> rows = [
        ...     (f"guest {n}", date(2026, 1, 1) + timedelta(days=day), Money(100 + 10 * n, "CNY"))
        ...     for n in range(12)
        ...     for day in range(0, 90 if n % 3 else 180, 9 + 2 * n)  # two of three stay away after 90 days
        ... ]
        >>> told = lifetime_value(rows, until=date(2026, 6, 30), months=6)
        >>> [(name, round(told.of(name).alive, 1)) for name in ("guest 0", "guest 1")]
        [('guest 0', 0.8), ('guest 1', 0.0)]
    """
    if type(months) is not int or not 1 <= months <= 120:
        raise InvalidInput(f"months is a whole number from 1 to 120, got {months!r}")
    if not 0 <= discount < 1:
        raise InvalidInput(f"discount is the loss of value in a month, 0 and more and less than 1; got {discount!r}")
    rows = list(purchases)
    if not rows:
        raise InvalidInput("nothing was bought, so nothing can be told: give at least some purchases")
    currency = rows[0][2].currency
    exponent = -int(Money.zero(currency).amount.as_tuple().exponent)
    found = histories(rows, until=until, exponent=exponent)
    buying, spending = BuyingModel.fit(found.values()), SpendingModel.fit(found.values())
    if spending.q <= 1:
        raise InvalidInput("what customers spend differs so much that it has no mean: leave out the largest amounts")
    ends = [(shift(until, months=n) - until).days / WEEK for n in range(1, months + 1)]
    factors = [float((1 - discount) ** n) for n in range(1, months + 1)]
    prospects = []
    for customer, history in found.items():
        counts = [buying.expected(history, weeks=end) for end in (ends if discount else ends[-1:])]
        present = sum(f * n for f, n in zip(factors, _steps(counts), strict=True)) if discount else counts[-1]
        value = Money.from_minor(round(present * spending.expected(history) * 10**exponent), currency)
        prospects.append(Prospect(customer=customer, alive=buying.alive(history), purchases=counts[-1], value=value))
    prospects.sort(key=lambda p: (-p.value.minor, p.customer))
    return LifetimeValue(
        until=until,
        months=months,
        buying=buying,
        spending=spending,
        prospects=tuple(prospects),
        total=Money.total((p.value for p in prospects), currency=currency),
    )


def _steps(counts: Sequence[float]) -> list[float]:
    return [later - sooner for sooner, later in zip([0.0, *counts], counts, strict=False)]
