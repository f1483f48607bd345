"""Passages: how long deals stay in a stage, and where they go from there; and the chance of a win that follows.

A deal goes from stage to stage until it is won or lost.  How long it stays in a stage, and where it goes then, is taken
from all deals that were in that stage (deals that are still there count for as long as they were watched: the estimator
of Aalen and Johansen, 1978).  What it did before it came into the stage plays no part (a semi-Markov process).  So a
deal is compared with those that stayed as long in the same stage, not with those that have left it by then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from crmkit.pipeline.opportunities.deal import DealState
from crmkit.pipeline.stages.definition import LOST, WON

FAITH = 5.0
DAY = timedelta(days=1)
Where = tuple[str, str]


@attrs.frozen
class Passage:
    """From the entry of a deal into a stage until it left it, or as long as it was watched.

    Attributes:
        days: how long, in whole days begun, 1 and more.
        to: pipeline and stage where it went; missing when it is still there.
    """

    days: int
    to: Where | None


@attrs.frozen(kw_only=True)
class Leaving:
    """How deals leave one stage.

    Attributes:
        times: the days on which some deal left, ascending.
        alive: the share of deals that are still there just before each of *times*.
        shares: for each of *times*, the share of all deals that leaves then, by where they go.
        left: the days after which deals left, ascending.
        watched: the days for which the others were watched so far, ascending.
    """

    times: tuple[int, ...]
    alive: tuple[float, ...]
    shares: tuple[Mapping[Where, float], ...]
    left: tuple[int, ...]
    watched: tuple[int, ...]

    def similar(self, age: int, *, days: int) -> int:
        """How many deals tell what becomes of one of that *age* in some *days*.

        They left later than that, or were watched all that time.
        """
        left, watched = self.left, self.watched
        return len(left) - bisect_right(left, age) + len(watched) - bisect_right(watched, age + days - 1)


def leaving(passages: Sequence[Passage]) -> Leaving:
    """The estimate from *passages*.

    Example:
        >>> found = leaving([Passage(2, ("p", "won")), Passage(2, ("p", "lost")), Passage(3, None), Passage(5, None)])
        >>> found.times, found.shares[0]
        ((2,), {('p', 'won'): 0.25, ('p', 'lost'): 0.25})
    """
    lengths = sorted(passage.days for passage in passages)
    gone = tuple(sorted(passage.days for passage in passages if passage.to is not None))
    by_day: dict[int, Counter[Where]] = defaultdict(Counter)
    for passage in passages:
        if passage.to is not None:
            by_day[passage.days][passage.to] += 1
    times, alive, shares, left = tuple(sorted(by_day)), [], [], 1.0
    for day in times:
        at_risk = len(lengths) - bisect_right(lengths, day - 1)
        alive.append(left)
        shares.append({to: left * count / at_risk for to, count in by_day[day].items()})
        left *= 1 - by_day[day].total() / at_risk
    watched = tuple(sorted(passage.days for passage in passages if passage.to is None))
    return Leaving(times=times, alive=tuple(alive), shares=tuple(shares), left=gone, watched=watched)


def passages_of(histories: Iterable[Sequence[DealState]], *, at: datetime) -> dict[Where, list[Passage]]:
    """The passages through each stage, from the states of all deals, each deal's in order, as known at *at*."""
    found: dict[Where, list[Passage]] = defaultdict(list)
    for states in histories:
        here = states[0]
        for state in states[1:]:
            if (state.pipeline, state.stage, state.stage_since) != (here.pipeline, here.stage, here.stage_since):
                _add(found, here, state.created_at, (state.pipeline, state.stage))
                here = state
        _add(found, here, at, None)
    return found


def _add(found: dict[Where, list[Passage]], here: DealState, end: datetime, to: Where | None) -> None:
    if here.stage not in {WON, LOST}:
        found[here.pipeline, here.stage].append(Passage(max(-((here.stage_since - end) // DAY), 1), to))


class Chances:
    """The chances to be won within some days.

    Args:
        stages: how deals leave each stage.
        days: how far to look, 1 and more.
    """

    def __init__(self, stages: Mapping[Where, Leaving], *, days: int) -> None:
        self._stages, self._days = stages, days
        self._fresh = _fresh(stages, days)
        self._known: dict[tuple[Where, int], float] = {}

    def of(self, deal: DealState, *, at: datetime, prior: float) -> float:
        """The chance that *deal* is won.

        Few comparable deals say little: what they say counts with their number against five deals that behave as
        *prior* says.

        Args:
            deal: an open deal.
            at: the moment from which it is seen.
            prior: the chance to take without any experience, 0 to 1.
        """
        where = (deal.pipeline, deal.stage)
        stage = self._stages.get(where)
        if stage is None:
            return prior
        age = max((at - deal.stage_since) // DAY, 0)
        similar = stage.similar(age, days=self._days)
        return (similar * self.learned(where, age=age) + FAITH * prior) / (similar + FAITH)

    def learned(self, where: Where, *, age: int) -> float:
        """What experience alone says of deals that have been in a stage for *age* days."""
        if (where, age) not in self._known:
            self._known[where, age] = self._chance(where, age)
        return self._known[where, age]

    def _chance(self, where: Where, age: int) -> float:
        stage = self._stages[where]
        first = bisect_right(stage.times, age)
        if first == len(stage.times) or not stage.alive[first]:
            return 0.0
        won = 0.0
        for time, shares in zip(stage.times[first:], stage.shares[first:], strict=True):
            rest = self._days - (time - age)
            if rest < 0:
                break
            won += sum(share * self._after(to, rest) for to, share in shares.items())
        return won / stage.alive[first]

    def _after(self, to: Where, rest: int) -> float:
        if to[1] in {WON, LOST}:
            return float(to[1] == WON)
        return self._fresh[to][rest] if to in self._fresh else 0.0


def _fresh(stages: Mapping[Where, Leaving], days: int) -> dict[Where, list[float]]:
    """For each stage, the chance that a deal that enters it now is won within 0, 1, 2 … days."""
    found = {where: [0.0] * (days + 1) for where in stages}
    for day in range(1, days + 1):
        for where, stage in stages.items():
            won = 0.0
            for time, shares in zip(stage.times, stage.shares, strict=True):
                if time > day:
                    break
                for to, share in shares.items():
                    if to[1] == WON:
                        won += share
                    elif to in found:
                        won += share * found[to][day - time]
            found[where][day] = won
    return found
