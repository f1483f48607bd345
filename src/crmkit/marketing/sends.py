"""Sends: messages of marketing to customers, and why some were not sent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event


@entity(
    "send",
    prefix="send",
    when="send_at",
    indexes=[Index(attributes=("customer_id", "send_at"))],
)
class Send(Entity):
    """One message to one customer, or the reason why there is none.

    Attributes:
        status: ``posted`` to the outbox, or ``skipped``.
        send_at: when it may leave the outbox.
        reason: why it was skipped or put off.
        about: what it is about: the life event, the order …
        occasion: what it was sent for together with others: a mailing, a step of a journey.
        key: tells it from all others for ever: the same key is never sent twice.
    """

    customer_id: str = attribute(references="customer")
    channel: str = attribute()
    purpose: str = attribute()
    template_id: str = attribute(references="template")
    edition: int = attribute()
    campaign_id: str | None = attribute(default=None, references="campaign")
    status: Literal["posted", "skipped"] = attribute()
    send_at: datetime = attribute()
    reason: str | None = attribute(default=None, limit=1000)
    about: str | None = attribute(default=None, index=True)
    occasion: str | None = attribute(default=None, index=True)
    key: str = attribute(unique=True, limit=400)


@event("marketing.message_posted")
class MessagePosted(Event):
    """A message was put into the outbox."""

    send_id: str
    customer_id: str
    template: str
    channel: str
    send_at: datetime


@event("marketing.message_skipped")
class MessageSkipped(Event):
    """A message was not sent, for a reason."""

    send_id: str
    customer_id: str
    template: str
    channel: str
    reason: str
