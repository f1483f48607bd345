"""What an order is, what can happen to it, and how it moves."""

from __future__ import annotations

from datetime import datetime

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.checking import money
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money


@entity(
    "order",
    prefix="ord",
    when="placed_at",
    indexes=[
        # What segments ask for is answered by the index alone: how much somebody bought, who bought lately, what lasts.
        Index(attributes=("customer_id", "placed_at", "status", "total")),
        Index(attributes=("placed_at", "customer_id")),
        Index(attributes=("status", "placed_at")),
        Index(attributes=("status", "status_since", "id")),
    ],
)
class Order(Entity):
    """What a customer has bought.

    The status says what is paid.  Shipment is the business of the host, who tells by ``orders.fulfil``; it is a fact of
    its own (``fulfilled_at``), because goods may leave before or after the money comes.

    Attributes:
        number: how the host calls it; no two orders of a tenant share it.
        channel: where it was placed: online, shop, field, telephone, partner.
        partner_id: the company that brought it, for the channel "partner".
        status: placed, paid, refunded (nothing of it is to be paid any more, and nothing is paid) or cancelled.
        total: the sum of the lines, taxes kept out.
        paid: what was received, less what was paid back.
        credited: what the customer need not pay any more: returned goods, refunds; at most the total.
        due_at: until when it is to be paid.
    """

    number: str | None = attribute(default=None, unique=True)
    customer_id: str = attribute(references="customer")
    company_id: str | None = attribute(default=None, references="company", index=True)
    opportunity_id: str | None = attribute(default=None, references="opportunity", index=True)
    campaign_id: str | None = attribute(default=None, references="campaign", index=True)
    partner_id: str | None = attribute(default=None, references="company", reverse="brokered_orders")
    owner: str | None = attribute(default=None, index=True)
    team: str | None = attribute(default=None)
    channel: str | None = attribute(default=None, index=True)
    status: str = attribute(default="placed")
    status_since: datetime = attribute()
    total: Money = attribute()
    paid: Money = attribute()
    credited: Money = attribute()
    placed_at: datetime = attribute()
    due_at: datetime | None = attribute(default=None)
    fulfilled_at: datetime | None = attribute(default=None)
    note: str | None = attribute(default=None, multiline=True)

    def check(self) -> None:
        """All amounts are in one currency and none is negative."""
        for amount in (self.total, self.paid, self.credited):
            if amount.currency != self.total.currency or amount.minor < 0:
                raise InvalidInput(f"an order has amounts of 0 and more in {self.total.currency}, got {amount}")

    @property
    def payable(self) -> Money:
        """What is to be paid for it in all: the total less what is credited; 0 for a cancelled order."""
        return Money.zero(self.total.currency) if self.status == "cancelled" else self.total - self.credited

    @property
    def outstanding(self) -> Money:
        """What is still to be paid; 0 for a cancelled order."""
        return max(self.payable - self.paid, Money.zero(self.total.currency))

    @property
    def owed_back(self) -> Money:
        """What the customer has paid too much, after goods came back or the order was cancelled."""
        return max(self.paid - self.payable, Money.zero(self.total.currency))

    # ── Decisions ──

    def received(self, amount: Money, *, machine: Machine, now: datetime) -> Change[Order]:
        """Money came in; with the last of it the order is paid."""
        money(amount, what="a payment")
        if amount.currency != self.total.currency:
            raise InvalidInput(f"order {self.id} is to be paid in {self.total.currency}, got {amount}")
        if amount.minor <= 0:
            raise InvalidInput(f"a payment is above 0, got {amount}; money that goes back is a refund")
        if self.status in {"cancelled", "refunded"}:
            raise Refused(f"order {self.id} is {self.status}: nothing is to be paid for it")
        if amount > self.outstanding:
            raise Refused(f"{amount} is more than the {self.outstanding} that order {self.id} still costs")
        return self.evolve(paid=self.paid + amount).settled(machine=machine, now=now)

    def settled(self, *, machine: Machine, now: datetime) -> Change[Order]:
        """The order with the status that its amounts ask for."""
        if self.status in {"placed", "paid"} and self.total and not self.payable and not self.paid:
            return machine.step(self, "refund", now=now)
        if self.status == "placed" and not self.outstanding and (self.paid or not self.total):
            return machine.step(self, "pay", now=now).and_also(
                OrderPaid(order_id=self.id, customer_id=self.customer_id, total=self.total)
            )
        if self.status == "paid" and self.outstanding:
            return machine.step(self, "unpay", now=now)
        return Change(self)

    def paid_back(self, amount: Money, *, credit: Money, machine: Machine, now: datetime) -> Change[Order]:
        """Money went back, and the customer owes *credit* less."""
        if amount.currency != self.total.currency:
            raise InvalidInput(f"order {self.id} was paid in {self.total.currency}, got {amount}")
        if amount.minor <= 0:
            raise InvalidInput(f"a refund is above 0, got {amount}")
        if amount > self.paid:
            raise Refused(f"{amount} is more than the {self.paid} that was paid for order {self.id}")
        return self.evolve(paid=self.paid - amount).credit(credit, machine=machine, now=now)

    def credit(self, amount: Money, *, machine: Machine, now: datetime) -> Change[Order]:
        """The customer owes *amount* less, at most everything: what was refunded before may be worth a part of it."""
        return self.evolve(credited=min(self.credited + amount, self.total)).settled(machine=machine, now=now)

    def cancelled(self, *, reason: str, machine: Machine, now: datetime) -> Change[Order]:
        """It does not happen; what was paid is owed back."""
        return machine.step(self, "cancel", now=now, reason=reason).and_also(
            OrderCancelled(order_id=self.id, customer_id=self.customer_id, reason=reason)
        )


@event("pipeline.order_placed")
class OrderPlaced(Event):
    """The customer has bought."""

    order_id: str
    customer_id: str
    total: Money
    opportunity_id: str | None
    campaign_id: str | None
    channel: str | None


@event("pipeline.order_paid")
class OrderPaid(Event):
    """The last of the money has come in."""

    order_id: str
    customer_id: str
    total: Money


@event("pipeline.order_fulfilled")
class OrderFulfilled(Event):
    """The customer has received everything."""

    order_id: str
    customer_id: str


@event("pipeline.order_cancelled")
class OrderCancelled(Event):
    """It does not happen."""

    order_id: str
    customer_id: str
    reason: str


def not_fulfilled(order: Order) -> str | None:
    """Refuse to cancel what has been delivered: that is a return."""
    return None if order.fulfilled_at is None else "it has been delivered: take it back with crm.pipeline.returns"


ORDER = Machine(
    "order",
    initial="placed",
    final={"cancelled", "refunded"},
    field="status",
    table=(
        on("pay", "placed", "paid"),
        on("unpay", "paid", "placed"),
        on("refund", {"placed", "paid"}, "refunded"),
        on("cancel", {"placed", "paid"}, "cancelled", when=not_fulfilled, needs="reason"),
    ),
)
