"""From a rule to JSON."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import Expr, Related, Rule, Window
from crmkit.kernel.rules.specs.reading import measure


def to_json(rule: Rule) -> dict[str, Any]:
    """*rule* as JSON, which :func:`from_json` reads back.

    Raises:
        DefinitionError: it is nested deeper, or has more parts, than any engine answers; or its JSON would have more
            than 400,000 parts.
    """
    nodes.measure(rule, hop=0)
    spec = _spec(rule)
    measure(spec)
    return spec


def _spec(rule: Rule) -> dict[str, Any]:
    match rule:
        case nodes.Always(value):
            return {"always": value}
        case nodes.AllOf(rules):
            return {"all": [_spec(r) for r in rules]}
        case nodes.AnyOf(rules):
            return {"any": [_spec(r) for r in rules]}
        case nodes.OddOf(rules):
            return {"odd": [_spec(r) for r in rules]}
        case nodes.Not(inner):
            return {"not": _spec(inner)}
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
    where = {} if related.where is None else {"where": _spec(related.where)}
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
