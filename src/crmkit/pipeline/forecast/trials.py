"""Trials: how right forecasts were, seen afterwards."""

from __future__ import annotations

from datetime import date

import attrs

from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md

TRIALS = ("seen on", "weighted", "outlook", "8 times of 10 between", "actual")


@attrs.frozen(kw_only=True)
class Accuracy:
    """How right a forecast was, seen afterwards.

    Attributes:
        seen_on: the day of the forecast.
        expected: won so far, and the open deals times their probabilities.
        commit: the commit forecast of that day.
        best_case: the best case forecast of that day.
        actual: what the period has brought.
    """

    seen_on: date
    expected: Money
    commit: Money
    best_case: Money
    actual: Money

    @property
    def error(self) -> Money:
        """Expected less actual: above 0, too much was hoped for."""
        return self.expected - self.actual

    @property
    def error_share(self) -> float | None:
        """The error as a share of what came; missing when nothing came."""
        return float(self.error / self.actual) if self.actual else None


@attrs.frozen(kw_only=True)
class Trial:
    """What was foreseen on one past day for the days behind it, and what came.

    Attributes:
        seen_on: the day of the forecast.
        until: the day after the last one that was foreseen.
        weighted: open deals whose closing day falls into these days, times their probabilities.
        outlook: what the outlook expected.
        low: the first decile of the outlook.
        high: the ninth decile of the outlook.
        actual: what was won.
    """

    seen_on: date
    until: date
    weighted: Money
    outlook: Money
    low: Money
    high: Money
    actual: Money


@attrs.frozen(kw_only=True)
class Backtest:
    """How the plain weighted forecast and the outlook would have done in the past.

    Attributes:
        trials: one for each day.
    """

    trials: tuple[Trial, ...]

    @property
    def weighted_error(self) -> Money:
        """By how much the weighted forecast was wrong, on average (the mean absolute error)."""
        return self._error("weighted")

    @property
    def outlook_error(self) -> Money:
        """By how much the outlook was wrong, on average (the mean absolute error)."""
        return self._error("outlook")

    @property
    def covered(self) -> float:
        """How often the truth lay between low and high; 0.8 is what the interval promises."""
        return sum(t.low <= t.actual <= t.high for t in self.trials) / len(self.trials)

    def _error(self, what: str) -> Money:
        errors = [abs(getattr(trial, what) - trial.actual) for trial in self.trials]
        return Money.total(errors, currency=errors[0].currency) / len(errors)

    def _rows(self) -> list[list[object]]:
        return [[t.seen_on, t.weighted, t.outlook, f"{t.low} – {t.high}", t.actual] for t in self.trials]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(TRIALS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(TRIALS, self._rows(), caption="Foreseen, and what came")
