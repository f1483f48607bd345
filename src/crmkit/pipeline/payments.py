"""Payments: money that came in, and money that went back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.checking import money
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.order import Order


@entity(
    "payment",
    prefix="pay",
    when="received_at",
    indexes=[Index(attributes=("customer_id", "received_at")), Index(attributes=("campaign_id", "kind"))],
)
class Payment(Entity):
    """Money that moved between a customer and the house; the amount is always above 0, *kind* tells the direction.

    Attributes:
        campaign_id: the activity that brought the order.
        method: cash, card, transfer …
        reference: how the bank or payment service calls it; noted once only.
    """

    order_id: str = attribute(references="order", index=True)
    customer_id: str = attribute(references="customer")
    campaign_id: str | None = attribute(default=None, references="campaign")
    kind: Literal["payment", "refund"] = attribute(default="payment")
    amount: Money = attribute()
    method: str | None = attribute(default=None, index=True)
    reference: str | None = attribute(default=None, unique=True)
    reason: str | None = attribute(default=None)
    received_at: datetime = attribute(index=True)

    def check(self) -> None:
        """The amount is above 0."""
        if self.amount.minor <= 0:
            raise InvalidInput(f"a {self.kind} is above 0, got {self.amount}")


@event("pipeline.payment_received")
class PaymentReceived(Event):
    """Money came in."""

    payment_id: str
    order_id: str
    customer_id: str
    amount: Money


@event("pipeline.payment_refunded")
class PaymentRefunded(Event):
    """Money went back."""

    payment_id: str
    order_id: str
    customer_id: str
    amount: Money
    reason: str | None


class Payments(Collection[Payment]):
    """What ``crm.pipeline.payments`` offers."""

    cls = Payment

    def receive(
        self,
        order: Order | str,
        amount: Money,
        *,
        method: str | None = None,
        reference: str | None = None,
        received_at: datetime | None = None,
    ) -> Payment:
        """Money came in for an order, all of it or a part; with the last part the order is paid.

        Args:
            order: what is paid.
            amount: how much, above 0, in the currency of the order, at most what is outstanding.
            method: cash, card, transfer …
            reference: how the bank or payment service calls it; the same one is refused a second time.
            received_at: when; now unless given.

        Raises:
            Refused: it is more than what is outstanding, or the order is cancelled.
            InvalidInput: the amount is not above 0 or in another currency, or *received_at* lies in the future.
            Duplicate: the reference has been noted already.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Banquet", unit_price=Money(9_000, "CNY"))])
            ...     for amount in (2_000, 7_000):
            ...         _ = crm.pipeline.payments.receive(order, Money(amount, "CNY"), method="transfer")
            ...         print(crm.pipeline.orders.get(order.id).status)
            placed
            paid
        """
        with self.work() as work:
            current = work.get(Order, order.id if isinstance(order, Order) else order)
            change = current.received(amount, machine=work.machine("order"), now=work.now)
            payment = _payment(work, current, amount, method=method, reference=reference, received_at=received_at)
            work.save(Change(change.after))
            received = PaymentReceived(
                payment_id=payment.id, order_id=current.id, customer_id=current.customer_id, amount=amount
            )
            saved = work.save(Change(payment, (received,)))
            for happened in change.events:
                work.emit(happened)
            return saved

    def refund(
        self,
        order: Order | str,
        amount: Money | None = None,
        *,
        reason: str | None = None,
        method: str | None = None,
        reference: str | None = None,
        received_at: datetime | None = None,
    ) -> Payment:
        """Money went back to the customer.

        What returned goods or a cancellation have left too much paid goes back first; what goes beyond it also lowers
        what the customer owes, so a refund never opens a debt.

        Args:
            order: what it was paid for.
            amount: how much, above 0, at most what was paid; what is owed back unless given.
            reason: why.
            method: cash, card, transfer …
            reference: how the bank or payment service calls it.
            received_at: when; now unless given.

        Raises:
            Refused: it is more than what was paid.
            InvalidInput: the amount is not above 0, or in another currency; or none is given, and nothing is owed back.
            Duplicate: the reference has been noted already.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Banquet", unit_price=Money(9_000, "CNY"))])
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     back = crm.pipeline.payments.refund(order, Money(500, "CNY"), reason="the soup was cold")
            ...     order = crm.pipeline.orders.get(order.id)
            ...     back.kind, back.amount, order.paid, order.outstanding
            ('refund', Money('500.00', 'CNY'), Money('8500.00', 'CNY'), Money('0.00', 'CNY'))
        """
        with self.work() as work:
            current = work.get(Order, order.id if isinstance(order, Order) else order)
            owed = current.owed_back
            if amount is None and not owed:
                raise InvalidInput(
                    f"a refund is above 0, and nothing is owed back for order {current.id}: say how much is to go back"
                )
            back = owed if amount is None else money(amount, what="a refund")
            credit = Money.zero(owed.currency)
            if current.status != "cancelled" and back.currency == owed.currency:
                credit = max(back - owed, credit)
            change = current.paid_back(back, credit=credit, machine=work.machine("order"), now=work.now)
            payment = _payment(
                work,
                current,
                back,
                kind="refund",
                method=method,
                reference=reference,
                reason=reason,
                received_at=received_at,
            )
            work.save(Change(change.after))
            refunded = PaymentRefunded(
                payment_id=payment.id,
                order_id=current.id,
                customer_id=current.customer_id,
                amount=back,
                reason=payment.reason,
            )
            saved = work.save(Change(payment, (refunded,)))
            for happened in change.events:
                work.emit(happened)
            return saved

    def of(self, order: Order | str) -> list[Payment]:
        """All payments and refunds of an order, the earliest first.

        Raises:
            NotFound: there is no such order.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Banquet", unit_price=Money(9_000, "CNY"))])
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     _ = crm.pipeline.payments.refund(order, Money(500, "CNY"))
            ...     [(payment.kind, str(payment.amount)) for payment in crm.pipeline.payments.of(order)]
            [('payment', '9,000.00 CNY'), ('refund', '500.00 CNY')]
        """
        with self.read() as work:
            return work.find(Payment, F.order_id == work.get(Order, order).id, order_by="received_at")


def _payment(
    work: Work,
    order: Order,
    amount: Money,
    *,
    method: str | None,
    reference: str | None,
    received_at: datetime | None,
    kind: Literal["payment", "refund"] = "payment",
    reason: str | None = None,
) -> Payment:
    at = work.now if received_at is None else utc(received_at, what="received_at")
    if at > work.now:
        raise InvalidInput(f"received_at {at} lies in the future: note money when it has come")
    return work.new(
        Payment,
        order_id=order.id,
        customer_id=order.customer_id,
        campaign_id=order.campaign_id,
        kind=kind,
        amount=amount,
        method=method,
        reference=reference,
        reason=reason,
        received_at=at,
    )
