"""``crm.pipeline.receivables``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.text import several
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.desk import remember_due
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.receivables.ageing import Ageing, Receivable, outstanding_of
from crmkit.pipeline.receivables.instalments import (
    Instalment,
    Part,
    PaymentPlanned,
    checked,
    forget,
    parts_of,
    planned,
)

BOUNDS = (30, 60, 90)


@event("pipeline.payment_overdue")
class PaymentOverdue(Event):
    """The day has passed by which an order, or a part of it, was to be paid, and something is still to be paid."""

    order_id: str
    customer_id: str
    outstanding: Money
    due_at: datetime
    instalment: int | None = None


@event("pipeline.payment_due_soon")
class PaymentDueSoon(Event):
    """A part of an order is to be paid in some days."""

    order_id: str
    customer_id: str
    outstanding: Money
    due_on: date
    instalment: int


class Receivables(Desk):
    """What ``crm.pipeline.receivables`` offers: what is to be paid when, and what should have been paid."""

    def plan(
        self, order: Order | str, *, parts: Mapping[date, Money], remind_days: int | None = None
    ) -> list[Instalment]:
        """Agree in which parts an order is paid; it takes the place of what was agreed before.

        Payments settle the part that is due first.  On the day after a part was due ``pipeline.payment_overdue`` is
        told, unless it is paid.

        Args:
            order: which; something must still be to pay.
            parts: by the last day on which it is paid in time, how much; together they are what is to be paid for the
                order in all: its total, less what is credited for goods that came back.
            remind_days: so many days before each of these days ``pipeline.payment_due_soon`` is told; never unless
                given.

        Raises:
            Refused: the order is paid, refunded or cancelled.
            InvalidInput: the parts don't add up to that, or one is not above 0, in another currency or due before
                the order.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime.fromisoformat("2026-03-02T09:00+00:00"))) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(90, "EUR"))])
            ...     parts = {date(2026, 4, 1): Money(60, "EUR"), date(2026, 5, 1): Money(30, "EUR")}
            ...     _ = crm.pipeline.receivables.plan(order, parts=parts)
            ...     _ = crm.pipeline.payments.receive(order, Money(70, "EUR"))
            ...     [str(part.outstanding) for part in crm.pipeline.receivables.parts(order)]
            ['0.00 EUR', '20.00 EUR']
        """
        with self.work() as work:
            if remind_days is not None and (type(remind_days) is not int or remind_days < 1):
                raise InvalidInput(f"remind_days is a whole number from 1, got {remind_days!r}")
            current = work.get(Order, order)
            placed_on = local_date(current.placed_at, work.settings.zone)
            return planned(work, current, checked(current, parts, placed_on=placed_on), remind_days=remind_days)

    def spread(
        self,
        order: Order | str,
        *,
        parts: int,
        first: date,
        months: int = 1,
        remind_days: int | None = None,
    ) -> list[Instalment]:
        """Agree on equal parts of what is to be paid for an order, the same day each month; not a cent is lost.

        Args:
            order: which.
            parts: how many, 1 to 120.
            first: when the first one is due; later ones on the same day of the month, or on its last day.
            months: how many months lie between two parts, 1 to 120.
            remind_days: as in :meth:`plan`.

        Raises:
            Refused: as in :meth:`plan`.
            InvalidInput: as in :meth:`plan`; or a number is not a whole one of its range.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "EUR"))])
            ...     parts = crm.pipeline.receivables.spread(order, parts=3, first=date(2026, 3, 31))
            ...     [(str(part.due_on), str(part.amount)) for part in parts]
            [('2026-03-31', '33.34 EUR'), ('2026-04-30', '33.33 EUR'), ('2026-05-31', '33.33 EUR')]
        """
        for name, number in (("parts", parts), ("months", months)):
            if type(number) is not int or not 1 <= number <= 120:
                raise InvalidInput(f"{name} is a whole number from 1 to 120, got {number!r}")
        day(first, what="first")
        with self.work() as work:
            amounts = work.get(Order, order).payable.allocate([1] * parts)
            days = (shift(first, months=months * n) for n in range(parts))
            return Receivables(work).plan(order, parts=dict(zip(days, amounts, strict=True)), remind_days=remind_days)

    def unplan(self, order: Order | str) -> Order:
        """It is paid as a whole again, on the day on which its last part was due.

        Raises:
            InvalidInput: it has no parts.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "EUR"))])
            ...     _ = crm.pipeline.receivables.spread(order, parts=3, first=date(2026, 3, 31))
            ...     order = crm.pipeline.receivables.unplan(order.id)
            ...     crm.pipeline.receivables.parts(order), order.due_at.isoformat()
            ([], '2026-06-01T00:00:00+00:00')
        """
        with self.work() as work:
            current = work.get(Order, order)
            if not forget(work, current):
                raise InvalidInput(f"order {current.id} is not paid in parts")
            told = PaymentPlanned(order_id=current.id, customer_id=current.customer_id, parts=0, total=current.payable)
            work.emit(told)
            remember_due(work, current)
            return current

    def parts(self, order: Order | str) -> list[Part]:
        """How the parts of an order stand; none when it is paid as a whole.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "EUR"))])
            ...     _ = crm.pipeline.receivables.spread(order, parts=2, first=date(2026, 3, 31))
            ...     _ = crm.pipeline.payments.receive(order.id, Money(60, "EUR"))
            ...     [(str(part.paid), str(part.outstanding)) for part in crm.pipeline.receivables.parts(order)]
            [('50.00 EUR', '0.00 EUR'), ('10.00 EUR', '40.00 EUR')]
        """
        with self.read() as work:
            current = work.get(Order, order)
            return parts_of(current, _instalments(work, current))

    def ageing(self, *, bounds: Sequence[int] = BOUNDS) -> Ageing:
        """What is outstanding today, and since when it has been due; each part of an order by its own day.

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
        steps = several(bounds, what="bounds")
        whole = all(type(step) is int for step in steps)
        if not steps or not whole or list(steps) != sorted(set(steps)) or steps[0] < 1:
            raise InvalidInput(f"the bounds of the classes are whole numbers that ascend from 1 on, got {steps}")
        with self.read() as work:
            on, zone = local_date(work.now, work.settings.zone), work.settings.zone
            parts: dict[str, list[Instalment]] = {}
            for instalment in work.find(Instalment, F.order.status == "placed"):
                parts.setdefault(instalment.order_id, []).append(instalment)
            items = [
                item
                for order in work.find(Order, F.status == "placed")
                for item in outstanding_of(order, parts.get(order.id, ()), on=on, zone=zone)
            ]
            items.sort(key=lambda item: (item.due_on, item.order_id))
            return Ageing(on=on, bounds=steps, items=tuple(items))

    def overdue(self) -> tuple[Receivable, ...]:
        """What should have been paid by now, the longest due first.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "EUR"))])
            ...     _ = crm.pipeline.receivables.spread(order, parts=2, first=date(2026, 3, 31))
            ...     _ = clock.set(datetime(2026, 4, 2, tzinfo=UTC))
            ...     [(item.instalment, item.days, str(item.outstanding)) for item in crm.pipeline.receivables.overdue()]
            [(1, 2, '50.00 EUR')]
        """
        return tuple(item for item in self.ageing().items if item.days > 0)


def _instalments(work: Work, order: Order) -> list[Instalment]:
    return work.find(Instalment, F.order_id == order.id, order_by="position")


def payment_due(work: Work, item: AgendaItem) -> None:
    """Tell that an order, or a part of it, was not paid in time, unless it was."""
    order = work.first(Order, F.id == item.subject)
    if order is None:
        return
    part = _part_of(work, order, item)
    outstanding, due_at = order.outstanding, order.due_at
    if part is not None:
        outstanding = part.outstanding
        due_at = start_of_day(part.instalment.due_on + timedelta(days=1), work.settings.zone)
    if outstanding and due_at is not None and due_at <= work.now:
        work.emit(
            PaymentOverdue(
                order_id=order.id,
                customer_id=order.customer_id,
                outstanding=outstanding,
                due_at=due_at,
                instalment=None if part is None else part.instalment.position,
            )
        )


def payment_due_soon(work: Work, item: AgendaItem) -> None:
    """Tell that a part of an order is to be paid soon, unless it is paid."""
    order = work.first(Order, F.id == item.subject)
    part = None if order is None else _part_of(work, order, item)
    if order is not None and part is not None and part.outstanding:
        work.emit(
            PaymentDueSoon(
                order_id=order.id,
                customer_id=order.customer_id,
                outstanding=part.outstanding,
                due_on=part.instalment.due_on,
                instalment=part.instalment.position,
            )
        )


def _part_of(work: Work, order: Order, item: AgendaItem) -> Part | None:
    wanted = item.payload.get("instalment")
    return next((p for p in parts_of(order, _instalments(work, order)) if p.instalment.id == wanted), None)
