"""What a quote is, what can happen to it, and how it moves."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money


@entity("quote", prefix="quote")
class Quote(Entity):
    """An offer with lines.

    Attributes:
        status: draft, sent, accepted, declined or expired.
        valid_until: the last day on which it may be accepted.
        revision: how often it was written anew, counted from 1.
        order_id: what came of it, once accepted.
    """

    customer_id: str = attribute(references="customer", index=True)
    opportunity_id: str | None = attribute(default=None, references="opportunity", index=True)
    order_id: str | None = attribute(default=None, references="order")
    number: str | None = attribute(default=None, unique=True)
    owner: str | None = attribute(default=None, index=True)
    status: str = attribute(default="draft", index=True)
    status_since: datetime = attribute()
    total: Money = attribute()
    valid_until: date | None = attribute(default=None)
    revision: int = attribute(default=1)
    reason: str | None = attribute(default=None)


@entity("quote_line", prefix="qline")
class QuoteLine(Entity):
    """One line of a quote, as it was offered in one of its revisions."""

    quote_id: str = attribute(references="quote", reverse="lines", index=True)
    revision: int = attribute(default=1, at_least=1)
    product_id: str | None = attribute(default=None, references="product")
    position: int = attribute(at_least=1)
    name: str = attribute()
    quantity: Decimal = attribute()
    unit_price: Money = attribute()
    discount: Decimal = attribute(default=Decimal(0))
    amount: Money = attribute()


@event("pipeline.quote_sent")
class QuoteSent(Event):
    """A customer has an offer."""

    quote_id: str
    customer_id: str
    total: Money
    revision: int


@event("pipeline.quote_revised")
class QuoteRevised(Event):
    """An offer was written anew; what was offered before can still be read."""

    quote_id: str
    customer_id: str
    total: Money
    revision: int


@event("pipeline.quote_accepted")
class QuoteAccepted(Event):
    """A customer took an offer."""

    quote_id: str
    customer_id: str
    order_id: str
    total: Money


@event("pipeline.quote_closed")
class QuoteClosed(Event):
    """An offer was declined, or nobody answered in time."""

    quote_id: str
    customer_id: str
    status: str
    reason: str | None


QUOTE = Machine(
    "quote",
    initial="draft",
    final={"accepted"},
    field="status",
    table=(
        on("send", "draft", "sent"),
        on("accept", "sent", "accepted"),
        on("decline", "sent", "declined", needs="reason"),
        on("expire", "sent", "expired"),
        on("revise", {"sent", "declined", "expired"}, "draft"),
    ),
)
