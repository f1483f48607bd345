"""The house's rules about contacting people, and the people whom it leaves alone: ``crm.marketing.contact``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crmkit.customers.consents import FREE_PURPOSES, Consent, word
from crmkit.customers.contact_points.reach import addresses
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold, several
from crmkit.kernel.work import Work
from crmkit.marketing.contact import EVERYWHERE, Basis, Cap, Contact, ContactRules, Decision, Hours, Sent, decide
from crmkit.marketing.sends import Send

STANDARD = "standard"
Why = Literal["unsubscribed", "bounced", "complained", "manual"]


@entity("contact_policy", prefix="conpol", plural="contact_policies")
class ContactPolicy(Entity):
    """When and how often the house writes to people, as JSON."""

    name: str = attribute(default=STANDARD, unique=True)
    rules: Mapping[str, Any] = attribute()


@entity("suppression", prefix="sup")
class Suppression(Entity):
    """Somebody is not to be written to.

    Attributes:
        channel: where; ``*`` for everywhere.
        why: ``bounced`` addresses get nothing at all; the others still get what needs no consent.
    """

    customer_id: str = attribute(references="customer")
    channel: str = attribute()
    why: Why = attribute()
    note: str | None = attribute(default=None)


@event("marketing.contact_policy_defined")
class ContactPolicyDefined(Event):
    """The house has other rules about writing to people."""

    policy_id: str
    rules: Mapping[str, Any]


@event("marketing.contact_suppressed")
class ContactSuppressed(Event):
    """Somebody is not to be written to any more."""

    suppression_id: str
    customer_id: str
    channel: str
    why: str


@event("marketing.contact_released")
class ContactReleased(Event):
    """Somebody may be written to again."""

    customer_id: str
    channel: str
    reason: str


class _CapSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    most: int = Field(ge=1, strict=True)
    days: int = Field(default=1, ge=1, le=366, strict=True)
    basis: Basis = "calendar"
    channel: str | None = None


class _HoursSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    start: time | None = None
    end: time | None = None
    weekdays: frozenset[str] = frozenset()


class _RulesSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    caps: tuple[_CapSpec, ...] = ()
    quiet: _HoursSpec | None = None
    window: _HoursSpec | None = None
    opt_out: frozenset[str] = frozenset()

    def rules(self) -> ContactRules:
        """What they say."""
        return ContactRules(
            caps=tuple(Cap(**{**cap.model_dump(), "channel": cap.channel and fold(cap.channel)}) for cap in self.caps),
            quiet=None if self.quiet is None else Hours(**self.quiet.model_dump()),
            window=None if self.window is None else Hours(**self.window.model_dump()),
            opt_out=frozenset(map(fold, self.opt_out)),
        )


def _read(spec: Mapping[str, Any]) -> tuple[ContactRules, dict[str, Any]]:
    try:
        read = _RulesSpec.model_validate(spec)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = ".".join(map(str, wrong["loc"]))
        raise DefinitionError(f"contact rules, {place}: {wrong['msg']}, got {wrong['input']!r}") from None
    rules = read.rules()
    return rules, read.model_dump(mode="json", exclude_defaults=True)


class ContactDesk(Collection[Suppression]):
    """What ``crm.marketing.contact`` offers; reading it gives the suppressions."""

    cls = Suppression

    def define(
        self,
        *,
        caps: Sequence[Mapping[str, Any]] = (),
        quiet: Mapping[str, Any] | None = None,
        window: Mapping[str, Any] | None = None,
        opt_out: Iterable[str] = (),
    ) -> ContactRules:
        """Say when and how often the house writes to people; it replaces what was said before.

        What needs no consent (``service``, ``transaction``) is neither capped nor put off.

        Args:
            caps: each ``{"most": 3, "days": 7}``, with ``"basis": "calendar"`` (days in the zone of the CRM, the
                default) or ``"rolling"`` (24 hours for each day), and ``"channel"`` to count that one only.
            quiet: ``{"start": "22:00", "end": "08:00"}``: nothing is sent then; it waits for the end.
            window: ``{"start": "09:00", "end": "18:00", "weekdays": ["mon", "tue"]}``: it is sent then only.
            opt_out: purposes for which nobody has to agree before.

        Raises:
            DefinitionError: a part is unknown or malformed.
            InvalidInput: *opt_out* is one text; several are meant.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     rules = crm.marketing.contact.define(caps=[{"most": 3, "days": 7}])
            >>> str(rules.caps[0])
            'at most 3 in 7 calendar days'
        """
        spec = {"caps": list(caps), "quiet": quiet, "window": window, "opt_out": several(opt_out, what="opt_out")}
        rules, stored = _read(spec)
        with self.work() as work:
            known = work.first(ContactPolicy, F.name == STANDARD)
            policy = work.new(ContactPolicy, rules=stored) if known is None else known.evolve(rules=stored)
            work.save(Change(policy, (ContactPolicyDefined(policy_id=policy.id, rules=stored),)))
        return rules

    def rules(self) -> ContactRules:
        """When and how often the house writes to people; without any rules, always.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.marketing.contact.define(quiet={"start": "22:00", "end": "08:00"})
            ...     rules = crm.marketing.contact.rules()
            ...     str(rules.quiet), rules.caps
            ('22:00–08:00', ())
        """
        with self.read() as work:
            return rules_of(work)

    def decide(
        self, customer: Customer | str, *, channel: str, purpose: str = "marketing", at: datetime | None = None
    ) -> Decision:
        """Whether a customer may be contacted; all reasons if not, or the moment from which on.

        Args:
            customer: who.
            channel: how.
            purpose: why.
            at: when, an aware datetime; now unless given.

        Raises:
            InvalidInput: *at* has no zone.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     str(crm.marketing.contact.decide(li, channel="email"))
            'deny: no consent to marketing by email'
        """
        with self.read() as work:
            who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            return decision(
                work, who, channel=channel, purpose=purpose, at=work.now if at is None else utc(at, what="at")
            )

    def suppress(
        self, customer: Customer | str, *, channel: str = EVERYWHERE, why: Why = "manual", note: str | None = None
    ) -> Suppression:
        """Leave a customer alone on a channel, or everywhere.

        Args:
            customer: who.
            channel: where; everywhere unless given.
            why: ``unsubscribed``, ``bounced``, ``complained`` or ``manual``.  To a ``bounced`` address nothing goes at
                all; else what needs no consent (``service``, ``transaction``) still does.
            note: anything worth knowing.

        Raises:
            InvalidInput: *why* is none of these.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao", email="zhao@example.com")
            ...     _ = crm.marketing.contact.suppress(zhao, channel="email", why="bounced")
            ...     str(crm.marketing.contact.decide(zhao, channel="email", purpose="service"))
            'deny: email is suppressed: bounced'
        """
        with self.work() as work:
            who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            return suppress(work, who.id, channel=channel, why=why, note=note)

    def release(self, customer: Customer | str, *, channel: str = EVERYWHERE, reason: str) -> None:
        """Write to a customer again; consent is another matter and stays as it was.

        Args:
            customer: who.
            channel: where, as it was suppressed; ``*`` is the suppression everywhere, and no other one.
            reason: why; the trail keeps it.

        Raises:
            NotFound: the customer is not suppressed there, or there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao", email="zhao@example.com")
            ...     _ = crm.marketing.contact.suppress(zhao, note="in mourning")
            ...     crm.marketing.contact.release(zhao, reason="he asked for it")
            ...     str(crm.marketing.contact.decide(zhao, channel="email"))
            'deny: no consent to marketing by email'
        """
        with self.work() as work:
            who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            channel = word(channel, what="channel")
            known = work.find(Suppression, (F.customer_id == who.id) & (F.channel == channel))
            if not known:
                raise NotFound(f"{who.id} is not suppressed on {channel!r}: look with crm.marketing.contact.find()")
            work.remove(Suppression, [s.id for s in known])
            work.emit(ContactReleased(customer_id=who.id, channel=channel, reason=reason))


def rules_of(work: Work) -> ContactRules:
    """The house's rules, looked up once in a transaction."""
    if RULES not in work.memo:
        known = work.first(ContactPolicy, F.name == STANDARD)
        work.memo[RULES] = ContactRules() if known is None else _read(known.rules)[0]
    rules: ContactRules = work.memo[RULES]
    return rules


RULES = "marketing.contact_rules"


def suppress(work: Work, customer_id: str, *, channel: str, why: Why, note: str | None = None) -> Suppression:
    """Leave a customer alone; to be told twice changes nothing."""
    channel = word(channel, what="channel")
    made = work.new(Suppression, customer_id=customer_id, channel=channel, why=why, note=note)
    same = (F.customer_id == customer_id) & (F.channel == channel) & (F.why == made.why)
    known = work.first(Suppression, same)
    if known is not None:
        return known
    fact = ContactSuppressed(suppression_id=made.id, customer_id=customer_id, channel=channel, why=why)
    return work.save(Change(made, (fact,)))


def decision(work: Work, customer: Customer, *, channel: str, purpose: str, at: datetime) -> Decision:
    """Whether a customer may be contacted, by what the store knows."""
    channel, purpose = word(channel, what="channel"), word(purpose, what="purpose")
    rules = rules_of(work)
    return decide(contact_of(work, customer, rules, at), channel=channel, purpose=purpose, at=at, rules=rules)


def contact_of(work: Work, customer: Customer, rules: ContactRules, at: datetime) -> Contact:
    """What the store knows of a person that matters for the decision."""
    mine = F.customer_id == customer.id
    suppressions = work.find(Suppression, mine, order_by="why")
    return Contact(
        addresses=frozenset(addresses(work, customer)),
        consents={(c.channel, c.purpose): c.state for c in work.find(Consent, mine)},
        suppressed={s.channel: s.why for s in sorted(suppressions, key=lambda s: s.why == "bounced")},
        history=_history(work, customer, rules, at),
        zone=work.settings.zone,
    )


def _history(work: Work, customer: Customer, rules: ContactRules, at: datetime) -> tuple[Sent, ...]:
    """The messages that may still count: those for which consent is needed, posted or on their way."""
    if not rules.caps:
        return ()
    since = at - timedelta(days=max(cap.days for cap in rules.caps) + 2)
    posted = (F.customer_id == customer.id) & (F.status == "posted") & (F.send_at >= since)
    counting = posted & F.purpose.not_in(sorted(FREE_PURPOSES))
    return tuple(Sent(at=s.send_at, channel=s.channel, occasion=s.occasion) for s in work.find(Send, counting))
