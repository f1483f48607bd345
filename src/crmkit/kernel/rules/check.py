"""Looking for mistakes in a rule before it is used: what can never hold, what always does, what decides nothing.

Rules are tried at *points*: for every expression that they look at, one value for each region that its constants cut
out (missing, below the smallest, each of them, between two, above the largest).  On these points a comparison takes
every truth value that it can take, so a rule that holds at none of them holds of nobody.  What is not a comparison with
a constant counts as freely true or false.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Schema
from crmkit.kernel.money import Money
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import nodes
from crmkit.kernel.rules.nodes import AllOf, Always, AnyOf, Expr, Not, Rule, walk
from crmkit.kernel.rules.text import text_of

POINTS_LIMIT = 20_000
MISSING, FREE = object(), "free"
Point = Mapping[Any, Any]
Severity = Literal["error", "warning", "hint"]


@attrs.frozen
class Finding:
    """One thing to look at.

    Attributes:
        severity: ``error`` for what cannot be meant, ``warning`` for what is probably not meant, ``hint`` for costs.
        about: the part of the rule, as text.
        message: what is wrong and what to do.
    """

    severity: Severity
    about: str
    message: str


@attrs.frozen(kw_only=True)
class Findings:
    """What a check found.

    Attributes:
        complete: false if the rule has so many regions that only a sample of them was tried.
        cost: ``field`` (one pass over the entities), ``indexed`` (an index answers), ``related`` (grouped scans of
            related rows), ``nested`` (relations within relations).
    """

    findings: tuple[Finding, ...]
    complete: bool
    cost: str

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __format__(self, form: str) -> str:
        if form not in {"", "md"}:
            raise InvalidInput(f"findings print as 'md', not as {form!r}")
        return table_md(["severity", "about", "message"], self._rows()) if form else repr(self)

    def _repr_html_(self) -> str:
        return table_html(["severity", "about", "message"], self._rows(), caption=f"cost: {self.cost}")

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(f.severity, f.about, f.message) for f in self.findings]


def check(rule: Rule, schema: Schema) -> Findings:
    """What is suspicious about *rule* over entities of *schema*.

    Example:
        >>> from crmkit import CRM, F
        >>> with CRM.open() as crm:
        ...     [f.message for f in crm.customers.segments.check((F.city == "Rome") & (F.city == "Oslo"))]
        ['it holds of nobody: its parts contradict each other']
    """
    points, complete = _points([rule])
    found = [*_truth(rule, points, complete=complete), *_dead(rule, points, complete=complete)]
    return Findings(findings=(*found, *_unindexed(rule, schema)), complete=complete, cost=_cost(rule, schema))


def check_order(rules: Mapping[str, Rule]) -> Findings:
    """What is suspicious about an ordered list of rules in which the first one that holds wins.

    Args:
        rules: by name, in order.
    """
    points, complete = _points(list(rules.values()))
    found: list[Finding] = []
    before: list[tuple[str, Rule]] = []
    for name, rule in rules.items():
        mine = [p for p in points if _holds(rule, p)]
        if complete and not mine:
            found.append(Finding("error", name, "it holds of nobody: its parts contradict each other"))
        elif complete and all(any(_holds(r, p) for _, r in before) for p in mine):
            found.append(Finding("error", name, "it is never reached: the entries before it take everyone"))
        else:
            others = [n for n, r in before if any(_holds(r, p) for p in mine)]
            if others:
                found.append(Finding("hint", name, f"it overlaps with {', '.join(others)}, which win"))
        before.append((name, rule))
    rest = [p for p in points if not any(_holds(r, p) for r in rules.values())]
    if rest:
        found.append(
            Finding("hint", "the list", "not everyone is caught: add a last entry for the rest if that is wanted")
        )
    return Findings(findings=tuple(found), complete=complete, cost="field")


# ── Points ──


def _points(rules: Sequence[Rule]) -> tuple[list[Point], bool]:
    constants: dict[Any, list[Any]] = {}
    free: dict[Any, None] = {}
    for rule in rules:
        for leaf in _leaves(rule):
            key = _key(leaf)
            if key is None:
                free[leaf] = None
            else:
                constants.setdefault(key, []).extend(_constants(leaf))
    axes: list[tuple[Any, list[Any]]] = [(key, _regions(key, values)) for key, values in constants.items()]
    axes += [(leaf, [True, False]) for leaf in free]
    size = 1
    for _, values in axes:
        size *= len(values)
    names = [name for name, _ in axes]
    if size <= POINTS_LIMIT:
        return [dict(zip(names, p, strict=True)) for p in itertools.product(*(v for _, v in axes))], True
    draw = random.Random(1)  # noqa: S311 - a repeatable sample
    return [{name: draw.choice(values) for name, values in axes} for _ in range(POINTS_LIMIT)], False


def _leaves(rule: Rule) -> Iterator[Rule]:
    match rule:
        case AllOf(rules) | AnyOf(rules):
            for inner in rules:
                yield from _leaves(inner)
        case Not(inner):
            yield from _leaves(inner)
        case Always():
            return
        case _:
            yield rule


def _key(leaf: Rule) -> Expr | None:
    match leaf:
        case nodes.Compare(left, _, nodes.Const()) | nodes.OneOf(left) | nodes.Missing(left):
            return left
    return None


def _constants(leaf: Rule) -> list[Any]:
    match leaf:
        case nodes.Compare(_, _, nodes.Const(value)):
            return [value]
        case nodes.OneOf(_, values):
            return list(values)
    return []


def _regions(key: Expr, constants: Sequence[Any]) -> list[Any]:
    """One value for each region; an aggregate that counts is never missing and never below nothing."""
    distinct = list(dict.fromkeys(constants))
    counts = isinstance(key, nodes.Aggregate) and key.function in {"count", "distinct"}
    by_kind: dict[Any, list[Any]] = {}
    for value in distinct:
        by_kind.setdefault(value.currency if isinstance(value, Money) else _sort(value), []).append(value)
    regions: list[Any] = [] if counts else [MISSING]
    for values in by_kind.values():
        regions += _cut(values, whole=counts or isinstance(key, nodes.Part))
    if not distinct:
        regions.append(FREE)
    lowest = 0 if counts else None
    return [r for r in regions if lowest is None or r >= lowest] or [lowest]


def _sort(value: Any) -> str:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return "number"
    return "instant" if isinstance(value, datetime) else type(value).__name__


def _cut(values: list[Any], *, whole: bool) -> list[Any]:
    if isinstance(values[0], bool):
        return [True, False]
    ordered = sorted(values)
    cuts = [_below(ordered[0])]
    for low, high in itertools.pairwise(ordered):
        cuts += [low, _between(low, high, whole=whole)]
    cuts += [ordered[-1], _above(ordered[-1])]
    return [c for c in cuts if c is not None]


def _below(value: Any) -> Any:
    if isinstance(value, str):
        return "" if value else None
    try:
        return value - _step(value)
    except OverflowError:
        return None


def _above(value: Any) -> Any:
    if isinstance(value, str):
        return value + "\U0010ffff"
    try:
        return value + _step(value)
    except OverflowError:
        return None


def _between(low: Any, high: Any, *, whole: bool) -> Any:
    if isinstance(low, str):
        middle = low + "\x01"
        return middle if low < middle < high else None
    if isinstance(low, Money):
        middle_minor = (low.minor + high.minor) // 2
        return Money.from_minor(middle_minor, low.currency) if low.minor < middle_minor else None
    if isinstance(low, (int, Decimal)):
        if not whole:
            return (Decimal(low) + Decimal(high)) / 2
        nearby = int(low) + 1
        return nearby if nearby < high else None
    middle = low + (high - low) / 2
    return middle if low < middle < high else None


def _step(value: Any) -> Any:
    if isinstance(value, Money):
        return Money.from_minor(1, value.currency)
    return timedelta(days=1) if isinstance(value, (date, timedelta)) else 1


# ── Judging ──


def _holds(rule: Rule, point: Point) -> bool:
    match rule:
        case Always(value):
            return value
        case AllOf(rules):
            return all(_holds(r, point) for r in rules)
        case AnyOf(rules):
            return any(_holds(r, point) for r in rules)
        case Not(inner):
            return not _holds(inner, point)
        case nodes.Missing(expr):
            return point[expr] is MISSING
        case nodes.OneOf(expr, values):
            return any(_same(point[expr], v) for v in values)
        case nodes.Compare(left, operator, nodes.Const(value)):
            return _compare(point[left], operator, value)
    free: bool = point[rule]
    return free


def _same(value: Any, other: Any) -> bool:
    return value is not MISSING and value is not FREE and type(value) is type(other) and bool(value == other)


def _compare(value: Any, operator: str, other: Any) -> bool:
    if operator == "!=":
        return not _compare(value, "==", other)
    if value is MISSING or value is FREE or _sort(value) != _sort(other):
        return False
    if isinstance(value, Money) and value.currency != other.currency:
        return False
    outcomes = {
        "==": value == other,
        "<": value < other,
        "<=": value <= other,
        ">": value > other,
        ">=": value >= other,
    }
    return bool(outcomes[operator])


def _truth(rule: Rule, points: Sequence[Point], *, complete: bool) -> Iterator[Finding]:
    if isinstance(rule, Always) or not complete:
        return
    outcomes = {_holds(rule, p) for p in points}
    if outcomes == {False}:
        yield Finding("error", text_of(rule), "it holds of nobody: its parts contradict each other")
    elif outcomes == {True}:
        yield Finding("error", text_of(rule), "it holds of everybody: it says nothing")


def _dead(rule: Rule, points: Sequence[Point], *, complete: bool) -> Iterator[Finding]:
    """Branches without which the whole would judge everybody the same."""
    if not complete:
        return
    whole = [_holds(rule, p) for p in points]
    if len(set(whole)) < 2:
        return
    for branch, without in _without_each(rule):
        if [_holds(without, p) for p in points] == whole:
            yield Finding("warning", text_of(branch), "it decides nothing: without it the rule means the same")


def _without_each(rule: Rule) -> Iterator[tuple[Rule, Rule]]:
    """Every branch of a combination, with the rule as it were without that branch."""
    match rule:
        case AllOf(rules) | AnyOf(rules) if len(rules) > 1:
            for n, inner in enumerate(rules):
                yield inner, type(rule)((*rules[:n], *rules[n + 1 :]))
                for branch, changed in _without_each(inner):
                    yield branch, type(rule)((*rules[:n], changed, *rules[n + 1 :]))
        case Not(inner):
            for branch, changed in _without_each(inner):
                yield branch, Not(changed)


# ── Costs ──


def _unindexed(rule: Rule, schema: Schema) -> Iterator[Finding]:
    """Hint at the fields that a large table would need an index for, if none of the rule's fields has one."""
    wanted = [
        r.left.path[0] for r in _required(rule) if isinstance(r, nodes.Compare) and isinstance(r.left, nodes.Attr)
    ]
    wanted = [name for name in wanted if name in schema]
    if wanted and not any(_has_index(schema, name) for name in wanted):
        yield Finding(
            "hint", ", ".join(wanted), "no index helps: declare one with attribute(index=True) if the table is large"
        )


def _required(rule: Rule) -> Iterator[Rule]:
    if isinstance(rule, AllOf):
        for inner in rule.rules:
            yield from _required(inner)
    else:
        yield rule


def _has_index(schema: Schema, name: str) -> bool:
    a = schema[name]
    return a.index or a.unique or a.references is not None or any(i.attributes[0] == name for i in schema.indexes)


def _cost(rule: Rule, schema: Schema) -> str:
    related = [n for n in walk(rule) if isinstance(n, nodes.Related)]
    nested = any(isinstance(n, nodes.Related) for r in related if r.where is not None for n in walk(r.where))
    if nested or any(len(r.path) > 1 for r in related):
        return "nested"
    if related or any(isinstance(n, (nodes.InSegment, nodes.Sequence)) for n in walk(rule)):
        return "related"
    names = {n.left.path[0] for n in _required(rule) if isinstance(n, nodes.Compare) and isinstance(n.left, nodes.Attr)}
    return "indexed" if any(name in schema and _has_index(schema, name) for name in names) else "field"
