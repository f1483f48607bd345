"""``crm.analytics``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from crmkit.analytics.bridge import Bridge, revenue_bridge
from crmkit.analytics.cohorts import Cohorts, cohorts
from crmkit.analytics.dimensions import Funnels, read, slices_of
from crmkit.analytics.funnel import Funnel, Standing, funnel
from crmkit.analytics.growth import Growth, days_before, growth
from crmkit.analytics.kpis import Kpis, kpis_of
from crmkit.analytics.lifetime import LifetimeValue, lifetime_value
from crmkit.analytics.paths import Order as StepOrder
from crmkit.analytics.paths import Path, path
from crmkit.analytics.purchases import Purchase, refuse_other_currencies
from crmkit.analytics.reading import both, in_window, purchases_of, receipts_of
from crmkit.analytics.rfm import GRID, Grid, Rfm, rfm
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import check_days, local_date, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.events import EventRecord
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.forecast import Forecasts
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.orders.line import OrderLine
from crmkit.pipeline.stages.definition import SalesPipeline
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD

Days = tuple[date, date]


class Analytics(Desk):
    """What ``crm.analytics`` offers: facts for decisions.

    Every answer prints: ``format(answer, "md")``, a picture and a table in a notebook, and ``answer.svg()``.
    Days are calendar days in the zone of the CRM, and both ends of a span are included.
    """

    def funnel(
        self,
        rule: Rule | None = None,
        *,
        pipeline: str = STANDARD.name,
        since: date | None = None,
        until: date | None = None,
        currency: str | None = None,
    ) -> Funnel:
        """How far deals have come, stage by stage, and how many of those decided were won.

        Args:
            rule: which deals, as in ``F.owner == "anna"``; all of them unless given.
            pipeline: the name of the pipeline.
            since: only deals opened from this day on.
            until: only deals opened until this day.
            currency: only deals in this currency or without an amount; unless given, that of the CRM, and others are
                refused.

        Raises:
            InvalidInput: there are deals in several currencies, and none was asked for.
            NotFound: there is no such pipeline.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(100, "CNY"))
            ...     _ = crm.pipeline.opportunities.win(deal)
            ...     found = crm.analytics.funnel()
            ...     found.won, str(found.won_amount), found.win_rate
            (1, '100.00 CNY', 1.0)
        """
        with self.read() as work:
            process, home = pipeline_of(work, pipeline), currency or work.settings.currency
            wanted = _deals(work, process, rule, since=since, until=until, currency=currency)
            groups = work.tally(Opportunity, wanted, by=("stage", "last_open_stage"), sums=("amount",))
            refuse_other_currencies({c for g in groups for c, money in g.sums["amount"].items() if money}, home)
            standings = [
                Standing(stage, last, group.count, group.sums["amount"].get(home, Money.zero(home)))
                for group in groups
                for stage, last in [group.key]
            ]
            return _drawn(process, home, standings)

    def funnels(
        self,
        by: str,
        rule: Rule | None = None,
        *,
        pipeline: str = STANDARD.name,
        since: date | None = None,
        until: date | None = None,
        currency: str | None = None,
    ) -> Funnels:
        """The funnel side by side: conversion, win rate with its interval, and velocity, by a dimension.

        Args:
            by: ``source``, ``owner``, ``team``, ``channel``, ``region``, ``lost_reason``, ``campaign``, ``product``, or
                ``month`` for the month in which deals were opened.
            rule: as in :meth:`funnel`.
            pipeline: as in :meth:`funnel`.
            since: as in :meth:`funnel`.
            until: as in :meth:`funnel`.
            currency: as in :meth:`funnel`.

        Raises:
            InvalidInput: there is no such dimension, or there are other currencies.
            NotFound: there is no such pipeline.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(name="Album", customer=wang, source="fair")
            ...     _ = crm.pipeline.opportunities.win(deal)
            ...     _ = crm.pipeline.opportunities.open(name="Frame", customer=wang, source="friend")
            ...     [(s.label, s.deals, s.funnel.won) for s in crm.analytics.funnels("source")]
            [('fair', 1, 1), ('friend', 1, 0)]
        """
        with self.read() as work:
            process, home = pipeline_of(work, pipeline), currency or work.settings.currency
            wanted = _deals(work, process, rule, since=since, until=until, currency=currency)
            rows, stays, labels = read(work, by, wanted=wanted, home=home)
            found = slices_of(rows, stays, labels=labels, draw=partial(_drawn, process, home))
            found.sort(key=lambda s: (s.value is None, s.label if by == "month" else "", -s.deals, s.label))
            return Funnels(pipeline=process.name, by=by, slices=tuple(found))

    @property
    def forecast(self) -> Forecasts:
        """What a period will bring: the very same as ``crm.pipeline.forecast``."""
        return Forecasts(self._scope)

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
            >>> from crmkit import CRM
            >>> with CRM.open(currency="CNY") as crm:
            ...     str(crm.analytics.growth(since=date(2026, 1, 1), until=date(2026, 12, 31)).revenue)
            '0.00 CNY'
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
            >>> from crmkit import CRM
            >>> with CRM.open(currency="CNY") as crm:
            ...     crm.analytics.kpis(since=date(2026, 1, 1), until=date(2026, 1, 31)).win_rate is None
            True
        """
        with self.read() as work:
            paid = _growth(work, since=since, until=until, currency=currency)
            return kpis_of(work, paid, currency=currency)

    def bridge(self, *, before: Days, after: Days, by: str = "customer", currency: str | None = None) -> Bridge:
        """What a change of revenue comes from: what is new, what is lost, and volume and price of what is in both.

        Orders that were paid for count with what was paid; by product, the lines of such orders with their amounts.

        Args:
            before: first and last day of the old span.
            after: first and last day of the new span.
            by: ``customer`` or ``product``.
            currency: as in :meth:`growth`.

        Raises:
            InvalidInput: *by* is something else, the days are out of order, or there are other currencies.
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

    def rfm(self, *, until: date | None = None, grid: Grid = GRID, currency: str | None = None) -> Rfm:
        """Score customers by how recently, how often and for how much they have bought, and put them into groups.

        Args:
            until: the day of the analysis; today unless given.
            grid: the groups.
            currency: only orders in this currency; unless given, that of the CRM, and others are refused.

        Raises:
            InvalidInput: there are orders in several currencies, and none was asked for.
        """
        with self.read() as work:
            day = _day(work, until)
            return rfm(purchases_of(work, currency=currency, until=day), until=day, grid=grid)

    def lifetime_value(
        self,
        *,
        months: int = 12,
        until: date | None = None,
        discount: Decimal = Decimal(0),
        currency: str | None = None,
    ) -> LifetimeValue:
        """Tell what each customer will buy in the coming months (BG/NBD and Gamma-Gamma, fitted to all purchases).

        Args:
            months: how far ahead, 1 to 120.
            until: the last day that is looked at; today unless given.
            discount: what money loses in value in a month: ``Decimal("0.01")`` is one per cent.
            currency: as in :meth:`rfm`.

        Raises:
            InvalidInput: too few customers have bought again, or an argument is out of range.
        """
        with self.read() as work:
            day = _day(work, until)
            rows = purchases_of(work, currency=currency, until=day)
        return lifetime_value(rows, until=day, months=months, discount=discount)

    def cohorts(self, *, until: date | None = None, horizon: int = 12, currency: str | None = None) -> Cohorts:
        """Follow customers from the month of their first purchase.

        Args:
            until: the last day that is looked at; today unless given.
            horizon: months after the first one that are shown.
            currency: as in :meth:`rfm`.

        Raises:
            InvalidInput: there are orders in several currencies, and none was asked for.
        """
        with self.read() as work:
            day = _day(work, until)
            return cohorts(purchases_of(work, currency=currency, until=day), until=day, horizon=horizon)

    def path(
        self,
        steps: Sequence[str],
        *,
        order: StepOrder = "ordered",
        within: timedelta | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Path:
        """How many customers get from event to event of the trail.

        Args:
            steps: the stable names of events that carry a customer, as in ``"pipeline.order_placed"``.
            order: ``ordered`` lets anything happen in between, ``strict`` nothing, ``unordered`` allows any order.
            within: the time from the first step in which the others must happen; any time unless given.
            since: only events from this day on.
            until: only events until this day.

        Raises:
            InvalidInput: there are no steps, an event is unknown, or there is no such order.
        """
        with self.read() as work:
            wanted = ~F.customer_id.is_missing() if order == "strict" else F.name.in_(steps)
            wanted = both(wanted, in_window("created_at", work, since=since, until=until))
            happened: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
            for step in steps:
                _check_event(work, step)
            names = ["customer_id", "name", "created_at"]
            for customer, name, at in sorted(work.columns(EventRecord, names, wanted), key=lambda row: row[2]):
                if customer is not None:
                    happened[customer].append((name, at))
        return path(happened, steps=steps, order=order, within=within)


def _deals(
    work: Work,
    process: SalesPipeline,
    rule: Rule | None,
    *,
    since: date | None,
    until: date | None,
    currency: str | None,
) -> Rule:
    """Which deals a funnel looks at; merged ones count once."""
    wanted = (F.pipeline == process.name) & F.merged_into.is_missing()
    wanted = both(both(wanted, in_window("created_at", work, since=since, until=until)), rule)
    if currency is None:
        return wanted
    return wanted & (F.amount.is_missing() | (F.amount >= Money.zero(currency)))


def _drawn(process: SalesPipeline, home: str, rows: Sequence[Standing]) -> Funnel:
    return funnel(
        rows,
        pipeline=process.name,
        stages=[stage.name for stage in process.stages],
        labels={stage.name: stage.label or stage.name for stage in process.stages},
        currency=home,
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


def _check_event(work: Work, name: str) -> None:
    known = work.house.registry.events
    if name not in known:
        near = nearest(name, known)
        hint = f", did you mean {near!r}?" if near else f"; some are {', '.join(sorted(known)[:3])}"
        raise InvalidInput(f"there is no event {name!r}{hint}")


def _day(work: Work, until: date | None) -> date:
    check_days(since=None, until=until)
    return until or local_date(work.now, work.settings.zone)


def _customer_rows(work: Work, days: Days, currency: str | None) -> list[tuple[str, int, Money]]:
    bought: list[Purchase] = purchases_of(work, currency=currency, since=days[0], until=days[1])
    return [(customer, 1, amount) for customer, _, amount in bought]


def _product_rows(work: Work, days: Days, currency: str | None) -> list[tuple[str, Decimal, Money]]:
    within = in_window("order.placed_at", work, since=days[0], until=days[1])
    wanted = both(F.order.paid > Money.zero(currency or work.settings.currency), within)
    return work.columns(OrderLine, ["name", "quantity", "amount"], wanted)
