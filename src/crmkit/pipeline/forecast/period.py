"""A period: what it will bring, as its deals, its stages and its managers say."""

from __future__ import annotations

from datetime import date, datetime

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
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.history import moment
from crmkit.pipeline.stages.definition import LOST, WON
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD


class Periods(Desk):
    """What ``crm.pipeline.forecast`` says of one period."""

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
            NotFound: there is no such pipeline, or the rates know nothing of a day.

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
        in_order(since, until)
        with self.read() as work:
            return forecast_of(work, since, until, pipeline, exchange_for(work, currency, rates), as_of)

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

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     march = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
            ...     price, day = Money(900, "EUR"), date(2026, 3, 20)
            ...     for stage in ("qualification", "proposal", "proposal"):
            ...         _ = deals.open(name="Album", customer=wang, amount=price, close_on=day, stage=stage)
            ...     {stage: str(amount) for stage, amount in crm.pipeline.forecast.by_stage(**march).items()}
            {'qualification': '900.00 EUR', 'proposal': '1,800.00 EUR', 'negotiation': '0.00 EUR', 'won': '0.00 EUR'}
        """
        in_order(since, until)
        with self.read() as work:
            exchange, zone = exchange_for(work, currency, rates), work.settings.zone
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
            InvalidInput: the amount is negative, or there is no such category.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     march, day = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}, date(2026, 3, 20)
            ...     _ = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), close_on=day, owner="Xu")
            ...     _ = crm.pipeline.forecast.adjust("Xu", category="pipeline", amount=Money(500, "EUR"), **march)
            ...     row = crm.pipeline.forecast.of(**march).row("Xu")
            ...     row.team.pipeline, row.adjusted.pipeline
            (Money('900.00', 'EUR'), Money('500.00', 'EUR'))
        """
        in_order(since, until)
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

        Raises:
            InvalidInput: as in :meth:`of`.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     march = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
            ...     deal = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), close_on=date(2026, 3, 20))
            ...     handed_in = crm.pipeline.forecast.snapshot(**march)
            ...     _ = deals.lose(deal, reason="price")
            ...     handed_in.money("pipeline"), crm.pipeline.forecast.of(**march).total.pipeline
            (Money('900.00', 'EUR'), Money('0.00', 'EUR'))
        """
        in_order(since, until)
        with self.work() as work:
            seen = forecast_of(work, since, until, None, exchange_for(work, currency, rates), None)
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
        """The snapshots of a period, the earliest first.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     march = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
            ...     day = date(2026, 3, 20)
            ...     for _ in range(2):
            ...         _ = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), close_on=day)
            ...         _ = crm.pipeline.forecast.snapshot(**march)
            ...     [str(kept.money("pipeline")) for kept in crm.pipeline.forecast.snapshots(**march)]
            ['900.00 EUR', '1,800.00 EUR']
        """
        with self.read() as work:
            rule = (F.starts_on == since) & (F.ends_on == until)
            return work.find(ForecastSnapshot, rule, order_by="created_at")


def forecast_of(  # noqa: PLR0917 - one caller's arguments, passed on
    work: Work, since: date, until: date, pipeline: str | None, exchange: Exchange, as_of: date | datetime | None
) -> Forecast:
    """The forecast of a period, as it is now or as it was at *as_of*.

    Raises:
        NotFound: there is no such pipeline.
    """
    if pipeline is not None:
        pipeline_of(work, pipeline)
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


def exchange_for(work: Work, currency: str | None, rates: RateTable | None) -> Exchange:
    """How deals in other currencies are counted in *currency*, the CRM's unless given."""
    wanted = work.settings.currency if currency is None else Money.zero(currency).currency
    return Exchange(currency=wanted, rates=rates)


def in_order(since: date, until: date) -> None:
    """Refuse a period that ends before it begins.

    Raises:
        InvalidInput: that is so, or one of the two is no day.
    """
    if day(until, what="until") <= day(since, what="since"):
        raise InvalidInput(f"a period ends after it begins: until {until} must lie after since {since}")
