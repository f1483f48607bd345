"""What a stage and a pipeline are, as values: checked when they are made, and the state machine that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, get_args

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.checking import decimal
from crmkit.kernel.machine import Machine, Move, on
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import clean_text, nearest

Category = Literal["omitted", "pipeline", "best_case", "commit", "closed"]
CATEGORIES: tuple[str, ...] = get_args(Category)
Moves = Literal["free", "forward", "stepwise"]
WON, LOST = "won", "lost"
ROT = Decimal("1.5")
LISTS = ("roles", "to_win", "lost_reasons")
Light = Literal["green", "yellow", "red"]
StageType = Literal["open", "won", "lost"]


def _percent(value: Decimal | int | str) -> Decimal:
    share = decimal(value, what="the probability of a stage")
    if not 0 <= share <= 100:
        raise DefinitionError(f"the probability of a stage is 0 to 100 per cent, got {value}")
    return share


def _names(values: Sequence[str] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen
class Stage:
    """One stage that a deal may be in while it is open.

    Args:
        name: how it is called and stored.
        probability: how likely a deal in it is won, in per cent, 0 to 100.
        category: where the forecast counts its deals, unless a deal says otherwise.
        expected_days: how long a deal should stay at the most.
        warning_days: from when on it is warned about; *expected_days* unless given.
        requires: attributes that a deal must have before it enters.
        exit: a rule that must hold before a deal leaves for a later stage or is won.
        gate: what must be approved before a deal enters, as in ``"discount"``.
        label: how it is called in print.

    Raises:
        DefinitionError: a value does not fit.

    Example:
        >>> Stage("proposal", probability=50, category="best_case", expected_days=10).light(days=15)
        'red'
    """

    name: str
    probability: Decimal = attrs.field(default=Decimal(0), converter=_percent, kw_only=True)
    category: Category = attrs.field(default="pipeline", kw_only=True)
    expected_days: int | None = attrs.field(default=None, kw_only=True)
    warning_days: int | None = attrs.field(default=None, kw_only=True)
    requires: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    exit: Rule | None = attrs.field(default=None, kw_only=True, eq=str)
    gate: str | None = attrs.field(default=None, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        clean_text(self.name, what="the name of a stage", limit=60, required=True)
        if self.name in {WON, LOST}:
            raise DefinitionError(f"every pipeline ends in {WON!r} and {LOST!r}: name the open stages only")
        if self.category not in CATEGORIES or self.category == "closed":
            raise DefinitionError(f"stage {self.name}: the category of an open stage is one of {CATEGORIES[:-1]}")
        if any(days is not None and (type(days) is not int or days < 1) for days in (self.expected_days, self.warning)):
            raise DefinitionError(f"stage {self.name}: days are whole numbers of 1 and more")
        if self.exit is not None and not isinstance(self.exit, Rule):
            raise DefinitionError(f"stage {self.name}: exit is a rule, as in F.amount > Money(0, 'EUR')")

    @property
    def warning(self) -> int | None:
        """The days after which a deal is warned about."""
        return self.expected_days if self.warning_days is None else self.warning_days

    def light(self, *, days: float) -> Light:
        """How a deal stands that has been in this stage for so many days.

        Red from 1.5 times the expected days on, yellow when the warning is passed.  Source: Django-CRM's deal ageing.

        Args:
            days: completed and begun days in the stage, 0 and more.
        """
        if self.expected_days is not None and days >= float(ROT * self.expected_days):
            return "red"
        return "yellow" if self.warning is not None and days > self.warning else "green"

    def to_json(self) -> dict[str, Any]:
        """The stage as JSON keeps it."""
        values = attrs.asdict(self, recurse=False, filter=lambda a, v: v != a.default)
        rule = {} if self.exit is None else {"exit": to_json(self.exit)}
        lists = {"requires": list(self.requires)} if self.requires else {}
        return {**values, "probability": str(self.probability.normalize()), **lists, **rule}

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Stage:
        """A stage from its JSON form.

        Raises:
            DefinitionError: a part is unknown or wrong.
        """
        values = dict(spec)
        unknown = sorted(values.keys() - {a.name for a in attrs.fields(cls)})
        if unknown:
            near = nearest(unknown[0], [a.name for a in attrs.fields(cls)])
            raise DefinitionError(f"a stage has no {unknown[0]!r}" + (f", did you mean {near!r}?" if near else ""))
        if values.get("exit") is not None:
            values["exit"] = from_json(values["exit"])
        try:
            return cls(**values)
        except TypeError as wrong:
            raise DefinitionError(f"the JSON of a stage is wrongly formed: {wrong}") from None


def _stages(values: Iterable[Any]) -> tuple[Stage, ...]:
    stages = tuple(values)
    odd = [stage for stage in stages if not isinstance(stage, Stage)]
    if odd:
        raise DefinitionError(f"a stage is made by Stage(name, probability=…), got {odd[0]!r}")
    return stages


@attrs.frozen(slots=False)
class SalesPipeline:
    """The way of a deal: open stages in order; behind them every deal is won or lost.

    Third endings of other systems ("invalid", "cancelled") are lost reasons here: a deal that brings no money is lost,
    and the reason says why.  A won deal is not lost directly (as in Odoo): reopen it first, so that the history tells.

    Args:
        name: how it is called and stored.
        stages: the open stages, the first one is where deals begin.
        moves: ``"free"`` from every open stage to every other, ``"forward"`` only to later ones, ``"stepwise"`` to the
            next one or back to any.
        roles: the buying roles that matter here, for hosts to offer.
        to_win: attributes that a deal must have before it is won.
        lost_reasons: the reasons that may be given when a deal is lost; any text when there are none.  ``"other"`` asks
            for a note (as in Frappe CRM).

    Raises:
        DefinitionError: there are no stages, or two share a name.

    Example:
        >>> short = SalesPipeline("shop", stages=[Stage("interested", probability=30), Stage("offer", probability=60)])
        >>> short.machine.offers("interested")
        ('move to offer', 'win', 'lose')
    """

    name: str
    stages: tuple[Stage, ...] = attrs.field(converter=_stages, kw_only=True)
    moves: Moves = attrs.field(default="free", kw_only=True)
    roles: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    to_win: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    lost_reasons: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)

    def __attrs_post_init__(self) -> None:
        clean_text(self.name, what="the name of a pipeline", limit=60, required=True)
        names = [stage.name for stage in self.stages]
        if not names:
            raise DefinitionError(f"pipeline {self.name}: name at least one open stage")
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise DefinitionError(f"pipeline {self.name}: two stages are called {twice[0]!r}; rename one")
        if self.moves not in get_args(Moves):
            raise DefinitionError(f"pipeline {self.name}: moves is one of {get_args(Moves)}, not {self.moves!r}")

    @property
    def first(self) -> Stage:
        """Where deals begin."""
        return self.stages[0]

    @cached_property
    def order(self) -> Mapping[str, int]:
        """The place of each open stage, counted from 0."""
        return {stage.name: n for n, stage in enumerate(self.stages)}

    def __getitem__(self, name: str) -> Stage:
        if name not in self.order:
            raise DefinitionError(
                f"pipeline {self.name} says nothing of the stage {name!r}: define it with "
                f"crm.pipeline.stages.define({self.name!r}, stages=[…])"
            )
        return self.stages[self.order[name]]

    def __contains__(self, name: object) -> bool:
        return name in self.order

    def type_of(self, name: str) -> StageType:
        """Whether deals in the stage *name* are open, won or lost: what Salesforce and HubSpot call a stage's type.

        Raises:
            DefinitionError: the pipeline has no such stage.

        Example:
            >>> shop = SalesPipeline("shop", stages=[Stage("interested", probability=30)])
            >>> shop.type_of("interested"), shop.type_of("won")
            ('open', 'won')
        """
        if name in {WON, LOST}:
            return "won" if name == WON else "lost"
        _ = self[name]  # an unknown one is refused here
        return "open"

    def after(self, name: str) -> Stage | None:
        """The stage behind *name*; none behind the last one.

        Example:
            >>> shop = SalesPipeline("shop", stages=[Stage("interested"), Stage("offer")])
            >>> shop.after("interested").name, shop.after("offer")
            ('offer', None)
        """
        place = self.order.get(name)
        return None if place is None or place + 1 == len(self.stages) else self.stages[place + 1]

    @cached_property
    def machine(self) -> Machine:
        """How deals move in it."""
        return Machine(
            "opportunity",
            initial=self.first.name,
            final={WON, LOST},
            table=self._table(),
            labels={s.name: s.label for s in self.stages if s.label is not None},
        )

    def _table(self) -> tuple[Move, ...]:
        names = [stage.name for stage in self.stages]
        between = [
            Move(f"move to {target}", source, target)
            for here, source in enumerate(names)
            for there, target in enumerate(names)
            if self._may(here, there)
        ]
        ends = (*on("win", names, WON), *on("lose", names, LOST, needs="reason"))
        back = [
            Move("reopen" if there == 0 else f"reopen at {target}", source, target)
            for source in (WON, LOST)
            for there, target in enumerate(names)
        ]
        return (*between, *ends, *back)

    def _may(self, here: int, there: int) -> bool:
        if self.moves == "free":
            return here != there
        return there > here if self.moves == "forward" else there == here + 1 or there < here

    def to_json(self) -> dict[str, Any]:
        """The pipeline as JSON keeps it."""
        stages = [stage.to_json() for stage in self.stages]
        lists = {name: list(getattr(self, name)) for name in LISTS}
        return {"name": self.name, "moves": self.moves, **lists, "stages": stages}

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> SalesPipeline:
        """A pipeline from its JSON form.

        Raises:
            DefinitionError: a part is missing or wrong.
        """
        try:
            stages = [Stage.from_json(stage) for stage in spec["stages"]]
            lists = {name: spec.get(name, ()) for name in LISTS}
            return cls(spec["name"], stages=stages, moves=spec.get("moves", "free"), **lists)
        except KeyError as missing:
            raise DefinitionError(f"the JSON of a pipeline lacks {missing}") from None

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            (s.label or s.name, f"{s.probability.normalize():f} %", s.category, s.expected_days, ", ".join(_asks(s)))
            for s in self.stages
        ]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=self.name)


HEADERS = ("stage", "probability", "category", "expected days", "asks for")


def _asks(stage: Stage) -> list[str]:
    gate = [] if stage.gate is None else [f"approval of {stage.gate}"]
    rule = [] if stage.exit is None else [f"to leave: {stage.exit}"]
    return [*stage.requires, *gate, *rule]
