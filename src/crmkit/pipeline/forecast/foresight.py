"""Foresight: what the history of all deals says of those to come."""

from __future__ import annotations

from datetime import date, datetime

from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.rates import RateTable
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.forecast.book import Exchange
from crmkit.pipeline.forecast.conversions import Conversions, conversions
from crmkit.pipeline.forecast.experience import stays_of
from crmkit.pipeline.forecast.outlook import RUNS, Lens, Outlook, outlook
from crmkit.pipeline.forecast.period import exchange_for
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from crmkit.pipeline.opportunities.history import moment
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD


class Foresight(Desk):
    """What ``crm.pipeline.forecast`` has learned from the past."""

    def outlook(
        self,
        *,
        until: date,
        currency: str | None = None,
        rates: RateTable | None = None,
        as_of: date | datetime | None = None,
        seed: int = 0,
        runs: int = RUNS,
    ) -> Outlook:
        """What the coming days will probably bring, learned from the history of all deals.

        Args:
            until: the day after the last one.
            currency: as in :meth:`~crmkit.pipeline.forecast.period.Periods.of`.
            rates: likewise.
            as_of: a past day (its end) or moment from which to look, knowing only what was known then.
            seed: the same seed gives the same interval.
            runs: how many simulations the interval comes from, 100 and more.

        Raises:
            InvalidInput: *until* is not in the future of *as_of*, there are too few runs, or there are deals in another
                currency and no rates.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     for _ in range(9):
            ...         deal = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"))
            ...         _ = deals.win(deal), clock.advance(days=10)
            ...     april = crm.pipeline.forecast.outlook(until=date(2026, 5, 1))
            ...     april.closed, april.new_deals, april.open_deals, april.low < april.expected < april.high
            (9, Money('2700.00', 'EUR'), Money('0.00', 'EUR'), True)
        """
        day(until, what="until")
        with self.read() as work:
            at = work.now if as_of is None else moment(work, as_of)
            lens = lens_of(work, exchange_for(work, currency, rates))
            return outlook(histories_of(work, at), at=at, until=until, lens=lens, seed=seed, runs=runs)

    def conversions(self, *, pipeline: str = STANDARD.name, as_of: date | datetime | None = None) -> Conversions:
        """What becomes of the deals that enter each stage: the share that is won in the end, and how soon.

        Args:
            pipeline: the name of the pipeline.
            as_of: a past day (its end) or moment, knowing only what was known then; now unless given.

        Raises:
            NotFound: there is no such pipeline.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deals = [crm.pipeline.opportunities.open(name="Album", customer=wang) for _ in range(3)]
            ...     _ = crm.pipeline.opportunities.win(deals[0])
            ...     _ = crm.pipeline.opportunities.lose(deals[1], reason="price")
            ...     found = crm.pipeline.forecast.conversions().stage("qualification")
            ...     found.entered, found.won, found.open
            (3, 1, 1)
        """
        with self.read() as work:
            at = work.now if as_of is None else moment(work, as_of)
            return conversions(pipeline_of(work, pipeline), stays_of(histories_of(work, at), at=at))


def lens_of(work: Work, exchange: Exchange) -> Lens:
    """What an outlook needs to know of the house: its currency and its calendar."""
    zone = work.settings.zone
    return Lens(
        currency=exchange.currency,
        worth=lambda money, on: exchange.convert(money, on=on),
        day_of=lambda instant: local_date(instant, zone),
        start_of=lambda on: start_of_day(on, zone),
    )


def histories_of(work: Work, at: datetime) -> list[list[DealState]]:
    """The states of every deal, as far as they were known at that moment."""
    histories: dict[str, list[DealState]] = {}
    merged = {identifier for (identifier,) in work.columns(Opportunity, ["id"], ~F.merged_into.is_missing())}
    for state in work.find(DealState, F.created_at <= at, order_by=("created_at", "id")):
        if state.opportunity_id not in merged:
            histories.setdefault(state.opportunity_id, []).append(state)
    return list(histories.values())
