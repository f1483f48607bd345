"""What a lead is, what can happen to it, and how it moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, Move, on
from crmkit.kernel.money import Money

CLOSED = ("converted", "disqualified", "merged")
MERGEABLE = ("disqualified", "new", "nurturing", "qualified", "working")


@entity("lead", prefix="lead", indexes=[Index(attributes=("owner", "stage"))])
class Lead(Entity):
    """A person who has shown interest and has not become a customer yet.

    Attributes:
        name: the person, or what stands for one: the company, or what is before the @ of the e-mail address.
        company: the company that the person named.
        interest: what for.
        amount: what a sale might bring, as far as anybody can tell.
        key: what the host calls the lead: capturing the same key again gives the same lead.
        consents: by channel and purpose, where the person agreed; the customer takes them over.
        points: the score by rules; ``predicted``: the learned probability in percent, 0.01 to 99.99;
            ``probability``: the one that counts, which a person may have set.
        owned_since: when the present owner got it.
        locked: the owner keeps it, even when nothing happens.
        reason: why it was disqualified.
        customer_id: whom it became.
        merged_into: the id of the lead that it turned out to be, or of the deal into which it went.
    """

    name: str = attribute(personal=True, search=True)
    email: str | None = attribute(default=None, index=True, personal=True)
    phone: str | None = attribute(default=None, index=True, personal=True)
    company: str | None = attribute(default=None, search=True)
    role: str | None = attribute(default=None)
    industry: str | None = attribute(default=None)
    employees: int | None = attribute(default=None, at_least=0)
    city: str | None = attribute(default=None, search=True)
    region: str | None = attribute(default=None)
    country: str | None = attribute(default=None)
    language: str | None = attribute(default=None)
    interest: str | None = attribute(default=None)
    amount: Money | None = attribute(default=None)
    source: str | None = attribute(default=None, index=True)
    campaign_id: str | None = attribute(default=None, references="campaign")
    referrer_id: str | None = attribute(default=None, references="customer", reverse="referrals")
    key: str | None = attribute(default=None, unique=True)
    tags: frozenset[str] = attribute(default=frozenset())
    note: str | None = attribute(default=None, multiline=True, personal=True)
    consents: Mapping[str, Any] = attribute(factory=dict)
    owner: str | None = attribute(default=None)
    team: str | None = attribute(default=None, index=True)
    owned_since: datetime | None = attribute(default=None)
    locked: bool = attribute(default=False)
    points: float | None = attribute(default=None)
    predicted: float | None = attribute(default=None)
    probability: float | None = attribute(default=None)
    scored_at: datetime | None = attribute(default=None)
    stage: str = attribute(default="new", index=True)
    stage_since: datetime = attribute()
    reason: str | None = attribute(default=None, limit=1000)
    customer_id: str | None = attribute(default=None, references="customer")
    merged_into: str | None = attribute(default=None, index=True)

    @property
    def title(self) -> str:
        """What a list shows: the company if there is one, else the person."""
        return self.company or self.name

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.stage not in CLOSED

    def updated(self, **changes: Any) -> Change[Lead]:
        """The lead with *changes*; no event if nothing is different."""
        after = self.evolve(**changes)
        different = tuple(sorted(n for n in changes if getattr(self, n) != getattr(after, n)))
        if not different:
            return Change(after)
        return Change(after, (LeadUpdated(lead_id=self.id, fields=different),))

    def assigned(self, owner: str | None, *, team: str | None = None, because: str, now: datetime) -> Change[Lead]:
        """The lead in other hands; nothing happens if *owner* has it already."""
        if owner == self.owner and (team is None or team == self.team):
            return Change(self)
        after = self.evolve(owner=owner, team=team or self.team, owned_since=None if owner is None else now)
        fact = LeadAssigned(lead_id=self.id, owner=after.owner, previous=self.owner, because=because)
        return Change(after, (fact,))


def called(name: str | None, *, company: str | None, email: str | None) -> str:
    """What to call a lead: its name, else its company, else what is before the @ of its e-mail address.

    Definition: the fall-back of Frappe CRM; its "Unnamed Lead" is not copied, a lead with none of the three is refused.

    Raises:
        InvalidInput: there is none of the three.

    >>> called(None, company=None, email="contact@company.com")
    'contact'
    """
    for candidate in (name, company, (email or "").partition("@")[0]):
        if candidate is not None and candidate != "":
            return candidate
    raise InvalidInput("a lead needs a name, a company or an e-mail address")


@event("pipeline.lead_captured")
class LeadCaptured(Event):
    """Somebody showed interest."""

    lead_id: str
    source: str | None
    campaign_id: str | None
    owner: str | None


@event("pipeline.lead_updated")
class LeadUpdated(Event):
    """Fields of a lead have changed; which ones, not to what: the trail keeps no personal data."""

    lead_id: str
    fields: tuple[str, ...]


@event("pipeline.lead_assigned")
class LeadAssigned(Event):
    """A lead came into other hands.

    Attributes:
        owner: who has it now; missing when it went back to the pool.
        because: what decided.
    """

    lead_id: str
    owner: str | None
    previous: str | None
    because: str


@event("pipeline.lead_converted")
class LeadConverted(Event):
    """A lead became a customer."""

    lead_id: str
    customer_id: str
    company_id: str | None
    opportunity_id: str | None


@event("pipeline.lead_conversion_undone")
class LeadConversionUndone(Event):
    """A conversion was taken back."""

    lead_id: str
    customer_id: str
    opportunity_id: str | None


@event("pipeline.lead_merged")
class LeadMerged(Event):
    """A lead turned out to be another one, and went into it."""

    lead_id: str
    merged_id: str


@event("pipeline.lead_unmerged")
class LeadUnmerged(Event):
    """A lead is one of its own again; ``merged_id`` is the one into which it had gone."""

    lead_id: str
    merged_id: str


def reachable(lead: Lead) -> str | None:
    """Refuse to qualify somebody whom nobody can call or write to."""
    return None if lead.email or lead.phone else "a lead needs an e-mail address or a phone number to be qualified"


LEAD = Machine(
    "lead",
    initial="new",
    final={"converted", "merged"},
    table=(
        on("work", {"new", "nurturing"}, "working"),
        on("nurture", {"new", "working", "qualified"}, "nurturing"),
        on("qualify", {"new", "working", "nurturing"}, "qualified", when=reachable),
        on("convert", "qualified", "converted"),
        on("disqualify", {"new", "working", "nurturing", "qualified"}, "disqualified", needs="reason"),
        on("recycle", "disqualified", "working"),
        on("merge", MERGEABLE, "merged"),
        *((Move(f"unmerge to {stage}", "merged", stage),) for stage in MERGEABLE),
        on("unconvert", "converted", "qualified"),
    ),
)
