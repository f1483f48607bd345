"""The outlook: history and open pipeline joined into one forecast, with an interval."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean, median

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.render import card_html, card_md
from crmkit.pipeline.forecast.experience import Experience, experience
from crmkit.pipeline.opportunities.deal import DealState
from crmkit.pipeline.stages.definition import LOST, WON

RUNS = 1000
WINDOWS = 36
DAY = timedelta(days=1)


@attrs.frozen(kw_only=True)
class Outlook:
    """What the coming days will probably bring.

    Attributes:
        since: the day from which it looks ahead.
        until: the day after the last one.
        open_deals: what the deals that are open now will bring until then, in expectation.
        new_deals: what deals will bring that nobody knows yet, as they did in the past.
        expected: both.
        low: less than this comes with a chance of 1 in 10.
        high: more than this comes with a chance of 1 in 10.
        deals: how many open deals were judged.
        closed: from how many closed deals it was learned.
        seasonal: whether the new deals follow the seasons of at least two years.
    """

    since: date
    until: date
    open_deals: Money
    new_deals: Money
    expected: Money
    low: Money
    high: Money
    deals: int
    closed: int
    seasonal: bool

    def _facts(self) -> dict[str, object]:
        return {
            "expected": self.expected,
            "between": f"{self.low} and {self.high} (8 times of 10)",
            "from open deals": f"{self.open_deals} ({self.deals} deals)",
            "from deals yet to come": self.new_deals,
            "learned from": f"{self.closed} closed deals",
        }

    def __format__(self, form: str) -> str:
        return card_md(f"{self.since} to {self.until}", self._facts()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return card_html(f"{self.since} to {self.until}", self._facts())


@attrs.frozen(kw_only=True)
class Lens:
    """What an outlook needs to know beside the history.

    Attributes:
        currency: of the result.
        worth: an amount in the currency, on a day.
        day_of: the calendar day of an instant.
    """

    currency: str
    worth: Callable[[Money, date], Money]
    day_of: Callable[[datetime], date]


def outlook(
    histories: Sequence[Sequence[DealState]], *, at: datetime, until: date, lens: Lens, seed: int = 0, runs: int = RUNS
) -> Outlook:
    """Look ahead from *at*.

    Each open deal is won in time with the chance that experience gives it (:class:`Experience`); deals without an
    amount count with the median of the won ones.  What new deals will bring is taken from windows of the same length in
    the past: what was won in them of deals that were opened in them; with two years of history and more, from windows
    of the same season only.  The interval comes from simulations of both; the same *seed* gives the same interval.

    Args:
        histories: the states of every deal in order, as far as they were known at *at*.
        at: the moment from which to look.
        until: the day after the last one.
        lens: currency and calendar.
        seed: for the simulations.
        runs: how many simulations, 100 and more.

    Raises:
        InvalidInput: *until* is not after *at*.
    """
    today = lens.day_of(at)
    days = (until - today).days
    if days < 1 or runs < 100:
        raise InvalidInput(f"an outlook needs a day after {today} and 100 runs or more; got {until} and {runs}")
    learned = experience(histories, at=at)
    won = [worth for states in histories if (worth := _won_amount(states[-1], lens)) is not None]
    usual = Money.from_minor(round(median(m.minor for m in won)), lens.currency) if won else Money.zero(lens.currency)
    bets = list(_bets(histories, learned, at=at, days=days, usual=usual, lens=lens))
    windows, seasonal = _windows(histories, today=today, days=days, lens=lens)
    expected_open = sum(chance * minor for chance, minor in bets)
    expected_new = fmean(windows) if windows else 0.0
    low, high = _interval(bets, windows, seed=seed, runs=runs)

    def money(minor: float) -> Money:
        return Money.from_minor(round(minor), lens.currency)

    return Outlook(
        since=today,
        until=until,
        open_deals=money(expected_open),
        new_deals=money(expected_new),
        expected=money(expected_open) + money(expected_new),
        low=money(low),
        high=money(high),
        deals=len(bets),
        closed=learned.closed,
        seasonal=seasonal,
    )


def _won_amount(state: DealState, lens: Lens) -> Money | None:
    if state.stage != WON or state.amount is None or state.closed_at is None:
        return None
    return lens.worth(state.amount, lens.day_of(state.closed_at))


def _bets(
    histories: Sequence[Sequence[DealState]],
    learned: Experience,
    *,
    at: datetime,
    days: int,
    usual: Money,
    lens: Lens,
) -> Iterator[tuple[float, int]]:
    """For each open deal, its chance and its amount in minor units."""
    today = lens.day_of(at)
    until = today + days * DAY
    for states in histories:
        deal = states[-1]
        if deal.stage in {WON, LOST}:
            continue
        in_time = deal.close_on is not None and deal.close_on < until
        prior = float(deal.probability) / 100 if in_time else 0.0
        amount = usual if deal.amount is None else lens.worth(deal.amount, today)
        yield learned.chance(deal, at=at, days=days, prior=prior), amount.minor


def _windows(histories: Sequence[Sequence[DealState]], *, today: date, days: int, lens: Lens) -> tuple[list[int], bool]:
    """What was won in past windows of deals that were opened in them; and whether by season."""
    if not histories:
        return [], False
    first = min(lens.day_of(states[0].created_at) for states in histories)
    length = (today - first).days
    seasonal = length >= 2 * 365 and length >= 365 + days
    if seasonal:
        starts = [today - timedelta(days=round(365.25 * years)) for years in range(1, length // 365 + 1)]
        starts = [start for start in starts if start >= first and (today - start).days >= days]
    else:
        count = min(length // days, WINDOWS)
        starts = [today - (number + 1) * days * DAY for number in range(count)]
    deals = [
        (lens.day_of(states[0].created_at), lens.day_of(last.closed_at), worth.minor)
        for states in histories
        if (worth := _won_amount(last := states[-1], lens)) is not None and last.closed_at is not None
    ]
    sums = [
        sum(minor for opened, closed, minor in deals if start <= opened and closed < start + days * DAY)
        for start in starts
    ]
    return sums, seasonal and bool(starts)


def _interval(
    bets: Sequence[tuple[float, int]], windows: Sequence[int], *, seed: int, runs: int
) -> tuple[float, float]:
    """The first and the ninth decile of simulated outcomes."""
    chances = random.Random(seed)  # noqa: S311 - a simulation, no secret
    draw = chances.random
    results = sorted(
        sum(minor for chance, minor in bets if draw() < chance) + (chances.choice(windows) if windows else 0)
        for _ in range(runs)
    )
    return float(results[runs // 10]), float(results[runs - 1 - runs // 10])
