"""Sending: from a template and a customer to a message in the outbox, if it may be sent: ``crm.marketing.sends``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from crmkit.customers.consents import ConsentRevoked, word
from crmkit.customers.contact_points.reach import addresses
from crmkit.customers.people import Customer
from crmkit.customers.segments import Segment, Segments
from crmkit.errors import DefinitionError, Duplicate, InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.outbox import Message
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import clean_text
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys.definition import JourneyDefined
from crmkit.lifecycle.journeys.runs import JourneySendDue
from crmkit.marketing.campaigns import Campaign, campaign_of
from crmkit.marketing.policy import decision
from crmkit.marketing.sends import MessagePosted, MessageSkipped, Send
from crmkit.marketing.templates import Rendered, Template, seen, template_of


@attrs.frozen(kw_only=True)
class Mailing:
    """What became of one message to many customers: one row for each, with the reason where there is one.

    Attributes:
        sends: in the order of the customers.
    """

    occasion: str
    sends: tuple[Send, ...]

    @property
    def posted(self) -> int:
        """How many are on their way, at once or later."""
        return sum(send.status == "posted" for send in self.sends)

    @property
    def skipped(self) -> int:
        """How many were not sent."""
        return len(self.sends) - self.posted

    def reasons(self) -> Mapping[str, int]:
        """How often each reason was given, the most frequent first."""
        return dict(Counter(send.reason for send in self.sends if send.reason is not None).most_common())

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: table_md(["status", "reason", "customers"], self._rows()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return table_html(["status", "reason", "customers"], self._rows(), caption=self.occasion)

    def __repr__(self) -> str:
        return f"<Mailing {self.occasion!r}: {self.posted} posted, {self.skipped} skipped>"

    def _rows(self) -> list[tuple[str, str, int]]:
        counted = Counter((send.status, send.reason or "") for send in self.sends)
        return [(*key, count) for key, count in sorted(counted.items())]


class Sends(Collection[Send]):
    """What ``crm.marketing.sends`` offers."""

    cls = Send

    def send(
        self,
        customer: Customer | str,
        template: Template | str,
        *,
        channel: str,
        key: str,
        purpose: str = "marketing",
        campaign: Campaign | str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Send:
        """Send one customer a message, if it may be sent; the result says why not.

        Args:
            customer: to whom.
            template: what.
            channel: how: ``email``, ``sms`` …
            key: tells this message from all others for ever, 1 to 300 characters; the same key is never sent twice: the
                message that has it comes back.
            purpose: why; only ``service`` and ``transaction`` need no consent.
            campaign: the activity that it belongs to.
            values: the template's variables.

        Raises:
            InvalidInput: the key is missing or too long.
            NotFound: there is no such customer, template or campaign.
            Duplicate: the key is that of a message to another customer, from another template or by another channel.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.marketing.templates.define("ready", subject="Your album", body="Dear {{ customer.name }}")
            ...     for purpose in ("service", "marketing"):
            ...         sent = crm.marketing.sends.send(li, "ready", channel="email", purpose=purpose, key=purpose)
            ...         sent.status, sent.reason
            ('posted', None)
            ('skipped', 'no consent to marketing by email')
        """
        with self.work() as work:
            who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            letter = template_of(work, template)
            belongs = None if campaign is None else campaign_of(work, campaign).id
            order = Letter(template=letter, channel=channel, purpose=purpose, campaign_id=belongs, values=values or {})
            sent = post(work, who, order, key=f"one:{clean_text(key, what='key', limit=300, required=True)}")
            for name, wanted in {"customer_id": who.id, "template_id": letter.id, "channel": order.channel}.items():
                if getattr(sent, name) != wanted:
                    raise _another(key, sent, name)
            return sent

    def send_to(
        self,
        segment: Segment | str | Rule,
        template: Template | str,
        *,
        channel: str,
        occasion: str,
        purpose: str = "marketing",
        campaign: Campaign | str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Mailing:
        """Send a message to the members of a segment, or to all who satisfy a rule.

        Nobody stops the others: whoever cannot be written to is skipped with the reason.  To call it again with the
        same *occasion* sends it to those only who did not get it.

        Args:
            segment: to whom.
            template: what.
            channel: how.
            occasion: the name of the mailing, 1 to 150 characters; on one occasion everybody gets one message a
                channel.
            purpose: why.
            campaign: the activity that it belongs to.
            values: the template's variables, the same for all.

        Raises:
            InvalidInput: the name of the occasion is missing or too long.
            NotFound: there is no such segment, template or campaign.
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Li", email="li@example.com", city="Chengdu")
            ...     _ = crm.marketing.templates.define("spring", subject="Spring", body="Dear {{ customer.name }}")
            ...     mailing = crm.marketing.sends.send_to(
            ...         F.city == "Chengdu", "spring", channel="email", occasion="spring 2026"
            ...     )
            >>> mailing.reasons()
            {'no consent to marketing by email': 1}
        """
        with self.work() as work:
            name = clean_text(occasion, what="occasion", limit=150, required=True)
            belongs = None if campaign is None else campaign_of(work, campaign).id
            letter = Letter(
                template=template_of(work, template),
                channel=channel,
                purpose=purpose,
                campaign_id=belongs,
                occasion=name,
                values=values or {},
            )
            people = work.find(Customer, segment) if isinstance(segment, Rule) else Segments(work).members(segment)
            return Mailing(occasion=name, sends=tuple(_post_each(work, people, letter)))


def _another(key: str, sent: Send, name: str) -> Duplicate:
    other = f"{name.removesuffix('_id')} {getattr(sent, name)}"
    return Duplicate(f"key {key!r} is that of {sent.id}, with {other}: give each message a key of its own")


def _channel(value: str) -> str:
    return word(value, what="channel")


def _purpose(value: str) -> str:
    return word(value, what="purpose")


@attrs.frozen(kw_only=True)
class Letter:
    """What is to be sent."""

    template: Template
    channel: str = attrs.field(converter=_channel)
    purpose: str = attrs.field(converter=_purpose)
    campaign_id: str | None = None
    about: str | None = None
    occasion: str | None = None
    values: Mapping[str, Any] = attrs.field(factory=dict)


def _post_each(work: Work, people: Iterable[Customer], letter: Letter) -> Iterable[Send]:
    for who in people:
        key = f"to:{letter.occasion}:{letter.channel}:{who.id}"
        again = work.first(Send, (F.key == key) & (F.status == "skipped"))
        if again is not None:
            work.remove(Send, [again.id])
        yield post(work, who, letter, key=key)


def post(work: Work, customer: Customer, letter: Letter, *, key: str) -> Send:
    """Put a message into the outbox if it may be sent; note why if not.  A key that is known changes nothing.

    Quiet hours and windows put it off; a frequency cap skips it.
    """
    known = work.first(Send, F.key == key)
    if known is not None:
        return known
    send = work.new(
        Send,
        customer_id=customer.id,
        channel=letter.channel,
        purpose=letter.purpose,
        template_id=letter.template.id,
        edition=letter.template.edition,
        campaign_id=letter.campaign_id,
        status="posted",
        send_at=work.now,
        about=letter.about,
        occasion=letter.occasion,
        key=key,
    )
    verdict = decision(work, customer, channel=letter.channel, purpose=letter.purpose, at=work.now)
    reason = "; ".join(verdict.reasons) or None
    if verdict.verdict == "deny" or verdict.capped:
        return _skipped(work, send, letter, reason or "it is not allowed")
    try:
        rendered = letter.template.render(seen(work, customer, letter.values))
        message = send.evolve(send_at=verdict.until or work.now, reason=reason)
        with work.savepoint():
            _into_outbox(work, message, rendered, to=addresses(work, customer)[letter.channel])
    except InvalidInput as error:
        return _skipped(work, send, letter, str(error))
    posted = MessagePosted(
        send_id=send.id,
        customer_id=customer.id,
        template=letter.template.name,
        channel=letter.channel,
        send_at=message.send_at,
    )
    return work.save(Change(message, (posted,)))


def _into_outbox(work: Work, send: Send, rendered: Rendered, *, to: str) -> None:
    work.post(
        channel=send.channel,
        to=to,
        subject=rendered.subject,
        body=rendered.body,
        html=rendered.html,
        key=f"send:{send.key}",
        due_at=send.send_at,
        customer_id=send.customer_id,
        purpose=send.purpose,
        about=send.id,
    )


def _skipped(work: Work, send: Send, letter: Letter, reason: str) -> Send:
    shown = reason if len(reason) <= 1000 else f"{reason[:999]}…"
    skipped = MessageSkipped(
        send_id=send.id,
        customer_id=send.customer_id,
        template=letter.template.name,
        channel=send.channel,
        reason=shown,
    )
    return work.save(Change(send.evolve(status="skipped", reason=shown), (skipped,)))


def withdraw(
    work: Work, customer_id: str, *, reason: str, channel: str | None = None, purpose: str | None = None
) -> int:
    """Take what has not left yet out of the outbox; how many messages it was."""
    waiting = (F.customer_id == customer_id) & (F.state == "due")
    if channel is not None:
        waiting &= F.channel == channel
    if purpose is not None:
        waiting &= F.purpose == purpose
    withdrawn = 0
    for message in work.find(Message, waiting & F.about.starts_with("send_")):
        send = work.get(Send, message.about or "")
        work.remove(Message, [message.id])
        letter = Letter(template=work.get(Template, send.template_id), channel=send.channel, purpose=send.purpose)
        _skipped(work, send, letter, reason)
        withdrawn += 1
    return withdrawn


# ── What follows from elsewhere ──


def withdraw_after_revocation(work: Work, revoked: ConsentRevoked) -> None:
    """Whoever revokes his consent gets nothing that has not left yet."""
    reason = f"consent to {revoked.purpose} by {revoked.channel} was revoked before it was sent"
    withdraw(work, revoked.customer_id, reason=reason, channel=revoked.channel, purpose=revoked.purpose)


def check_templates(work: Work, journey: JourneyDefined) -> None:
    """Refuse a journey whose templates do not exist: better now than on the day on which they are needed."""
    for step, template in journey.templates.items():
        try:
            template_of(work, template)
        except NotFound as error:
            raise DefinitionError(f"journey {journey.name!r}, step {step}: {error}") from None


def send_for_journey(work: Work, due: JourneySendDue) -> None:
    """What follows when a journey wants a message to be sent."""
    letter = Letter(
        template=template_of(work, due.template),
        channel=due.channel,
        purpose=due.purpose,
        about=due.about,
        occasion=due.key,
    )
    post(work, work.get(Customer, due.customer_id), letter, key=f"journey:{due.key}")
