"""Ageing: what is outstanding, and for how long it has been due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from zoneinfo import ZoneInfo

import attrs

from crmkit.kernel.clock import local_date
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.receivables.instalments import Instalment, parts_of


@attrs.frozen(kw_only=True)
class Receivable:
    """What one order, or one part of it, still costs.

    Attributes:
        instalment: which part of the order, counted from 1; missing when it is paid as a whole.
        due_on: the last day on which it is paid in time.
        days: for how many calendar days it has been due; 0 and less when it is not due yet.
    """

    order_id: str
    customer_id: str
    instalment: int | None = None
    outstanding: Money
    due_on: date
    days: int


@attrs.frozen(kw_only=True)
class Ageing:
    """All receivables, in classes of age.

    Attributes:
        on: the day for which they were counted.
        bounds: the upper bounds of the classes in days, the last class is open.
        items: the orders and parts of orders, the longest due first.
    """

    on: date
    bounds: tuple[int, ...]
    items: tuple[Receivable, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """How the classes are called: not due, 1–30, 31–60 and so on."""
        lows = (1, *(bound + 1 for bound in self.bounds))
        return ("not due", *(f"{low}–{high}" for low, high in zip(lows, self.bounds, strict=False)), f"{lows[-1]}+")

    def class_of(self, item: Receivable) -> str:
        """The class that an item belongs to."""
        if item.days < 1:
            return "not due"
        return self.classes[1 + sum(item.days > bound for bound in self.bounds)]

    def totals(self, *, customer_id: str | None = None) -> Mapping[str, Mapping[str, Money]]:
        """By currency and class, what is outstanding; currencies are never added up.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock, Line
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang, at = crm.customers.register(name="Xiao Wang"), datetime(2026, 1, 10, tzinfo=UTC)
            ...     for money in (Money(90, "EUR"), Money(500, "CNY")):
            ...         _ = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=money)], placed_at=at)
            ...     {code: str(row["31–60"]) for code, row in crm.pipeline.receivables.ageing().totals().items()}
            {'EUR': '90.00 EUR', 'CNY': '500.00 CNY'}
        """
        sums: dict[str, dict[str, Money]] = {}
        for item in self.items:
            if customer_id is None or item.customer_id == customer_id:
                code = item.outstanding.currency
                row = sums.setdefault(code, dict.fromkeys(self.classes, Money.zero(code)))
                row[self.class_of(item)] += item.outstanding
        return sums

    def _rows(self) -> Iterator[list[object]]:
        for code, row in sorted(self.totals().items()):
            yield [code, *row.values()]

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: table_md(["currency", *self.classes], self._rows()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return table_html(["currency", *self.classes], self._rows(), caption=f"Receivables on {self.on}")


def outstanding_of(order: Order, instalments: Iterable[Instalment], *, on: date, zone: ZoneInfo) -> list[Receivable]:
    """What *order* still costs, part by part when it is paid in parts.

    An order without a day to pay was due when it was placed.

    Args:
        order: as it is.
        instalments: its parts, if there are any.
        on: the day for which it is counted.
        zone: whose calendar days these are.
    """

    def owed(outstanding: Money, due_on: date, position: int | None) -> Receivable:
        return Receivable(
            order_id=order.id,
            customer_id=order.customer_id,
            instalment=position,
            outstanding=outstanding,
            due_on=due_on,
            days=(on - due_on).days,
        )

    parts = parts_of(order, instalments)
    if parts:
        return [owed(p.outstanding, p.instalment.due_on, p.instalment.position) for p in parts if p.outstanding]
    return (
        [owed(order.outstanding, local_date(order.due_at or order.placed_at, zone), None)] if order.outstanding else []
    )
