"""``crm.marketing``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.collection import Desk
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns import Campaigns
from crmkit.marketing.offers import Offer, Offers
from crmkit.marketing.policy import ContactDesk, Suppression
from crmkit.marketing.reports import AttributionReport, attribute_orders
from crmkit.marketing.responses import Responses
from crmkit.marketing.sending import Sends
from crmkit.marketing.sends import Send
from crmkit.marketing.templates import Templates


class Marketing(Desk):
    """What ``crm.marketing`` offers."""

    @property
    def campaigns(self) -> Campaigns:
        """Market activities, what they cost and what they bring."""
        return Campaigns(self._scope)

    @property
    def templates(self) -> Templates:
        """Texts that are made for each customer."""
        return Templates(self._scope)

    @property
    def contact(self) -> ContactDesk:
        """Whether, when and how often people may be written to."""
        return ContactDesk(self._scope)

    @property
    def sends(self) -> Sends:
        """Messages to customers, and why some were not sent."""
        return Sends(self._scope)

    @property
    def responses(self) -> Responses:
        """What people do with what they get."""
        return Responses(self._scope)

    @property
    def offers(self) -> Offers:
        """What is offered to single customers."""
        return Offers(self._scope)

    def attribution(
        self,
        *,
        model: str = "linear",
        since: date | None = None,
        until: date | None = None,
        lookback: timedelta = timedelta(days=90),
    ) -> AttributionReport:
        """Share the paid orders among the campaigns that touched their customers before.

        A touch is a response to a campaign (``clicked``, ``replied``, ``visited``, ``called``) or a lead that a
        campaign brought.  Credit is conserved: for each order the shares sum to one, and to its total.

        Args:
            model: ``first``, ``last``, ``last_non_direct``, ``linear``, ``position`` (40/20/40), ``time_decay``
                (half-life 7 days), ``shapley``, or ``markov`` (which also looks at those who were touched and have not
                bought).
            since: the first day on which the orders were placed.
            until: the last day.
            lookback: how long before an order a touch counts, above zero.

        Raises:
            InvalidInput: there is no such model, or an order is in another currency than the CRM.
        """
        if lookback <= timedelta(0):
            raise InvalidInput(f"a lookback is above zero, got {lookback}")
        with self.read() as work:
            return attribute_orders(work, model=model, since=since, until=until, lookback=lookback)


def section(work: Work, customer: Any) -> Mapping[str, Any]:
    """What marketing knows of a customer, for the portrait."""
    mine = F.customer_id == customer.id
    suppressed = work.find(Suppression, mine, order_by="channel")
    shown = {
        "messages": work.count(Send, mine & (F.status == "posted")),
        "open_offers": work.count(Offer, mine & (F.status == "open")),
        "suppressed": ", ".join(f"{s.channel} ({s.why})" for s in suppressed),
    }
    return {name: value for name, value in shown.items() if value}
