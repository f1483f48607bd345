"""Sends: messages of marketing to customers, and why some were not sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from crmkit.customers.consents import allowed
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys.definition import JourneyDefined
from crmkit.lifecycle.journeys.runs import JourneySendDue
from crmkit.marketing.templates import Template, seen, template_of

ADDRESSES: Mapping[str, str] = {"email": "email", "sms": "phone", "phone": "phone", "whatsapp": "phone"}


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


def post(
    work: Work,
    customer: Customer,
    template: Template,
    *,
    channel: str,
    purpose: str,
    key: str,
    about: str | None = None,
    campaign_id: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Send:
    """Put a message into the outbox if it may be sent; note why if not.  A key that is known changes nothing."""
    known = work.first(Send, F.key == key)
    if known is not None:
        return known
    reason = (
        None
        if allowed(work, customer.id, channel=channel, purpose=purpose)
        else f"no consent to {purpose} by {channel}"
    )
    send = work.new(
        Send,
        customer_id=customer.id,
        channel=channel,
        purpose=purpose,
        template_id=template.id,
        edition=template.edition,
        campaign_id=campaign_id,
        status="posted",
        send_at=work.now,
        about=about,
        key=key,
    )
    address: str | None = getattr(customer, ADDRESSES[channel]) if channel in ADDRESSES else None
    if address is None:
        reason = reason or f"the customer has no address for {channel}"
    if reason is None and address is not None:
        try:
            rendered = template.render(seen(work, customer, values or {}))
        except InvalidInput as error:
            return _skipped(work, send, template, str(error))
        work.post(
            channel=channel,
            to=address,
            subject=rendered.subject,
            body=rendered.body,
            html=rendered.html,
            key=f"send:{send.key}",
            due_at=send.send_at,
            customer_id=customer.id,
            purpose=purpose,
            about=send.id,
        )
        posted = MessagePosted(
            send_id=send.id,
            customer_id=customer.id,
            template=template.name,
            channel=channel,
            send_at=send.send_at,
        )
        return work.save(Change(send, (posted,)))
    return _skipped(work, send, template, reason or "")


def _skipped(work: Work, send: Send, template: Template, reason: str) -> Send:
    skipped = MessageSkipped(
        send_id=send.id,
        customer_id=send.customer_id,
        template=template.name,
        channel=send.channel,
        reason=reason,
    )
    return work.save(Change(send.evolve(status="skipped", reason=reason[:1000]), (skipped,)))


def check_templates(work: Work, journey: JourneyDefined) -> None:
    """Refuse a journey whose templates do not exist: better now than on the day on which they are needed."""
    for step, template in journey.templates.items():
        try:
            template_of(work, template)
        except NotFound as error:
            raise DefinitionError(f"journey {journey.name!r}, step {step}: {error}") from None


def send_for_journey(work: Work, due: JourneySendDue) -> None:
    """What follows when a journey wants a message to be sent: the reaction to it."""
    post(
        work,
        work.get(Customer, due.customer_id),
        template_of(work, due.template),
        channel=due.channel,
        purpose=due.purpose,
        key=f"journey:{due.key}",
        about=due.about,
    )
