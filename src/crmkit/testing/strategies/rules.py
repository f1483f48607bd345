"""Rules over any entity: every word of the language, with values that entities from the strategies do have.

A rule that is generated here fits the entity (its fields exist, kinds agree), so every store must answer it, and all of
them must answer the same.
"""

from __future__ import annotations

import operator as op
import typing
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from crmkit.kernel.entity import Attribute, Kind, Record, Schema, kind_of
from crmkit.kernel.registry import Registry, Relation
from crmkit.kernel.rules.fields import F, Field, Relatives, Value
from crmkit.kernel.rules.nodes import Always, Rule
from crmkit.testing.strategies.values import DAYS, INSTANTS, WORDS, days, instants, pool, wide

ORDER = ("<", "<=", ">", ">=")
EQUAL = ("==", "!=")
OPERATORS = {"==": op.eq, "!=": op.ne, "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}
ORDERED = {Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.DATE, Kind.INSTANT, Kind.DURATION, Kind.MONEY}
SUMMABLE = {Kind.INTEGER, Kind.DECIMAL, Kind.MONEY}
NUMERIC = {Kind.INTEGER, Kind.DECIMAL}
DATED = {Kind.DATE, Kind.INSTANT}
# Numbers that a field of the kind can never have, and that a rule may nevertheless ask for.
ODD: dict[Kind, tuple[Any, ...]] = {
    Kind.INTEGER: (0.5, 1.5, Decimal("2.5"), 2.0, -0.5, 10**30),
    Kind.NUMBER: (1, Decimal("0.5"), 100),
    Kind.DECIMAL: (1, 0.5, 10**13),
}
LETTERS = ("a", "A", "ss", "ß", "é", "e\u0301", "σ", "i", "İ", "王", "%", "_", "\\", '"', " ", "")


def rules(
    cls: type[Record], registry: Registry, *, max_leaves: int = 4, hops: int = 2, segments: Sequence[str] = ()
) -> st.SearchStrategy[Rule]:
    """Rules that entities of *cls* can be judged by.

    Args:
        cls: the entity.
        registry: what the CRM knows: ``crm.storage.registry``.
        max_leaves: how many tests a rule combines at the most.
        hops: how many relations a test follows at the most.
        segments: names of segments that a rule may ask for.
    """
    leaf = _leaf(_Language(registry, tuple(segments)), registry.schema(cls), hops)
    return st.recursive(leaf, _combined, max_leaves=max_leaves)


def _combined(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda r: ~r),
        pairs.map(lambda p: p[0] & p[1]),
        pairs.map(lambda p: p[0] | p[1]),
        pairs.map(lambda p: p[0] ^ p[1]),
    )


@attrs.frozen
class _Language:
    """What can be asked of the entities of one registry."""

    registry: Registry
    segments: tuple[str, ...]

    def relations(self, schema: Schema, *, many: bool) -> list[Relation]:
        return [r for r in self.registry.relations[schema.name].values() if r.many is many]

    def topics(self, schema: Schema, hops: int) -> list[str]:
        """What a test of *schema* may be about, the frequent ones more than once."""
        topics = ["field"] * 5 + ["pair", "bucket", "always"]
        if any(f"{a.name}_since" in schema for a in schema) and "stays" in self.registry.relations[schema.name]:
            topics += ["held"] * 3
        if self.registry.extras and "extras" in schema:
            topics += ["extra"] * 2
        if self.segments and schema.name == "customer":
            topics.append("segment")
        if hops and self.relations(schema, many=False):
            topics += ["one"] * 2
        if hops and self.relations(schema, many=True):
            topics += ["many"] * 5
        return topics


@st.composite
def _leaf(draw: st.DrawFn, language: _Language, schema: Schema, hops: int) -> Rule:
    topic = draw(st.sampled_from(language.topics(schema, hops)))
    match topic:
        case "pair":
            return draw(_pair(language, schema, hops))
        case "held":
            return draw(_held(schema))
        case "extra":
            return draw(_extra(language))
        case "bucket":
            return draw(_compared(F.bucket(10, salt=draw(st.sampled_from(("", "x")))), st.integers(0, 9), Kind.INTEGER))
        case "segment":
            return F.in_segment(draw(st.sampled_from(language.segments)))
        case "always":
            return Always(value=draw(st.booleans()))
        case "many":
            return draw(_relatives(language, schema, hops))
    prefix: tuple[str, ...] = ()
    here = schema
    while topic == "one" and hops:
        relation = draw(st.sampled_from(language.relations(here, many=False)))
        prefix, here, hops = (*prefix, relation.name), relation.target, hops - 1
        if draw(st.integers(0, 9)) == 0:
            return _asks_for_missing(draw, F[".".join(prefix)])
        if not language.relations(here, many=False) or draw(st.booleans()):
            break
    a = draw(st.sampled_from(here.attributes))
    return draw(_about(F[".".join((*prefix, a.name))], a))


def _asks_for_missing(draw: st.DrawFn, value: Value) -> Rule:
    missing = value.is_missing()
    return missing if draw(st.booleans()) else ~missing


# ── One field ──


@st.composite
def _about(draw: st.DrawFn, field: Field, a: Attribute) -> Rule:
    if draw(st.integers(0, 7)) == 0 and not a.required:
        return _asks_for_missing(draw, field)
    match a.kind:
        case Kind.JSON:
            return _asks_for_missing(draw, field)
        case Kind.TAGS:
            words = draw(st.lists(st.sampled_from(WORDS), max_size=3))
            return draw(st.sampled_from([field.has, field.has_any, field.has_none]))(*words)
        case Kind.TEXT if a.choices is None and draw(st.booleans()):
            return draw(_matches(field, a))
        case Kind.DATE | Kind.INSTANT if draw(st.booleans()):
            return draw(_calendar(field, a.kind))
        case Kind.INSTANT if draw(st.booleans()):
            return draw(_compared(field, st.sampled_from(DAYS[:10]), Kind.INSTANT))
    return draw(_compared(field, constants(a), a.kind))


def constants(a: Attribute) -> st.SearchStrategy[Any]:
    """What the attribute may be compared with."""
    known = st.sampled_from([*pool(a), *ODD.get(a.kind, ())])
    return st.one_of(known, known, known, wide(a))


@st.composite
def _compared(draw: st.DrawFn, value: Value, constant: st.SearchStrategy[Any], kind: Kind) -> Rule:
    operator = draw(st.sampled_from([*EQUAL, "in", "not in", *(ORDER if kind in ORDERED else ())]))
    if operator in {"in", "not in"}:
        among = draw(st.lists(constant, max_size=3))
        return value.in_(among) if operator == "in" else value.not_in(among)
    if kind in ORDERED and draw(st.integers(0, 7)) == 0:
        return value.between(draw(constant), draw(constant))
    return _apply(operator, value, draw(constant))


def _apply(operator: str, value: Value, other: Any) -> Rule:
    rule: Rule = OPERATORS[operator](value, other)
    return rule


@st.composite
def _matches(draw: st.DrawFn, field: Field, a: Attribute) -> Rule:
    text = draw(st.sampled_from((*LETTERS, *pool(a))))
    ways = [field.contains, field.starts_with, field.ends_with]
    if a.search:
        ways += [field.icontains, field.iequals]
    return draw(st.sampled_from(ways))(text)


PARTS = {"year": (1899, 2026), "month": (1, 12), "day": (1, 31), "weekday": (1, 7), "hour": (0, 23), "age": (0, 130)}


@st.composite
def _calendar(draw: st.DrawFn, field: Field, kind: Kind) -> Rule:
    way = draw(st.sampled_from(["part", "part", "part", "in_last", "in_next", "before_last", "anniversary"]))
    if way == "anniversary":
        return field.anniversary(days=draw(st.sampled_from((0, 1, 30, 366))))
    if way != "part":
        rule: Rule = getattr(field, way)(**draw(_measure()))
        return rule
    part = draw(st.sampled_from([p for p in PARTS if p != "hour" or kind is Kind.INSTANT]))
    value = getattr(field, part)
    if draw(st.integers(0, 9)) == 0:
        return _asks_for_missing(draw, value)
    return draw(_compared(value, st.integers(*PARTS[part]), Kind.INTEGER))


@st.composite
def _measure(draw: st.DrawFn) -> dict[str, int]:
    unit = draw(st.sampled_from(("days", "months", "hours", "seconds")))
    return {unit: draw(st.sampled_from((0, 1, 30, 90, 365)))}


# ── Two fields, states, custom fields ──


@st.composite
def _pair(draw: st.DrawFn, language: _Language, schema: Schema, hops: int) -> Rule:
    """One field compared with another one, or with that of the entity one relation away."""
    near = [a for a in schema if a.kind in ORDERED | {Kind.BOOLEAN}]
    left = draw(st.sampled_from(near))
    others = [(a.name, a) for a in near]
    if hops:
        for relation in language.relations(schema, many=False):
            others += [(f"{relation.name}.{a.name}", a) for a in relation.target]
    alike = NUMERIC if left.kind in NUMERIC else {left.kind}
    right = draw(st.sampled_from([name for name, a in others if a.kind in alike]))
    operators = (*EQUAL, *ORDER) if left.kind in ORDERED else EQUAL
    return _apply(draw(st.sampled_from(operators)), F[left.name], F[right])


@st.composite
def _held(draw: st.DrawFn, schema: Schema) -> Rule:
    a = draw(st.sampled_from([a for a in schema if f"{a.name}_since" in schema]))
    value = draw(st.none() | constants(a))
    return F[a.name].held(value, **draw(_measure()))


@st.composite
def _extra(draw: st.DrawFn, language: _Language) -> Rule:
    known = [(extra, name) for extra in language.registry.extras.values() for name in extra.model_fields]
    extra, name = draw(st.sampled_from(known))
    field = F[f"extra.{extra.key}.{name}"]
    a = Attribute(name=name, kind=kind_of(typing.get_type_hints(extra)[name], where=name), required=False)
    if draw(st.integers(0, 5)) == 0 or a.kind in {Kind.JSON, Kind.TAGS}:
        return _asks_for_missing(draw, field)
    return draw(_compared(field, st.sampled_from(pool(a)), a.kind))


# ── What a relation leads to ──


@st.composite
def _relatives(draw: st.DrawFn, language: _Language, schema: Schema, hops: int) -> Rule:
    rows, target, windowed = draw(_rows(language, schema, hops))
    match draw(st.sampled_from(["count", "count", "any", "none", "all", "total", "total", "total", "stopped", "then"])):
        case "count":
            return draw(_compared(rows.count(), st.integers(0, 3), Kind.INTEGER))
        case "any":
            return rows.any()
        case "none":
            return rows.none()
        case "all":
            return rows.all(draw(_leaf(language, target, 0)))
        case "stopped":
            if target[target.when].kind in DATED and not windowed:
                return rows.stopped(**draw(_measure()))
        case "then":
            rule = draw(_sequence(language, schema))
            if rule is not None:
                return rule
    return draw(_total(rows, schema, target))


@st.composite
def _rows(draw: st.DrawFn, language: _Language, schema: Schema, hops: int) -> tuple[Relatives, Schema, bool]:
    """Related rows, what they are, and whether they are those of a stretch of time."""
    relation = draw(st.sampled_from(language.relations(schema, many=True)))
    path, target, left = [relation.name], relation.target, hops - 1
    onward = [*language.relations(target, many=True), *language.relations(target, many=False)]
    if left and onward and draw(st.integers(0, 3)) == 0:
        relation = draw(st.sampled_from(onward))
        path, target, left = [*path, relation.name], relation.target, left - 1
    rows = F[".".join(path)].where(Always(value=True))
    if draw(st.booleans()):
        rows = rows.where(draw(_leaf(language, target, min(left, 1))))
    windowed = target[target.when].kind in DATED and draw(st.booleans())
    return draw(_windowed(rows)) if windowed else rows, target, windowed


@st.composite
def _windowed(draw: st.DrawFn, rows: Relatives) -> Relatives:
    match draw(st.sampled_from(["within", "within", "since", "until", "before"])):
        case "within":
            unit = draw(_measure())
            rows = rows.within(**unit)
            return rows.within(**dict.fromkeys(unit, 30)) if draw(st.integers(0, 3)) == 0 else rows
        case "before":
            rows = rows.before(**draw(_measure()))
            return rows.since(draw(st.sampled_from(DAYS))) if draw(st.integers(0, 3)) == 0 else rows
        case "since":
            return rows.since(draw(st.sampled_from((*DAYS, *INSTANTS))))
    return rows.until(draw(days(min_value=DAYS[-1]) | instants()))


@st.composite
def _total(draw: st.DrawFn, rows: Relatives, schema: Schema, target: Schema) -> Rule:
    functions = ["sum", "avg", "min", "max", "distinct", "first", "last"]
    function = draw(st.sampled_from(functions))
    fitting = SUMMABLE if function in {"sum", "avg"} else ORDERED
    names = [a for a in target if a.kind in fitting]
    if not names:
        return draw(_compared(rows.count(), st.integers(0, 3), Kind.INTEGER))
    a = draw(st.sampled_from(names))
    total: Value = getattr(rows, function)(a.name)
    if function == "distinct":
        return draw(_compared(total, st.integers(0, 3), Kind.INTEGER))
    if function not in {"sum", "avg"} and draw(st.integers(0, 4)) == 0:
        return _asks_for_missing(draw, total)
    if draw(st.integers(0, 2)) == 0:
        alike = NUMERIC if a.kind in NUMERIC else {a.kind}
        others: list[Value] = [F[b.name] for b in schema if b.kind in alike]
        others += [rows.first(a.name), rows.last(a.name)]
        if a.kind in NUMERIC:
            others += [rows.count(), rows.sum(a.name), rows.avg(a.name)]
        return _apply(draw(st.sampled_from((*EQUAL, *ORDER))), total, draw(st.sampled_from(others)))
    return draw(_compared(total, constants(a), a.kind))


@st.composite
def _sequence(draw: st.DrawFn, language: _Language, schema: Schema) -> Rule | None:
    dated = [r for r in language.relations(schema, many=True) if r.target[r.target.when].kind is Kind.INSTANT]
    if not dated:
        return None
    first, then = draw(st.sampled_from(dated)), draw(st.sampled_from(dated))
    lasting = draw(st.sampled_from((timedelta(hours=1), timedelta(days=1), timedelta(days=90))))
    rows = F[first.name].where(draw(_leaf(language, first.target, 0)))
    return rows.then(F[then.name], hours=lasting // timedelta(hours=1))
