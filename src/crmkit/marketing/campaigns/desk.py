"""``crm.marketing.campaigns``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.events import Event
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns.campaign import BudgetExceeded, Campaign, CampaignPlanned, Expense, MoneySpent
from crmkit.marketing.campaigns.results import CampaignResults, cost_of, results_of


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

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.marketing.campaigns.plan(name="Spring fair", network="fair")
            ...     crm.marketing.campaigns.get("Spring fair").status
            ...     crm.marketing.campaigns.get("Spring fare")
            Traceback (most recent call last):
            crmkit.errors.NotFound: there is no campaign 'Spring fare', did you mean 'Spring fair'?
        """
        with self.read() as work:
            return campaign_of(work, ref)

    def start(self, campaign: Campaign | str) -> Campaign:
        """It runs from now on.

        Raises:
            NotFound: there is no such campaign.
            TransitionRefused: it has been started or cancelled.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     fair = crm.marketing.campaigns.plan(name="Spring fair", network="fair")
            ...     crm.marketing.campaigns.start(fair).status
            'running'
        """
        return self._move(campaign, "start")

    def finish(self, campaign: Campaign | str) -> Campaign:
        """It is over; what comes in later because of it still counts.

        Raises:
            NotFound: there is no such campaign.
            TransitionRefused: it does not run.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     fair = crm.marketing.campaigns.plan(name="Spring fair", network="fair")
            ...     _ = crm.marketing.campaigns.start("Spring fair")
            ...     finished = crm.marketing.campaigns.finish("Spring fair")
            ...     _ = crm.pipeline.leads.capture(name="Xiao Wang", campaign=fair)
            ...     finished.status, crm.marketing.campaigns.results("Spring fair").leads
            ('finished', 1)
        """
        return self._move(campaign, "finish")

    def cancel(self, campaign: Campaign | str, *, reason: str) -> Campaign:
        """It does not take place, or no longer.

        Args:
            campaign: which one; it is planned or runs.
            reason: why.

        Raises:
            NotFound: there is no such campaign.
            TransitionRefused: it is over, or the reason is missing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     fair = crm.marketing.campaigns.plan(name="Spring fair", network="fair")
            ...     crm.marketing.campaigns.cancel(fair, reason="no stand left").status
            'cancelled'
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
        """Note what a campaign has cost; more than its budget is noted, not refused.

        Args:
            campaign: which one.
            amount: above zero; below zero when something was given back.
            note: what for.
            document: the number of the voucher.
            booked_at: when; now unless given.

        Raises:
            InvalidInput: *amount* is no money, is zero, or has another currency than the budget.
            NotFound: there is no such campaign.

        Example:
            >>> from crmkit import CRM, F, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     fair = crm.marketing.campaigns.plan(name="Spring fair", budget=Money(5000, "CNY"))
            ...     _ = crm.marketing.campaigns.spend(fair, Money(6000, "CNY"), note="stand", document="2026-117")
            ...     crm.events.count(F.name == "marketing.budget_exceeded")
            1
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
            before = cost_of(work, current, amount.currency)
            spent = MoneySpent(campaign_id=current.id, expense_id=expense.id, amount=expense.amount)
            change = Change(expense, (spent,))
            return work.save(change.and_also(*_excess(current, before, before + amount)))

    def expenses(self, campaign: Campaign | str) -> list[Expense]:
        """What a campaign has cost, the earliest first.

        Raises:
            NotFound: there is no such campaign.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     _ = crm.marketing.campaigns.plan(name="Spring fair")
            ...     _ = crm.marketing.campaigns.spend("Spring fair", Money(6000, "CNY"), note="stand")
            ...     _ = crm.marketing.campaigns.spend("Spring fair", Money(-500, "CNY"), note="deposit returned")
            ...     [(str(expense.amount), expense.note) for expense in crm.marketing.campaigns.expenses("Spring fair")]
            [('6,000.00 CNY', 'stand'), ('-500.00 CNY', 'deposit returned')]
        """
        with self.read() as work:
            return work.find(Expense, F.campaign_id == campaign_of(work, campaign).id, order_by="booked_at")

    def results(self, campaign: Campaign | str) -> CampaignResults:
        """What a campaign has brought so far.

        Raises:
            InvalidInput: there are amounts in other currencies than that of the budget, or else of the CRM.
            NotFound: there is no such campaign.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     fair = crm.marketing.campaigns.plan(name="Spring fair")
            ...     _ = crm.marketing.campaigns.spend(fair, Money(6000, "CNY"))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     album = Line("Album", quantity=1, unit_price=Money(9000, "CNY"))
            ...     order = crm.pipeline.orders.place(wang, lines=[album], campaign=fair)
            ...     _ = crm.pipeline.payments.receive(order, Money(9000, "CNY"), method="card")
            ...     results = crm.marketing.campaigns.results(fair)
            ...     str(results.profit), results.roi, results.orders
            ('3,000.00 CNY', 0.5, 1)
        """
        with self.read() as work:
            return results_of(work, campaign_of(work, campaign))


def campaign_of(work: Work, ref: Campaign | str) -> Campaign:
    """The campaign that is meant."""
    return work.named(Campaign, ref, otherwise="plan it first")


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
