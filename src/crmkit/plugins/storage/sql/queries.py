"""What a session is asked, as statements, and the rows that come back, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from crmkit.kernel.checking import unscaled
from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Query
from crmkit.kernel.rules.planned import Truth
from crmkit.plugins.storage.sql.compile import Compiler
from crmkit.plugins.storage.sql.mapper import Mapper, parts_of

RAW: sa.types.TypeEngine[Any] = sa.types.NullType()
Build = Callable[[Compiler, Query[Any]], sa.Select[Any]]


def raw_rows(result: Any) -> list[Any]:
    """The driver's own rows."""
    rows: list[Any] = result.cursor.fetchall()
    result.close()
    return rows


def _select(
    compiler: Compiler, query: Query[Any], wanted: Callable[[sa.FromClause], list[sa.ColumnElement[Any]]]
) -> sa.Select[Any]:
    schema = query.cls.__schema__
    t = compiler.tables[schema]
    source, condition = compiler.source(query.plan, t)
    statement = sa.select(*wanted(t)).select_from(source).where(condition)
    if query.after is not None:
        statement = statement.where(compiler.later(query.order, query.after, schema, t))
    if query.order:
        statement = statement.order_by(*_sorting(compiler, query, t))
    return statement if query.limit is None else statement.limit(query.limit)


def _sorting(compiler: Compiler, query: Query[Any], t: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The order; SQLite must not walk through all rows by their ids to spare itself the sorting of a few (``+id``)."""
    clauses = compiler.order(query.order, query.cls.__schema__, t)
    first, few = query.order[0], query.after is None and query.limit in {None, 1}
    if compiler.sqlite and few and first.attribute == "id" and not isinstance(query.plan, Truth):
        plain: sa.ColumnElement[Any] = UnaryExpression(t.c.id, operator=custom_op("+"))
        clauses[0] = plain.desc() if first.descending else plain.asc()
    return clauses


def selected(mapper: Mapper, *, lock: bool = False) -> Build:
    """Whole records, kept from others if *lock*."""

    def build(compiler: Compiler, query: Query[Any]) -> sa.Select[Any]:
        statement = _select(compiler, query, lambda t: [t.c[c.name] for c in mapper.read])
        return statement.with_for_update(skip_locked=True) if lock else statement

    return build


def listed(schema: Schema, names: Sequence[str]) -> Build:
    """Some columns; of ids that a grouped subquery knows by itself, no more than that."""

    def build(compiler: Compiler, query: Query[Any]) -> sa.Select[Any]:
        if tuple(names) == ("id",) and not query.order and query.limit is None:
            alone = compiler.keys_alone(query.plan)
            if alone is not None:
                return alone
        return _select(compiler, query, lambda t: raw_columns(t, schema, names))

    return build


def counted(compiler: Compiler, query: Query[Any]) -> sa.Select[Any]:
    """How many rows there are."""
    t = compiler.tables[query.cls.__schema__]
    source, condition = compiler.source(query.plan, t)
    return sa.select(sa.func.count()).select_from(source).where(condition)


def raw_columns(t: sa.FromClause, schema: Schema, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    """The columns of attributes, money having two, for :meth:`.Mapper.values`: in the driver's own values."""
    return [sa.type_coerce(t.c[part], RAW) for name in names for part in parts_of(schema[name])]


def total_of(schema: Schema, name: str, value: Any, currency: str | None) -> Any:
    """A sum as a value of the attribute's kind."""
    if value is None:
        return None
    if schema[name].kind is Kind.MONEY:
        return Money.from_minor(int(value), str(currency))
    if schema[name].kind is Kind.DURATION:
        return timedelta(microseconds=int(value))
    return unscaled(int(value)) if schema[name].kind is Kind.DECIMAL else int(value)
