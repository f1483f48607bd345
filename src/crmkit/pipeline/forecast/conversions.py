"""Conversions: of the deals that entered a stage, how many are won in the end, and how soon; with intervals."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.intervals import median_between, share_between
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.pipeline.forecast.experience import Stay, incidence
from crmkit.pipeline.stages.definition import SalesPipeline

HEADERS = ("stage", "entered", "won", "lost", "open", "won in the end", "95 times of 100", "days to win", "95 of 100")


@attrs.frozen(kw_only=True)
class StageConversion:
    """What becomes of deals that enter one stage.

    Attributes:
        entered: how many deals entered it, again and again counted each time.
        won: how many of them were won so far; likewise ``lost``, and ``open`` for those still undecided.
        chance: the share that is won in the end; deals that are still open count for as long as they were watched.
            Missing when none was decided.
        low: the lower end of the interval around it, ``high`` the upper end, at 95 %.
        days: the median time from the stage to the win, of those that were won, in days; missing without any.
        days_low: the lower end of the interval around it, ``days_high`` the upper end, at 95 %.
    """

    stage: str
    label: str
    entered: int
    won: int
    lost: int
    open: int
    chance: float | None
    low: float | None
    high: float | None
    days: float | None
    days_low: float | None
    days_high: float | None

    def cells(self) -> list[object]:
        """The row of a table."""
        chance = between = days = spread = ""
        if self.chance is not None:
            chance, between = f"{self.chance:.0%}", f"{self.low:.0%} – {self.high:.0%}"
        if self.days is not None:
            days, spread = f"{self.days:.1f}", f"{self.days_low:.1f} – {self.days_high:.1f}"
        return [self.label, self.entered, self.won, self.lost, self.open, chance, between, days, spread]


@attrs.frozen(kw_only=True)
class Conversions:
    """What becomes of the deals of one pipeline, stage by stage."""

    pipeline: str
    stages: tuple[StageConversion, ...]

    def stage(self, name: str) -> StageConversion:
        """One of them.

        Raises:
            InvalidInput: the pipeline has no such stage.
        """
        for stage in self.stages:
            if stage.stage == name:
                return stage
        known = ", ".join(stage.stage for stage in self.stages)
        raise InvalidInput(f"the pipeline {self.pipeline!r} has no stage {name!r}; it has {known}")

    def _rows(self) -> Iterator[list[object]]:
        return (stage.cells() for stage in self.stages)

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=f"What becomes of deals of the pipeline {self.pipeline}")


def conversions(process: SalesPipeline, stays: Mapping[tuple[str, str], Sequence[Stay]]) -> Conversions:
    """The conversions of the stages of *process*, from the *stays* in them."""
    made = [
        _conversion(stage.name, stage.label or stage.name, stays.get((process.name, stage.name), ()))
        for stage in process.stages
    ]
    return Conversions(pipeline=process.name, stages=tuple(made))


def _conversion(stage: str, label: str, stays: Sequence[Stay]) -> StageConversion:
    count = Counter(stay.ending for stay in stays)
    won = sorted(stay.days for stay in stays if stay.ending == "won")
    chance, low, high = chance_between(stays)
    middle = median_between(won) if won else (None, None)
    return StageConversion(
        stage=stage,
        label=label,
        entered=len(stays),
        won=count["won"],
        lost=count["lost"],
        open=count["open"],
        chance=chance,
        low=low,
        high=high,
        days=median(won) if won else None,
        days_low=middle[0],
        days_high=middle[1],
    )


def chance_between(stays: Sequence[Stay]) -> tuple[float | None, float | None, float | None]:
    """The chance to be won in the end, and the interval around it; missing when nothing was decided.

    Wilson's interval for so many decided deals as would make the estimate as uncertain as it is; its variance is that
    of the cumulative incidence by the delta method (E. Marubini and M. G. Valsecchi, "Analysing Survival Data from
    Clinical Trials and Observational Studies", 1995, section 10.2).  Without open deals this is the plain share.

    Example:
        >>> decided = [Stay(1, "won"), Stay(2, "lost"), Stay(3, "won"), Stay(4, "lost")]
        >>> [round(value, 3) for value in chance_between(decided)]
        [0.5, 0.15, 0.85]
    """
    ended = sum(stay.ending != "open" for stay in stays)
    if not ended:
        return None, None, None
    found = incidence(stays)
    final = sum(found.winning)
    endings = Counter(stay.days for stay in stays if stay.ending != "open")
    wins = Counter(stay.days for stay in stays if stay.ending == "won")
    variance = so_far = 0.0
    for day, alive, winning in zip(found.times, found.surviving, found.winning, strict=True):
        at_risk = len(found.lengths) - bisect_left(found.lengths, day)
        over, won = endings[day], wins[day]
        so_far += winning
        rest = final - so_far
        if over < at_risk:
            variance += rest**2 * over / (at_risk * (at_risk - over))
        variance += alive**2 * won * (at_risk - won) / at_risk**3
        variance -= 2 * rest * alive * won / at_risk**2
    sure = variance <= 0 or not 0 < final < 1
    cases = float(ended) if sure else min(final * (1 - final) / variance, float(len(stays)))
    low, high = share_between(final * cases, cases)
    return final, low, high
