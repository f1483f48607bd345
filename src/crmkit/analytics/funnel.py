"""Funnel: how far deals have come, stage by stage, and how many of those decided were won."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from crmkit.analytics.charts import bars, figure
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md


@attrs.frozen(kw_only=True)
class Reach:
    """One stage of a funnel.

    Attributes:
        stage: its name; ``label`` is how it is called in print.
        here: the open deals that are in it now.
        reached: the deals that came at least as far, whatever became of them.
        amount: what those that reached it are worth together.
        lost: the deals that were lost from it.
        conversion: the part of those in the stage before that reached it; missing for the first stage and when nobody
            was there.
    """

    stage: str
    label: str
    here: int
    reached: int
    amount: Money
    lost: int
    conversion: float | None


@attrs.frozen(kw_only=True)
class Funnel:
    """How far deals have come.

    A deal has come as far as the stage that it is in, or in which it was decided; a won deal has passed all stages.

    Attributes:
        pipeline: whose stages these are.
        stages: one row for each open stage, in order.
        won: how many deals were won; ``won_amount`` is what they are worth; likewise for ``lost`` and ``open``.
    """

    pipeline: str
    stages: tuple[Reach, ...]
    won: int
    lost: int
    open: int
    won_amount: Money
    lost_amount: Money
    open_amount: Money

    @property
    def win_rate(self) -> float | None:
        """The part of the decided deals that was won: won / (won + lost); missing when nothing was decided."""
        decided = self.won + self.lost
        return self.won / decided if decided else None

    def svg(self) -> str:
        """The stages as bars."""
        rows = [(s.label, float(s.reached), f"{s.reached:,}{_behind(s.conversion)}") for s in self.stages]
        last = self.stages[-1].reached if self.stages else 0
        rows.append(("won", float(self.won), f"{self.won:,}{_behind(self.won / last if last else None)}"))
        return bars(rows, title=f"Deals that reached each stage of the pipeline {self.pipeline}")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        rate = "nothing decided" if self.win_rate is None else f"{self.win_rate:.0%} won"
        return f"<Funnel of the pipeline {self.pipeline}: {self.open} open, {self.won} won, {self.lost} lost, {rate}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(HEADERS, self._cells(), caption=f"Pipeline {self.pipeline}"))

    def _cells(self) -> list[list[str]]:
        rows = [
            [s.label, f"{s.reached:,}", str(s.amount), _percent(s.conversion), f"{s.here:,}", f"{s.lost:,}"]
            for s in self.stages
        ]
        last = self.stages[-1].reached if self.stages else 0
        won = ["won", f"{self.won:,}", str(self.won_amount), _percent(self.won / last if last else None), "", ""]
        return [*rows, won]


HEADERS = ("stage", "reached", "amount", "conversion", "here now", "lost here")


@attrs.frozen
class Standing:
    """Deals that are alike: where they are, how many, and what they are worth."""

    stage: str
    last_open_stage: str | None
    count: int
    amount: Money


def funnel(
    rows: Iterable[Standing], *, pipeline: str, stages: Sequence[str], labels: Mapping[str, str], currency: str
) -> Funnel:
    """Count how far deals have come.

    Args:
        rows: where deals are; ``won`` and ``lost`` are the two ends.
        pipeline: the name of the pipeline.
        stages: its open stages in order; a deal in a stage that is not among them has come as far as the first.
        labels: how stages are called in print, by name.
        currency: that of all amounts.

    Example:
        >>> rows = [
        ...     Standing("offer", None, 2, Money(5, "EUR")),
        ...     Standing("won", "offer", 1, Money(9, "EUR")),
        ...     Standing("lost", "talk", 1, Money(1, "EUR")),
        ... ]
        >>> found = funnel(rows, pipeline="shop", stages=["talk", "offer"], labels={}, currency="EUR")
        >>> [(s.stage, s.reached) for s in found.stages], found.win_rate
        ([('talk', 4), ('offer', 3)], 0.5)
    """
    rows = list(rows)
    order = {stage: place for place, stage in enumerate(stages)}

    def place(row: Standing) -> int:
        if row.stage == "won":
            return len(stages)
        return order.get(row.last_open_stage or row.stage if row.stage == "lost" else row.stage, 0)

    made: list[Reach] = []
    for index, stage in enumerate(stages):
        passed = [row for row in rows if place(row) >= index]
        reached = sum(row.count for row in passed)
        before = made[-1].reached if made else 0
        at = [row for row in rows if place(row) == index]
        made.append(
            Reach(
                stage=stage,
                label=labels.get(stage, stage),
                here=sum(row.count for row in at if row.stage != "lost"),
                reached=reached,
                amount=Money.total((row.amount for row in passed), currency=currency),
                lost=sum(row.count for row in at if row.stage == "lost"),
                conversion=reached / before if before else None,
            )
        )
    ends = {end: [row for row in rows if row.stage == end] for end in ("won", "lost")}
    undecided = [row for row in rows if row.stage not in ends]
    return Funnel(
        pipeline=pipeline,
        stages=tuple(made),
        won=sum(row.count for row in ends["won"]),
        lost=sum(row.count for row in ends["lost"]),
        open=sum(row.count for row in undecided),
        won_amount=Money.total((row.amount for row in ends["won"]), currency=currency),
        lost_amount=Money.total((row.amount for row in ends["lost"]), currency=currency),
        open_amount=Money.total((row.amount for row in undecided), currency=currency),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _behind(share: float | None) -> str:
    return "" if share is None else f" · {share:.0%}"
