"""Receivables: what customers still have to pay, and for how long it has been due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Desk
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.order import Order

BOUNDS = (30, 60, 90)


@event("pipeline.payment_overdue")
class PaymentOverdue(Event):
    """The day has passed by which an order was to be paid, and something is still to be paid."""

    order_id: str
    customer_id: str
    outstanding: Money
    due_at: datetime


@attrs.frozen(kw_only=True)
class Receivable:
    """What one order still costs.

    Attributes:
        days: for how many calendar days it has been due; 0 and less when it is not due yet.
    """

    order_id: str
    customer_id: str
    outstanding: Money
    due_on: date
    days: int


@attrs.frozen(kw_only=True)
class Ageing:
    """All receivables, in classes of age.

    Attributes:
        on: the day for which they were counted.
        bounds: the upper bounds of the classes in days, the last class is open.
        items: the orders, the longest due first.
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
        """The class that an order belongs to."""
        if item.days < 1:
            return "not due"
        return self.classes[1 + sum(item.days > bound for bound in self.bounds)]

    def totals(self, *, customer_id: str | None = None) -> Mapping[str, Mapping[str, Money]]:
        """By currency and class, what is outstanding; currencies are never added up."""
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
        return table_md(["currency", *self.classes], self._rows()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(["currency", *self.classes], self._rows(), caption=f"Receivables on {self.on}")


class Receivables(Desk):
    """What ``crm.pipeline.receivables`` offers."""

    def ageing(self, *, bounds: Sequence[int] = BOUNDS) -> Ageing:
        """What is outstanding today, and since when it has been due.

        An order without a day to pay was due when it was placed.

        Args:
            bounds: the upper bounds of the classes in days, ascending.

        Raises:
            InvalidInput: the bounds don't ascend.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(90, "EUR"))])
            ...     crm.pipeline.receivables.ageing().totals()["EUR"]["not due"]
            Money('90.00', 'EUR')
        """
        steps = tuple(bounds)
        if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1:
            raise InvalidInput(f"the bounds of the classes ascend from 1 on, got {steps}")
        with self.read() as work:
            on, zone = local_date(work.now, work.settings.zone), work.settings.zone
            items = []
            for order in work.find(Order, F.status == "placed"):
                if order.outstanding:
                    due = local_date(order.due_at or order.placed_at, zone)
                    items.append(
                        Receivable(
                            order_id=order.id,
                            customer_id=order.customer_id,
                            outstanding=order.outstanding,
                            due_on=due,
                            days=(on - due).days,
                        )
                    )
            items.sort(key=lambda item: (item.due_on, item.order_id))
            return Ageing(on=on, bounds=steps, items=tuple(items))

    def overdue(self) -> tuple[Receivable, ...]:
        """What should have been paid by now, the longest due first."""
        return tuple(item for item in self.ageing().items if item.days > 0)


def payment_due(work: Work, item: AgendaItem) -> None:
    """Tell that an order was not paid in time, unless it was."""
    order = work.first(Order, F.id == item.subject)
    if order is not None and order.outstanding and order.due_at is not None and order.due_at <= work.now:
        work.emit(
            PaymentOverdue(
                order_id=order.id,
                customer_id=order.customer_id,
                outstanding=order.outstanding,
                due_at=order.due_at,
            )
        )
