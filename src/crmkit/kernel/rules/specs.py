"""Rules as JSON: how they are stored, and how a rule builder in a browser writes them.

The models below are the form, and :func:`json_schema` publishes it; ``crmkit-rule/1`` is its version.

>>> from crmkit.kernel.rules import F
>>> from crmkit.kernel.rules.specs import from_json, to_json
>>> rule = F.city == "Chengdu"
>>> to_json(rule)
{'left': {'field': 'city'}, 'op': '==', 'right': {'value': 'Chengdu'}}
>>> from_json(to_json(rule)) == rule
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, cast

import attrs
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter, ValidationError

from crmkit.errors import CrmError, DefinitionError
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.fields import SECONDS_LIMIT, WINDOW_LIMIT, constant
from crmkit.kernel.rules.nodes import Expr, Related, Rule, Window

VERSION = "crmkit-rule/1"
DEPTH_LIMIT = 60
SIZE_LIMIT = 250_000
Whole = Annotated[StrictInt, Field(ge=0, le=WINDOW_LIMIT)]
Path = Annotated[StrictStr, Field(min_length=1, max_length=500)]


class Spec(BaseModel):
    """A part of a rule in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ── Expressions ──


class ValueSpec(Spec):
    """A value; ``as`` says what a text stands for: a date, an instant, a decimal, or money in that currency."""

    value: StrictBool | StrictInt | float | Annotated[StrictStr, Field(max_length=1_000_000)]
    as_: str | None = Field(default=None, alias="as")

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
                    return timedelta(microseconds=int(self.value))
                case currency:
                    return Money(str(self.value), currency)
        except (ValueError, OverflowError, InvalidOperation, CrmError) as error:
            raise DefinitionError(f"{self.value!r} is not a value of the kind {self.as_}: {error}") from None

    def node(self) -> Expr:
        """The node."""
        return nodes.Const(self.read())


class FieldSpec(Spec):
    """A field, by its path."""

    field: Path

    def node(self) -> nodes.Attr:
        """The node."""
        return nodes.Attr(tuple(self.field.split(".")))


class PartSpec(Spec):
    """A part of a date or instant."""

    part: Literal["year", "month", "day", "weekday", "hour", "monthday", "age"]
    of: FieldSpec

    def node(self) -> Expr:
        """The node."""
        return nodes.Part(self.of.node(), self.part)


class BucketSpec(Spec):
    """A stable random number."""

    bucket: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    salt: StrictStr = ""

    def node(self) -> Expr:
        """The node."""
        return nodes.Bucket(self.bucket, self.salt)


class WindowSpec(Spec):
    """A stretch of time."""

    days: Whole | None = None
    hours: Whole | None = None
    months: Whole | None = None
    seconds: Annotated[StrictInt, Field(ge=0, le=SECONDS_LIMIT)] | None = None
    since: ValueSpec | None = None
    until: ValueSpec | None = None
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
        return Related(tuple(self.rows.split(".")), where, window)


class AggregateSpec(RelatedSpec):
    """One value out of related rows."""

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
        return nodes.Compare(self.left.node(), self.op, self.right.node())


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
        return nodes.Match(self.left.node(), self.op.removeprefix("i"), str(constant(self.right)), fold)


class HasSpec(Spec):
    """The set has any, all or none of these texts."""

    left: FieldSpec
    op: Literal["has_any", "has_all", "has_none"]
    right: list[StrictStr]

    def node(self) -> Rule:
        """The node."""
        quantifier = cast("Literal['any', 'all', 'none']", self.op.removeprefix("has_"))
        return nodes.Has(self.left.node(), quantifier, tuple(str(constant(t)) for t in self.right))


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
        return nodes.Held(self.held.node(), self.value, self.window.window())


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
    hours: Annotated[StrictInt, Field(ge=1, le=24 * WINDOW_LIMIT)]

    def node(self) -> Rule:
        """The node."""
        return nodes.Sequence(self.first.related(), self.then.related(), self.hours)


class SegmentSpec(Spec):
    """Membership of a segment."""

    segment: StrictStr

    def node(self) -> Rule:
        """The node."""
        return nodes.InSegment(str(constant(self.segment)))


RuleSpec = (
    AlwaysSpec
    | AllSpec
    | AnySpec
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
for model in (RelatedSpec, AggregateSpec, AllSpec, AnySpec, NotSpec):
    model.model_rebuild()
ADAPTER: TypeAdapter[RuleSpec] = TypeAdapter(RuleSpec)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules, for editors and rule builders."""
    return {"$id": VERSION, "title": "A rule of crmkit", **ADAPTER.json_schema()}


def from_json(spec: Any) -> Rule:
    """The rule that *spec* describes.

    Raises:
        DefinitionError: a part is missing, unknown, too large or nested too deeply; the message says where.
    """
    _measure(spec)
    try:
        return ADAPTER.validate_python(spec).node()
    except ValidationError as error:
        raise DefinitionError(_place(error)) from None


def _measure(spec: Any) -> None:
    """Refuse what is too deep or too large before anything recurses into it."""
    layer, depth, size = [spec], 0, 0
    while layer:
        depth, size = depth + 1, size + len(layer)
        if depth > 3 * DEPTH_LIMIT:
            raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if size > SIZE_LIMIT:
            raise DefinitionError(f"the rule has more than {SIZE_LIMIT:,} parts: keep long lists in a static segment")
        layer = [
            part
            for here in layer
            if isinstance(here, (Mapping, list))
            for part in (here.values() if isinstance(here, Mapping) else here)
        ]


def _place(error: ValidationError) -> str:
    """The deepest thing that is wrong: of the forms a rule may have, the one that was meant got furthest."""
    errors = error.errors(include_url=False)
    unlike = Counter(_form(e["loc"]) for e in errors if e["type"] in {"missing", "extra_forbidden"})
    worst = max(errors, key=lambda e: (-unlike[_form(e["loc"])], len(e["loc"]), e["type"] != "missing"))
    at = ".".join(str(step) for step in worst["loc"] if not str(step).endswith("Spec"))
    return f"the rule's JSON is wrong at {at or 'the top'}: {worst['msg']}, got {str(worst['input'])[:60]!r}"


def _form(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """*place* up to the last form of a rule or a value that was tried there."""
    forms = [n for n, step in enumerate(place) if str(step).endswith("Spec")]
    return place[: forms[-1] + 1] if forms else ()


# ── And back ──


def to_json(rule: Rule) -> dict[str, Any]:
    """*rule* as JSON."""
    match rule:
        case nodes.Always(value):
            return {"always": value}
        case nodes.AllOf(rules):
            return {"all": [to_json(r) for r in rules]}
        case nodes.AnyOf(rules):
            return {"any": [to_json(r) for r in rules]}
        case nodes.Not(inner):
            return {"not": to_json(inner)}
        case nodes.Compare(left, operator, right):
            return {"left": _expr(left), "op": operator, "right": _expr(right)}
        case nodes.OneOf(expr, values):
            return {"left": _expr(expr), "op": "in", "right": [_value(v) for v in values]}
        case nodes.Match(expr, how, text, fold):
            return {"left": _expr(expr), "op": f"i{how}" if fold else how, "right": text}
        case nodes.Missing(expr):
            return {"missing": _expr(expr)}
        case nodes.Has(expr, quantifier, values):
            return {"left": _expr(expr), "op": f"has_{quantifier}", "right": list(values)}
    return _timed(rule)


def _timed(rule: Rule) -> dict[str, Any]:
    match rule:
        case nodes.Exists(related):
            return {"exists": _related(related)}
        case nodes.Held(expr, value, window):
            named = {} if value is None else {"value": value}
            return {"held": _expr(expr), **named, "window": _window(window)}
        case nodes.During(expr, window):
            return {"during": _expr(expr), "window": _window(window)}
        case nodes.Anniversary(expr, days):
            return {"anniversary": _expr(expr), "days": days}
        case nodes.Sequence(first, then, hours):
            return {"first": _related(first), "then": _related(then), "hours": hours}
        case nodes.InSegment(name):
            return {"segment": name}
    raise TypeError(rule)


def _expr(expr: Expr) -> dict[str, Any]:
    match expr:
        case nodes.Const(value):
            return _value(value)
        case nodes.Attr(path):
            return {"field": ".".join(path)}
        case nodes.Part(of, part):
            return {"part": part, "of": _expr(of)}
        case nodes.Bucket(size, salt):
            return {"bucket": size, "salt": salt}
        case nodes.Aggregate(function, related, of):
            named = {} if of is None else {"of": _expr(of)}
            return {"aggregate": function, **_related(related), **named}
    raise TypeError(expr)


def _related(related: Related) -> dict[str, Any]:
    where = {} if related.where is None else {"where": to_json(related.where)}
    window = {} if related.window is None else {"window": _window(related.window)}
    return {"rows": ".".join(related.path), **where, **window}


def _window(window: Window) -> dict[str, Any]:
    spec = {name: value for name, value in attrs.asdict(window).items() if value is not None and value != "last"}
    return {name: _value(value) if name in {"since", "until"} else value for name, value in spec.items()}


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool() | int() | str():
            return {"value": value}
        case Money():
            return {"value": str(value.amount), "as": value.currency}
        case Decimal():
            return {"value": str(value), "as": "decimal"}
        case datetime():
            return {"value": value.isoformat(), "as": "instant"}
        case date():
            return {"value": value.isoformat(), "as": "date"}
        case timedelta():
            return {"value": value // timedelta(microseconds=1), "as": "microseconds"}
    raise TypeError(value)
