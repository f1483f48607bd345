"""Aggregates over related rows, compared with constants.

Each is the group of a grouped subquery, or not among them: "fewer than three" is written as "not among those with three
or more", because a group without rows does not exist.  Several over the same relation are one scan with ``FILTER``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs
import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.sql import ColumnElement, FromClause, Select

from crmkit.errors import DefinitionError
from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import NEGATED, Operator
from crmkit.kernel.rules.planned import FROM_NOTHING, OUTERMOST, Both, Is, Literal, Plan, Total
from crmkit.plugins.storage.sql.compile.related import Near, RelatedRows
from crmkit.plugins.storage.sql.compile.words import COMPARE, Condition, all_of, any_of
from crmkit.plugins.storage.sql.types import SCALE


@attrs.frozen(kw_only=True)
class Group:
    """An aggregate compared with a constant, as a condition on groups.

    Attributes:
        operator: what holds of the group: the opposite of what is wanted, if *inside* is false.
        inside: whether the wanted ones are those with such a group, or all others.
    """

    total: Total
    operator: Operator
    value: Any
    inside: bool

    @property
    def is_existence(self) -> bool:
        """Whether one row suffices."""
        return self.total.function == "count" and (self.operator, self.value) in {(">=", 1), (">", 0), ("!=", 0)}


def group_of(total: Total, op: Operator, value: Any, *, holds: bool) -> Group:
    """What *total* *op* *value* says about groups; nothing is a group of its own, which is 0 or missing."""
    plain = value.minor if isinstance(value, Money) else value
    for_none = total.function in FROM_NOTHING and bool(COMPARE[op](0, plain))
    return Group(total=total, operator=NEGATED[op] if for_none else op, value=plain, inside=holds is not for_none)


def is_grouped(plan: Plan) -> bool:
    """Whether *plan* compares an aggregate over one relation with a constant."""
    if not (isinstance(plan, Is) and isinstance(plan.left, Total) and isinstance(plan.right, Literal)):
        return False
    total = plan.left
    return total.function not in OUTERMOST and len(total.hops) == 1 and total.hops[0].many


class Totals(RelatedRows):
    """Aggregates."""

    def total_is(
        self, total: Total, op: Operator, value: Any, t: FromClause, *, holds: bool, near: Near | None
    ) -> Condition:
        """Compare one aggregate with a constant."""
        group = group_of(total, op, value, holds=holds)
        if group.is_existence:
            return self.some(total.hops, total.where, t, holds=group.inside, near=near)
        hop = total.hops[0]
        if not hop.many:
            rest = Is(evolve(total, hops=total.hops[1:]), group.operator, Literal(value))
            return self.some((hop,), rest, t, holds=group.inside)
        return self.in_groups(self.keys([group], near), t, inside=group.inside)

    def in_groups(self, keys: Select[Any], t: FromClause, *, inside: bool) -> Condition:
        """The row is (or is not) the origin of one of the groups."""
        if self.sqlite:
            return t.c.id.in_(keys) if inside else t.c.id.not_in(keys)
        groups = keys.subquery()
        there = sa.select(sa.literal_column("1")).select_from(groups).where(groups.c[0] == t.c.id).correlate(t).exists()
        return there if inside else sa.not_(there)

    def keys(self, groups: Sequence[Group], near: Near | None = None, *, every: bool = True) -> Select[Any]:
        """The origins whose groups satisfy all (or any) of *groups*, in one scan."""
        if len(groups) > 1:
            return self.fused(groups, near, every=every)
        [group] = groups
        key, value, rows = self.rows(group.total)
        if near is not None:
            rows = rows.where(near.limit(key, group.total.hops[0].source))
        chosen = rows.with_only_columns(key, maintain_column_froms=True).group_by(key)
        return chosen.having(self.compare_total(group.total, value, group.operator, group.value))

    def fused(self, groups: Sequence[Group], near: Near | None, *, every: bool) -> Select[Any]:
        """Several aggregates over one relation, each over its own rows, in one scan.

        What is not there satisfies none of them: 0 does not, or it would be a group that is not wanted.
        """
        hop = groups[0].total.hops[0]
        target = self.table(hop.target)
        key = target.c[hop.key]
        shared, own = _parted([g.total.where for g in groups])
        scanned = [self.of_tenant(target), key.is_not(None), *(self.test(p, target) for p in shared)]
        if near is not None:
            scanned.append(near.limit(key, hop.source))
        only = [self.counted(g.total, where, target) for g, where in zip(groups, own, strict=True)]
        if all(o is not None for o in only):
            scanned.append(any_of([o for o in only if o is not None]))
        havings = [
            self.compare_total(g.total, self.column_of(g.total, target), g.operator, g.value, only=o)
            for g, o in zip(groups, only, strict=True)
        ]
        chosen = sa.select(key).select_from(target).where(*scanned).group_by(key)
        return chosen.having(all_of(havings) if every else any_of(havings))

    def counted(self, total: Total, where: Sequence[Plan], t: FromClause) -> Condition | None:
        """Which of the scanned rows count; all of them if there is no condition."""
        conditions = [self.test(p, t) for p in where]
        if total.currency is not None:
            conditions.append(self.currency_of(total, t) == total.currency)
        return sa.and_(*conditions) if conditions else None

    def rows(
        self, total: Total, wanted: ColumnElement[Any] | None = None
    ) -> tuple[ColumnElement[Any], ColumnElement[Any], Select[Any]]:
        """The key of the origin, the value, and the rows that *total* looks at; over several hops, each row once.

        Args:
            total: the aggregate.
            wanted: rows in other currencies are left out.
        """
        key, last, joined, conditions = self.joined(total)
        value = self.column_of(total, last)
        if total.currency is not None:
            conditions.append(self.currency_of(total, last) == total.currency)
        if len(total.hops) == 1:
            if wanted is not None:
                conditions.append(self.currency_of(total, last) == wanted)
            return key, value, sa.select(key, value).select_from(joined).where(*conditions)
        once = sa.select(key.label("key"), last.c.id.label("id"), value.label("value")).select_from(joined)
        if wanted is not None:
            once = once.add_columns(self.currency_of(total, last).label("currency"))
        each = once.where(*conditions).distinct().subquery()
        rows = sa.select(each.c.key, each.c.value)
        return each.c.key, each.c.value, rows if wanted is None else rows.where(each.c.currency == wanted)

    def joined(self, total: Total) -> tuple[ColumnElement[Any], FromClause, FromClause, list[Condition]]:
        """The key of the origin, the table with the rows, what leads to it, and what they have to satisfy."""
        first = self.table(total.hops[0].target)
        key = first.c[total.hops[0].key]
        conditions = [self.of_tenant(first)]
        if not total.hops[0].target[total.hops[0].key].required:
            conditions.append(key.is_not(None))
        last, joined = first, first
        for hop in total.hops[1:]:
            target = self.table(hop.target)
            on = target.c[hop.key] == last.c.id if hop.many else target.c.id == last.c[hop.key]
            joined = joined.join(target, sa.and_(target.c.tenant == last.c.tenant, on))
            last = target
        if total.where != Both(()):
            conditions.append(self.test(total.where, last))
        return key, last, joined, conditions

    def column_of(self, total: Total, t: FromClause) -> ColumnElement[Any]:
        """What is added up."""
        if total.column is None:
            return sa.literal(1)
        value: ColumnElement[Any] = self.value(total.column, t)
        if total.function == "distinct" and total.column.kind is Kind.MONEY:
            return sa.cast(value, sa.Text) + self.currency_of(total, t)
        return value

    def currency_of(self, total: Total, t: FromClause) -> ColumnElement[Any]:
        """The currency of what is added up."""
        assert total.column is not None  # noqa: S101 - money has a column
        currency: ColumnElement[Any] = self.value(total.column, t, currency=True)
        return currency

    def compare_total(
        self, total: Total, column: ColumnElement[Any], op: Operator, value: Any, *, only: Condition | None = None
    ) -> Condition:
        """The comparison within a group; *only* names the rows of the group that count."""
        if total.function == "avg":
            mean = value if isinstance(value, Fraction) else Fraction(value)
            scale = SCALE if total.kind is Kind.DECIMAL else 1
            whole = _filtered(sa.func.sum(sa.type_coerce(column, sa.BigInteger)), only) * self.exactly(mean.denominator)
            return COMPARE[op](whole, _filtered(sa.func.count(column), only) * self.exactly(mean.numerator * scale))
        return COMPARE[op](self.aggregate(total, column, only=only), value)

    def aggregate(
        self, total: Total, column: ColumnElement[Any], *, only: Condition | None = None
    ) -> ColumnElement[Any]:
        """The function of *total* over *column*."""
        match total.function:
            case "count":
                return _filtered(sa.func.count(), only)
            case "distinct":
                return _filtered(sa.func.count(column.distinct()), only)
            case "sum":
                # PostgreSQL sums bigint as numeric, whose exact value compares like the integer that it is.
                return sa.type_coerce(sa.func.coalesce(_filtered(sa.func.sum(column), only), 0), column.type)
            case "added":
                return sa.func.sum(sa.type_coerce(column, sa.BigInteger))
            case "weight":
                # PostgreSQL and DuckDB sum up in a wider type than they count in: products of it have room.
                return sa.func.sum(sa.case((column.is_not(None), sa.cast(1, sa.BigInteger))))
            case "min":
                return _filtered(sa.func.min(column), only)
            case "max":
                return _filtered(sa.func.max(column), only)
        raise DefinitionError(f"{total.function} cannot be compared like this")


def _filtered(function: Any, only: Condition | None) -> ColumnElement[Any]:
    found: ColumnElement[Any] = function if only is None else function.filter(only)
    return found


def _parted(wheres: Sequence[Plan]) -> tuple[list[Plan], list[list[Plan]]]:
    """What all of *wheres* have in common, and the rest of each."""
    each = [list(w.plans) if isinstance(w, Both) else [w] for w in wheres]
    shared = [p for p in each[0] if all(p in other for other in each[1:])]
    return shared, [[p for p in plans if p not in shared] for plans in each]
