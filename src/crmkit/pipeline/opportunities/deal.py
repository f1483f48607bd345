"""What an opportunity is, what can happen to it, and the decisions over it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine
from crmkit.kernel.money import Money
from crmkit.kernel.stays import Moved
from crmkit.pipeline.stages.definition import LOST, WON, Category, Stage

Every = Literal["month", "quarter", "year"]
MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}
FULL = Decimal(100)


@entity(
    "opportunity",
    prefix="opp",
    plural="opportunities",
    indexes=[Index(attributes=("stage", "close_on")), Index(attributes=("pipeline", "stage"))],
)
class Opportunity(Entity):
    """A deal that may be won: with whom, about how much, until when, and how far it has come.

    Attributes:
        pipeline: the name of the pipeline whose stages it passes.
        stage: an open stage of the pipeline, or ``"won"`` or ``"lost"``.
        amount: what it is worth in all, taxes kept out; the sum of its lines when it has lines.
        recurring: what it brings again and again, once every month, quarter or year (*recurring_every*).
        probability: how likely it is won, in per cent; given by the stage when it enters, until changed.
        expected: the expected revenue as it was saved, so that stores can add it up; nobody sets it.
        category: where the forecast counts it; given by the stage when it enters, until changed.
        close_on: the day when it should be decided.
        closed_at: the moment when it was won or lost.
        last_open_stage: for a closed deal, the stage in which it was decided.
        lost_reason: why it was lost; *lost_to* names the competitor.
        slips: how often the closing day was moved to a later one.
        merged_into: the id of the deal that it turned out to be.  Such a deal is lost with the reason "merged", and no
            statistics count it.
    """

    name: str = attribute(search=True)
    customer_id: str = attribute(references="customer", index=True)
    company_id: str | None = attribute(default=None, references="company", index=True)
    lead_id: str | None = attribute(default=None, references="lead", index=True)
    campaign_id: str | None = attribute(default=None, references="campaign", index=True)
    owner: str | None = attribute(default=None, index=True)
    team: str | None = attribute(default=None, index=True)
    source: str | None = attribute(default=None, index=True)
    channel: str | None = attribute(default=None)
    region: str | None = attribute(default=None)
    pipeline: str = attribute(default="standard", limit=60)
    stage: str = attribute(limit=60)
    stage_since: datetime = attribute()
    amount: Money | None = attribute(default=None)
    recurring: Money | None = attribute(default=None)
    recurring_every: Every | None = attribute(default=None)
    probability: Decimal = attribute(default=Decimal(0))
    expected: Money | None = attribute(default=None)
    category: Category = attribute(default="pipeline")
    close_on: date | None = attribute(default=None)
    closed_at: datetime | None = attribute(default=None, index=True)
    last_open_stage: str | None = attribute(default=None, limit=60)
    lost_reason: str | None = attribute(default=None, index=True)
    lost_to: str | None = attribute(default=None)
    note: str | None = attribute(default=None, multiline=True)
    competitors: frozenset[str] = attribute(default=frozenset())
    next_step: str | None = attribute(default=None)
    next_step_on: date | None = attribute(default=None)
    slips: int = attribute(default=0)
    merged_into: str | None = attribute(default=None, index=True)

    def check(self) -> None:
        """Amounts are 0 and more, of one currency, and a recurring one says how often."""
        for what, money in (("amount", self.amount), ("recurring amount", self.recurring)):
            if money is not None and money.minor < 0:
                raise InvalidInput(f"the {what} of an opportunity is 0 or more, got {money}")
        if self.amount and self.recurring and self.amount.currency != self.recurring.currency:
            raise InvalidInput(f"{self.amount} and {self.recurring} have two currencies: one opportunity has one")
        if (self.recurring is None) != (self.recurring_every is None):
            raise InvalidInput(
                "recurring= and recurring_every= go together: how much, and every month, quarter or year"
            )
        if not 0 <= self.probability <= FULL:
            raise InvalidInput(f"a probability is 0 to 100 per cent, got {self.probability}")

    @property
    def is_open(self) -> bool:
        """Neither won nor lost."""
        return self.stage not in {WON, LOST}

    @property
    def expected_revenue(self) -> Money | None:
        """The amount times the probability, rounded once; missing without an amount.

        Source: Salesforce's expected revenue, Odoo's prorated revenue.
        """
        return None if self.amount is None else self.amount.percent(self.probability)

    @property
    def monthly_revenue(self) -> Money | None:
        """The recurring amount by month (MRR), rounded once; missing when nothing recurs."""
        if self.recurring is None or self.recurring_every is None:
            return None
        return self.recurring / MONTHS[self.recurring_every]

    @property
    def expected_monthly_revenue(self) -> Money | None:
        """The recurring amount by month times the probability, rounded once.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     lunches = {"recurring": Money(9_000, "CNY"), "recurring_every": "quarter"}
            ...     deal = deals.open(name="Lunches", customer=wang, **lunches)
            ...     deal.probability, deal.monthly_revenue, deal.expected_monthly_revenue
            (Decimal('10'), Money('3000.00', 'CNY'), Money('300.00', 'CNY'))
        """
        if self.recurring is None or self.recurring_every is None:
            return None
        return self.recurring.times(self.probability / (FULL * MONTHS[self.recurring_every]))

    def days_in_stage(self, *, now: datetime) -> float:
        """How long it has been in its stage, in days."""
        return (now - self.stage_since) / timedelta(days=1)

    # ── Decisions ──

    def advanced(self, stage: Stage, *, machine: Machine, now: datetime, **changes: Any) -> Change[Opportunity]:
        """It goes to an open stage, and takes over its probability and category unless *changes* say otherwise."""
        trigger = machine.toward(self.stage, stage.name)
        values = {"probability": stage.probability, "category": stage.category, **changes}
        return machine.step(self, trigger, now=now, changes=values)

    def won(self, *, machine: Machine, now: datetime, **changes: Any) -> Change[Opportunity]:
        """It is won, and certain now."""
        values = {"probability": FULL, "category": "closed", "closed_at": now, "last_open_stage": self.stage, **changes}
        change = machine.step(self, "win", now=now, changes=values)
        after = change.after
        won = OpportunityWon(opportunity_id=self.id, customer_id=self.customer_id, amount=after.amount)
        return change.and_also(won)

    def lost(
        self, *, reason: str, machine: Machine, now: datetime, to: str | None = None, **changes: Any
    ) -> Change[Opportunity]:
        """It is lost: for a reason, and perhaps to a competitor."""
        values = {
            "probability": Decimal(0),
            "category": "omitted",
            "closed_at": now,
            "last_open_stage": self.stage,
            "lost_reason": reason,
            "lost_to": to,
            **changes,
        }
        change = machine.step(self, "lose", now=now, changes=values, reason=reason)
        return change.and_also(
            OpportunityLost(opportunity_id=self.id, customer_id=self.customer_id, reason=reason, stage=self.stage)
        )

    def reopened(self, stage: Stage, *, machine: Machine, now: datetime, **changes: Any) -> Change[Opportunity]:
        """It is open again, in *stage*; how it had ended is forgotten on it and kept in the history."""
        trigger = machine.toward(self.stage, stage.name)
        if self.is_open:
            raise machine.refusal(self.stage, "reopen", "it is open already")
        values = {
            "probability": stage.probability,
            "category": stage.category,
            "closed_at": None,
            "last_open_stage": None,
            "lost_reason": None,
            "lost_to": None,
            **changes,
        }
        change = machine.step(self, trigger, now=now, changes=values)
        return change.and_also(
            OpportunityReopened(opportunity_id=self.id, customer_id=self.customer_id, stage=stage.name)
        )

    def transferred(self, pipeline: str, stage: Stage, *, now: datetime) -> Change[Opportunity]:
        """It goes on in another pipeline."""
        moved = Moved(
            subject_id=self.id,
            customer_id=self.customer_id,
            machine="opportunity",
            field="stage",
            trigger="transfer",
            source=self.stage,
            target=stage.name,
            entered_at=self.stage_since,
            facts={"pipeline": pipeline},
        )
        after = self.evolve(
            pipeline=pipeline,
            stage=stage.name,
            stage_since=now,
            probability=stage.probability,
            category=stage.category,
        )
        return Change(after, (moved,))


TRACKED = ("stage", "pipeline", "amount", "recurring", "probability", "category", "close_on", "owner", "team")


@entity("deal_state", prefix="dst", append_only=True, indexes=[Index(attributes=("opportunity_id", "created_at"))])
class DealState(Record):
    """What a deal was from ``created_at`` on, until the next state of the same deal.

    One row each time when something that a forecast looks at has changed; as Salesforce's opportunity history.
    """

    opportunity_id: str = attribute(references="opportunity", reverse="states")
    customer_id: str | None = attribute(default=None)
    pipeline: str = attribute(limit=60)
    stage: str = attribute(limit=60)
    stage_since: datetime = attribute()
    amount: Money | None = attribute(default=None)
    recurring: Money | None = attribute(default=None)
    probability: Decimal = attribute()
    category: str = attribute()
    close_on: date | None = attribute(default=None)
    owner: str | None = attribute(default=None)
    team: str | None = attribute(default=None)
    closed_at: datetime | None = attribute(default=None)


@event("pipeline.opportunity_opened")
class OpportunityOpened(Event):
    """There is a chance to sell."""

    opportunity_id: str
    customer_id: str
    amount: Money | None
    lead_id: str | None
    campaign_id: str | None


@event("pipeline.opportunity_changed")
class OpportunityChanged(Event):
    """Fields of an opportunity have changed; what of it a forecast looks at is in its states."""

    opportunity_id: str
    customer_id: str
    fields: tuple[str, ...]


@event("pipeline.opportunity_won")
class OpportunityWon(Event):
    """The customer said yes."""

    opportunity_id: str
    customer_id: str
    amount: Money | None


@event("pipeline.opportunity_lost")
class OpportunityLost(Event):
    """The customer said no.

    Attributes:
        stage: the open stage in which it was lost.
    """

    opportunity_id: str
    customer_id: str
    reason: str
    stage: str


@event("pipeline.opportunity_reopened")
class OpportunityReopened(Event):
    """A closed deal is open again."""

    opportunity_id: str
    customer_id: str
    stage: str


@event("pipeline.opportunity_merged")
class OpportunityMerged(Event):
    """A deal or a lead turned out to be this deal, and went into it."""

    opportunity_id: str
    customer_id: str
    merged_id: str


@event("pipeline.opportunity_unmerged")
class OpportunityUnmerged(Event):
    """A deal is one of its own again; ``merged_id`` is the one into which it had gone."""

    opportunity_id: str
    customer_id: str
    merged_id: str
