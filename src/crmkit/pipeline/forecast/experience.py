"""Experience: what became of deals that were in a stage, and how soon; learned from the history of all deals.

For each stage the chance to be won within some days is the cumulative incidence of winning, where losing is the other
ending, and deals that are still open count for as long as they have been watched (the estimator of Aalen and Johansen,
1978).  A deal is judged among those that were still open as long after they had entered its stage.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from crmkit.pipeline.opportunities.deal import DealState
from crmkit.pipeline.stages.definition import LOST, WON

Ending = Literal["won", "lost", "open"]
FAITH = 5.0


@attrs.frozen
class Stay:
    """From the entry of a deal into a stage to its end, or as long as it was watched.

    Attributes:
        days: how long.
        ending: what became of the deal in the end.
    """

    days: float
    ending: Ending


@attrs.frozen(kw_only=True)
class Incidence:
    """The chance to be won after the entry into one stage.

    Attributes:
        times: the days on which some deal ended, ascending.
        surviving: the share of deals that are still open just before each of *times*.
        winning: the share of all deals that is won at each of *times*.
        lengths: the watched days of all stays, ascending.
    """

    times: tuple[float, ...]
    surviving: tuple[float, ...]
    winning: tuple[float, ...]
    lengths: tuple[float, ...]

    def at_risk(self, age: float) -> int:
        """How many stays were at least so long."""
        return len(self.lengths) - bisect_left(self.lengths, age)

    def within(self, days: float, *, age: float = 0.0) -> float:
        """The chance to be won in the next *days*, for a deal that has been there for *age* days."""
        first, last = bisect_right(self.times, age), bisect_right(self.times, age + days)
        if first == len(self.times):
            return 0.0
        alive = self.surviving[first]
        return sum(self.winning[first:last]) / alive if alive > 0 else 0.0


def incidence(stays: Sequence[Stay]) -> Incidence:
    """The estimate from *stays*.

    Example:
        >>> found = incidence([Stay(5, "won"), Stay(10, "lost"), Stay(20, "won"), Stay(30, "open")])
        >>> [round(found.within(days), 2) for days in (4, 5, 20, 100)]
        [0.0, 0.25, 0.5, 0.5]
        >>> round(found.within(10, age=12), 2)
        0.5
    """
    lengths = sorted(stay.days for stay in stays)
    times = sorted({stay.days for stay in stays if stay.ending != "open"})
    surviving, winning, alive = [], [], 1.0
    by_day: dict[float, list[Ending]] = {}
    for stay in stays:
        by_day.setdefault(stay.days, []).append(stay.ending)
    for time in times:
        at_risk = len(lengths) - bisect_left(lengths, time)
        endings = by_day[time]
        surviving.append(alive)
        winning.append(alive * endings.count("won") / at_risk)
        alive *= 1 - (len(endings) - endings.count("open")) / at_risk
    return Incidence(times=tuple(times), surviving=tuple(surviving), winning=tuple(winning), lengths=tuple(lengths))


@attrs.frozen(kw_only=True)
class Experience:
    """What the past teaches about each stage of each pipeline.

    Attributes:
        stages: by pipeline and stage.
        closed: how many deals have ended.
    """

    stages: Mapping[tuple[str, str], Incidence]
    closed: int

    def chance(self, deal: DealState, *, at: datetime, days: float, prior: float) -> float:
        """The chance that *deal* is won within *days*.

        Few comparable deals say little: their share counts with their number against five deals that behave as *prior*
        says.

        Args:
            deal: an open deal.
            at: the moment from which it is seen.
            days: how far to look.
            prior: the chance to take without any experience, 0 to 1.
        """
        known = self.stages.get((deal.pipeline, deal.stage))
        if known is None:
            return prior
        age = max((at - deal.stage_since) / timedelta(days=1), 0.0)
        similar = known.at_risk(age)
        learned = known.within(days, age=age)
        return (similar * learned + FAITH * prior) / (similar + FAITH)


def experience(histories: Iterable[Sequence[DealState]], *, at: datetime) -> Experience:
    """Learn from the states of all deals, each deal's in order, as far as they were known at *at*."""
    histories = list(histories)
    stays = stays_of(histories, at=at)
    return Experience(
        stages={key: incidence(those) for key, those in stays.items()},
        closed=sum(states[-1].stage in {WON, LOST} for states in histories),
    )


def stays_of(histories: Iterable[Sequence[DealState]], *, at: datetime) -> dict[tuple[str, str], list[Stay]]:
    """By pipeline and stage, what became of the deals that entered it."""
    stays: dict[tuple[str, str], list[Stay]] = {}
    for states in histories:
        last = states[-1]
        ended = last.stage in {WON, LOST}
        end = (last.closed_at or last.created_at) if ended else at
        ending: Ending = "open" if not ended else "won" if last.stage == WON else "lost"
        seen: set[tuple[str, str, datetime]] = set()
        for state in states:
            key = (state.pipeline, state.stage, state.stage_since)
            if state.stage in {WON, LOST} or key in seen:
                continue
            seen.add(key)
            days = max((end - state.stage_since) / timedelta(days=1), 0.0)
            stays.setdefault(key[:2], []).append(Stay(days, ending))
    return stays
