"""The verbs about revenue: growth, key figures, and what a change comes from."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from crmkit.analytics.bridge import Bridge, revenue_bridge
from crmkit.analytics.growth import Growth, days_before, growth
from crmkit.analytics.kpis import Kpis, kpis_of
from crmkit.analytics.purchases import Purchase
from crmkit.analytics.reading import both, in_window, purchases_of, receipts_of
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import check_days, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.line import OrderLine

Days = tuple[date, date]


class Revenue(Desk):
    """What ``crm.analytics`` tells of revenue."""

    def growth(self, *, since: date, until: date, currency: str | None = None) -> Growth:
        """What customers have paid in a span of days, by month, and beside the equally long span before.

        Revenue is payments received less refunds given; it is customers × orders per customer × average order value.

        Args:
            since: the first day.
            until: the last day.
            currency: only payments in this currency; unless given, that of the CRM, and others are refused.

        Raises:
            InvalidInput: the days are out of order, or there are other currencies and none was asked for.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 7, 1, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     for month, price in ((1, 160), (2, 200)):
            ...         at = datetime(2026, month, 20, tzinfo=UTC)
            ...         duck = Line("Duck", quantity=1, unit_price=Money(price, "CNY"))
            ...         order = crm.pipeline.orders.place(zhao, lines=[duck], placed_at=at)
            ...         _ = crm.pipeline.payments.receive(order, order.total, method="cash", received_at=at)
            ...     growth = crm.analytics.growth(since=date(2026, 2, 1), until=date(2026, 2, 28))
            ...     str(growth.revenue), str(growth.previous.revenue), growth.rate
            ('200.00 CNY', '160.00 CNY', 0.25)
        """
        with self.read() as work:
            return _growth(work, since=since, until=until, currency=currency)

    def kpis(self, *, since: date, until: date, currency: str | None = None) -> Kpis:
        """The key figures of a span of days: revenue, customers, leads, deals, costs and cases.

        Args:
            since: the first day.
            until: the last day.
            currency: only amounts in this currency; unless given, that of the CRM, and others are refused.

        Raises:
            InvalidInput: the days are out of order, or there are other currencies and none was asked for.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(currency="CNY", clock=FrozenClock(datetime(2026, 1, 20, tzinfo=UTC))) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     for name in ("Album", "Frame", "Film"):
            ...         deal = crm.pipeline.opportunities.open(name=name, customer=wang, amount=Money(900, "CNY"))
            ...         if name == "Album":
            ...             _ = crm.pipeline.opportunities.win(deal)
            ...         if name == "Frame":
            ...             _ = crm.pipeline.opportunities.lose(deal, reason="price")
            ...     kpis = crm.analytics.kpis(since=date(2026, 1, 1), until=date(2026, 1, 31))
            ...     kpis.won, kpis.win_rate, str(kpis.open_amount)
            (1, 0.5, '900.00 CNY')
        """
        with self.read() as work:
            paid = _growth(work, since=since, until=until, currency=currency)
            return kpis_of(work, paid, currency=currency)

    def bridge(self, *, before: Days, after: Days, by: str = "customer", currency: str | None = None) -> Bridge:
        """What a change of revenue comes from: what is new, what is lost, and volume and price of what is in both.

        Orders that were paid for count with what was paid; by product, the lines of such orders count as they were
        ordered, whatever of them came back or is still to be paid.

        Args:
            before: first and last day of the old span.
            after: first and last day of the new span.
            by: ``customer`` or ``product``.
            currency: as in :meth:`growth`.

        Raises:
            InvalidInput: *by* is something else, the days are out of order, or there are other currencies.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 7, 1, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     for month, price in ((1, 160), (2, 200)):
            ...         at = datetime(2026, month, 20, tzinfo=UTC)
            ...         duck = Line("Duck", quantity=1, unit_price=Money(price, "CNY"))
            ...         order = crm.pipeline.orders.place(zhao, lines=[duck], placed_at=at)
            ...         _ = crm.pipeline.payments.receive(order, order.total, method="cash", received_at=at)
            ...     january, february = (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28))
            ...     bridge = crm.analytics.bridge(before=january, after=february, by="product")
            ...     {name: str(effect) for name, effect in bridge.effects.items() if effect}
            {'price': '40.00 CNY'}
        """
        if by not in {"customer", "product"}:
            raise InvalidInput(f"a bridge is by 'customer' or by 'product', not by {by!r}")
        with self.read() as work:
            rows_of = _customer_rows if by == "customer" else _product_rows
            return revenue_bridge(
                rows_of(work, before, currency),
                rows_of(work, after, currency),
                currency=currency or work.settings.currency,
            )


def _growth(work: Work, *, since: date, until: date, currency: str | None) -> Growth:
    check_days(since=since, until=until)
    first = days_before(since, until)
    begins = start_of_day(first, work.settings.zone)
    paid_before = F.payments.where(F.kind == "payment").until(begins).any()
    paid_since = F.payments.where(F.kind == "payment").since(begins).any()
    return growth(
        receipts_of(work, currency=currency, since=first, until=until),
        since=since,
        until=until,
        currency=currency or work.settings.currency,
        known={customer for (customer,) in work.columns(Customer, ["id"], paid_before & paid_since)},
    )


def _customer_rows(work: Work, days: Days, currency: str | None) -> list[tuple[str, int, Money]]:
    bought: list[Purchase] = purchases_of(work, currency=currency, since=days[0], until=days[1])
    return [(customer, 1, amount) for customer, _, amount in bought]


def _product_rows(work: Work, days: Days, currency: str | None) -> list[tuple[str, Decimal, Money]]:
    within = in_window("order.placed_at", work, since=days[0], until=days[1])
    wanted = both(F.order.paid > Money.zero(currency or work.settings.currency), within)
    return work.columns(OrderLine, ["name", "quantity", "amount"], wanted)
