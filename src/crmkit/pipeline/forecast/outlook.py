"""The outlook: history and open pipeline joined into one forecast, with an interval."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.render import card_html, card_md, printed
from crmkit.pipeline.forecast.arrivals import Arrival, Arrivals, arrivals
from crmkit.pipeline.forecast.passages import Chances, Where, leaving, passages_of
from crmkit.pipeline.opportunities.deal import DealState
from crmkit.pipeline.stages.definition import LOST, WON

RUNS = 1000
LEAST = 100
CHANGES = 20
LOOKS = 6
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
        return printed(
            self, form, md=lambda: card_md(f"{self.since} to {self.until}", self._facts()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return card_html(f"{self.since} to {self.until}", self._facts())


@attrs.frozen(kw_only=True)
class Lens:
    """What an outlook needs to know beside the history.

    Attributes:
        currency: of the result.
        worth: an amount in the currency, on a day.
        day_of: the calendar day of an instant.
        start_of: the first instant of a calendar day.
    """

    currency: str
    worth: Callable[[Money, date], Money]
    day_of: Callable[[datetime], date]
    start_of: Callable[[date], datetime]


def outlook(
    histories: Sequence[Sequence[DealState]], *, at: datetime, until: date, lens: Lens, seed: int = 0, runs: int = RUNS
) -> Outlook:
    """Look ahead from *at*.

    Each open deal is won in time with the chance that experience gives it (:mod:`passages`); its amount is corrected by
    what usually becomes of amounts when deals are won; deals without an amount count with the median of the won ones.
    What new deals bring is taken from windows of the past (:mod:`arrivals`).  The interval comes from simulations of
    both, which also draw how well the chances themselves are known; the same *seed* gives the same interval.

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
    days = max(round((lens.start_of(until) - at) / DAY), 1)
    if until <= today or runs < LEAST:
        raise InvalidInput(f"an outlook needs a day after {today} and {LEAST} runs or more; got {until} and {runs}")
    stages = {where: leaving(those) for where, those in passages_of(histories, at=at).items()}
    chances = Chances(stages, days=days)
    bets = list(_bets(histories, chances, at=at, until=until, lens=lens))
    new = arrivals(_won(histories, lens), first=_first(histories, lens) or today, today=today, days=days)
    expected_open = sum(bet.chance * bet.minor for bet in bets)
    low, high = _interval(
        bets,
        _evidence(histories),
        new,
        unrest=_unrest(histories, chances, at=at, days=days),
        draws=random.Random(seed),  # noqa: S311 - a simulation, no secret
        runs=runs,
    )

    def money(minor: float) -> Money:
        return Money.from_minor(round(minor), lens.currency)

    return Outlook(
        since=today,
        until=until,
        open_deals=money(expected_open),
        new_deals=money(new.expected),
        expected=money(expected_open) + money(new.expected),
        low=money(low),
        high=money(high),
        deals=len(bets),
        closed=sum(states[-1].stage in {WON, LOST} for states in histories),
        seasonal=new.seasonal,
    )


@attrs.frozen
class _Bet:
    """An open deal: its chance, its amount in minor units, and who shares its luck."""

    chance: float
    minor: int
    where: Where


def _bets(
    histories: Sequence[Sequence[DealState]], chances: Chances, *, at: datetime, until: date, lens: Lens
) -> Iterator[_Bet]:
    today = lens.day_of(at)
    won = [minor for *_, minor in _won(histories, lens)]
    usual = round(median(won)) if won else 0
    change = _change(histories, lens)
    for states in histories:
        deal = states[-1]
        if deal.stage in {WON, LOST}:
            continue
        in_time = deal.close_on is not None and deal.close_on < until
        prior = float(deal.probability) / 100 if in_time else 0.0
        minor = usual if deal.amount is None else round(change * lens.worth(deal.amount, today).minor)
        yield _Bet(chances.of(deal, at=at, prior=prior), minor, (deal.pipeline, deal.stage))


def _unrest(histories: Sequence[Sequence[DealState]], chances: Chances, *, at: datetime, days: int) -> float:
    """How much good and bad times there are: the variance of won deals to expected ones that chance does not explain.

    Looked at in as many days, six times back, with what is known now.
    """
    excess, looks = 0.0, 0
    for back in range(1, LOOKS + 1):
        then = at - back * days * DAY
        won, expected = 0, 0.0
        for states in histories:
            place = bisect_right(states, then, key=lambda state: state.created_at)
            if place == 0 or states[place - 1].stage in {WON, LOST}:
                continue
            expected += chances.of(states[place - 1], at=then, prior=0.0)
            end = states[-1].closed_at
            won += states[-1].stage == WON and end is not None and end <= then + days * DAY
        if expected >= 1:
            excess += ((won - expected) / expected) ** 2 - 1 / expected
            looks += 1
    return max(excess / looks, 0.0) if looks else 0.0


def _won(histories: Sequence[Sequence[DealState]], lens: Lens) -> list[Arrival]:
    """The won deals: when they were opened and won, and for how much."""
    found = []
    for states in histories:
        last = states[-1]
        if last.stage == WON and last.amount is not None and last.closed_at is not None:
            won_on = lens.day_of(last.closed_at)
            found.append((lens.day_of(states[0].created_at), won_on, lens.worth(last.amount, won_on).minor))
    return found


def _first(histories: Sequence[Sequence[DealState]], lens: Lens) -> date | None:
    return min((lens.day_of(states[0].created_at) for states in histories), default=None)


def _change(histories: Sequence[Sequence[DealState]], lens: Lens) -> float:
    """By what factor amounts change when deals are won; 1 before there are twenty of them."""
    before = after = count = 0
    for states in histories:
        last = states[-1]
        if last.stage == WON and len(states) > 1 and last.amount and states[-2].amount and last.closed_at is not None:
            day = lens.day_of(last.closed_at)
            before += lens.worth(states[-2].amount, day).minor
            after += lens.worth(last.amount, day).minor
            count += 1
    return after / before if count >= CHANGES else 1.0


def _evidence(histories: Sequence[Sequence[DealState]]) -> Mapping[Where, int]:
    """How many won deals have been in each stage."""
    passed = ({(state.pipeline, state.stage) for state in states} for states in histories if states[-1].stage == WON)
    return Counter(where for those in passed for where in those)


def _interval(
    bets: Sequence[_Bet],
    evidence: Mapping[Where, int],
    new: Arrivals,
    *,
    unrest: float,
    draws: random.Random,
    runs: int,
) -> tuple[float, float]:
    """The first and the ninth decile of simulated outcomes.

    In each simulation all deals share good or bad times, and those of a stage the same luck: the fewer won deals have
    passed it, the less is known of its chances.
    """
    stages = sorted({bet.where for bet in bets})
    by_stage = {where: [(bet.chance, bet.minor) for bet in bets if bet.where == where] for where in stages}
    results = []
    for _ in range(runs):
        times = draws.gammavariate(1 / unrest, unrest) if unrest > 0 else 1.0
        won = 0.0
        for where, those in by_stage.items():
            known = evidence.get(where, 0) + 1
            luck = times * draws.gammavariate(known, 1 / known)
            won += sum(minor for chance, minor in those if draws.random() < chance * luck)
        results.append(won + times * new.draw(draws))
    results.sort()
    return float(results[runs // 10]), float(results[runs - 1 - runs // 10])
