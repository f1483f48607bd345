"""Experience: what became of deals that were in a stage, and how soon; learned from the history of all deals.

For each stage the chance to be won within some days is the cumulative incidence of winning, where losing is the other
ending, and deals that are still open count for as long as they have been watched (the estimator of Aalen and Johansen,
1978).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from crmkit.pipeline.opportunities.deal import DealState
from crmkit.pipeline.stages.definition import LOST, WON

Ending = Literal["won", "lost", "open"]


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


def incidence(stays: Sequence[Stay]) -> Incidence:
    """The estimate from *stays*.

    Example:
        >>> found = incidence([Stay(5, "won"), Stay(10, "lost"), Stay(20, "won"), Stay(30, "open")])
        >>> found.times, found.winning
        ((5, 10, 20), (0.25, 0.0, 0.25))
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
