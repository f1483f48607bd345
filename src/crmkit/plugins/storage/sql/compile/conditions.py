"""From a plan to a condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, FromClause, Select

from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.evaluate import is_mean
from crmkit.kernel.rules.nodes import NEGATED, Operator
from crmkit.kernel.rules.planned import (
    FROM_NOTHING,
    OUTERMOST,
    Blank,
    Both,
    Column,
    Either,
    In,
    Is,
    Like,
    Literal,
    No,
    Odd,
    Operand,
    PartOf,
    Plan,
    Some,
    Tagged,
    Then,
    Total,
    Truth,
)
from crmkit.plugins.storage.sql.compile.ordering import Ordering
from crmkit.plugins.storage.sql.compile.related import Near, split
from crmkit.plugins.storage.sql.compile.singly import Singly
from crmkit.plugins.storage.sql.compile.totals import Group, group_of, is_grouped
from crmkit.plugins.storage.sql.compile.values import is_choice, is_distant
from crmkit.plugins.storage.sql.compile.words import COMPARE, Condition, all_of, any_of, total_of

AT_ONCE = 1_000  # aggregates in one scan; SQLite has room for twice as many


class Compiler(Singly, Ordering):
    """Writes plans as conditions."""

    def keys_alone(self, plan: Plan) -> Select[Any] | None:
        """The ids by a grouped subquery alone, if *plan* is one aggregate over rows that must refer to an entity."""
        if not (is_grouped(plan) and isinstance(plan, Is) and isinstance(plan.left, Total)):
            return None
        hop, right = plan.left.hops[0], plan.right
        if hop.target[hop.key].references is None or not isinstance(right, Literal):
            return None
        group = group_of(plan.left, plan.operator, right.value, holds=True)
        return self.keys([group]) if group.inside and not group.is_existence else None

    def test(self, plan: Plan, t: FromClause, *, holds: bool = True, near: Near | None = None) -> Condition:
        """The condition that *plan* holds (or fails) for the row *t*."""
        match plan:
            case Truth(value):
                return sa.true() if value is holds else sa.false()
            case No(inner):
                return self.test(inner, t, holds=not holds, near=near)
            case Both(plans):
                return self.several(plans, t, holds=holds, every=holds, near=near)
            case Either(plans):
                return self.several(plans, t, holds=holds, every=not holds, near=near)
            case Odd(plans):
                return self.odd(plans, t, holds=holds)
            case Is(left, op, right):
                return self.compare(left, op, right, t, holds=holds, near=near)
            case In(left, values):
                return self.one_of(left, values, t, holds=holds)
            case Like(column, how, text, folded):
                return self.like(column, how, text, t, folded=folded, holds=holds)
            case Blank(operand):
                return self.blank(operand, t, holds=holds)
            case Tagged(column, every, values):
                return self.tagged(column, values, t, every=every, holds=holds)
            case Some(hops, where):
                return self.some(hops, where, t, holds=holds, near=near)
            case Then(first, then, lasting):
                return self.then(first, then, lasting, t, holds=holds)
        raise TypeError(plan)

    def several(
        self, plans: Sequence[Plan], t: FromClause, *, holds: bool, every: bool, near: Near | None
    ) -> Condition:
        """All (or any) of *plans*; aggregates over the same relation are looked at in one scan."""
        if every and holds:
            near = self.near(plans) or near
        fused, rest = _fusible(plans, holds=holds)
        tests = [self.test(p, t, holds=holds, near=near) for p in rest]
        for groups in fused:
            inside = groups[0].inside
            keys = self.keys(groups, near, every=every is inside)
            tests.append(self.in_groups(keys, t, inside=inside))
        return all_of(tests) if every else any_of(tests)

    def odd(self, plans: Sequence[Plan], t: FromClause, *, holds: bool) -> Condition:
        """An odd number of *plans* holds."""
        ones = [sa.case((self.test(p, t), 1), else_=0) for p in plans]
        rest: Condition = total_of(ones) % 2 == int(holds)
        return rest

    def compare(
        self, left: Operand, op: Operator, right: Operand, t: FromClause, *, holds: bool, near: Near | None
    ) -> Condition:
        """A comparison; what is missing fails it."""
        if isinstance(left, Total) and isinstance(right, Literal) and left.function not in OUTERMOST:
            return self.total_is(left, op, right.value, t, holds=holds, near=near)
        if is_distant(left) and isinstance(right, Literal):
            hops, here = split(left)
            return self.some(hops, Is(here, op, right), t, holds=holds)
        if is_mean(left) or is_mean(right):
            return self.ratio(left, op, right, t, holds=holds)
        sides = [*self.sides(left, right, t)]
        if holds:
            return sa.and_(*(COMPARE[op if last else "=="](a, b) for a, b, last in sides))
        missing = [x.is_(None) for x in (self.value(left, t), self.value(right, t)) if not _is_constant(x)]
        return sa.or_(*missing, *(COMPARE[NEGATED[op] if last else "!="](a, b) for a, b, last in sides))

    def one_of(self, left: Operand, values: Sequence[Any], t: FromClause, *, holds: bool) -> Condition:
        """The value is one of *values*."""
        if is_distant(left):
            hops, here = split(left)
            return self.some(hops, In(here, tuple(values)), t, holds=holds)
        if isinstance(left, PartOf) and left.part == "monthday" and left.column.kind is Kind.DATE:
            value = self.value(left.column, t)
            among = self.returns_on(value, values)
        elif isinstance(left, Column) and left.kind is Kind.MONEY:
            value = self.value(left, t)
            among = self.amounts(left, values, t)
        else:
            value = self.value(left, t)
            written = [sa.literal(v, literal_execute=True) for v in values] if is_choice(left) else values
            among = self.among(value, written)
        return among if holds else sa.or_(value.is_(None), sa.not_(among))

    def amounts(self, column: Column, values: Sequence[Money], t: FromClause) -> Condition:
        """The amount is one of *values*, each of which is of one currency."""
        amount, currency = self.value(column, t), self.value(column, t, currency=True)
        each: dict[str, list[int]] = {}
        for money in values:
            each.setdefault(money.currency, []).append(money.minor)
        return any_of([sa.and_(currency == c, self.among(amount, minor)) for c, minor in each.items()])

    def like(self, column: Column, how: str, text: str, t: FromClause, *, folded: bool, holds: bool) -> Condition:
        """A search in a text; there are no wildcards."""
        if column.hops:
            hops, here = split(column)
            return self.some(hops, Like(here, how, text, folded), t, holds=holds)
        value = t.c[f"{column.attribute.name}_folded" if folded else column.attribute.name]
        length = len(text)
        find = sa.func.instr if self.sqlite else sa.func.strpos
        test = {
            "contains": lambda: find(value, text) > 0 if text else value.is_not(None),
            "starts_with": lambda: sa.func.substr(value, 1, length) == text,
            "ends_with": lambda: sa.and_(
                sa.func.length(value) >= length,
                sa.func.substr(value, sa.func.length(value) - length + 1) == text,
            ),
            "equals": lambda: value == text,
        }[how]()
        return test if holds else sa.or_(value.is_(None), sa.not_(test))

    def blank(self, operand: Operand, t: FromClause, *, holds: bool) -> Condition:
        """There is no value."""
        if isinstance(operand, Total) and operand.function in FROM_NOTHING:
            return sa.false() if holds else sa.true()
        if isinstance(operand, Column) and operand.hops:
            hops, here = split(operand)
            return self.some(hops, No(Blank(here)), t, holds=not holds)
        if isinstance(operand, Total) and operand.function == "avg":
            operand = attrs.evolve(operand, function="min")  # missing when the mean is
        value: ColumnElement[Any] = self.value(operand, t)
        return value.is_(None) if holds else value.is_not(None)

    def tagged(self, column: Column, values: Sequence[str], t: FromClause, *, every: bool, holds: bool) -> Condition:
        """The set has all (or any) of *values*."""
        if column.hops:
            hops, here = split(column)
            return self.some(hops, Tagged(here, every, tuple(values)), t, holds=holds)
        tags = t.c[column.attribute.name]
        test = self.tags_hold(tags, tuple(dict.fromkeys(values)), every=every)
        if every:
            test = sa.and_(tags.is_not(None), test)
        return test if holds else sa.or_(tags.is_(None), sa.not_(test))


def _is_constant(value: Any) -> bool:
    return not isinstance(value, sa.ClauseElement) or isinstance(value, sa.BindParameter)


def _fusible(plans: Sequence[Plan], *, holds: bool) -> tuple[list[list[Group]], list[Plan]]:
    """Aggregates over the same relation and on the same side of it, two to a thousand; and the rest."""
    found: dict[Any, list[tuple[Plan, Group]]] = {}
    for plan in plans:
        for group in _groups(plan, holds=holds):
            found.setdefault((group.total.hops, group.inside), []).append((plan, group))
    batches = [some[n : n + AT_ONCE] for some in found.values() for n in range(0, len(some), AT_ONCE)]
    fused = [some for some in batches if len(some) > 1]
    gone = {id(plan) for some in fused for plan, _ in some}
    return [[group for _, group in some] for some in fused], [p for p in plans if id(p) not in gone]


def _groups(plan: Plan, *, holds: bool) -> Iterator[Group]:
    """What *plan* says about groups, if that is all that it says."""
    while isinstance(plan, No):
        plan, holds = plan.plan, not holds
    if is_grouped(plan):
        assert isinstance(plan, Is) and isinstance(plan.left, Total)  # noqa: PT018, S101 - is_grouped has looked
        assert isinstance(plan.right, Literal)  # noqa: S101 - is_grouped has looked
        group = group_of(plan.left, plan.operator, plan.right.value, holds=holds)
        if not group.is_existence:
            yield group
