"""Campaigns: market activities with a budget, costs and results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import attrs

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.render import card_html, card_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment


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


@attrs.frozen(kw_only=True)
class CampaignResults:
    """What a campaign has brought, from payments received and expenses booked.

    Return on investment as in business practice: (income − cost) / cost, where income is money that was really
    received for the campaign's orders, less refunds.  Without cost there is none.

    Attributes:
        income: payments less refunds.
        refunded: the refunds that are in it.
        cost: expenses.
        leads: people who showed interest because of it.
        conversions: how many of them became customers.
        orders: orders that it brought, without cancelled ones.
    """

    campaign: Campaign
    income: Money
    refunded: Money
    cost: Money
    leads: int
    conversions: int
    orders: int

    @property
    def profit(self) -> Money:
        """Income less cost."""
        return self.income - self.cost

    @property
    def exact_roi(self) -> Fraction | None:
        """The return on investment as an exact fraction; nothing without cost."""
        return Fraction(self.profit.minor, self.cost.minor) if self.cost.minor > 0 else None

    @property
    def roi(self) -> float | None:
        """The return on investment: 0.5 means half of the cost earned on top of it; nothing without cost."""
        exact = self.exact_roi
        return None if exact is None else float(exact)

    @property
    def cost_per_lead(self) -> Money | None:
        """The cost of one lead, rounded half up to the smallest unit; nothing without leads."""
        return _each(self.cost, self.leads)

    @property
    def cost_per_conversion(self) -> Money | None:
        """The cost of one new customer, rounded half up to the smallest unit; nothing without conversions."""
        return _each(self.cost, self.conversions)

    @property
    def budget_left(self) -> Money | None:
        """Budget less cost; below zero when exceeded, nothing without a budget."""
        return None if self.campaign.budget is None else self.campaign.budget - self.cost

    def facts(self) -> Mapping[str, Any]:
        """What is printed."""
        roi = self.roi
        shown = {
            "income": self.income,
            "cost": self.cost,
            "return on investment": None if roi is None else f"{roi:.1%}",
            "budget left": self.budget_left,
            "leads": self.leads,
            "conversions": self.conversions,
            "orders": self.orders,
            "cost per lead": self.cost_per_lead,
            "cost per conversion": self.cost_per_conversion,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def __format__(self, form: str) -> str:
        return card_md(self.campaign.name, self.facts()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return card_html(self.campaign.name, self.facts())


def _each(total: Money, count: int) -> Money | None:
    if count == 0:
        return None
    whole = Fraction(total.minor, count)
    return Money.from_minor((2 * whole.numerator + whole.denominator) // (2 * whole.denominator), total.currency)


class Campaigns(Collection[Campaign]):
    """What ``crm.marketing.campaigns`` offers; a campaign is named by its name, its id or the entity."""

    cls = Campaign

    def plan(self, *, name: str, network: str | None = None, budget: Money | None = None, **fields: Any) -> Campaign:
        """Intend a market activity.

        Args:
            name: tells it from all others.
            network: by what it reaches people: ``tv``, ``search``, ``fair`` …
            budget: what it may cost, zero or more.
            fields: ``owner``, ``starts_on``, ``ends_on``, ``note``.

        Raises:
            InvalidInput: a field is unknown or malformed.
            Duplicate: the name is taken.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     spot = crm.marketing.campaigns.plan(name="TV spot", network="tv", budget=Money("8000", "CNY"))
            ...     _ = crm.marketing.campaigns.spend(spot, Money("6000", "CNY"), note="air time")
            ...     crm.marketing.campaigns.results(spot).budget_left
            Money('2000.00', 'CNY')
        """
        with self.work() as work:
            _known_fields(fields)
            campaign = work.new(Campaign, name=name, network=network, budget=budget, status_since=work.now, **fields)
            planned = CampaignPlanned(campaign_id=campaign.id, name=campaign.name, budget=campaign.budget)
            return work.save(Change(campaign, (planned,)))

    def get(self, ref: Campaign | str) -> Campaign:
        """One campaign by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        with self.read() as work:
            return campaign_of(work, ref)

    def start(self, campaign: Campaign | str) -> Campaign:
        """It runs from now on.

        Raises:
            TransitionRefused: it has been started or cancelled.
        """
        return self._move(campaign, "start")

    def finish(self, campaign: Campaign | str) -> Campaign:
        """It is over; what comes in later because of it still counts.

        Raises:
            TransitionRefused: it does not run.
        """
        return self._move(campaign, "finish")

    def cancel(self, campaign: Campaign | str, *, reason: str) -> Campaign:
        """It does not take place, or no longer.

        Raises:
            TransitionRefused: it is over, or the reason is missing.
        """
        return self._move(campaign, "cancel", reason=reason)

    def _move(self, campaign: Campaign | str, trigger: str, **facts: Any) -> Campaign:
        with self.work() as work:
            step = work.machine("campaign").step(campaign_of(work, campaign), trigger, now=work.now, **facts)
            return work.save(step)

    def spend(
        self,
        campaign: Campaign | str,
        amount: Money,
        *,
        note: str | None = None,
        document: str | None = None,
        booked_at: datetime | None = None,
    ) -> Expense:
        """Note what a campaign has cost.

        Args:
            campaign: which one.
            amount: above zero; below zero when something was given back.
            note: what for.
            document: the number of the voucher.
            booked_at: when; now unless given.

        Raises:
            InvalidInput: *amount* is no money, is zero, or has another currency than the budget.
        """
        with self.work() as work:
            current = campaign_of(work, campaign)
            expense = work.new(
                Expense,
                campaign_id=current.id,
                amount=amount,
                booked_at=booked_at or work.now,
                note=note,
                document=document,
            )
            if current.budget is not None and current.budget.currency != amount.currency:
                raise InvalidInput(
                    f"campaign {current.name!r} has a budget in {current.budget.currency}: book the expense of "
                    f"{amount} in that currency"
                )
            before = _cost(work, current, amount.currency)
            spent = MoneySpent(campaign_id=current.id, expense_id=expense.id, amount=expense.amount)
            change = Change(expense, (spent,))
            return work.save(change.and_also(*_excess(current, before, before + amount)))

    def expenses(self, campaign: Campaign | str) -> list[Expense]:
        """What a campaign has cost, the earliest first."""
        with self.read() as work:
            return work.find(Expense, F.campaign_id == campaign_of(work, campaign).id, order_by="booked_at")

    def results(self, campaign: Campaign | str) -> CampaignResults:
        """What a campaign has brought so far.

        Raises:
            InvalidInput: there are amounts in several currencies.
        """
        with self.read() as work:
            return results_of(work, campaign_of(work, campaign))


def campaign_of(work: Work, ref: Campaign | str) -> Campaign:
    """The campaign that is meant."""
    if isinstance(ref, Campaign) or ref.startswith("cam_"):
        return work.get(Campaign, ref)
    found = work.first(Campaign, F.name == ref)
    if found is None:
        near = nearest(str(ref), [name for (name,) in work.columns(Campaign, ["name"])])
        raise NotFound(f"there is no campaign {ref!r}" + (f", did you mean {near!r}?" if near else ": plan it first"))
    return found


def results_of(work: Work, campaign: Campaign) -> CampaignResults:
    """Count and add up what points to a campaign."""
    currency = campaign.budget.currency if campaign.budget is not None else work.settings.currency
    mine = F.campaign_id == campaign.id
    refunded = _sum(work, Payment, mine & (F.kind == "refund"), currency)
    return CampaignResults(
        campaign=campaign,
        income=_sum(work, Payment, mine & (F.kind == "payment"), currency) - refunded,
        refunded=refunded,
        cost=_cost(work, campaign, currency),
        leads=work.count(Lead, mine),
        conversions=work.count(Lead, mine & (F.stage == "converted")),
        orders=work.count(Order, mine & (F.status != "cancelled")),
    )


def _cost(work: Work, campaign: Campaign, currency: str) -> Money:
    return _sum(work, Expense, F.campaign_id == campaign.id, currency)


def _sum(work: Work, cls: type[Payment | Expense], rule: Rule, currency: str) -> Money:
    groups = work.tally(cls, rule, sums=("amount",))
    return sum((g.money("amount", currency) for g in groups), Money.zero(currency))


def _excess(campaign: Campaign, before: Money, after: Money) -> tuple[Event, ...]:
    if campaign.budget is None or before > campaign.budget or after <= campaign.budget:
        return ()
    return (BudgetExceeded(campaign_id=campaign.id, budget=campaign.budget, spent=after),)


def _known_fields(fields: Mapping[str, Any]) -> None:
    known = {"owner", "starts_on", "ends_on", "note"}
    unknown = sorted(fields.keys() - known)
    if unknown:
        near = nearest(unknown[0], {*known, "name", "network", "budget"})
        raise InvalidInput(f"a campaign has no field {unknown[0]!r}" + (f", did you mean {near!r}?" if near else ""))
