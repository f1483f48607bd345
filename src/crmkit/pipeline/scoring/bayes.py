"""Naive Bayes: how likely a lead is won, from how leads like it have ended, explained factor by factor.

Two methods share one table of counts per team, field and value.

* :data:`CAREFUL`, the default, is honest about small samples.  A value that a team has seen fewer than *minimum* times
  is judged by everybody's leads; one that nobody has seen so often is left out, and the explanation says so.  Shares
  are smoothed by adding *smoothing* to each value (Laplace, Lidstone), the prior by one win and one loss.
* :data:`ODOO` reproduces the numbers of Odoo's predictive lead scoring (``crm.lead.scoring.frequency``): a tenth is
  added to both sides when a row comes into being, the prior is the row of the first stage, a team without rows is
  judged by the sum of all teams, and a tag counts from 50 observations on.  After a single win it says 91.67 %.

In both, a won lead counts for every stage, a lost one for the stages up to the one in which it was lost: it has passed
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, log
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.render import printed, table_html, table_md

STAGE, TAGS, PRIOR, ALL = "stage", "tags", "prior", "*"
LOWEST, HIGHEST = 0.01, 99.99
Cell = tuple[str, str, str]
Features = Mapping[str, tuple[str, ...]]


@attrs.frozen(kw_only=True)
class Method:
    """How counts become a probability.

    Attributes:
        added: what a new row of the table begins with on both sides.
        smoothing: what is added to each value's count when shares are taken; above 0 unless *added* is.
        minimum: how often a value must have been seen; below, it is judged by everybody's leads, or left out.
        tag_minimum: the same for tags.
        whole_team: whether back-off is decided once for a team (any row, or none) instead of value by value.
        stage_prior: whether the prior is the row of the first stage instead of the wins and losses.
    """

    name: str
    added: float = 0.0
    smoothing: float = 1.0
    minimum: float = 5
    tag_minimum: float = 5
    whole_team: bool = False
    stage_prior: bool = False

    def __attrs_post_init__(self) -> None:
        if min(self.added, self.smoothing, self.minimum, self.tag_minimum) < 0 or self.added + self.smoothing <= 0:
            raise InvalidInput(
                "smoothing must be above 0, the minima 0 or more: without smoothing one loss rules all out"
            )


CAREFUL = Method(name="careful")
ODOO = Method(name="odoo", added=0.1, smoothing=0.0, minimum=0, tag_minimum=50, whole_team=True, stage_prior=True)
METHODS: Mapping[str, Method] = {m.name: m for m in (CAREFUL, ODOO)}


@attrs.frozen(kw_only=True)
class Outcome:
    """How one lead ended.

    Attributes:
        stage: the open stage in which it was lost; for a won one it plays no part.
        features: by field, its values.
    """

    won: bool
    team: str | None
    stage: str | None
    features: Features


@attrs.frozen(kw_only=True)
class Factor:
    """What one fact says about a lead.

    Attributes:
        won: the share of won leads that have it; ``lost``: of the lost ones.
        wins: how many won leads have it; ``losses``: how many lost ones.
        judged_by: the team whose leads were counted, or everybody's.
        left_out: why it does not count.
    """

    field: str
    value: str
    won: float = 1.0
    lost: float = 1.0
    wins: float = 0.0
    losses: float = 0.0
    judged_by: str = "everybody"
    left_out: str | None = None

    @property
    def lift(self) -> float:
        """How many times more usual it is among won leads than among lost ones."""
        return self.won / self.lost

    @property
    def share(self) -> float:
        """0 to 1; above 0.5 it speaks for the lead: what Odoo's tooltip shows."""
        return self.won / (self.won + self.lost)


@attrs.frozen(kw_only=True)
class Judgement:
    """A probability in percent, and what it comes from.

    Attributes:
        factors: the prior first, then one for each fact.
    """

    probability: float
    factors: tuple[Factor, ...]

    @property
    def helping(self) -> list[Factor]:
        """What speaks for the lead, the strongest first."""
        return sorted((f for f in self._counted if f.lift > 1), key=lambda f: -f.lift)

    @property
    def hurting(self) -> list[Factor]:
        """What speaks against it, the strongest first."""
        return sorted((f for f in self._counted if f.lift < 1), key=lambda f: f.lift)

    @property
    def _counted(self) -> list[Factor]:
        return [f for f in self.factors[1:] if f.left_out is None]

    def __format__(self, form: str) -> str:
        return printed(
            self,
            form,
            md=lambda: table_md(["fact", "value", "won", "lost", "counts"], self._rows()),
            html=self._repr_html_,
        )

    def _repr_html_(self) -> str:
        return table_html(["fact", "value", "won", "lost", "counts"], self._rows(), caption=f"{self.probability} %")

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for f in self.factors:
            counts = f.left_out or f"× {f.lift:.2f} ({f.wins:g} won, {f.losses:g} lost, {f.judged_by})"
            yield f.field, f.value, f"{f.won:.1%}", f"{f.lost:.1%}", counts


@attrs.define(eq=False)
class Table:
    """Counts of won and lost leads by team, field and value; ``*`` stands for everybody.

    Args:
        stages: the stages in order, the won one last.
        method: how counts become a probability.
        cells: by (team, field, value), the wins and the losses.
    """

    stages: tuple[str, ...]
    method: Method = CAREFUL
    cells: dict[Cell, tuple[float, float]] = attrs.field(factory=dict)
    _sums: dict[tuple[str, str], tuple[float, float, int]] = attrs.field(factory=dict, init=False)
    _factors: dict[Cell, Factor] = attrs.field(factory=dict, init=False)
    _weights: dict[Cell, float] = attrs.field(factory=dict, init=False)
    _total: dict[tuple[str, str], tuple[float, float]] | None = attrs.field(default=None, init=False)

    @classmethod
    def learned(cls, outcomes: Iterable[Outcome], *, stages: Sequence[str], method: Method = CAREFUL) -> Table:
        """The table of these outcomes.

        >>> table = Table.learned(
        ...     [Outcome(won=True, team=None, stage=None, features={"source": ("friend",)})] * 8
        ...     + [Outcome(won=False, team=None, stage="new", features={"source": ("advert",)})] * 12,
        ...     stages=("new", "qualified", "converted"),
        ... )
        >>> table.judge({"source": ("friend",)}, team=None, stage="new").probability
        89.72
        """
        counts: dict[Cell, list[int]] = {}
        for outcome in outcomes:
            for cell in cells_of(outcome, stages=tuple(stages)):
                counts.setdefault(cell, [0, 0])[0 if outcome.won else 1] += 1
        added = method.added
        return cls(tuple(stages), method, {c: (won + added, lost + added) for c, (won, lost) in counts.items()})

    def count(self, outcome: Outcome, *, sign: Literal[1, -1]) -> None:
        """Add one more outcome, or take it out again; a side never falls to 0 where rows begin above it."""
        added = self.method.added
        for cell in cells_of(outcome, stages=self.stages):
            won, lost = self.cells.get(cell, (added, added))
            won, lost = (won + sign, lost) if outcome.won else (won, lost + sign)
            self.cells[cell] = (max(round(won, 1), added), max(round(lost, 1), added))
        self._total = None
        self._sums.clear()
        self._factors.clear()
        self._weights.clear()

    def judge(self, features: Features, *, team: str | None, stage: str | None) -> Judgement:
        """How likely an open lead is won."""
        group = self._group(team)
        prior = self._prior(group)
        factors = [prior, *self._about_stage(group, stage)]
        factors += [self._about(group, f, value) for f, values in features.items() for value in values]
        weight = sum(_weight(f) for f in factors)
        return Judgement(probability=clamped(weight), factors=tuple(factors))

    def probability(self, features: Features, *, team: str | None, stage: str | None) -> float:
        """The same without the explanation, for many leads: the weight of each cell is computed once."""
        group = self._group(team)
        cells = [(group, PRIOR, "")]
        if stage is not None and stage in self.stages:
            cells.append((group, STAGE, stage))
        cells += [(group, f, value) for f, values in features.items() for value in values]
        known = self._weights
        return clamped(sum([known[cell] if cell in known else self._weighed(cell) for cell in cells]))

    def _weighed(self, cell: Cell) -> float:
        group, field, value = cell
        factor = self._prior(group) if field == PRIOR else self._about(group, field, value)
        weight = self._weights[cell] = _weight(factor)
        return weight

    # ── One factor each ──

    def _group(self, team: str | None) -> str:
        known = team is not None and (team, STAGE, self.stages[0]) in self.cells
        return team if team is not None and known else ALL

    def _prior(self, group: str) -> Factor:
        won, lost = self._cell(group, STAGE, self.stages[0])
        if not self.method.stage_prior and won + lost < self.method.minimum:
            group = ALL
            won, lost = self._cell(group, STAGE, self.stages[0])
        one = 0.0 if self.method.stage_prior else 1.0
        total = won + lost + 2 * one
        share = (won + one) / total if total else 0.5
        return Factor(field=PRIOR, value="", won=share, lost=1 - share, wins=won, losses=lost, judged_by=_word(group))

    def _about_stage(self, group: str, stage: str | None) -> list[Factor]:
        if stage is None or stage not in self.stages:
            return []
        return [self._about(group, STAGE, stage)]

    def _about(self, group: str, field: str, value: str) -> Factor:
        known = self._factors.get((group, field, value))
        if known is None:
            known = self._factors[group, field, value] = self._counted(group, field, value)
        return known

    def _counted(self, group: str, field: str, value: str) -> Factor:
        enough = self.method.tag_minimum if field == TAGS else self.method.minimum
        won, lost = self._cell(group, field, value)
        if won + lost < enough and not self.method.whole_team and group != ALL:
            group = ALL
            won, lost = self._cell(group, field, value)
        if won + lost < enough or won + lost == 0:
            why = "never seen" if won + lost == 0 else f"seen {won + lost:g} times, too few"
            return Factor(field=field, value=value, wins=won, losses=lost, judged_by=_word(group), left_out=why)
        won_share, lost_share = self._shares(group, field, won, lost)
        return Factor(
            field=field, value=value, won=won_share, lost=lost_share, wins=won, losses=lost, judged_by=_word(group)
        )

    def _shares(self, group: str, field: str, won: float, lost: float) -> tuple[float, float]:
        more = self.method.smoothing
        if field == STAGE:  # every won lead has passed each stage, so the shares are of leads, not of values
            all_won, all_lost = self._cell(group, STAGE, self.stages[0])
            return (won + more) / (all_won + more), (lost + more) / (all_lost + more)
        all_won, all_lost, values = self._sum(group, field)
        return (won + more) / (all_won + more * values), (lost + more) / (all_lost + more * values)

    def _cell(self, group: str, field: str, value: str) -> tuple[float, float]:
        return (
            self._everybody.get((field, value), (0.0, 0.0))
            if group == ALL
            else self.cells.get((group, field, value), (0.0, 0.0))
        )

    def _sum(self, group: str, field: str) -> tuple[float, float, int]:
        """The wins and losses of all values of *field* that count, and how many values there are."""
        known = self._sums.get((group, field))
        if known is None:
            enough = self.method.tag_minimum if field == TAGS else 0
            rows = [c for (f, _), c in self._rows(group) if f == field and sum(c) >= enough]
            known = (sum(w for w, _ in rows), sum(lost for _, lost in rows), len(rows))
            self._sums[group, field] = known
        return known

    def _rows(self, group: str) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
        if group == ALL:
            yield from self._everybody.items()
            return
        yield from (((f, v), c) for (g, f, v), c in self.cells.items() if g == group)

    @property
    def _everybody(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """The sum of all teams."""
        if self._total is None:
            self._total = {}
            for (_, f, v), (won, lost) in self.cells.items():
                before = self._total.get((f, v), (0.0, 0.0))
                self._total[f, v] = before[0] + won, before[1] + lost
        return self._total

    # ── Store ──

    def to_json(self) -> list[list[Any]]:
        """The cells as JSON keeps them."""
        return [[*cell, won, lost] for cell, (won, lost) in sorted(self.cells.items())]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[Any]], *, stages: Sequence[str], method: Method) -> Table:
        """The table that :meth:`to_json` gave."""
        return cls(tuple(stages), method, {(t, f, v): (won, lost) for t, f, v, won, lost in rows})


def cells_of(outcome: Outcome, *, stages: tuple[str, ...]) -> Iterator[Cell]:
    """Where *outcome* is counted."""
    team = outcome.team or ""
    last = len(stages)
    if not outcome.won:
        last = stages.index(outcome.stage) + 1 if outcome.stage in stages else 1
    for stage in stages[:last]:
        yield team, STAGE, stage
    for field, values in outcome.features.items():
        for value in values:
            yield team, field, value


def clamped(weight: float) -> float:
    """A probability in percent from the logarithm of the odds: two decimals, 0.01 to 99.99."""
    odds = exp(-abs(weight)) if abs(weight) < 700 else 0.0
    share = 1 / (1 + odds) if weight >= 0 else odds / (1 + odds)
    return min(max(round(100 * share + 1e-9, 2), LOWEST), HIGHEST)


def _weight(factor: Factor) -> float:
    return log(factor.won) - log(factor.lost)


def _word(group: str) -> str:
    return "everybody" if group == ALL else group or "no team"
