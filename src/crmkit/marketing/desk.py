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
            since: the first day on which the orders were placed, in the zone of the CRM; any unless given.
            until: the last day, included; any unless given.
            lookback: how long before an order a touch counts, above zero.

        Raises:
            InvalidInput: there is no such model, the days are out of order, *lookback* is no such time, or an order is
                in another currency than the CRM.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     for name in ("fair", "newsletter"):
            ...         _ = crm.marketing.campaigns.plan(name=name)
            ...         _ = crm.marketing.responses.record(wang, kind="visited", campaign=name)
            ...         _ = clock.advance(days=7)
            ...     album = Line("Album", quantity=1, unit_price=Money(900, "CNY"))
            ...     order = crm.pipeline.orders.place(wang, lines=[album])
            ...     _ = crm.pipeline.payments.receive(order, Money(900, "CNY"), method="card")
            ...     report = crm.marketing.attribution(model="linear")
            ...     {name: str(share) for name, share in report.revenue.items()}
            {'fair': '450.00 CNY', 'newsletter': '450.00 CNY'}
        """
        length: Any = lookback
        if not isinstance(length, timedelta) or length <= timedelta(0):
            raise InvalidInput(f"a lookback is a timedelta above zero, got {lookback!r}")
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
