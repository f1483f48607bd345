"""``crm.pipeline.forecast``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from crmkit.errors import InvalidInput
from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Desk
from crmkit.kernel.money import Money
from crmkit.kernel.rates import RateTable
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.forecast.adjustments import (
    Counted,
    ForecastAdjustment,
    ForecastSnapshot,
    adjusted,
    adjustments_of,
)
from crmkit.pipeline.forecast.book import Exchange, book_now, book_then
from crmkit.pipeline.forecast.columns import COUNTED, Columns, Forecast, by_person, rolled_up
from crmkit.pipeline.forecast.conversions import Conversions, conversions
from crmkit.pipeline.forecast.experience import stays_of
from crmkit.pipeline.forecast.outlook import RUNS, Lens, Outlook, outlook
from crmkit.pipeline.forecast.trials import Accuracy, Backtest, Trial
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from crmkit.pipeline.opportunities.history import moment
from crmkit.pipeline.stages.definition import LOST, WON
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD


class Forecasts(Desk):
    """What ``crm.pipeline.forecast`` offers: what a period will bring.

    A won deal belongs to the period in which it was won, an open one to the period of its closing day; lost and omitted
    deals to none (Frappe CRM counts lost deals at their full value; that habit is declined).  Amounts count, not the
    expected revenues, which stand apart as *weighted* (as in Salesforce).
    """

    def of(
        self,
        *,
        since: date,
        until: date,
        pipeline: str | None = None,
        currency: str | None = None,
        rates: RateTable | None = None,
        as_of: date | datetime | None = None,
    ) -> Forecast:
        """The forecast of a period: by person and category, rolled up to the managers.

        Args:
            since: the first day.
            until: the day after the last one.
            pipeline: deals of this pipeline only.
            currency: ISO 4217 code of the result; the CRM's unless given.
            rates: for deals in other currencies; without them such deals are refused, never left out or mixed.
            as_of: a past day (its end) or moment from which to look, by the states of the deals then; who shares a deal
                and who reports to whom are those of today.

        Raises:
            InvalidInput: there are deals in another currency and no rates, or *until* is not after *since*.
            NotFound: the rates know nothing of a day.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     day, price = date(2026, 3, 20), Money(100, "EUR")
            ...     _ = crm.pipeline.opportunities.open(name="Album", customer=wang, amount=price, close_on=day)
            ...     seen = crm.pipeline.forecast.of(since=date(2026, 3, 1), until=date(2026, 4, 1))
            ...     seen.total.open_pipeline, seen.total.weighted
            (Money('100.00', 'EUR'), Money('10.00', 'EUR'))
        """
        _in_order(since, until)
        with self.read() as work:
            return _forecast(work, since, until, pipeline, _exchange(work, currency, rates), as_of)

    def by_stage(
        self,
        *,
        since: date,
        until: date,
        pipeline: str = STANDARD.name,
        currency: str | None = None,
        rates: RateTable | None = None,
    ) -> dict[str, Money]:
        """Amounts by stage, unweighted: every stage of the pipeline is listed, and what was won; what was lost is not.

        Source: EspoCRM's sales pipeline report, with its half-open range of days.

        Args:
            since: the first day.
            until: the day after the last one.
            pipeline: which one.
            currency: as in :meth:`of`.
            rates: as in :meth:`of`.
        """
        _in_order(since, until)
        with self.read() as work:
            exchange, zone = _exchange(work, currency, rates), work.settings.zone
            none, today = Money.zero(exchange.currency), local_date(work.now, zone)
            sums = {stage.name: none for stage in pipeline_of(work, pipeline).stages} | {WON: none}
            mine = F.pipeline == pipeline
            dated = mine & F.stage.not_in([WON, LOST]) & (F.close_on >= since) & (F.close_on < until)
            for group in work.tally(Opportunity, dated, by=("stage",), sums=("amount",)):
                for money in group.sums["amount"].values():
                    sums[group.key[0]] = sums.get(group.key[0], none) + exchange.convert(money, on=today)
            won: Rule = mine & (F.stage == WON) & (F.closed_at >= start_of_day(since, zone))
            won &= F.closed_at < start_of_day(until, zone)
            for amount, closed_at in work.columns(Opportunity, ["amount", "closed_at"], won):
                if amount is not None:
                    sums[WON] += exchange.convert(amount, on=local_date(closed_at, zone))
            return sums

    def adjust(
        self, person: str, *, category: Counted, amount: Money | None, since: date, until: date, note: str | None = None
    ) -> ForecastAdjustment | None:
        """Say what to count on instead of what the deals of a person's team come to; the deals stay as they are.

        Who acts (``crm.acting_as``) must be the manager of the person, or the person.

        Args:
            person: whose number it is.
            category: ``"closed"``, ``"commit"``, ``"best_case"`` or ``"pipeline"``.
            amount: what to count on, 0 or more; nothing takes the adjustment away.
            since: the first day of the period.
            until: the day after the last one.
            note: why.

        Raises:
            Refused: somebody else is the manager.
            InvalidInput: the amount is negative.
        """
        _in_order(since, until)
        with self.work() as work:
            return adjusted(work, since=since, until=until, person=person, category=category, amount=amount, note=note)

    def snapshot(
        self, *, since: date, until: date, currency: str | None = None, rates: RateTable | None = None
    ) -> ForecastSnapshot:
        """Keep the forecast of a period as it is now, for ever.

        Args:
            since: the first day.
            until: the day after the last one.
            currency: as in :meth:`of`.
            rates: as in :meth:`of`.
        """
        _in_order(since, until)
        with self.work() as work:
            seen = _forecast(work, since, until, None, _exchange(work, currency, rates), None)
            plain = {name: getattr(seen.total, name).minor for name in (*COUNTED, "weighted")}
            after = {f"adjusted_{name}": getattr(seen.adjusted, name).minor for name in COUNTED}
            kept = work.new(
                ForecastSnapshot,
                starts_on=since,
                ends_on=until,
                currency=seen.currency,
                actor=work.actor,
                numbers={**plain, **after},
            )
            work.add([kept])
            return kept

    def snapshots(self, *, since: date, until: date) -> list[ForecastSnapshot]:
        """The snapshots of a period, the earliest first."""
        with self.read() as work:
            rule = (F.starts_on == since) & (F.ends_on == until)
            return work.find(ForecastSnapshot, rule, order_by="created_at")

    def accuracy(
        self,
        *,
        since: date,
        until: date,
        seen_on: Sequence[date],
        currency: str | None = None,
        rates: RateTable | None = None,
    ) -> list[Accuracy]:
        """How right the forecasts of past days were, computed afterwards from the states that deals had then.

        Args:
            since: the first day of the period.
            until: the day after the last one.
            seen_on: the days whose forecasts are judged.
            currency: as in :meth:`of`.
            rates: as in :meth:`of`.
        """
        _in_order(since, until)
        with self.read() as work:
            exchange = _exchange(work, currency, rates)
            actual = _forecast(work, since, until, None, exchange, None).total.closed
            found = []
            for seen in seen_on:
                then = _forecast(work, since, until, None, exchange, seen).total
                found.append(
                    Accuracy(
                        seen_on=seen,
                        expected=then.expected,
                        commit=then.commit_forecast,
                        best_case=then.best_case_forecast,
                        actual=actual,
                    )
                )
            return found

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
            currency: as in :meth:`of`.
            rates: as in :meth:`of`.
            as_of: a past day (its end) or moment from which to look, knowing only what was known then.
            seed: the same seed gives the same interval.
            runs: how many simulations the interval comes from, 100 and more.

        Raises:
            InvalidInput: *until* is not in the future of *as_of*.
        """
        day(until, what="until")
        with self.read() as work:
            at = work.now if as_of is None else moment(work, as_of)
            lens = _lens(work, _exchange(work, currency, rates))
            return outlook(_histories(work, at), at=at, until=until, lens=lens, seed=seed, runs=runs)

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
            return conversions(pipeline_of(work, pipeline), stays_of(_histories(work, at), at=at))

    def backtest(
        self,
        *,
        seen_on: Sequence[date],
        days: int = 30,
        currency: str | None = None,
        rates: RateTable | None = None,
    ) -> Backtest:
        """Compare the outlook with the plain weighted forecast: what each would have said on past days, and what came.

        Args:
            seen_on: the days from whose ends to look ahead.
            days: how many days to look ahead, 1 and more; they must be over by now.
            currency: as in :meth:`of`.
            rates: as in :meth:`of`.

        Raises:
            InvalidInput: there is no day, or what was foreseen from one is not over yet.
        """
        with self.read() as work:
            exchange, today = _exchange(work, currency, rates), local_date(work.now, work.settings.zone)
            begins = [day(one, what="seen_on") for one in seen_on]
            spans = [(one, one + timedelta(days=1), one + timedelta(days=1 + days)) for one in begins]
            if not spans or days < 1 or max(until for *_, until in spans) > today:
                raise InvalidInput(f"look from days whose next {days} days were over by {today}")
            lens, trials = _lens(work, exchange), []
            for seen, since, until in spans:
                at = moment(work, seen)
                ahead = outlook(_histories(work, at), at=at, until=until, lens=lens)
                trials.append(
                    Trial(
                        seen_on=seen,
                        until=until,
                        weighted=_forecast(work, since, until, None, exchange, seen).total.weighted,
                        outlook=ahead.expected,
                        low=ahead.low,
                        high=ahead.high,
                        actual=_forecast(work, since, until, None, exchange, None).total.closed,
                    )
                )
            return Backtest(trials=tuple(trials))


def _lens(work: Work, exchange: Exchange) -> Lens:
    zone = work.settings.zone
    return Lens(
        currency=exchange.currency,
        worth=lambda money, on: exchange.convert(money, on=on),
        day_of=lambda instant: local_date(instant, zone),
        start_of=lambda on: start_of_day(on, zone),
    )


def _histories(work: Work, at: datetime) -> list[list[DealState]]:
    """The states of every deal, as far as they were known at that moment."""
    histories: dict[str, list[DealState]] = {}
    merged = {identifier for (identifier,) in work.columns(Opportunity, ["id"], ~F.merged_into.is_missing())}
    for state in work.find(DealState, F.created_at <= at, order_by=("created_at", "id")):
        if state.opportunity_id not in merged:
            histories.setdefault(state.opportunity_id, []).append(state)
    return list(histories.values())


def _forecast(  # noqa: PLR0917 - one caller's arguments, passed on
    work: Work, since: date, until: date, pipeline: str | None, exchange: Exchange, as_of: date | datetime | None
) -> Forecast:
    if as_of is None:
        at = work.now
        book = book_now(work, since=since, until=until, pipeline=pipeline, exchange=exchange)
    else:
        at = moment(work, as_of)
        book = book_then(work, since=since, until=until, pipeline=pipeline, exchange=exchange, at=at)
    own = by_person(book.shares, currency=exchange.currency)
    managers = dict(work.columns(Salesperson, ["name", "manager"]))
    today = local_date(at, work.settings.zone)
    said = {
        key: exchange.convert(money, on=today) for key, money in adjustments_of(work, since=since, until=until).items()
    }
    rows = rolled_up(own, managers, said, currency=exchange.currency)
    tops = [row for row in rows if row.depth == 0]
    none = Columns.zero(exchange.currency)
    return Forecast(
        since=since,
        until=until,
        as_of=today,
        currency=exchange.currency,
        total=sum((row.team for row in tops), none),
        adjusted=sum((row.adjusted for row in tops), none),
        rows=rows,
        undated=book.undated,
        late=book.late,
    )


def _exchange(work: Work, currency: str | None, rates: RateTable | None) -> Exchange:
    wanted = work.settings.currency if currency is None else Money.zero(currency).currency
    return Exchange(currency=wanted, rates=rates)


def _in_order(since: date, until: date) -> None:
    if day(until, what="until") <= day(since, what="since"):
        raise InvalidInput(f"a period ends after it begins: until {until} must lie after since {since}")
