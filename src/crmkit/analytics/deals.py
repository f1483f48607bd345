"""The verbs about deals: the funnel, and the funnel side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from crmkit.analytics.dimensions import Funnels, read, slices_of
from crmkit.analytics.funnel import Funnel, Standing, funnel
from crmkit.analytics.purchases import refuse_other_currencies
from crmkit.analytics.reading import both, in_window
from crmkit.kernel.collection import Desk
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.forecast import Forecasts
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.stages.definition import SalesPipeline
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD


class Deals(Desk):
    """What ``crm.analytics`` tells of deals."""

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
