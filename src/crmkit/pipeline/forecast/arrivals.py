"""Arrivals: what deals bring that nobody knows yet, as they did in the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import exp, sqrt
from random import Random

import attrs

WINDOWS = 36
FADES = 0.7
STEADY = 2
YEAR = 365
MANY = 30
DAY = timedelta(days=1)
Arrival = tuple[date, date, int]


@attrs.frozen(kw_only=True)
class Arrivals:
    """What is to be expected of deals that will be opened and won within some days.

    Attributes:
        expected: in minor units.
        count: how many deals that is.
        evidence: how many deals this was learned from.
        amounts: what deals like these brought, in minor units.
        seasonal: whether it follows the seasons of at least two years.
    """

    expected: float
    count: float
    evidence: int
    amounts: tuple[int, ...]
    seasonal: bool

    def draw(self, chances: Random) -> float:
        """One possible outcome: the number of deals, known as well as the evidence goes, and amounts of the past."""
        if not self.amounts or not self.count:
            return 0.0
        rate = self.count * chances.gammavariate(self.evidence + 1, 1 / (self.evidence + 1))
        number = _poisson(rate, chances)
        usual = self.expected / self.count
        scale = usual * len(self.amounts) / sum(self.amounts)
        return scale * sum(chances.choices(self.amounts, k=number)) if number else 0.0


def arrivals(deals: Sequence[Arrival], *, first: date, today: date, days: int) -> Arrivals:
    """Look at past windows of the same length: what was won in them of deals that were opened in them.

    Windows of long ago count less.  With two years and more, the window follows its season: as much above or below the
    level of the last year as the same days of earlier years were above or below the year before them; few deals move it
    little (two are added to either side).

    Args:
        deals: the won ones: the day when they were opened, the day when they were won, the amount in minor units.
        first: the first day of the history.
        today: the day from which to look.
        days: how many.
    """
    length = (today - first).days
    quick = sorted(deal for deal in deals if (deal[1] - deal[0]).days < days)

    def window(start: date) -> list[int]:
        end = start + days * DAY
        return [minor for opened, won, minor in quick if start <= opened and won < end]

    def level(before: date, count: int) -> tuple[float, float, int]:
        """The windows before a day, the latest most: the sum, the number of deals, and how many there were in all."""
        found = [window(before - (n + 1) * days * DAY) for n in range(count)]
        weights = [FADES**n for n in range(count)]
        whole = sum(weights)
        money = sum(w * sum(v) for w, v in zip(weights, found, strict=True)) / whole
        number = sum(w * len(v) for w, v in zip(weights, found, strict=True)) / whole
        return money, number, sum(map(len, found))

    if length < days:
        return Arrivals(expected=0, count=0, evidence=0, amounts=(), seasonal=False)
    amounts = tuple(minor for *_, minor in quick)
    a_year = max(YEAR // days, 1)
    years = [n for n in range(1, length // YEAR + 1) if today - (n + 1) * YEAR * DAY >= first] if days <= YEAR else []
    if not years:
        money, number, evidence = level(today, min(length // days, WINDOWS))
        return Arrivals(expected=money, count=number, evidence=evidence, amounts=amounts, seasonal=False)
    whole = [_mean([window(today - n * YEAR * DAY - (m + 1) * days * DAY) for m in range(a_year)]) for n in (0, *years)]
    same = [window(today - n * YEAR * DAY) for n in years]
    factor = (sum(map(len, same)) + STEADY) / (sum(number for _, number in whole[1:]) + STEADY)
    return Arrivals(
        expected=factor * whole[0][0],
        count=factor * whole[0][1],
        evidence=round(whole[0][1] * a_year),
        amounts=amounts,
        seasonal=True,
    )


def _mean(windows: Sequence[Sequence[int]]) -> tuple[float, float]:
    return sum(map(sum, windows)) / len(windows), sum(map(len, windows)) / len(windows)


def _poisson(rate: float, chances: Random) -> int:
    """A number of events that happen at *rate*; many of them are as good as normal."""
    if rate > MANY:
        return max(round(chances.gauss(rate, sqrt(rate))), 0)
    number, product, limit = 0, chances.random(), exp(-rate)
    while product > limit:
        number += 1
        product *= chances.random()
    return number
