"""Which customers a rule may judge differently than before.

Those who have changed, or anything that the rule looks at on the way from them; those from whom something of that was
taken away; and those for whom time has passed a boundary of the rule.

All three are rules again, so the store finds these customers by itself, and the cost follows what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from crmkit.customers.people import Customer
from crmkit.kernel.asking import AT_ONCE
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.parting import Parting, first_id, relation
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import F, Rule, nodes
from crmkit.kernel.rules.nodes import Attr, Related, Window
from crmkit.kernel.rules.planned import AsOf
from crmkit.kernel.work import Work

OVERLAP = timedelta(minutes=15)  # a transaction that began before a refresh may commit after it
MEMBERSHIPS = "memberships"
NAME_AT = {(): Attr(("segment", "name")), ("segment",): Attr(("name",))}  # as seen from where a way beyond them leads


@attrs.frozen(kw_only=True)
class Between:
    """The stretch from one judgement to the next."""

    begin: AsOf
    end: AsOf

    @property
    def days(self) -> list[date]:
        """The calendar days that have begun since the first judgement, and its own day."""
        first, last = (local_date(m.at, m.zone) for m in (self.begin, self.end))
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def possibly_changed(work: Work, rule: Rule, between: Between) -> Iterator[Rule]:
    """Who may be judged differently at the end of *between* than at its beginning; ask for each by itself."""
    registry, schema = work.house.registry, Customer.__schema__
    since = between.begin.at - OVERLAP
    changes = [_since(schema, since)]
    for way in dict.fromkeys(_ways(rule, schema, registry)):
        changes += [nodes.Exists(Related(way, _since(target_of(schema, registry, way), since)))]
        changes += _parted(work, way, since)
    for name in referred(rule):
        moved = (F.segment.name == name) & (F.updated_at >= since)
        changes.append(nodes.Exists(Related((MEMBERSHIPS,), moved)))
    yield from dict.fromkeys([*changes, *_passed(rule, (), schema, registry, between)])


def _since(schema: Schema, since: datetime) -> Rule:
    """It was written since then; what is only ever added has ids in the order of time."""
    return F.updated_at >= since if "updated_at" in schema else F.id >= first_id(schema, since)


def _ways(rule: Rule, schema: Schema, registry: Registry) -> Iterator[tuple[str, ...]]:
    """Every way over related things that the rule goes, from the customer, and the beginnings of each."""
    for path in _paths(rule, ()):
        here = schema
        for depth, name in enumerate(path, start=1):
            relation = registry.relations[here.name].get(name)
            if relation is None:
                break
            here = relation.target
            yield path[:depth]


def _parted(work: Work, way: tuple[str, ...], since: datetime) -> Iterator[Rule]:
    """From whom something was taken away that *way* led to."""
    registry, *before = work.house.registry, *way[:-1]
    hop = registry.relations[target_of(Customer.__schema__, registry, tuple(before)).name][way[-1]]
    if not hop.many:
        return  # whoever refers to something else now has changed
    happened = (F.relation == relation(hop.target, hop.key)) & (F.created_at >= since)
    former = sorted({former for (former,) in work.columns(Parting, ["former"], happened)})
    for begin in range(0, len(former), AT_ONCE):
        some = F.id.in_(former[begin : begin + AT_ONCE])
        yield nodes.Exists(Related(tuple(before), some)) if before else some


def referred(rule: Rule) -> list[str]:
    """The names of the segments that *rule* looks at, by name or by their memberships."""
    names = [n.name for n in nodes.walk(rule) if isinstance(n, nodes.InSegment)]
    for stays in _stays(rule):
        names += _segments_of(stays) or ()
    return list(dict.fromkeys(names))


def of_any_segment(rule: Rule) -> bool:
    """Whether *rule* looks at memberships without saying of which segment."""
    return any(_segments_of(stays) is None for stays in _stays(rule))


def _stays(rule: Rule) -> Iterator[Related]:
    return (n for n in nodes.walk(rule) if isinstance(n, Related) and MEMBERSHIPS in n.path)


def _segments_of(stays: Related) -> list[str] | None:
    """The names of the segments whose memberships are looked at; none if those of any other one may be, too."""
    name = NAME_AT.get(stays.path[stays.path.index(MEMBERSHIPS) + 1 :])
    return None if name is None or stays.where is None else _required(stays.where, name)


def _required(where: Rule, field: Attr) -> list[str] | None:
    """What *field* must be one of for *where* to hold; none if it may be something else."""
    match where:
        case nodes.Compare(left, "==", nodes.Const(str() as name)) if left == field:
            return [name]
        case nodes.OneOf(left, names) if left == field:
            return [name for name in names if isinstance(name, str)]
        case nodes.AllOf(rules) | nodes.AnyOf(rules) | nodes.OddOf(rules):
            told = [found for rule in rules if (found := _required(rule, field)) is not None]
            enough = bool(told) if isinstance(where, nodes.AllOf) else len(told) == len(rules)
            return [name for names in told for name in names] if enough else None
    return None


def _paths(node: Any, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every way that the rule goes, from the customer."""
    if isinstance(node, Attr):
        yield (*prefix, *node.path)
    elif isinstance(node, Related):
        way = (*prefix, *node.path)
        yield way
        if node.where is not None:
            yield from _paths(node.where, way)
    elif isinstance(node, nodes.InSegment):
        if prefix:  # his own memberships are asked for by the name of the segment
            yield (*prefix, MEMBERSHIPS)
    elif isinstance(node, nodes.Aggregate):
        yield from _paths(node.related, prefix)
        if node.of is not None:
            yield from _paths(node.of, (*prefix, *node.related.path))
    else:
        for child in nodes.children(node):
            yield from _paths(child, prefix)


def _passed(node: Any, way: tuple[str, ...], schema: Schema, registry: Registry, between: Between) -> Iterator[Rule]:
    """Boundaries of time between the two judgements, each as "something lay there"."""
    match node:
        case Related(path, where, window):
            there = (*way, *path)
            target = target_of(schema, registry, there)
            if window is not None:
                when = Attr((target.when,))
                for crossed in _crossed(when, target[target.when].kind, window, between):
                    yield nodes.Exists(Related(there, crossed))
            if where is not None:
                yield from _passed(where, there, schema, registry, between)
        case nodes.During(expr, window):
            assert isinstance(expr, Attr)  # noqa: S101 - planned before
            yield from (_at(way, rule) for rule in _crossed(expr, _kind(way, expr, schema, registry), window, between))
        case nodes.Held(expr, _, window):
            since = Attr((*expr.path[:-1], f"{expr.path[-1]}_since"))
            yield from (_at(way, rule) for rule in _crossed(since, Kind.INSTANT, window, between))
        case nodes.Anniversary(expr, days) if len(between.days) > 1:
            ahead = [day + timedelta(days=n) for day in between.days for n in (0, days)]
            yield _at(way, _returning(expr, ahead))
        case nodes.Part(of, "age") if len(between.days) > 1:
            yield _at(way, _returning(of, between.days))
        case _:
            for child in nodes.children(node):
                yield from _passed(child, way, schema, registry, between)


def _at(way: tuple[str, ...], rule: Rule) -> Rule:
    return nodes.Exists(Related(way, rule)) if way else rule


def _returning(expr: nodes.Expr, days: list[date]) -> Rule:
    numbers = tuple(sorted({day.month * 100 + day.day for day in days} | {229}))
    return nodes.OneOf(nodes.Part(expr, "monthday"), numbers)


def _crossed(when: Attr, kind: Kind, window: Window, between: Between) -> Iterator[Rule]:
    """Moments that were on one side of a moving boundary, and are on the other now."""
    for old, new in _boundaries(window, between):
        low, high = (_like(kind, moment, between.end) for moment in (old, new))
        if low != high:
            yield nodes.AllOf(
                (nodes.Compare(when, ">=", nodes.Const(low)), nodes.Compare(when, "<=", nodes.Const(high)))
            )


def _boundaries(window: Window, between: Between) -> Iterator[tuple[datetime, datetime]]:
    begin, end = between.begin, between.end
    if not window.open_ended or window.exact is not None or window.in_days:
        yield begin.at, end.at
    sign = 1 if window.side == "next" else -1
    if window.exact is not None:
        far = window.exact * sign
        yield begin.at + far, end.at + far
    if window.in_days:
        yield far_end(window, begin, sign), far_end(window, end, sign)


def far_end(window: Window, as_of: AsOf, sign: int) -> datetime:
    """The midnight with which the stretch begins, as seen from *as_of*; or with which it ends, if *sign* is 1."""
    today = local_date(as_of.at, as_of.zone)
    day = shift(today, days=sign * (window.days or 0), months=sign * (window.months or 0))
    return start_of_day(day + timedelta(days=1) if sign > 0 else day, as_of.zone)


def _like(kind: Kind, moment: datetime, as_of: AsOf) -> Any:
    return local_date(moment, as_of.zone) if kind is Kind.DATE else moment


def target_of(schema: Schema, registry: Registry, path: tuple[str, ...]) -> Schema:
    """Where *path* leads to."""
    for name in path:
        schema = registry.relations[schema.name][name].target
    return schema


def _kind(way: tuple[str, ...], expr: Attr, schema: Schema, registry: Registry) -> Kind:
    hops, field = own_field((*way, *expr.path))
    return kind_of(target_of(schema, registry, hops), registry, field)


def own_field(path: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The way to a field, and the field itself; a custom one has three names: ``extra``, its key and its own."""
    place = path.index("extra") if "extra" in path else len(path) - 1
    return path[:place], path[place:]


def kind_of(schema: Schema, registry: Registry, field: tuple[str, ...]) -> Kind:
    """What a field holds."""
    return registry.extra_kind(field[1:]) if field[0] == "extra" else schema[field[0]].kind
