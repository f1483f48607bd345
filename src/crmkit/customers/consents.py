"""Consents: what a customer has agreed to, by channel and purpose."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from crmkit.customers.people import Customer, alive
from crmkit.errors import ConsentMissing
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.text import clean_text, fold

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

FREE_PURPOSES = frozenset({"service", "transaction"})


@entity("consent", prefix="con", indexes=[Index(attributes=("customer_id", "channel", "purpose"), unique=True)])
class Consent(Entity):
    """The last word of a customer on being contacted by *channel* for *purpose*.

    Attributes:
        state: ``granted``, or ``revoked`` again; without a row the customer has not been asked.
        source: where the customer said so: what a supervisory authority will ask for.
    """

    customer_id: str = attribute(references="customer")
    channel: str = attribute()
    purpose: str = attribute()
    state: Literal["granted", "revoked"] = attribute()
    source: str = attribute()
    decided_at: datetime = attribute()

    def united(self, other: Consent, *, work: Work) -> Consent:  # noqa: ARG002 - every room is asked alike
        """Of two words of the same person the stricter counts."""
        return self.evolve(**other.said()) if (self.state, other.state) == ("granted", "revoked") else self

    def said(self) -> dict[str, object]:
        """What was said, where and when."""
        return {"state": self.state, "source": self.source, "decided_at": self.decided_at}


@event("customers.consent_granted")
class ConsentGranted(Event):
    """A customer agreed."""

    consent_id: str
    customer_id: str
    channel: str
    purpose: str
    source: str


@event("customers.consent_revoked")
class ConsentRevoked(Event):
    """A customer no longer agrees."""

    consent_id: str
    customer_id: str
    channel: str
    purpose: str
    source: str


class Consents(Collection[Consent]):
    """What ``crm.customers.consents`` offers."""

    cls = Consent

    def grant(self, customer: Customer | str, *, channel: str, purpose: str, source: str) -> Consent:
        """Note that a customer agrees to be contacted by *channel* for *purpose*.

        Who has agreed already has said nothing new: the first source stays.

        Args:
            customer: who.
            channel: ``email``, ``sms``, ``phone`` …; small and capital letters are the same.
            purpose: ``marketing``, ``research`` …, likewise; ``service`` and ``transaction`` need no consent.
            source: where the customer said so: who processes data must be able to show it (GDPR, article 7).

        Raises:
            InvalidInput: the channel, the purpose or the source is missing.
            NotFound: there is no such customer.
            Refused: the customer was erased.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     before = crm.customers.consents.allows(li, channel="email", purpose="marketing")
            ...     _ = crm.customers.consents.grant(
            ...         li, channel="email", purpose="marketing", source="album form, 2 March"
            ...     )
            ...     before, crm.customers.consents.allows(li, channel="email", purpose="marketing")
            (False, True)
        """
        return self._decide(customer, channel=channel, purpose=purpose, source=source, state="granted")

    def revoke(self, customer: Customer | str, *, channel: str, purpose: str, source: str) -> Consent:
        """Note that a customer no longer agrees; messages that have not left yet are withdrawn.

        It holds also for what a house may send without having asked before.

        Args:
            customer: who.
            channel: as in :meth:`grant`.
            purpose: as in :meth:`grant`.
            source: where the customer said so.

        Raises:
            InvalidInput: the channel, the purpose or the source is missing.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.consents.grant(li, channel="email", purpose="marketing", source="album form")
            ...     _ = crm.customers.consents.revoke(li, channel="email", purpose="marketing", source="by telephone")
            ...     [(word.state, word.source) for word in crm.customers.consents.find()]
            [('revoked', 'by telephone')]
        """
        return self._decide(customer, channel=channel, purpose=purpose, source=source, state="revoked")

    def allows(self, customer: Customer | str, *, channel: str, purpose: str) -> bool:
        """Whether the customer may be contacted by *channel* for *purpose*, by the consents alone.

        What the house's own rules say besides is asked with ``crm.marketing.contact.decide``.

        Args:
            customer: who.
            channel: as in :meth:`grant`.
            purpose: as in :meth:`grant`.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     [
            ...         crm.customers.consents.allows(li, channel="email", purpose=why)
            ...         for why in ("service", "marketing")
            ...     ]
            [True, False]
        """
        with self.read() as work:
            return allowed(work, work.get(Customer, customer).id, channel=channel, purpose=purpose)

    def _decide(
        self,
        customer: Customer | str,
        *,
        channel: str,
        purpose: str,
        source: str,
        state: Literal["granted", "revoked"],
    ) -> Consent:
        with self.work() as work:
            who = work.get(Customer, customer)
            if state == "granted":
                alive(who)
            channel, purpose = word(channel, what="channel"), word(purpose, what="purpose")
            known = consent_of(work, who.id, channel=channel, purpose=purpose)
            if known is not None and known.state == state:
                return known
            if known is None:
                consent = work.new(
                    Consent,
                    customer_id=who.id,
                    channel=channel,
                    purpose=purpose,
                    state=state,
                    source=source,
                    decided_at=work.now,
                )
            else:
                consent = known.evolve(state=state, source=source, decided_at=work.now)
            happened = ConsentGranted if state == "granted" else ConsentRevoked
            fact = happened(
                consent_id=consent.id, customer_id=who.id, channel=channel, purpose=purpose, source=consent.source
            )
            return work.save(Change(consent, (fact,)))


def word(value: str, *, what: str) -> str:
    """A channel or a purpose in the form in which they are compared: "Email" is ``email``.

    Raises:
        InvalidInput: there is none.
    """
    return fold(clean_text(value, what=what, required=True))


def consent_of(work: Work, customer_id: str, *, channel: str, purpose: str) -> Consent | None:
    """The last word of a customer."""
    channel, purpose = word(channel, what="channel"), word(purpose, what="purpose")
    return work.first(Consent, (F.customer_id == customer_id) & (F.channel == channel) & (F.purpose == purpose))


def allowed(work: Work, customer_id: str, *, channel: str, purpose: str) -> bool:
    """Whether a customer may be contacted: for service always, for anything else only after consent."""
    if word(purpose, what="purpose") in FREE_PURPOSES:
        return True
    consent = consent_of(work, customer_id, channel=channel, purpose=purpose)
    return consent is not None and consent.state == "granted"


def require(work: Work, customer_id: str, *, channel: str, purpose: str) -> None:
    """Insist on consent: for those who send messages of their own.

    Raises:
        ConsentMissing: there is none.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:
        ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
        ...     with crm.read() as work:
        ...         require(work, li.id, channel="email", purpose="marketing")
        Traceback (most recent call last):
        crmkit.errors.ConsentMissing: customer cus_... has not agreed to marketing by email: record it with ...
    """
    if not allowed(work, customer_id, channel=channel, purpose=purpose):
        raise ConsentMissing(
            f"customer {customer_id} has not agreed to {purpose} by {channel}: "
            f"record it with crm.customers.consents.grant(customer, channel={channel!r}, purpose={purpose!r}, source=…)"
        )
