"""``crm.pipeline``."""

from __future__ import annotations

from crmkit.kernel.collection import Desk
from crmkit.pipeline.activities import Activities
from crmkit.pipeline.assignment.desk import Assignments
from crmkit.pipeline.assignment.salesperson import Salespeople
from crmkit.pipeline.cards import Cards
from crmkit.pipeline.commissions import Commissions
from crmkit.pipeline.forecast import Forecasts
from crmkit.pipeline.leads import Leads
from crmkit.pipeline.opportunities import Opportunities
from crmkit.pipeline.orders import Orders
from crmkit.pipeline.orders.quotes import Quotes
from crmkit.pipeline.payments import Payments
from crmkit.pipeline.pool.desk import Pools
from crmkit.pipeline.prices import Prices
from crmkit.pipeline.products import Products
from crmkit.pipeline.quotas import Quotas
from crmkit.pipeline.receivables import Receivables
from crmkit.pipeline.returns import Returns
from crmkit.pipeline.sales import Sales
from crmkit.pipeline.scoring import Scoring
from crmkit.pipeline.stages import Stages


class Pipeline(Desk):
    """What ``crm.pipeline`` offers."""

    @property
    def leads(self) -> Leads:
        """People who might become customers."""
        return Leads(self._scope)

    @property
    def activities(self) -> Activities:
        """What was done with them, and what is to be done."""
        return Activities(self._scope)

    @property
    def cards(self) -> Cards:
        """Business cards, in and out."""
        return Cards(self._scope)

    @property
    def quotas(self) -> Quotas:
        """What is to be sold in a period, and how far it has come."""
        return Quotas(self._scope)

    @property
    def scoring(self) -> Scoring:
        """How much leads are worth to be pursued."""
        return Scoring(self._scope)

    @property
    def assignment(self) -> Assignments:
        """Who gets which lead."""
        return Assignments(self._scope)

    @property
    def pool(self) -> Pools:
        """Leads that nobody has, and the way back when nothing happens."""
        return Pools(self._scope)

    @property
    def salespeople(self) -> Salespeople:
        """Who sells."""
        return Salespeople(self._scope)

    @property
    def stages(self) -> Stages:
        """The pipelines, and the stages that deals pass in them."""
        return Stages(self._scope)

    @property
    def opportunities(self) -> Opportunities:
        """Deals that may be won."""
        return Opportunities(self._scope)

    @property
    def products(self) -> Products:
        """What is sold."""
        return Products(self._scope)

    @property
    def prices(self) -> Prices:
        """What products cost for whom, from which quantity, and when."""
        return Prices(self._scope)

    @property
    def orders(self) -> Orders:
        """What customers have bought."""
        return Orders(self._scope)

    @property
    def payments(self) -> Payments:
        """Money that came in, and money that went back."""
        return Payments(self._scope)

    @property
    def sales(self) -> Sales:
        """Orders that are paid on the spot, or were paid long ago, many at a time."""
        return Sales(self._scope)

    @property
    def quotes(self) -> Quotes:
        """What was offered to customers."""
        return Quotes(self._scope)

    @property
    def returns(self) -> Returns:
        """What came back, and what the customer got for it."""
        return Returns(self._scope)

    @property
    def receivables(self) -> Receivables:
        """What customers still have to pay."""
        return Receivables(self._scope)

    @property
    def forecast(self) -> Forecasts:
        """What a period will bring."""
        return Forecasts(self._scope)

    @property
    def commissions(self) -> Commissions:
        """Who earns what by selling."""
        return Commissions(self._scope)
