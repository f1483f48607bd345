"""The SQL engine: a plan becomes a condition of SQLAlchemy Core.

SQL's third truth value never shows.  Every test is written out for the side that is wanted (*holds* or *fails*), so
that no NOT ever stands over something unknown: ``fails`` says "missing, or not" where ``holds`` lets unknown count as
no.  Conditions on related rows are ``IN`` over a subquery, grouped where something is added up; "fewer than three" is
written as "not among those with three or more", because a group without rows does not exist.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import attrs
import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.sql import ColumnElement, FromClause, Select

from crmkit.errors import DefinitionError
from crmkit.kernel.checking import INTEGER_LIMIT
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Order
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules.nodes import NEGATED, Operator
from crmkit.kernel.rules.plan import kind_of_operand
from crmkit.kernel.rules.planned import (
    Blank,
    Both,
    Column,
    Draw,
    Either,
    In,
    Is,
    Like,
    Literal,
    No,
    Operand,
    PartOf,
    Plan,
    Some,
    Tagged,
    Then,
    Total,
    Truth,
)
from crmkit.plugins.storage.sql.mapper import dump_json
from crmkit.plugins.storage.sql.tables import Tables
from crmkit.plugins.storage.sql.types import SCALE, TYPES

Condition = ColumnElement[bool]
COMPARE: dict[Operator, Callable[[Any, Any], Condition]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FROM_NOTHING = {"count", "sum", "distinct"}
MANY_VALUES = 500
MANY_TESTS = 100


class Compiler:
    """Writes plans as conditions over the tables of one tenant."""

    def __init__(self, tables: Tables, tenant: str, dialect: str) -> None:
        self.tables, self.tenant, self.sqlite = tables, tenant, dialect == "sqlite"

    def table(self, schema: Schema) -> FromClause:
        return self.tables[schema].alias()

    def of_tenant(self, table: FromClause) -> Condition:
        return table.c.tenant == self.tenant

    # ── Rules ──

    def test(self, plan: Plan, t: FromClause, *, holds: bool = True) -> Condition:
        """The condition that *plan* holds (or fails) for the row *t*."""
        match plan:
            case Truth(value):
                return sa.true() if value is holds else sa.false()
            case No(inner):
                return self.test(inner, t, holds=not holds)
            case Both(plans):
                tests = [self.test(p, t, holds=holds) for p in plans]
                return all_of(tests) if holds else any_of(tests)
            case Either(plans):
                tests = [self.test(p, t, holds=holds) for p in plans]
                return any_of(tests) if holds else all_of(tests)
            case Is(left, op, right):
                return self.compare(left, op, right, t, holds=holds)
            case In(left, values):
                return self.one_of(left, values, t, holds=holds)
            case Like(column, how, text, folded):
                return self.like(column, how, text, t, folded=folded, holds=holds)
            case Blank(operand):
                return self.blank(operand, t, holds=holds)
            case Tagged(column, every, values):
                return self.tagged(column, values, t, every=every, holds=holds)
            case Some(hops, where):
                return self.some(hops, where, t, holds=holds)
            case Then(first, then, lasting):
                return self.then(first, then, lasting, t, holds=holds)
        raise TypeError(plan)

    def compare(self, left: Operand, op: Operator, right: Operand, t: FromClause, *, holds: bool) -> Condition:
        if isinstance(left, Total) and isinstance(right, Literal) and left.function not in {"first", "last"}:
            return self.total_is(left, op, right.value, t, holds=holds)
        if _distant(left) and isinstance(right, Literal):
            hops, near = _split(left)
            return self.some(hops, Is(near, op, right), t, holds=holds)
        sides = [*self.sides(left, right, t)]
        if holds:
            return sa.and_(*(COMPARE[op if last else "=="](a, b) for a, b, last in sides))
        known = [x.is_(None) for x in (self.value(left, t), self.value(right, t)) if not _constant(x)]
        return sa.or_(*known, *(COMPARE[NEGATED[op] if last else "!="](a, b) for a, b, last in sides))

    def sides(self, left: Operand, right: Operand, t: FromClause) -> list[tuple[Any, Any, bool]]:
        """What is compared with what: for money the currencies first."""
        if isinstance(left, Column | Total) and left.kind is Kind.MONEY:
            if isinstance(right, Literal):
                money: Money = right.value
                currency: Any = money.currency
            else:
                currency = self.value(right, t, currency=True)
            pair = (self.value(left, t, currency=True), currency, False)
            return [pair, (self.value(left, t), self.value(right, t), True)]
        other = right.value if isinstance(right, Literal) else self.value(right, t)
        if isinstance(right, Literal) and _choice(left):
            other = sa.literal(other, literal_execute=True)
        if not isinstance(right, Literal) and kind_of_operand(left) is not kind_of_operand(right):
            return [(self.millionths(left, t), self.millionths(right, t), True)]
        return [(self.value(left, t), other, True)]

    def millionths(self, operand: Operand, t: FromClause) -> ColumnElement[Any]:
        """A whole number in the unit in which decimals are kept; what no decimal reaches is cut off."""
        value = sa.type_coerce(self.value(operand, t), sa.BigInteger)
        if kind_of_operand(operand) is Kind.DECIMAL:
            return value
        reach = INTEGER_LIMIT // SCALE
        cut = sa.case((value < -reach, -reach), (value > reach, reach), else_=value)
        scaled: ColumnElement[Any] = sa.type_coerce(cut, sa.BigInteger) * SCALE
        return scaled

    def one_of(self, left: Operand, values: Sequence[Any], t: FromClause, *, holds: bool) -> Condition:
        if _distant(left):
            hops, near = _split(left)
            return self.some(hops, In(near, tuple(values)), t, holds=holds)
        value = self.value(left, t)
        if _choice(left):
            values = [sa.literal(v, literal_execute=True) for v in values]
        among = value.in_(values) if len(values) <= MANY_VALUES else self.among(value, values)
        return among if holds else sa.or_(value.is_(None), sa.not_(among))

    def among(self, value: ColumnElement[Any], values: Sequence[Any]) -> Condition:
        """``IN`` for long lists, as one parameter."""
        if not self.sqlite:
            return value == sa.func.any(sa.bindparam(None, list(values), type_=ARRAY(value.type)))
        plain = [
            v.isoformat() if isinstance(v, date) else int(v * SCALE) if isinstance(v, Decimal) else v for v in values
        ]
        listed = sa.func.json_each(sa.literal(dump_json(plain))).table_valued("value")
        return sa.type_coerce(value, sa.Text).in_(sa.select(listed.c.value))

    def like(self, column: Column, how: str, text: str, t: FromClause, *, folded: bool, holds: bool) -> Condition:
        if column.hops:
            hops, near = _split(column)
            return self.some(hops, Like(near, how, text, folded), t, holds=holds)
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
        if isinstance(operand, Total) and operand.function in FROM_NOTHING:
            return sa.false() if holds else sa.true()
        if isinstance(operand, Column) and operand.hops:
            hops, near = _split(operand)
            return self.some(hops, No(Blank(near)), t, holds=not holds)
        if isinstance(operand, Total) and operand.function == "avg":
            operand = attrs.evolve(operand, function="min")  # missing when the mean is
        value: ColumnElement[Any] = self.value(operand, t)
        return value.is_(None) if holds else value.is_not(None)

    def tagged(self, column: Column, values: Sequence[str], t: FromClause, *, every: bool, holds: bool) -> Condition:
        if column.hops:
            hops, near = _split(column)
            return self.some(hops, Tagged(near, every, tuple(values)), t, holds=holds)
        tags = t.c[column.attribute.name]
        tests = [self.one_tag(tags, v) for v in values]
        test = sa.and_(tags.is_not(None), *tests) if every else sa.or_(sa.false(), *tests)
        return test if holds else sa.or_(tags.is_(None), sa.not_(test))

    def one_tag(self, tags: ColumnElement[Any], value: str) -> Condition:
        if not self.sqlite:
            return tags.op("@>", is_comparison=True)(sa.cast(sa.literal(dump_json([value])), TYPES[Kind.TAGS]))
        listed = sa.func.json_each(tags).table_valued("value")
        return sa.exists(sa.select(sa.literal(1)).select_from(listed).where(listed.c.value == value))

    def some(self, hops: tuple[Relation, ...], where: Plan, t: FromClause, *, holds: bool) -> Condition:
        hop, rest = hops[0], hops[1:]
        target = self.table(hop.target)
        condition = self.some(rest, where, target, holds=True) if rest else self.test(where, target)
        if hop.many:
            keys = sa.select(target.c[hop.key]).where(self.of_tenant(target), target.c[hop.key].is_not(None), condition)
            return t.c.id.in_(keys) if holds else t.c.id.not_in(keys)
        ids = sa.select(target.c.id).where(self.of_tenant(target), condition)
        key = t.c[hop.key]
        return key.in_(ids) if holds else sa.or_(key.is_(None), key.not_in(ids))

    def then(self, first: Some, then: Some, lasting: timedelta, t: FromClause, *, holds: bool) -> Condition:
        a, b = self.table(first.hops[0].target), self.table(then.hops[0].target)
        a_key, b_key = a.c[first.hops[0].key], b.c[then.hops[0].key]
        begin, later = a.c[first.hops[0].target.when], b.c[then.hops[0].target.when]
        keys = (
            sa.select(a_key)
            .select_from(a.join(b, sa.and_(a.c.tenant == b.c.tenant, a_key == b_key)))
            .where(self.of_tenant(a), a_key.is_not(None), self.test(first.where, a), self.test(then.where, b))
            .where(later > begin, later <= self.plus(begin, lasting))
        )
        return t.c.id.in_(keys) if holds else t.c.id.not_in(keys)

    def plus(self, moment: ColumnElement[Any], lasting: timedelta) -> ColumnElement[Any]:
        if self.sqlite:
            micros = lasting // timedelta(microseconds=1)
            return sa.func.crm_plus(sa.type_coerce(moment, sa.Text), micros, type_=sa.Text)
        return sa.type_coerce(moment, sa.DateTime(timezone=True)) + sa.literal(lasting, sa.Interval())

    # ── Totals ──

    def total_is(self, total: Total, op: Operator, value: Any, t: FromClause, *, holds: bool) -> Condition:
        """Compare an aggregate with a constant: one grouped subquery, or its complement where nothing satisfies too."""
        plain = value.minor if isinstance(value, Money) else value
        for_none = total.function in FROM_NOTHING and bool(COMPARE[op](0, plain))
        wanted: Operator = NEGATED[op] if for_none else op
        inside = holds is not for_none
        if total.function == "count" and (wanted, plain) in {(">=", 1), (">", 0), ("!=", 0)}:
            return self.some(total.hops, total.where, t, holds=inside)
        hop = total.hops[0]
        if not hop.many:
            rest = Is(_shortened(total), wanted, Literal(value))
            return self.some((hop,), rest, t, holds=inside)
        key, rows = self.rows(total)
        grouped = rows.with_only_columns(key, maintain_column_froms=True).group_by(key)
        keys = grouped.having(self.having(total, wanted, value, rows))
        chosen = sa.select(keys.subquery().c[0])
        return t.c.id.in_(chosen) if inside else t.c.id.not_in(chosen)

    def rows(self, total: Total) -> tuple[ColumnElement[Any], Select[Any]]:
        """The key of the origin beside each row that *total* looks at; over several hops, each row once."""
        first = self.table(total.hops[0].target)
        key = first.c[total.hops[0].key]
        conditions = [self.of_tenant(first), key.is_not(None)]
        last, joined = first, first
        for hop in total.hops[1:]:
            target = self.table(hop.target)
            on = target.c[hop.key] == last.c.id if hop.many else target.c.id == last.c[hop.key]
            joined = joined.join(target, sa.and_(target.c.tenant == last.c.tenant, on))
            last = target
        conditions.append(self.test(total.where, last))
        value = self.column_of(total, last)
        if total.currency is not None:
            conditions.append(self.currency_of(total, last) == total.currency)
        if len(total.hops) == 1:
            return key, sa.select(key, value.label("value")).select_from(joined).where(*conditions)
        once = sa.select(key.label("key"), last.c.id.label("id"), value.label("value")).select_from(joined)
        each = once.where(*conditions).distinct().subquery()
        return each.c.key, sa.select(each.c.key, each.c.value)

    def column_of(self, total: Total, t: FromClause) -> ColumnElement[Any]:
        if total.column is None:
            return sa.literal(1)
        value: ColumnElement[Any] = self.value(total.column, t)
        if total.function == "distinct" and total.column.kind is Kind.MONEY:
            return sa.cast(value, sa.Text) + self.currency_of(total, t)
        return value

    def currency_of(self, total: Total, t: FromClause) -> ColumnElement[Any]:
        assert total.column is not None  # noqa: S101 - money has a column
        currency: ColumnElement[Any] = self.value(total.column, t, currency=True)
        return currency

    def having(self, total: Total, op: Operator, value: Any, rows: Select[Any]) -> Condition:
        column = list(rows.selected_columns)[1]
        return self.compare_total(total, column.element if hasattr(column, "element") else column, op, value)

    def compare_total(self, total: Total, column: ColumnElement[Any], op: Operator, value: Any) -> Condition:
        plain = value.minor if isinstance(value, Money) else value
        if total.function == "avg":
            mean = plain if isinstance(plain, Fraction) else Fraction(plain)
            scale = SCALE if total.kind is Kind.DECIMAL else 1
            whole = sa.func.sum(sa.type_coerce(column, sa.BigInteger)) * self.exactly(mean.denominator)
            return COMPARE[op](whole, sa.func.count(column) * self.exactly(mean.numerator * scale))
        return COMPARE[op](self.aggregate(total, column), plain)

    def exactly(self, number: int) -> ColumnElement[Any]:
        """A factor of any size; beyond 64 bits SQLite has floats only, which tell apart what is 10^-15 apart."""
        if not self.sqlite:
            return sa.cast(sa.literal(str(number)), sa.Numeric)
        return sa.literal(number if abs(number) < INTEGER_LIMIT else float(number))

    def aggregate(self, total: Total, column: ColumnElement[Any]) -> ColumnElement[Any]:
        match total.function:
            case "count":
                return sa.func.count()
            case "distinct":
                return sa.func.count(column.distinct())
            case "sum":
                # PostgreSQL sums bigint as numeric, whose exact value compares like the integer that it is.
                return sa.type_coerce(sa.func.coalesce(sa.func.sum(column), 0), column.type)
            case "min":
                return sa.func.min(column)
            case "max":
                return sa.func.max(column)
        raise DefinitionError(f"{total.function} cannot be compared like this")

    # ── Values ──

    def value(self, operand: Operand, t: FromClause, *, currency: bool = False) -> Any:
        """The value of *operand* for the row *t*, as a column expression."""
        match operand:
            case Literal(value):
                return value.minor if isinstance(value, Money) else value
            case PartOf(column, part, zone):
                return self.part(column, part, zone.key, t)
            case Draw(size, salt):
                return self.draw(size, salt, t)
            case Total():
                return self.scalar(operand, t, currency=currency)
            case Column(hops=()):
                return self.field(operand, t, currency=currency)
            case Column(hops=hops):
                target = self.table(hops[0].target)
                inner = self.value(_split_once(operand), target, currency=currency)
                chosen = sa.select(inner).where(self.of_tenant(target), target.c.id == t.c[hops[0].key])
                return chosen.correlate(t).scalar_subquery()
        raise TypeError(operand)

    def field(self, column: Column, t: FromClause, *, currency: bool) -> ColumnElement[Any]:
        name = column.attribute.name
        if not column.inside:
            found: ColumnElement[Any] = t.c[f"{name}_currency" if currency else name]
            return found
        stored = self.custom(column, t)
        if column.default is None:
            return stored
        known = sa.case((self.is_stored(column, t), stored), else_=sa.literal(column.default, TYPES[column.kind]))
        return sa.type_coerce(known, TYPES[column.kind])

    def custom(self, column: Column, t: FromClause) -> ColumnElement[Any]:
        """A custom field, in the form that a column of its kind has."""
        extras, kind = t.c[column.attribute.name], TYPES[column.kind]
        if self.sqlite:
            extracted: ColumnElement[Any] = sa.func.json_extract(extras, json_path(column))
            read = {Kind.DECIMAL: "scaled", Kind.INSTANT: "instant"}.get(column.kind)
            extracted = extracted if read is None else sa.func.crm_read(extracted, read)
            return sa.type_coerce(extracted, kind)
        extracted = sa.func.jsonb_extract_path_text(extras, *column.inside)
        return self.read(sa.type_coerce(extracted, sa.Text()), column.kind)

    def read(self, text: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """The text of a JSON value, in the form that a column of its kind has."""
        if kind is Kind.TEXT:
            return sa.type_coerce(sa.collate(text, "C"), TYPES[kind])
        if kind is Kind.DECIMAL:
            return sa.type_coerce(sa.cast(sa.cast(text, sa.Numeric(38, 6)) * SCALE, sa.BigInteger), TYPES[kind])
        return text if kind in {Kind.TAGS, Kind.JSON} else sa.cast(text, TYPES[kind])

    def is_stored(self, column: Column, t: FromClause) -> Condition:
        """Whether the entity has a value (or null) of its own there, instead of the default."""
        extras = t.c[column.attribute.name]
        if self.sqlite:
            return sa.func.json_type(extras, json_path(column)).is_not(None)
        return sa.func.jsonb_extract_path(extras, *column.inside).is_not(None)

    def part(self, column: Column, part: str, zone: str, t: FromClause) -> ColumnElement[Any]:
        value = self.value(column, t)
        if self.sqlite and column.kind is Kind.DATE:
            return day_part(sa.type_coerce(value, sa.Text), part)
        if self.sqlite:
            return sa.type_coerce(sa.func.crm_part(sa.type_coerce(value, sa.Text), part, zone), sa.Integer)
        local = sa.func.timezone(zone, value) if column.kind is Kind.INSTANT else value
        if part == "monthday":
            return sa.cast(sa.extract("month", local) * 100 + sa.extract("day", local), sa.Integer)
        return sa.cast(sa.extract("isodow" if part == "weekday" else part, local), sa.Integer)

    def draw(self, size: int, salt: str, t: FromClause) -> ColumnElement[Any]:
        if self.sqlite:
            return sa.func.crm_drawn(salt, t.c.id, size, type_=sa.Integer)
        digest = sa.func.md5(sa.func.concat(sa.cast(salt, sa.Text), ":", t.c.id))
        number = sa.cast(sa.cast(sa.func.concat("x", sa.func.left(digest, 8)), BIT(32)), sa.BigInteger)
        return number % size

    def scalar(self, total: Total, t: FromClause, *, currency: bool = False) -> ColumnElement[Any]:
        """An aggregate as a correlated subquery: for comparisons with other fields."""
        hop = total.hops[0]
        if not hop.many:
            target = self.table(hop.target)
            inner = self.scalar(_shortened(total), target, currency=currency)
            chosen = sa.select(inner).where(self.of_tenant(target), target.c.id == t.c[hop.key]).correlate(t)
            value = chosen.scalar_subquery()
            return sa.func.coalesce(value, 0) if total.function in FROM_NOTHING else value
        key, rows = self.rows(total)
        rows = rows.where(key == t.c.id).correlate(t)
        if total.function in {"first", "last"}:
            return self.outermost(total, t, currency=currency)
        column = list(rows.selected_columns)[1]
        base = column.element if hasattr(column, "element") else column
        if total.function == "avg":
            raise DefinitionError("avg is compared with a constant, not with another field")
        return rows.with_only_columns(self.aggregate(total, base)).scalar_subquery()

    def outermost(self, total: Total, t: FromClause, *, currency: bool) -> ColumnElement[Any]:
        if len(total.hops) != 1 or total.column is None:
            raise DefinitionError(f"{total.function} looks at rows one relation away")
        hop = total.hops[0]
        target = self.table(hop.target)
        when = target.c[hop.target.when]
        order = (when, target.c.id) if total.function == "first" else (when.desc(), target.c.id.desc())
        return (
            sa.select(self.value(total.column, target, currency=currency))
            .where(
                self.of_tenant(target),
                target.c[hop.key] == t.c.id,
                when.is_not(None),
                self.test(total.where, target),
            )
            .order_by(*order)
            .limit(1)
            .correlate(t)
            .scalar_subquery()
        )

    # ── Order and paging ──

    def order(self, orders: Sequence[Order], schema: Schema, t: FromClause) -> list[ColumnElement[Any]]:
        clauses: list[ColumnElement[Any]] = []
        for o in orders:
            for column in _sorted_by(schema, o, t):
                if not schema[o.attribute].required:
                    clauses.append(column.is_(None))
                clauses.append(column.desc() if o.descending else column.asc())
        return clauses

    def later(self, orders: Sequence[Order], after: Sequence[Any], schema: Schema, t: FromClause) -> Condition:
        """Behind the row whose values are *after*."""
        steps: list[tuple[ColumnElement[Any], Any, bool, bool]] = []
        for o, value in zip(orders, after, strict=True):
            required = schema[o.attribute].required
            plain = sa.literal(value) if isinstance(value, bool) else value  # SQLAlchemy orders no plain True
            values: list[Any] = [value.currency, value.minor] if isinstance(value, Money) else [plain]
            columns = _sorted_by(schema, o, t)
            if value is None:
                values = [None] * len(columns)
            steps += [(c, v, o.descending, required) for c, v in zip(columns, values, strict=True)]
        options = []
        for n, (column, value, descending, required) in enumerate(steps):
            if value is None:
                continue
            beyond = column < value if descending else column > value
            same = [c.is_(None) if v is None else c == v for c, v, _, _ in steps[:n]]
            options.append(sa.and_(*same, beyond if required else sa.or_(beyond, column.is_(None))))
        return sa.or_(sa.false(), *options)


def all_of(tests: Sequence[Condition]) -> Condition:
    """All of *tests*; many of them in brackets of a hundred.

    SQLite takes a thousand levels, and a chain is one for each link.
    """
    return sa.and_(sa.true(), *tests) if len(tests) <= MANY_TESTS else _bracketed(tests, sa.and_, "AND")


def any_of(tests: Sequence[Condition]) -> Condition:
    """At least one of *tests*; many of them in brackets of a hundred."""
    return sa.or_(sa.false(), *tests) if len(tests) <= MANY_TESTS else _bracketed(tests, sa.or_, "OR")


def _bracketed(tests: Sequence[Condition], combine: Callable[..., Condition], word: str) -> Condition:
    hundreds = [combine(*tests[n : n + MANY_TESTS]).self_group() for n in range(0, len(tests), MANY_TESTS)]
    # and_ and or_ would take the brackets away again.
    return reduce(lambda left, right: left.op(word, is_comparison=True)(right), hundreds).self_group()


def _sorted_by(schema: Schema, order: Order, t: FromClause) -> list[ColumnElement[Any]]:
    name = order.attribute
    return [t.c[f"{name}_currency"], t.c[name]] if schema[name].kind is Kind.MONEY else [t.c[name]]


def _constant(value: Any) -> bool:
    return not isinstance(value, sa.ClauseElement)


def day_part(day: ColumnElement[Any], part: str) -> ColumnElement[Any]:
    """A part of a calendar day in SQLite's own words, which are faster than a function of Python."""
    form = {"year": "%Y", "month": "%m", "day": "%d", "monthday": "%m%d", "weekday": "%w"}[part]
    number = sa.cast(sa.func.strftime(form, day), sa.Integer)
    return (number + 6) % 7 + 1 if part == "weekday" else number


def json_path(column: Column) -> str:
    """Where a custom field lies in the JSON of its entity."""
    return "$" + "".join(f'."{p}"' for p in column.inside)


def _choice(operand: Operand) -> bool:
    return isinstance(operand, Column) and operand.attribute.choices is not None and not operand.inside


def _distant(operand: Operand) -> bool:
    column = operand.column if isinstance(operand, PartOf) else operand
    return isinstance(column, Column) and bool(column.hops)


def _split(operand: Operand) -> tuple[tuple[Relation, ...], Any]:
    """The hops, and the same operand seen from where they lead to."""
    if isinstance(operand, PartOf):
        hops, near = _split(operand.column)
        return hops, PartOf(near, operand.part, operand.zone)
    assert isinstance(operand, Column)  # noqa: S101 - only columns have hops
    near = evolve(operand, hops=())
    return operand.hops, near


def _split_once(column: Column) -> Column:
    return evolve(column, hops=column.hops[1:])


def _shortened(total: Total) -> Total:
    return Total(
        function=total.function,
        hops=total.hops[1:],
        where=total.where,
        column=total.column,
        kind=total.kind,
        currency=total.currency,
    )
