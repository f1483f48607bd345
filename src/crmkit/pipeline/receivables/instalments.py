"""Instalments: the parts in which an order is to be paid, and what of each is paid.

Nothing is stored about what is paid of a part: payments settle the part that is due first, and what need not be paid
any more (goods that came back after the parts were agreed) takes away from the part that is due last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import attrs

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.desk import PAYMENT_DUE
from crmkit.pipeline.orders.order import Order

DUE_SOON = "pipeline.payment_due_soon"
MOST = 120


@entity("instalment", prefix="inst", indexes=[Index(attributes=("order_id", "position"), unique=True)])
class Instalment(Entity):
    """One part of what an order costs.

    Attributes:
        position: counted from 1, in the order in which the parts are due.
        amount: how much was agreed.
        due_on: the last day on which it is paid in time.
    """

    order_id: str = attribute(references="order")
    customer_id: str = attribute(references="customer", index=True)
    position: int = attribute(at_least=1)
    amount: Money = attribute()
    due_on: date = attribute(index=True)


@event("pipeline.payment_planned")
class PaymentPlanned(Event):
    """It was agreed in which parts an order is paid; with no parts, that it is paid as a whole again.

    Attributes:
        total: what is to be paid for the order in all.
    """

    order_id: str
    customer_id: str
    parts: int
    total: Money


@attrs.frozen(kw_only=True)
class Part:
    """How one part of an order stands.

    Attributes:
        instalment: the part.
        amount: what of it is to be paid in all, after goods came back.
        paid: what of it is paid.
    """

    instalment: Instalment
    amount: Money
    paid: Money

    @property
    def outstanding(self) -> Money:
        """What of it is still to be paid."""
        return self.amount - self.paid


def parts_of(order: Order, instalments: Iterable[Instalment]) -> list[Part]:
    """How the parts of *order* stand.

    Args:
        order: as it is.
        instalments: its parts; they add up to what was to be paid for it when they were agreed.
    """
    none = Money.zero(order.total.currency)
    last_first = sorted(instalments, key=lambda i: i.position, reverse=True)
    off = sum((i.amount for i in last_first), none) - order.payable
    cut: list[tuple[Instalment, Money]] = []
    for instalment in last_first:
        less = min(off, instalment.amount)
        off -= less
        cut.append((instalment, instalment.amount - less))
    came = none if order.status == "cancelled" else order.paid
    parts = []
    for instalment, amount in reversed(cut):
        paid = min(came, amount)
        came -= paid
        parts.append(Part(instalment=instalment, amount=amount, paid=paid))
    return parts


def checked(order: Order, parts: Mapping[Any, Any], *, placed_on: date) -> list[tuple[date, Money]]:
    """The parts by their days.

    Raises:
        Refused: nothing is to be paid for the order.
        InvalidInput: they don't add up to what the order costs, a part is not above 0, in another currency or due
            before the order was placed, or there are too many.
    """
    if order.status != "placed":
        raise Refused(f"order {order.id} is {order.status}: there is nothing to be paid in parts")
    if not isinstance(parts, Mapping):
        raise InvalidInput(f"parts are amounts by day, as in {{date(2026, 4, 1): Money(50, 'EUR')}}, got {parts!r}")
    if not 1 <= len(parts) <= MOST:
        raise InvalidInput(f"an order is paid in 1 to {MOST} parts, got {len(parts)}")
    for day, amount in parts.items():
        if type(day) is not date or day < placed_on:
            raise InvalidInput(f"a part is due on a date from {placed_on} on, the day of the order; got {day!r}")
        if not isinstance(amount, Money) or amount.currency != order.total.currency or amount.minor <= 0:
            raise InvalidInput(f"a part is an amount above 0 in {order.total.currency}, got {amount!r}")
    whole = Money.total(parts.values(), currency=order.total.currency)
    if whole != order.payable:
        raise InvalidInput(f"the parts come to {whole}, the order to {order.payable}: change a part")
    return sorted(parts.items())


def planned(
    work: Work, order: Order, parts: Sequence[tuple[date, Money]], *, remind_days: int | None
) -> list[Instalment]:
    """Write down in which parts an order is paid; what was agreed before holds no longer."""
    forget(work, order)
    saved = work.save_new(
        Change(
            work.new(
                Instalment,
                order_id=order.id,
                customer_id=order.customer_id,
                position=position,
                amount=amount,
                due_on=day,
            )
        )
        for position, (day, amount) in enumerate(parts, start=1)
    )
    for instalment in saved:
        _remember(work, instalment, remind_days=remind_days)
    told = PaymentPlanned(order_id=order.id, customer_id=order.customer_id, parts=len(parts), total=order.payable)
    last = start_of_day(parts[-1][0] + timedelta(days=1), work.settings.zone)
    work.save(Change(order.evolve(due_at=last), (told,)))
    return saved


def forget(work: Work, order: Order) -> int:
    """Take the parts of an order away; how many there were."""
    work.cancel(order.id, kind=PAYMENT_DUE)
    work.cancel(order.id, kind=DUE_SOON)
    old = work.find(Instalment, F.order_id == order.id)
    return work.remove(Instalment, [instalment.id for instalment in old]) if old else 0


def _remember(work: Work, instalment: Instalment, *, remind_days: int | None) -> None:
    zone, facts = work.settings.zone, {"instalment": instalment.id}
    work.schedule(
        PAYMENT_DUE,
        due_at=start_of_day(instalment.due_on + timedelta(days=1), zone),
        subject=instalment.order_id,
        key=f"payment-due:{instalment.id}",
        payload=facts,
    )
    if remind_days is None:
        return
    day = instalment.due_on - timedelta(days=remind_days)
    if day > local_date(work.now, zone):
        work.schedule(
            DUE_SOON,
            due_at=start_of_day(day, zone),
            subject=instalment.order_id,
            key=f"payment-due-soon:{instalment.id}",
            payload=facts,
        )
