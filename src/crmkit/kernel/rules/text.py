"""Rules as text that a person can read: ``city = "Chengdu" and orders[last 90 days].count >= 3``."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from crmkit.kernel.money import Money
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import Expr, Related, Rule, Window

OPERATORS = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
MATCHES = {
    ("contains", False): "contains",
    ("starts_with", False): "starts with",
    ("ends_with", False): "ends with",
    ("contains", True): "icontains",
    ("equals", True): "iequals",
}


def text_of(rule: Rule) -> str:
    """*rule* as text."""
    match rule:
        case nodes.Always(value):
            return "everyone" if value else "no one"
        case nodes.AllOf(()):
            return "everyone"
        case nodes.AnyOf(()):
            return "no one"
        case nodes.AllOf(rules):
            return " and ".join(_bracketed(r, nodes.AnyOf) for r in rules)
        case nodes.AnyOf(rules):
            return " or ".join(_bracketed(r, nodes.AllOf) for r in rules)
        case nodes.Not(nodes.Missing(expr)):
            return f"{expr_text(expr)} is known"
        case nodes.Not(inner):
            return f"not {_bracketed(inner, nodes.AllOf, nodes.AnyOf)}"
        case nodes.Compare(left, operator, right):
            return f"{expr_text(left)} {OPERATORS[operator]} {expr_text(right)}"
        case nodes.OneOf(expr, values):
            return f"{expr_text(expr)} in ({', '.join(map(value_text, values))})"
        case nodes.Match(expr, how, text, fold):
            return f"{expr_text(expr)} {MATCHES[how, fold]} {value_text(text)}"
        case nodes.Missing(expr):
            return f"{expr_text(expr)} is missing"
        case nodes.Has(expr, quantifier, values):
            word = {"all": "has", "any": "has any", "none": "has none"}[quantifier]
            listed = ", ".join(map(value_text, values))
            return f"{expr_text(expr)} {word} {listed if len(values) == 1 else f'({listed})'}"
        case nodes.Exists(related):
            return f"any {related_text(related)}"
        case nodes.Held(expr, value, window):
            return f"{expr_text(expr)} held {value_text(value)} for {window_text(window).removeprefix('last ')}"
        case nodes.InSegment(name):
            return f"in segment {value_text(name)}"
    raise TypeError(rule)


def _bracketed(rule: Rule, *kinds: type[Rule]) -> str:
    text = text_of(rule)
    return f"({text})" if isinstance(rule, kinds) and len(getattr(rule, "rules", ())) > 1 else text


def expr_text(expr: Expr) -> str:
    """An expression as text."""
    match expr:
        case nodes.Const(value):
            return value_text(value)
        case nodes.Attr(path):
            return ".".join(path)
        case nodes.Part(of, part):
            return f"{expr_text(of)}.{part}"
        case nodes.Aggregate(function, related, of):
            inside = "" if of is None else f"({expr_text(of)})"
            return f"{related_text(related)}.{function}{inside}"
    raise TypeError(expr)


def related_text(related: Related) -> str:
    """A relation with its conditions as text."""
    inside = [] if related.where is None else [text_of(related.where)]
    if related.window is not None:
        inside.append(window_text(related.window))
    path = ".".join(related.path)
    return f"{path}[{', '.join(inside)}]" if inside else path


def window_text(window: Window) -> str:
    """A window as text."""
    parts = [
        f"last {number} {unit if number != 1 else unit[:-1]}"
        for unit in ("days", "hours", "months")
        if (number := getattr(window, unit)) is not None
    ]
    parts += [f"{word} {value_text(v)}" for word in ("since", "until") if (v := getattr(window, word)) is not None]
    return ", ".join(parts)


def value_text(value: Any) -> str:
    """A value as text."""
    match value:
        case bool():
            return "true" if value else "false"
        case Money():
            return f"{value.amount} {value.currency}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():g} seconds"
    return str(value)
