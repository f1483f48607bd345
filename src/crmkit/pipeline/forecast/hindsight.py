"""Hindsight: how right forecasts and outlooks were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from crmkit.errors import InvalidInput
from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Desk
from crmkit.kernel.rates import RateTable
from crmkit.kernel.text import several
from crmkit.pipeline.forecast.foresight import histories_of, lens_of
from crmkit.pipeline.forecast.outlook import outlook
from crmkit.pipeline.forecast.period import exchange_for, forecast_of, in_order
from crmkit.pipeline.forecast.trials import Accuracy, Backtest, Trial
from crmkit.pipeline.opportunities.history import moment


class Hindsight(Desk):
    """What ``crm.pipeline.forecast`` knows of the forecasts of past days."""

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
            seen_on: the days whose forecasts are judged, each as it was at its end.
            currency: as in :meth:`~crmkit.pipeline.forecast.period.Periods.of`.
            rates: likewise.

        Raises:
            InvalidInput: as there.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), close_on=date(2026, 3, 20))
            ...     _ = clock.advance(days=10), deals.win(deal)
            ...     march = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
            ...     (seen,) = crm.pipeline.forecast.accuracy(seen_on=[date(2026, 3, 2)], **march)
            ...     seen.expected, seen.actual, seen.error, seen.error_share
            (Money('90.00', 'EUR'), Money('900.00', 'EUR'), Money('-810.00', 'EUR'), -0.9)
        """
        in_order(since, until)
        with self.read() as work:
            exchange = exchange_for(work, currency, rates)
            actual = forecast_of(work, since, until, None, exchange, None).total.closed
            found = []
            for seen in several(seen_on, what="seen_on"):
                then = forecast_of(work, since, until, None, exchange, seen).total
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
            currency: as in :meth:`~crmkit.pipeline.forecast.period.Periods.of`.
            rates: likewise.

        Raises:
            InvalidInput: there is no day, or what was foreseen from one is not over yet.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     for _ in range(9):
            ...         deal = deals.open(name="Album", customer=wang, amount=Money(900, "EUR"))
            ...         _ = deals.win(deal), clock.advance(days=10)
            ...     tested = crm.pipeline.forecast.backtest(seen_on=[date(2026, 2, 1), date(2026, 2, 20)])
            ...     tested.weighted_error, tested.outlook_error, tested.covered
            (Money('2700.00', 'EUR'), Money('0.00', 'EUR'), 1.0)
        """
        with self.read() as work:
            exchange, today = exchange_for(work, currency, rates), local_date(work.now, work.settings.zone)
            begins = [day(one, what="seen_on") for one in several(seen_on, what="seen_on")]
            spans = [(one, one + timedelta(days=1), one + timedelta(days=1 + days)) for one in begins]
            if not spans or days < 1 or max(until for *_, until in spans) > today:
                raise InvalidInput(f"look from days whose next {days} days were over by {today}")
            lens, trials = lens_of(work, exchange), []
            for seen, since, until in spans:
                at = moment(work, seen)
                ahead = outlook(histories_of(work, at), at=at, until=until, lens=lens)
                trials.append(
                    Trial(
                        seen_on=seen,
                        until=until,
                        weighted=forecast_of(work, since, until, None, exchange, seen).total.weighted,
                        outlook=ahead.expected,
                        low=ahead.low,
                        high=ahead.high,
                        actual=forecast_of(work, since, until, None, exchange, None).total.closed,
                    )
                )
            return Backtest(trials=tuple(trials))
