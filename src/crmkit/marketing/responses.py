"""Responses: what people do with what they get, and how else they come into touch with a campaign."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from crmkit.customers.consents import FREE_PURPOSES, Consents, word
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns import Campaign, campaign_of
from crmkit.marketing.policy import suppress
from crmkit.marketing.sending import withdraw
from crmkit.marketing.sends import Send

Kind = Literal[
    "delivered", "opened", "clicked", "replied", "visited", "called", "unsubscribed", "bounced", "complained"
]


@entity(
    "response",
    prefix="resp",
    when="at",
    indexes=[Index(attributes=("customer_id", "at"))],
)
class Response(Entity):
    """Something that a customer did because of a message or a campaign.

    Attributes:
        kind: what it was; ``unsubscribed``, ``bounced`` and ``complained`` stop further messages.
        channel: on which way.
        at: when.
    """

    customer_id: str = attribute(references="customer")
    kind: Kind = attribute()
    channel: str | None = attribute(default=None)
    campaign_id: str | None = attribute(default=None, references="campaign", index=True)
    send_id: str | None = attribute(default=None, references="send", index=True)
    at: datetime = attribute()
    note: str | None = attribute(default=None, multiline=True)


@event("marketing.response_recorded")
class ResponseRecorded(Event):
    """A customer has reacted."""

    response_id: str
    customer_id: str
    kind: str
    channel: str | None
    campaign_id: str | None
    send_id: str | None


class Responses(Collection[Response]):
    """What ``crm.marketing.responses`` offers."""

    cls = Response

    def record(
        self,
        customer: Customer | str | None = None,
        *,
        kind: Kind,
        send: Send | str | None = None,
        campaign: Campaign | str | None = None,
        channel: str | None = None,
        at: datetime | None = None,
        note: str | None = None,
    ) -> Response:
        """Note what a customer did; whoever unsubscribes or complains, or whose address bounces, gets no more.

        Args:
            customer: who; the receiver of *send* unless given.
            kind: ``delivered``, ``opened``, ``clicked``, ``replied``, ``visited``, ``called``, ``unsubscribed``,
                ``bounced`` or ``complained``.
            send: the message; its customer, campaign and channel are taken from it.
            campaign: the activity.
            channel: on which way.
            at: when, an aware datetime; now unless given.
            note: anything worth knowing.

        Raises:
            InvalidInput: neither a customer nor a message is given, or the message went to somebody else, or it is
                not known which channel is to be stopped.
            NotFound: there is no such customer, message or campaign.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.consents.grant(li, channel="email", purpose="marketing", source="album form")
            ...     _ = crm.marketing.templates.define("spring", subject="Spring", body="Dear {{ customer.name }}")
            ...     sent = crm.marketing.sends.send(li, "spring", channel="email", key="spring 2026")
            ...     response = crm.marketing.responses.record(kind="unsubscribed", send=sent)
            ...     (
            ...         response.customer_id == li.id,
            ...         crm.customers.consents.allows(li, channel="email", purpose="marketing"),
            ...     )
            (True, False)
        """
        with self.work() as work:
            message = None if send is None else work.get(Send, send.id if isinstance(send, Send) else send)
            who = _who(work, customer, message)
            way = word(channel, what="channel") if channel else None if message is None else message.channel
            campaign_id = None if message is None else message.campaign_id
            response = work.new(
                Response,
                customer_id=who,
                kind=kind,
                channel=way,
                campaign_id=campaign_id if campaign is None else campaign_of(work, campaign).id,
                send_id=None if message is None else message.id,
                at=at or work.now,
                note=note,
            )
            fact = ResponseRecorded(
                response_id=response.id,
                customer_id=who,
                kind=kind,
                channel=way,
                campaign_id=response.campaign_id,
                send_id=response.send_id,
            )
            saved = work.save(Change(response, (fact,)))
            _stop(work, saved, purpose="marketing" if message is None else message.purpose)
            return saved


def _who(work: Work, customer: Customer | str | None, message: Send | None) -> str:
    if customer is None:
        if message is None:
            raise InvalidInput("whose response is it? give the customer, or the message that it answers")
        return message.customer_id
    who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer).id
    if message is not None and message.customer_id != who:
        raise InvalidInput(f"message {message.id} went to {message.customer_id}, not to {who}")
    return who


def _stop(work: Work, response: Response, *, purpose: str) -> None:
    """Unsubscribing revokes the consent; a dead address and a complaint suppress the channel."""
    if response.kind not in {"unsubscribed", "bounced", "complained"}:
        return
    if response.channel is None:
        raise InvalidInput(f"on which channel has the customer {response.kind}? give channel=, or the message")
    who, channel = response.customer_id, response.channel
    if response.kind == "unsubscribed" and purpose not in FREE_PURPOSES:
        Consents(work).revoke(who, channel=channel, purpose=purpose, source=f"response {response.id}")
        return
    why: Literal["unsubscribed", "bounced", "complained"]
    why = "bounced" if response.kind == "bounced" else "complained" if response.kind == "complained" else "unsubscribed"
    suppress(work, who, channel=channel, why=why)
    withdraw(work, who, reason=f"{channel} is suppressed: {why}", channel=channel)
