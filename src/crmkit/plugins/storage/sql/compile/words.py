"""What SQLite and PostgreSQL say in different words."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.sql import ColumnElement, FromClause

from crmkit.kernel.checking import INTEGER_LIMIT
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.rules.nodes import Operator
from crmkit.kernel.rules.planned import Column, Plan
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
MANY_VALUES = 500
MANY_TESTS = 100
MANY_TAGS = 20


class Words(ABC):
    """Writes for the tables of one tenant.

    Args:
        tables: what the statements are about.
        tenant: whose rows; a parameter, where statements are kept for all tenants.
        dialect: the name of that of the database.
    """

    def __init__(self, tables: Tables, tenant: str, dialect: str) -> None:
        self.tables, self.tenant, self.sqlite = tables, tenant, dialect == "sqlite"

    @abstractmethod
    def test(self, plan: Plan, t: FromClause, *, holds: bool = True) -> Condition:
        """The condition that *plan* holds (or fails) for the row *t*."""

    def table(self, schema: Schema) -> FromClause:
        """The table once more, under a name of its own."""
        return self.tables[schema].alias()

    def of_tenant(self, table: FromClause) -> Condition:
        """Only the rows of the tenant."""
        return table.c.tenant == self.tenant

    def among(self, value: ColumnElement[Any], values: Sequence[Any]) -> Condition:
        """``IN``; a long list is one parameter."""
        if len(values) <= MANY_VALUES:
            return value.in_(values)
        if not self.sqlite:
            return value == sa.func.any(sa.bindparam(None, list(values), type_=ARRAY(value.type)))
        listed = sa.func.json_each(sa.literal(dump_json([_kept(v) for v in values]))).table_valued("value")
        return sa.type_coerce(value, sa.Text).in_(sa.select(listed.c.value))

    def one_tag(self, tags: ColumnElement[Any], value: str) -> Condition:
        """The set has *value*."""
        if not self.sqlite:
            return tags.op("@>", is_comparison=True)(sa.cast(sa.literal(dump_json([value])), TYPES[Kind.TAGS]))
        listed = sa.func.json_each(tags).table_valued("value")
        return sa.exists(sa.select(sa.literal(1)).select_from(listed).where(listed.c.value == value))

    def tags_hold(self, tags: ColumnElement[Any], values: Sequence[str], *, every: bool) -> Condition:
        """The set has all (or any) of *values*; many of them are one parameter."""
        if len(values) <= MANY_TAGS:
            tests = [self.one_tag(tags, v) for v in values]
            return all_of(tests) if every else any_of(tests)
        wanted = sa.literal(dump_json(list(values)))
        if not self.sqlite:
            if every:
                return tags.op("@>", is_comparison=True)(sa.cast(wanted, TYPES[Kind.TAGS]))
            return tags.op("?|", is_comparison=True)(sa.cast(sa.literal(list(values), ARRAY(sa.Text)), ARRAY(sa.Text)))
        listed, asked = (sa.func.json_each(each).table_valued("value") for each in (tags, wanted))
        found = sa.select(sa.func.count(listed.c.value.distinct())).select_from(listed)
        found = found.where(listed.c.value.in_(sa.select(asked.c.value))).correlate_except(listed)
        number = found.scalar_subquery()
        return number == len(values) if every else number > 0

    def plus(self, moment: ColumnElement[Any], lasting: timedelta) -> ColumnElement[Any]:
        """So much later."""
        if self.sqlite:
            micros = lasting // timedelta(microseconds=1)
            return sa.func.crm_plus(sa.type_coerce(moment, sa.Text), micros, type_=sa.Text)
        return sa.type_coerce(moment, sa.DateTime(timezone=True)) + sa.literal(lasting, sa.Interval())

    def exactly(self, number: int) -> ColumnElement[Any]:
        """A factor of any size; beyond 64 bits SQLite has floats only, which tell apart what is 10^-15 apart."""
        if not self.sqlite:
            return sa.cast(sa.literal(str(number)), sa.Numeric)
        return sa.literal(number if abs(number) < INTEGER_LIMIT else float(number))

    # ── Custom fields ──

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

    # ── Calendar and chance ──

    def day_part(self, day: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        """A part of a calendar day, in the words that the database is fastest with."""
        if self.sqlite:
            return _day_part(sa.type_coerce(day, sa.Text), part)
        if part == "monthday":
            return sa.cast(sa.extract("month", day) * 100 + sa.extract("day", day), sa.Integer)
        return sa.cast(sa.extract("isodow" if part == "weekday" else part, day), sa.Integer)

    def local_part(self, moment: ColumnElement[Any], part: str, zone: str) -> ColumnElement[Any]:
        """A part of a moment, as a clock in *zone* shows it."""
        if self.sqlite:
            return sa.type_coerce(sa.func.crm_part(sa.type_coerce(moment, sa.Text), part, zone), sa.Integer)
        return self.day_part(sa.func.timezone(zone, moment), part)

    def returns_on(self, day: ColumnElement[Any], monthdays: Sequence[int]) -> Condition:
        """The calendar day is one of *monthdays* (302 is 2 March) of any year."""
        runs = _runs(monthdays)
        if self.sqlite:
            text = sa.func.substr(sa.type_coerce(day, sa.Text), sa.literal_column("6"), type_=sa.Text)
            return any_of([text.between(_written(first), _written(last)) for first, last in runs])
        month, number = sa.func.date_part("month", day), sa.func.date_part("day", day)
        return any_of([sa.and_(month == a // 100, number.between(a % 100, b % 100)) for a, b in runs])

    def draw(self, size: int, salt: str, t: FromClause) -> ColumnElement[Any]:
        """The number that the id draws."""
        if self.sqlite:
            return sa.func.crm_drawn(salt, t.c.id, size, type_=sa.Integer)
        digest = sa.func.md5(sa.func.concat(sa.cast(salt, sa.Text), ":", t.c.id))
        number = sa.cast(sa.cast(sa.func.concat("x", sa.func.left(digest, 8)), BIT(32)), sa.BigInteger)
        return number % size


def _kept(value: Any) -> Any:
    """A value as SQLite's columns have it."""
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
        case date():
            return value.isoformat()
        case timedelta():
            return value // timedelta(microseconds=1)
        case Decimal():
            return int(value * SCALE)
    return value


def _runs(monthdays: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of days that follow each other within a month."""
    runs: list[tuple[int, int]] = []
    for n in sorted(set(monthdays)):
        if runs and runs[-1][1] == n - 1:
            runs[-1] = (runs[-1][0], n)
        else:
            runs.append((n, n))
    return runs


def _written(monthday: int) -> str:
    return f"{monthday // 100:02}-{monthday % 100:02}"


def _day_part(day: ColumnElement[Any], part: str) -> ColumnElement[Any]:
    """SQLite's days are texts, and cutting them is twice as fast as its calendar, where that is not needed."""
    if part == "weekday":
        return (sa.cast(sa.func.strftime("%w", day), sa.Integer) + 6) % 7 + 1
    if part == "monthday":
        return sa.cast(sa.func.strftime("%m%d", day), sa.Integer)
    begin, length = {"year": (1, 4), "month": (6, 2), "day": (9, 2)}[part]
    return sa.cast(sa.func.substr(day, begin, length), sa.Integer)


def json_path(column: Column) -> str:
    """Where a custom field lies in the JSON of its entity."""
    return "$" + "".join(f'."{p}"' for p in column.inside)


# ── Many tests ──


def all_of(tests: Sequence[Condition]) -> Condition:
    """All of *tests*; many of them in brackets of a hundred.

    SQLite takes a thousand levels, and a chain is one for each link.
    """
    return sa.and_(sa.true(), *tests) if len(tests) <= MANY_TESTS else _bracketed(tests, sa.and_, "AND")


def any_of(tests: Sequence[Condition]) -> Condition:
    """At least one of *tests*; many of them in brackets of a hundred."""
    return sa.or_(sa.false(), *tests) if len(tests) <= MANY_TESTS else _bracketed(tests, sa.or_, "OR")


def total_of(numbers: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The sum of *numbers*, in brackets of a hundred likewise."""
    if not numbers:
        return sa.literal(0)
    parts = [list(numbers[n : n + MANY_TESTS]) for n in range(0, len(numbers), MANY_TESTS)]
    hundreds = [reduce(operator.add, part).self_group() for part in parts]
    return reduce(lambda left, right: left.op("+")(right), hundreds).self_group()


def _bracketed(tests: Sequence[Condition], combine: Callable[..., Condition], word: str) -> Condition:
    hundreds = [combine(*tests[n : n + MANY_TESTS]).self_group() for n in range(0, len(tests), MANY_TESTS)]
    # and_ and or_ would take the brackets away again.
    return reduce(lambda left, right: left.op(word, is_comparison=True)(right), hundreds).self_group()
