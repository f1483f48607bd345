"""What a campaign is, what it costs, what can happen to it, and how it moves."""

from __future__ import annotations

from datetime import date, datetime

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money


@entity("campaign", prefix="cam")
class Campaign(Entity):
    """A market activity.

    Attributes:
        network: by what it reaches people: ``tv``, ``search``, ``fair`` …
        budget: what it may cost; spending more is noted, not refused.
        starts_on: the first day.
        ends_on: the last day.
    """

    name: str = attribute(unique=True)
    network: str | None = attribute(default=None, index=True)
    budget: Money | None = attribute(default=None)
    owner: str | None = attribute(default=None, index=True)
    starts_on: date | None = attribute(default=None)
    ends_on: date | None = attribute(default=None)
    note: str | None = attribute(default=None, multiline=True)
    status: str = attribute(default="planned", index=True)
    status_since: datetime = attribute()

    def check(self) -> None:
        """Days in order, a budget that is none below zero."""
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise InvalidInput(f"campaign {self.name!r} ends on {self.ends_on}, before it starts on {self.starts_on}")
        if self.budget is not None and self.budget < Money.zero(self.budget.currency):
            raise InvalidInput(f"campaign {self.name!r}: a budget of {self.budget} is below zero")


@entity("expense", prefix="exp", when="booked_at")
class Expense(Entity):
    """What a campaign has cost.

    Attributes:
        amount: above zero; below zero when something was given back.
        document: the number of the voucher.
    """

    campaign_id: str = attribute(references="campaign")
    amount: Money = attribute()
    booked_at: datetime = attribute()
    note: str | None = attribute(default=None, multiline=True)
    document: str | None = attribute(default=None)

    def check(self) -> None:
        """An expense of nothing says nothing."""
        if self.amount.minor == 0:
            raise InvalidInput("an expense of zero says nothing: give the amount of the voucher")


@event("marketing.campaign_planned")
class CampaignPlanned(Event):
    """A market activity is intended."""

    campaign_id: str
    name: str
    budget: Money | None


@event("marketing.money_spent")
class MoneySpent(Event):
    """A campaign has cost something."""

    campaign_id: str
    expense_id: str
    amount: Money


@event("marketing.budget_exceeded")
class BudgetExceeded(Event):
    """A campaign has now cost more than it may."""

    campaign_id: str
    budget: Money
    spent: Money


CAMPAIGN = Machine(
    "campaign",
    initial="planned",
    final={"finished", "cancelled"},
    field="status",
    table=(
        on("start", "planned", "running"),
        on("finish", "running", "finished"),
        on("cancel", {"planned", "running"}, "cancelled", needs="reason"),
    ),
)
