"""Which customers a rule may judge differently than before.

Those that something happened to, and those for whom time has passed a boundary of the rule.

Both are rules again, so the store finds these customers by itself, and the cost follows what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import F, Rule, nodes
from crmkit.kernel.rules.nodes import Attr, Related, Window
from crmkit.kernel.rules.planned import AsOf


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


def possibly_changed(rule: Rule, schema: Schema, registry: Registry, between: Between) -> list[Rule]:
    """Who may be judged differently at the end of *between* than at its beginning; ask for each by itself.

    What carries the customer's id leaves an event on the customer's timeline; the caller finds those.  Here are the
    others: related things further away that were changed, and everything that only time has moved.
    """
    changes = [*_distant(rule, schema, registry, between), *_passed(rule, (), schema, registry, between)]
    return list(dict.fromkeys(changes))


def _distant(rule: Rule, schema: Schema, registry: Registry, between: Between) -> Iterator[Rule]:
    """Changes of things that are not on the timeline: a company's industry, a product's category."""
    for path in dict.fromkeys(_paths(rule, ())):
        here = schema
        for depth, name in enumerate(path, start=1):
            relation = registry.relations[here.name].get(name)
            if relation is None:
                break
            here = relation.target
            if "customer_id" not in here and here is not schema and "updated_at" in here:
                changed = F.updated_at >= between.begin.at
                yield nodes.Exists(Related(path[:depth], changed))


def _paths(node: Any, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every way that the rule goes, from the customer."""
    if isinstance(node, Attr):
        yield (*prefix, *node.path)
    elif isinstance(node, Related):
        way = (*prefix, *node.path)
        yield way
        if node.where is not None:
            yield from _paths(node.where, way)
    else:
        inside = prefix
        if isinstance(node, nodes.Aggregate):
            inside = (*prefix, *node.related.path)
            yield from _paths(node.related, prefix)
            if node.of is not None:
                yield from _paths(node.of, inside)
            return
        for child in nodes.children(node):
            yield from _paths(child, inside)


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
    *hops, name = (*way, *expr.path)
    return target_of(schema, registry, tuple(hops))[name].kind
