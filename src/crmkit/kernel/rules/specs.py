"""Rules as JSON: how they are stored, and how a rule builder in a browser writes them.

>>> from crmkit.kernel.rules import F
>>> from crmkit.kernel.rules.specs import from_json, to_json
>>> rule = F.city == "Chengdu"
>>> to_json(rule)
{'left': {'field': 'city'}, 'op': '==', 'right': {'value': 'Chengdu'}}
>>> from_json(to_json(rule)) == rule
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from crmkit.errors import CrmError, DefinitionError
from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.fields import constant
from crmkit.kernel.rules.nodes import Expr, Related, Rule, Window

DEPTH_LIMIT = 100
Spec = dict[str, Any]


def to_json(rule: Rule) -> Spec:
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
            return {"left": _expr(expr), "op": f"i{how}" if fold else how, "right": {"value": text}}
        case nodes.Missing(expr):
            return {"missing": _expr(expr)}
        case nodes.Has(expr, quantifier, values):
            return {"left": _expr(expr), "op": f"has_{quantifier}", "right": list(values)}
        case nodes.Exists(related):
            return {"exists": _related(related)}
        case nodes.Held(expr, value, window):
            return {"held": _expr(expr), "value": value, **_window(window)}
        case nodes.InSegment(name):
            return {"segment": name}
    raise TypeError(rule)


def _expr(expr: Expr) -> Spec:
    match expr:
        case nodes.Const(value):
            return _value(value)
        case nodes.Attr(path):
            return {"field": ".".join(path)}
        case nodes.Part(of, part):
            return {"part": part, "of": _expr(of)}
        case nodes.Aggregate(function, related, of):
            of_field = {} if of is None else {"field": _expr(of)}
            return {"aggregate": function, **_related(related), **of_field}
    raise TypeError(expr)


def _related(related: Related) -> Spec:
    where = {} if related.where is None else {"where": to_json(related.where)}
    window = {} if related.window is None else {"window": _window(related.window)}
    return {"of": ".".join(related.path), **where, **window}


def _window(window: Window) -> Spec:
    spec = {name: value for name, value in attrs.asdict(window).items() if value is not None}
    return {name: _value(value) if name in {"since", "until"} else value for name, value in spec.items()}


def _value(value: Any) -> Spec:
    match value:
        case bool() | int() | str() | float():
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


# ── Back ──


def from_json(spec: Any) -> Rule:
    """The rule that *spec* describes.

    Raises:
        DefinitionError: a part is missing, unknown or nested too deeply; the message says where.
    """
    return _rule(spec, "rule", 0)


def _rule(spec: Any, at: str, depth: int) -> Rule:
    if depth > DEPTH_LIMIT:
        raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels; flatten it")
    if not isinstance(spec, Mapping):
        raise DefinitionError(f"{at}: an object is needed, got {str(spec)[:60]!r}")
    for word, read in READERS.items():
        if word in spec:
            return read(spec, at, depth + 1)
    raise DefinitionError(f"{at}: {sorted(spec)} is no rule; it needs one of {', '.join(READERS)}")


def _many(word: str, kind: Callable[[tuple[Rule, ...]], Rule]) -> Callable[[Any, str, int], Rule]:
    def read(spec: Any, at: str, depth: int) -> Rule:
        if not isinstance(spec[word], list):
            raise DefinitionError(f"{at}.{word}: a list of rules is needed")
        return kind(tuple(_rule(r, f"{at}.{word}[{n}]", depth) for n, r in enumerate(spec[word])))

    return read


def _comparison(spec: Any, at: str, depth: int) -> Rule:
    left, right = _read_expr(spec["left"], f"{at}.left", depth), spec.get("right")
    match spec["op"]:
        case "==" | "!=" | "<" | "<=" | ">" | ">=" as operator:
            return nodes.Compare(left, operator, _read_expr(right, f"{at}.right", depth))
        case "in":
            return nodes.OneOf(left, tuple(_read_value(v, f"{at}.right") for v in _list(right, at)))
        case "has_any" | "has_all" | "has_none" as op:
            texts = tuple(str(constant(v)) for v in _list(right, at))
            return nodes.Has(left, op.removeprefix("has_"), texts)
        case str() as op if op.removeprefix("i") in nodes.MATCHES:
            text = _read_value(right, f"{at}.right")
            if not isinstance(text, str):
                raise DefinitionError(f"{at}.right: {op} needs a text")
            return nodes.Match(left, op.removeprefix("i"), text, fold=op.startswith("i"))
    raise DefinitionError(f"{at}.op: {spec['op']!r} is no operator")


def _read_expr(spec: Any, at: str, depth: int) -> Expr:
    if not isinstance(spec, Mapping):
        raise DefinitionError(f"{at}: a field or a value is needed, got {str(spec)[:60]!r}")
    if "aggregate" in spec:
        if spec["aggregate"] not in nodes.FUNCTIONS:
            raise DefinitionError(f"{at}: {spec['aggregate']!r} is no aggregate; use {', '.join(nodes.FUNCTIONS)}")
        field = spec.get("field")
        of = None if field is None else _read_expr(field, f"{at}.field", depth)
        return nodes.Aggregate(spec["aggregate"], _read_related(spec, at, depth), of)
    if "part" in spec:
        if spec["part"] not in nodes.PARTS:
            raise DefinitionError(f"{at}: {spec['part']!r} is no part of a date; use {', '.join(nodes.PARTS)}")
        return nodes.Part(_read_expr(spec.get("of"), f"{at}.of", depth), spec["part"])
    if "field" in spec:
        return nodes.Attr(_path(spec["field"], at))
    return nodes.Const(_read_value(spec, at))


def _read_related(spec: Any, at: str, depth: int) -> Related:
    where = _rule(spec["where"], f"{at}.where", depth) if "where" in spec else None
    window = _read_window(spec["window"], f"{at}.window") if "window" in spec else None
    return Related(_path(spec.get("of"), at), where, window)


def _read_window(spec: Any, at: str) -> Window:
    if not isinstance(spec, Mapping):
        raise DefinitionError(f"{at}: an object with days, hours, months, since or until is needed")
    values: dict[str, Any] = {}
    for name in ("days", "hours", "months"):
        if name in spec:
            if type(spec[name]) is not int or spec[name] < 0:
                raise DefinitionError(f"{at}.{name}: a whole number, 0 or more, is needed")
            values[name] = spec[name]
    for name in ("since", "until"):
        if name in spec:
            values[name] = _read_value(spec[name], f"{at}.{name}")
    return Window(**values)


def _read_value(spec: Any, at: str) -> Any:
    if not isinstance(spec, Mapping) or "value" not in spec:
        raise DefinitionError(f'{at}: {{"value": …}} is needed, got {str(spec)[:60]!r}')
    value, kind = spec["value"], spec.get("as")
    try:
        match kind:
            case None:
                return constant(value)
            case "date":
                return date.fromisoformat(value)
            case "instant":
                return constant(datetime.fromisoformat(value))
            case "decimal":
                return constant(Decimal(value))
            case "microseconds":
                return timedelta(microseconds=value)
            case str():
                return Money(value, kind)
    except (ValueError, TypeError, InvalidOperation, CrmError) as error:
        raise DefinitionError(f"{at}: {value!r} is not a value of the kind {kind}: {error}") from None
    raise DefinitionError(f"{at}: {kind!r} is no kind of value")


def _path(text: Any, at: str) -> tuple[str, ...]:
    if not isinstance(text, str) or not text:
        raise DefinitionError(f"{at}: the name of a field or relation is needed, got {str(text)[:60]!r}")
    return tuple(text.split("."))


def _list(values: Any, at: str) -> list[Any]:
    if not isinstance(values, list):
        raise DefinitionError(f"{at}.right: a list is needed, got {str(values)[:60]!r}")
    return values


def _attr(spec: Any, at: str) -> nodes.Attr:
    made = _read_expr(spec, at, 0)
    if not isinstance(made, nodes.Attr):
        raise DefinitionError(f"{at}: a field is needed")
    return made


def _held(spec: Any, at: str, _: int) -> Rule:
    window = {k: v for k, v in spec.items() if k in {"days", "hours", "months"}}
    return nodes.Held(_attr(spec["held"], f"{at}.held"), str(spec.get("value")), _read_window(window, at))


READERS: dict[str, Callable[[Any, str, int], Rule]] = {
    "always": lambda spec, at, depth: nodes.Always(bool(spec["always"])),  # noqa: ARG005 - one signature for all
    "all": _many("all", nodes.AllOf),
    "any": _many("any", nodes.AnyOf),
    "not": lambda spec, at, depth: nodes.Not(_rule(spec["not"], f"{at}.not", depth)),
    "op": _comparison,
    "missing": lambda spec, at, depth: nodes.Missing(_read_expr(spec["missing"], f"{at}.missing", depth)),
    "exists": lambda spec, at, depth: nodes.Exists(_read_related(spec["exists"], f"{at}.exists", depth)),
    "held": _held,
    "segment": lambda spec, at, depth: nodes.InSegment(str(constant(spec["segment"]))),  # noqa: ARG005 - see above
}
