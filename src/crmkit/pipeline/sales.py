"""Sales: orders that are paid on the spot, or were paid long ago, noted many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Desk
from crmkit.kernel.entity import Record
from crmkit.kernel.events import Event
from crmkit.kernel.money import Money
from crmkit.kernel.text import several, shown
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.desk import lines_of, placed
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.orders.pricing import priced, total_of
from crmkit.pipeline.payments import Payment, PaymentReceived


@attrs.frozen(kw_only=True)
class Sale:
    """An order and its payment in one: what a till or an old order book knows.

    Attributes:
        customer: who bought.
        lines: what, at least one line, all in one currency.
        at: when it was bought and paid.
        campaign: the activity that brought it.
        channel: where: online, shop …
        method: how it was paid: cash, card …
        number: how the host calls it.
    """

    customer: Customer | str
    lines: Sequence[Line]
    at: datetime
    campaign: Record | str | None = None
    channel: str | None = None
    method: str | None = None
    number: str | None = None


class Sales(Desk):
    """What ``crm.pipeline.sales`` offers."""

    def record(self, sales: Iterable[Sale]) -> list[Order]:
        """Note many sales in one transaction: all of them, or none; each becomes an order that is paid.

        Args:
            sales: any number, written in bulk; events come in their order.

        Raises:
            InvalidInput: a sale is malformed; the message begins with its number, counted from 1.
            NotFound: a customer, product or campaign does not exist.
            Duplicate: a number is taken, or stands in two sales.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     noodles, at = Line("Noodles", unit_price=Money(18, "CNY")), datetime(2025, 3, 2, tzinfo=UTC)
            ...     crm.pipeline.sales.record([Sale(customer=wang, lines=[noodles], at=at)])[0].status
            'paid'
        """
        with self.work() as work:
            return sold(work, sales)


def sold(work: Work, sales: Iterable[Sale]) -> list[Order]:
    """Store *sales* in bulk, and then say what happened, in the order of the sales."""
    orders, lines, payments, events = [], [], [], []
    for number, sale in enumerate(several(sales, what="sales"), start=1):
        try:
            bought = priced(work, _sale(sale).lines)
            change, payment = _decided(work, sale, total_of(bought))
        except InvalidInput as error:
            raise InvalidInput(f"sale {number}: {error}") from None
        orders.append(Change(change.after))
        lines += [Change(line) for line in lines_of(work, change.after, bought)]
        payments += [] if payment is None else [Change(payment)]
        events.append((placed(change.after), *_received(payment), *change.events))
    saved = work.save_new(orders)
    work.save_new(lines)
    work.save_new(payments)
    for happened in events:
        for event in happened:
            work.emit(event)
    return saved


def _sale(sale: Sale) -> Sale:
    if not isinstance(sale, Sale):
        raise InvalidInput(f"sales are made of Sale(customer=…, lines=…, at=…), got {shown(sale)}")
    return sale


def _decided(work: Work, sale: Sale, total: Money) -> tuple[Change[Order], Payment | None]:
    at = utc(sale.at, what="the time of a sale")
    if at > work.now:
        raise InvalidInput(f"{at} lies in the future; an order that will come is a quote or a deal")
    zero = Money.zero(total.currency)
    order = work.new(
        Order,
        number=sale.number,
        customer_id=_id(sale.customer),
        campaign_id=_id(sale.campaign),
        channel=sale.channel,
        placed_at=at,
        status="placed",
        status_since=at,
        total=total,
        paid=zero,
        credited=zero,
    )
    machine = work.machine("order")
    if not total:
        return order.settled(machine=machine, now=at), None
    payment = work.new(
        Payment,
        order_id=order.id,
        customer_id=order.customer_id,
        campaign_id=order.campaign_id,
        amount=total,
        method=sale.method,
        received_at=at,
    )
    return order.received(total, machine=machine, now=at), payment


def _received(payment: Payment | None) -> tuple[Event, ...]:
    if payment is None:
        return ()
    return (
        PaymentReceived(
            payment_id=payment.id,
            order_id=payment.order_id,
            customer_id=payment.customer_id,
            amount=payment.amount,
        ),
    )


def _id(ref: Record | str | None) -> str | None:
    return ref.id if isinstance(ref, Record) else ref
