"""What a campaign has brought, from payments received and expenses booked."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import attrs

from crmkit.kernel.money import Money
from crmkit.kernel.render import card_html, card_md, printed
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns.campaign import Campaign, Expense
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment


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
        return printed(self, form, md=lambda: card_md(self.campaign.name, self.facts()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return card_html(self.campaign.name, self.facts())


def _each(total: Money, count: int) -> Money | None:
    if count == 0:
        return None
    whole = Fraction(total.minor, count)
    return Money.from_minor((2 * whole.numerator + whole.denominator) // (2 * whole.denominator), total.currency)


def results_of(work: Work, campaign: Campaign) -> CampaignResults:
    """Count and add up what points to a campaign."""
    currency = campaign.budget.currency if campaign.budget is not None else work.settings.currency
    mine = F.campaign_id == campaign.id
    refunded = _sum(work, Payment, mine & (F.kind == "refund"), currency)
    return CampaignResults(
        campaign=campaign,
        income=_sum(work, Payment, mine & (F.kind == "payment"), currency) - refunded,
        refunded=refunded,
        cost=cost_of(work, campaign, currency),
        leads=work.count(Lead, mine),
        conversions=work.count(Lead, mine & (F.stage == "converted")),
        orders=work.count(Order, mine & (F.status != "cancelled")),
    )


def cost_of(work: Work, campaign: Campaign, currency: str) -> Money:
    """What a campaign has cost so far.

    Raises:
        InvalidInput: there are expenses in another currency.
    """
    return _sum(work, Expense, F.campaign_id == campaign.id, currency)


def _sum(work: Work, cls: type[Payment | Expense], rule: Rule, currency: str) -> Money:
    groups = work.tally(cls, rule, sums=("amount",))
    return sum((g.money("amount", currency) for g in groups), Money.zero(currency))
