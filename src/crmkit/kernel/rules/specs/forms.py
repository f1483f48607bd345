"""The form of each part of a rule in JSON: what is read, checked and published as a schema."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from crmkit.errors import DefinitionError
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.constants import (
    BUCKET_LIMIT,
    HOURS_LIMIT,
    PATH_LIMIT,
    SECONDS_LIMIT,
    TEXT_LIMIT,
    WINDOW_LIMIT,
    bucket_of,
    constant,
    names_of,
    normal,
)
from crmkit.kernel.rules.nodes import Expr, Related, Rule, Window
from crmkit.kernel.text import shown

Whole = Annotated[StrictInt, Field(ge=0, le=WINDOW_LIMIT)]
KINDS: dict[str, Any] = {"pattern": "^(date|instant|decimal|microseconds|[A-Z]{3})$"}
A_MOMENT: dict[str, Any] = {"required": ["as"], "properties": {"as": {"enum": ["date", "instant"]}}}
Path = Annotated[StrictStr, Field(min_length=1, max_length=PATH_LIMIT)]


class Spec(BaseModel):
    """A part of a rule in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ── Expressions ──


class ValueSpec(Spec):
    """A value; ``as`` says what a text stands for: a date, an instant, a decimal, or money in that currency."""

    value: StrictBool | StrictInt | float | Annotated[StrictStr, Field(max_length=TEXT_LIMIT)]
    as_: str | None = Field(default=None, alias="as", json_schema_extra=KINDS)

    def read(self) -> Any:
        """The value itself."""
        try:
            match self.as_:
                case None:
                    return constant(self.value)
                case "date":
                    return date.fromisoformat(str(self.value))
                case "instant":
                    return constant(datetime.fromisoformat(str(self.value)))
                case "decimal":
                    return constant(Decimal(str(self.value)))
                case "microseconds":
                    return timedelta(microseconds=int(str(self.value)))
                case currency:
                    return Money(str(self.value), currency)
        except (ValueError, ArithmeticError) as error:
            why = "" if isinstance(error, ArithmeticError) else f": {shown(str(error), limit=200)}"
            raise DefinitionError(f"{shown(self.value)} is not a value of the kind {shown(self.as_)}{why}") from None

    def node(self) -> Expr:
        """The node."""
        return nodes.Const(self.read())


class FieldSpec(Spec):
    """A field, by its path."""

    field: Path

    def node(self) -> nodes.Attr:
        """The node."""
        return nodes.Attr(names_of(self.field))


class PartSpec(Spec):
    """A part of a date or instant."""

    part: Literal["year", "month", "day", "weekday", "hour", "monthday", "age"]
    of: FieldSpec

    def node(self) -> Expr:
        """The node."""
        return nodes.Part(self.of.node(), self.part)


class BucketSpec(Spec):
    """A stable random number."""

    bucket: Annotated[StrictInt, Field(ge=1, le=BUCKET_LIMIT)]
    salt: StrictStr = ""

    def node(self) -> Expr:
        """The node."""
        return bucket_of(self.bucket, self.salt)


def _given(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """What JSON Schema says for a part that is there, and not null."""
    return {"required": [name], "properties": {name: {"type": kind}, **more}}


MEASURES = [_given(name, "integer") for name in ("days", "hours", "months", "seconds")]
ENDS = [_given(name, "object", side={"const": "last"}) for name in ("since", "until")]


class WindowSpec(Spec):
    """A stretch of time."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [*MEASURES, *ENDS]})

    days: Whole | None = None
    hours: Whole | None = None
    months: Whole | None = None
    seconds: Annotated[StrictInt, Field(ge=0, le=SECONDS_LIMIT)] | None = None
    since: ValueSpec | None = Field(default=None, json_schema_extra=A_MOMENT)
    until: ValueSpec | None = Field(default=None, json_schema_extra=A_MOMENT)
    side: Literal["last", "before", "next"] = "last"

    def window(self) -> Window:
        """The window."""
        since, until = (None if end is None else end.read() for end in (self.since, self.until))
        if any(end is not None and not isinstance(end, date) for end in (since, until)):
            raise DefinitionError("since and until are dates or instants: say so with 'as'")
        measured = not self.days is self.hours is self.months is self.seconds is None
        if not measured and (self.side != "last" or since is until is None):
            raise DefinitionError(
                "a window needs days, months, hours or seconds, or since or until: an empty one says nothing"
            )
        return Window(self.days, self.hours, self.months, since, until, self.side, self.seconds)


class RelatedSpec(Spec):
    """Related rows."""

    rows: Path
    where: RuleSpec | None = None
    window: WindowSpec | None = None

    def related(self) -> Related:
        """The rows."""
        where = None if self.where is None else self.where.node()
        window = None if self.window is None else self.window.window()
        return Related(names_of(self.rows), where, window)


class AggregateSpec(RelatedSpec):
    """One value out of related rows."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"aggregate": {"const": "count"}}},
            "then": {"properties": {"of": {"type": "null"}}},
            "else": _given("of", "object"),
        }
    )

    aggregate: Literal["count", "sum", "avg", "min", "max", "distinct", "first", "last"]
    of: FieldSpec | None = None

    def node(self) -> Expr:
        """The node."""
        if (self.of is None) is not (self.aggregate == "count"):
            hint = "looks at a field: say which with 'of'" if self.of is None else "looks at no field: leave out 'of'"
            raise DefinitionError(f"{self.aggregate} {hint}")
        return nodes.Aggregate(self.aggregate, self.related(), None if self.of is None else self.of.node())


ExprSpec = ValueSpec | FieldSpec | PartSpec | BucketSpec | AggregateSpec


# ── Rules ──


class AlwaysSpec(Spec):
    """Everyone, or no one."""

    always: StrictBool

    def node(self) -> Rule:
        """The node."""
        return nodes.Always(self.always)


class AllSpec(Spec):
    """All of them."""

    all: list[RuleSpec]

    def node(self) -> Rule:
        """The node."""
        return nodes.AllOf(tuple(r.node() for r in self.all))


class AnySpec(Spec):
    """At least one of them."""

    any: list[RuleSpec]

    def node(self) -> Rule:
        """The node."""
        return nodes.AnyOf(tuple(r.node() for r in self.any))


class OddSpec(Spec):
    """An odd number of them: of two, one or the other."""

    odd: list[RuleSpec]

    def node(self) -> Rule:
        """The node."""
        return nodes.OddOf(tuple(r.node() for r in self.odd))


class NotSpec(Spec):
    """The complement."""

    not_: RuleSpec = Field(alias="not")

    def node(self) -> Rule:
        """The node."""
        return nodes.Not(self.not_.node())


class CompareSpec(Spec):
    """A comparison of two values."""

    left: ExprSpec
    op: Literal["==", "!=", "<", "<=", ">", ">="]
    right: ExprSpec

    def node(self) -> Rule:
        """The node."""
        return nodes.compared(self.left.node(), self.op, self.right.node())


class OneOfSpec(Spec):
    """The value is among these."""

    left: ExprSpec
    op: Literal["in"]
    right: list[ValueSpec]

    def node(self) -> Rule:
        """The node."""
        return nodes.OneOf(self.left.node(), tuple(dict.fromkeys(v.read() for v in self.right)))


class MatchSpec(Spec):
    """A text match; those that begin with ``i`` fold the case."""

    left: FieldSpec
    op: Literal["contains", "starts_with", "ends_with", "icontains", "iequals"]
    right: StrictStr

    def node(self) -> Rule:
        """The node."""
        fold = self.op.startswith("i")
        return nodes.Match(self.left.node(), self.op.removeprefix("i"), normal(self.right), fold)


class HasSpec(Spec):
    """The set has any, all or none of these texts."""

    left: FieldSpec
    op: Literal["has_any", "has_all", "has_none"]
    right: list[StrictStr]

    def node(self) -> Rule:
        """The node."""
        quantifier = cast("Literal['any', 'all', 'none']", self.op.removeprefix("has_"))
        return nodes.Has(self.left.node(), quantifier, tuple(map(normal, self.right)))


class MissingSpec(Spec):
    """There is no value."""

    missing: ExprSpec

    def node(self) -> Rule:
        """The node."""
        return nodes.Missing(self.missing.node())


class ExistsSpec(Spec):
    """There is such a row."""

    exists: RelatedSpec

    def node(self) -> Rule:
        """The node."""
        return nodes.Exists(self.exists.related())


class HeldSpec(Spec):
    """The state has lasted."""

    held: FieldSpec
    value: StrictStr | None = None
    window: WindowSpec

    def node(self) -> Rule:
        """The node."""
        return nodes.Held(self.held.node(), None if self.value is None else normal(self.value), self.window.window())


class DuringSpec(Spec):
    """The date or instant lies in a window."""

    during: FieldSpec
    window: WindowSpec

    def node(self) -> Rule:
        """The node."""
        return nodes.During(self.during.node(), self.window.window())


class AnniversarySpec(Spec):
    """The date returns within days."""

    anniversary: FieldSpec
    days: Annotated[StrictInt, Field(ge=0, le=366)] = 0

    def node(self) -> Rule:
        """The node."""
        return nodes.Anniversary(self.anniversary.node(), self.days)


class SequenceSpec(Spec):
    """One thing, and another one after it."""

    first: RelatedSpec
    then: RelatedSpec
    hours: Annotated[StrictInt, Field(ge=1, le=HOURS_LIMIT)]

    def node(self) -> Rule:
        """The node."""
        return nodes.Sequence(self.first.related(), self.then.related(), self.hours)


class SegmentSpec(Spec):
    """Membership of a segment."""

    segment: StrictStr

    def node(self) -> Rule:
        """The node."""
        return nodes.InSegment(normal(self.segment))


RuleSpec = (
    AlwaysSpec
    | AllSpec
    | AnySpec
    | OddSpec
    | NotSpec
    | CompareSpec
    | OneOfSpec
    | MatchSpec
    | HasSpec
    | MissingSpec
    | ExistsSpec
    | HeldSpec
    | DuringSpec
    | AnniversarySpec
    | SequenceSpec
    | SegmentSpec
)
for model in (RelatedSpec, AggregateSpec, AllSpec, AnySpec, OddSpec, NotSpec):
    model.model_rebuild()
