"""How rows are sorted, and which of them lie behind another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement, FromClause

from crmkit.kernel.entity import Kind, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Order
from crmkit.plugins.storage.sql.compile.words import Condition


class Ordering:
    """Sorting and paging."""

    def order(self, orders: Sequence[Order], schema: Schema, t: FromClause) -> list[ColumnElement[Any]]:
        """What to sort by; missing values come last."""
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


def _sorted_by(schema: Schema, order: Order, t: FromClause) -> list[ColumnElement[Any]]:
    name = order.attribute
    return [t.c[f"{name}_currency"], t.c[name]] if schema[name].kind is Kind.MONEY else [t.c[name]]
