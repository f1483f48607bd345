"""Rules as text that a person can read and write: ``city = "Chengdu" and orders[last 90 days].count >= 3``.

The package ``parse`` reads what is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
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
WORDS = frozenset(
    {
        *("and", "or", "xor", "not", "in", "is", "any", "everyone", "no", "one", "has", "none", "true", "false"),
        *("held", "anniversary", "bucket", "then", "segment", "missing", "known"),
        *("contains", "starts", "ends", "icontains", "iequals", "last", "next", "before", "since", "until"),
    }
)
CALLED = frozenset({"count", *nodes.PARTS})  # what may follow a path without brackets
NAME = re.compile(r"[^\W\d]\w*")


def text_of(rule: Rule) -> str:
    """*rule* as text."""
    return WRITERS[type(rule)](rule)


def _all(rule: nodes.AllOf) -> str:
    loose = (nodes.AnyOf, nodes.OddOf, nodes.AllOf)
    return " and ".join(_inside(r, *loose) for r in rule.rules) if len(rule.rules) > 1 else _few(rule)


def _odd(rule: nodes.OddOf) -> str:
    return " xor ".join(_inside(r, nodes.AnyOf, nodes.OddOf) for r in rule.rules) if len(rule.rules) > 1 else _few(rule)


def _any(rule: nodes.AnyOf) -> str:
    return " or ".join(_inside(r, nodes.AnyOf) for r in rule.rules) if len(rule.rules) > 1 else _few(rule)


def _few(rule: nodes.AllOf | nodes.AnyOf | nodes.OddOf) -> str:
    """A combination of one rule or none, which needs its name to be read back."""
    word = {nodes.AllOf: "all", nodes.AnyOf: "any", nodes.OddOf: "odd"}[type(rule)]
    return f"{word} of ({', '.join(text_of(r) for r in rule.rules)})"


def _inside(rule: Rule, *kinds: type[Rule]) -> str:
    text = text_of(rule)
    return f"({text})" if isinstance(rule, kinds) and len(getattr(rule, "rules", ())) > 1 else text


def _not(rule: nodes.Not) -> str:
    if isinstance(rule.rule, nodes.Missing):
        return f"{expr_text(rule.rule.expr)} is known"
    return f"not {_inside(rule.rule, nodes.AllOf, nodes.AnyOf, nodes.OddOf)}"


def _has(rule: nodes.Has) -> str:
    word = {"all": "has", "any": "has any", "none": "has none"}[rule.quantifier]
    return f"{expr_text(rule.expr)} {word} {listed(rule.values)}"


def _held(rule: nodes.Held) -> str:
    value = "" if rule.value is None else f" {value_text(rule.value)}"
    return f"{expr_text(rule.expr)} held{value} for {_measure(rule.window)}"


def _sequence(rule: nodes.Sequence) -> str:
    return f"{related_text(rule.first)} then {related_text(rule.then)} in {rule.hours} hours"


WRITERS: Mapping[type[Any], Callable[[Any], str]] = {
    nodes.Always: lambda rule: "everyone" if rule.value else "no one",
    nodes.AllOf: _all,
    nodes.AnyOf: _any,
    nodes.OddOf: _odd,
    nodes.Not: _not,
    nodes.Compare: lambda r: f"{expr_text(r.left)} {OPERATORS[r.operator]} {expr_text(r.right)}",
    nodes.OneOf: lambda r: f"{expr_text(r.expr)} in {listed(r.values)}",
    nodes.Match: lambda r: f"{expr_text(r.expr)} {MATCHES[r.how, r.fold]} {value_text(r.text)}",
    nodes.Missing: lambda r: f"{expr_text(r.expr)} is missing",
    nodes.Has: _has,
    nodes.Exists: lambda r: f"any {related_text(r.related)}",
    nodes.Held: _held,
    nodes.During: lambda r: f"{expr_text(r.expr)} in {window_text(r.window)}",
    nodes.Anniversary: lambda r: f"{expr_text(r.expr)} anniversary in {r.days} days",
    nodes.Sequence: _sequence,
    nodes.InSegment: lambda r: f"in segment {value_text(r.name)}",
}


def expr_text(expr: Expr) -> str:
    """An expression as text."""
    match expr:
        case nodes.Const(value):
            return value_text(value)
        case nodes.Attr(path):
            return path_text(path)
        case nodes.Part(of, part):
            return f"{expr_text(of)}.{part}()"
        case nodes.Bucket(size, salt):
            return f"bucket({size}, {value_text(salt)})"
        case nodes.Aggregate(function, related, of):
            inside = "" if of is None else expr_text(of)
            return f"{related_text(related)}.{function}({inside})"
    raise TypeError(expr)


def path_text(path: tuple[str, ...]) -> str:
    """Names joined by dots; what could be mistaken for something else stands in back-ticks."""
    *way, last = path
    names = [n if NAME.fullmatch(n) and n not in WORDS else f"`{n}`" for n in path]
    if way and last in CALLED and not is_custom(way):
        names[-1] = f"`{last}`"
    return ".".join(names)


def is_custom(way: Sequence[str]) -> bool:
    """Whether what follows *way* is the name of a custom field."""
    return len(way) > 1 and way[-2] == "extra"


def related_text(related: Related) -> str:
    """A relation with its conditions as text."""
    inside = [] if related.where is None else [text_of(related.where)]
    if related.window is not None:
        inside.append(window_text(related.window))
    return f"{path_text(related.path)}[{'; '.join(inside)}]" if inside else f"{path_text(related.path)}[]"


def window_text(window: Window) -> str:
    """A window as text."""
    word = {"last": "last", "before": "before last", "next": "next"}[window.side]
    measure = _measure(window)
    parts = [f"{word} {measure}"] if measure else []
    parts += [f"{end} {value_text(v)}" for end in ("since", "until") if (v := getattr(window, end)) is not None]
    return " ".join(parts)


def _measure(window: Window) -> str:
    measures = ((getattr(window, unit), unit) for unit in ("months", "days", "hours", "seconds"))
    return " ".join(f"{number} {unit}" for number, unit in measures if number is not None)


def listed(values: tuple[Any, ...]) -> str:
    """Values in brackets."""
    return f"({', '.join(map(value_text, values))})"


def value_text(value: Any) -> str:
    """A value as text."""
    match value:
        case bool():
            return "true" if value else "false"
        case Money():
            return f"{value.amount} {value.currency}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return f"{value // timedelta(microseconds=1)} microseconds"
    return f"{value:f}" if not isinstance(value, int) else str(value)
