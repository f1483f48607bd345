"""Conditions on related rows.

There are two forms.  ``EXISTS`` looks for each row of the outer table whether there is a related one; PostgreSQL makes
a join of it, wherever it stands, while its ``IN`` becomes quadratic below OR and NOT as soon as the list outgrows
``work_mem``.  SQLite joins by nested loops only: there ``IN``, which reads the inner rows once and then has a list of
keys, is better where an index leads to few of them, and ``EXISTS`` everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import attrs
import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.sql import ColumnElement, FromClause, Select

from crmkit.kernel.entity import Schema
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules.planned import Both, Column, In, Is, Literal, Operand, PartOf, Plan, Some
from crmkit.plugins.storage.sql.compile.values import Values
from crmkit.plugins.storage.sql.compile.words import Condition


@attrs.frozen(kw_only=True)
class Near:
    """What is known of the rows that are asked at all.

    Attributes:
        few: they are known by name.
        limit: says of a key that it belongs to one of them.
    """

    few: bool
    limit: Callable[[ColumnElement[Any], Schema], Condition]


class RelatedRows(Values):
    """Rows that relations lead to."""

    def some(
        self, hops: tuple[Relation, ...], where: Plan, t: FromClause, *, holds: bool, near: Near | None = None
    ) -> Condition:
        """There is (or there is not) a related row that satisfies *where*."""
        hop, rest = hops[0], hops[1:]
        target = self.table(hop.target)
        condition = self.some(rest, where, target, holds=True) if rest else self.test(where, target)
        outer, inner = (t.c.id, target.c[hop.key]) if hop.many else (t.c[hop.key], target.c.id)
        if holds and not rest and not hop.many and _is_one(where):
            return outer == sa.select(inner).where(self.of_tenant(target), condition).scalar_subquery()
        if self.by_list(hop, rest, where, near):
            keys = sa.select(inner).where(self.of_tenant(target), condition)
            if hop.many and not hop.target[hop.key].required:
                keys = keys.where(inner.is_not(None))
            if holds:
                return outer.in_(keys)
            missing = () if hop.many or hop.source[hop.key].required else (outer.is_(None),)
            return sa.or_(*missing, outer.not_in(keys))
        there = self.exists(target, t, inner == outer, condition)
        return there if holds else sa.not_(there)

    def source(self, plan: Plan, t: FromClause) -> tuple[FromClause, Condition]:
        """Where the rows come from that satisfy *plan*, and on what condition.

        SQLite makes a table of a list before it looks anything up in it.  It need not, if the related row is the only
        one that a unique index allows: a row can then be joined without coming up twice.
        """
        parts = list(_conjuncts(plan))
        alone = next((p for p in parts if isinstance(p, Some) and is_only_one(p)), None) if self.sqlite else None
        if alone is None:
            return t, sa.and_(self.of_tenant(t), self.test(plan, t))
        (hop,), others = alone.hops, tuple(p for p in parts if p is not alone)
        target = self.table(hop.target)
        both = t.join(target, sa.and_(target.c.tenant == t.c.tenant, target.c[hop.key] == t.c.id))
        conditions = [self.test(alone.where, target), *([self.test(Both(others), t)] if others else [])]
        return both, sa.and_(self.of_tenant(t), self.of_tenant(target), *conditions)

    def by_list(self, hop: Relation, rest: tuple[Relation, ...], where: Plan, near: Near | None) -> bool:
        """Whether SQLite reads the inner rows once."""
        if not self.sqlite or (near is not None and near.few):
            return False
        return not hop.many or bool(rest) or any(_leads_to_few(p, hop.target) for p in _conjuncts(where))

    def exists(self, target: FromClause, t: FromClause, *conditions: Condition) -> Condition:
        """There is a row of *target* that satisfies."""
        found: Select[Any] = (
            sa.select(sa.literal_column("1")).select_from(target).where(self.of_tenant(target), *conditions)
        )
        there: Condition = found.correlate(t).exists()
        return there

    def then(self, first: Some, then: Some, lasting: timedelta, t: FromClause, *, holds: bool) -> Condition:
        """A row of *first* and, soon after it, one of *then*."""
        a, b = self.table(first.hops[0].target), self.table(then.hops[0].target)
        a_key, b_key = a.c[first.hops[0].key], b.c[then.hops[0].key]
        begin, later = a.c[first.hops[0].target.when], b.c[then.hops[0].target.when]
        both = a.join(b, sa.and_(a.c.tenant == b.c.tenant, a_key == b_key))
        conditions = (self.test(first.where, a), self.test(then.where, b))
        keys: Select[Any] = sa.select(a_key).select_from(both).where(self.of_tenant(a), *conditions)
        keys = keys.where(later > begin, later <= self.plus(begin, lasting))
        if not self.sqlite:
            there = keys.where(a_key == t.c.id).correlate(t).exists()
            return there if holds else sa.not_(there)
        keys = keys.where(a_key.is_not(None))
        return t.c.id.in_(keys) if holds else t.c.id.not_in(keys)

    def near(self, plans: Sequence[Plan]) -> Near | None:
        """What the other conditions of an AND say about the keys of related rows, if they leave few of them.

        So a grouped subquery adds up the rows of those few only; no database finds that out by itself.
        """
        for plan in plans:
            match plan:
                case In(Column(hops=(), inside=()) as column, values) if column.attribute.name == "id":
                    return Near(few=True, limit=lambda key, _, values=values: self.among(key, values))  # type: ignore[misc]
                case Is(Column(hops=(), inside=()) as column, "==", Literal(value)) if column.attribute.name == "id":
                    return Near(few=True, limit=lambda key, _, value=value: key == value)  # type: ignore[misc]
        for plan in plans:
            match plan:
                case Is(Column(hops=(), inside=()) as column, "==", Literal()) if _has_index(column):
                    few = column.attribute.unique
                    return Near(few=few, limit=lambda key, schema, plan=plan: self.among_those(key, schema, plan))  # type: ignore[misc]
        return None

    def among_those(self, key: ColumnElement[Any], schema: Schema, plan: Plan) -> Condition:
        """The key is the id of an entity that satisfies *plan*."""
        t = self.table(schema)
        return key.in_(sa.select(t.c.id).where(self.of_tenant(t), self.test(plan, t)))


def _has_index(column: Column) -> bool:
    a = column.attribute
    return a.unique or a.index or a.references is not None


def _is_one(plan: Plan) -> bool:
    """Whether at most one entity satisfies *plan*."""
    match plan:
        case Is(Column(hops=(), inside=()) as column, "==", Literal()):
            return column.attribute.unique or column.attribute.name == "id"
    return False


def is_only_one(related: Some) -> bool:
    """Whether a unique index allows an entity at most one such row."""
    if len(related.hops) > 1 or not related.hops[0].many:
        return False
    hop, said = related.hops[0], dict[str, Any]()
    for part in _conjuncts(related.where):
        match part:
            case Is(Column(hops=(), inside=()) as column, "==", Literal(value)):
                said[column.attribute.name] = value
            case Is(Column(hops=(one,), inside=()) as column, "==", Literal()) if not one.many:
                if column.attribute.unique or column.attribute.name == "id":
                    said[one.key] = part
    return any(
        index.unique
        and hop.key in index.attributes
        and set(index.attributes) <= {hop.key, *said}
        and all(said.get(name) == value for name, value in (index.where or {}).items())
        for index in hop.target.indexes
    )


def _conjuncts(plan: Plan) -> Iterator[Plan]:
    if isinstance(plan, Both):
        for inner in plan.plans:
            yield from _conjuncts(inner)
    else:
        yield plan


def _leads_to_few(plan: Plan, schema: Schema) -> bool:
    """Whether an index leads to the few rows that can satisfy *plan*: of one other entity, or since a moment."""
    match plan:
        case Is(Column(inside=()) as column, "==", Literal()) | In(Column(inside=()) as column, _):
            a = column.attribute
            return a.unique or a.name == "id" or (not column.hops and a.references is not None)
        case Is(Column(hops=(), inside=()) as column, ">" | ">=", Literal()):
            return column.attribute.name in {schema.when, "updated_at", "id"}
    return False


def split(operand: Operand) -> tuple[tuple[Relation, ...], Any]:
    """The hops, and the same operand seen from where they lead to."""
    if isinstance(operand, PartOf):
        hops, near = split(operand.column)
        return hops, PartOf(near, operand.part, operand.zone)
    assert isinstance(operand, Column)  # noqa: S101 - only columns have hops
    return operand.hops, evolve(operand, hops=())
