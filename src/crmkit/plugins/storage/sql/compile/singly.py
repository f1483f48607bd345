"""Aggregates one row at a time: for comparisons with other fields, and with other aggregates."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.sql import ColumnElement, FromClause, Select

from crmkit.kernel.entity import Kind
from crmkit.kernel.rules.nodes import NEGATED, Operator
from crmkit.kernel.rules.plan import kind_of_operand
from crmkit.kernel.rules.planned import FROM_NOTHING, OUTERMOST, Operand, Total
from crmkit.plugins.storage.sql.compile.totals import Totals
from crmkit.plugins.storage.sql.compile.words import COMPARE, Condition
from crmkit.plugins.storage.sql.types import SCALE


class Singly(Totals):
    """Aggregates of the rows that belong to one row."""

    def scalar(self, total: Total, t: FromClause, *, currency: bool = False) -> ColumnElement[Any]:
        """An aggregate as a correlated subquery."""
        return self.asked(total, t, (t,), self.currency_wanted(total, t), currency=currency)

    def currency_wanted(self, total: Total, t: FromClause) -> ColumnElement[Any] | None:
        """The currency of what *total* is compared with, where rows in others are left out."""
        wanted: ColumnElement[Any] | None = None if total.like is None else self.value(total.like, t, currency=True)
        return wanted

    def asked(
        self,
        total: Total,
        t: FromClause,
        around: tuple[FromClause, ...],
        wanted: ColumnElement[Any] | None,
        *,
        currency: bool = False,
    ) -> ColumnElement[Any]:
        """An aggregate of the rows that belong to *t*, which may itself be within queries of those *around* it."""
        hop = total.hops[0]
        if not hop.many:
            target = self.table(hop.target)
            inner = self.asked(evolve(total, hops=total.hops[1:]), target, (*around, target), wanted, currency=currency)
            chosen = sa.select(inner).where(self.of_tenant(target), target.c.id == t.c[hop.key]).correlate(*around)
            there: ColumnElement[Any] = chosen.scalar_subquery()
            return sa.func.coalesce(there, 0) if total.function in FROM_NOTHING else there
        if total.function in OUTERMOST:
            return self.outermost(total, t, around, currency=currency)
        key, value, rows = self.rows(total, wanted)
        mine = rows.where(key == t.c.id).correlate(*around)
        return mine.with_only_columns(self.aggregate(total, value), maintain_column_froms=True).scalar_subquery()

    def outermost(
        self, total: Total, t: FromClause, around: tuple[FromClause, ...], *, currency: bool
    ) -> ColumnElement[Any]:
        """The value of the earliest row, or of the latest one."""
        key, last, joined, conditions = self.joined(total)
        when = last.c[total.hops[-1].target.when]
        order = (when, last.c.id) if total.function == "first" else (when.desc(), last.c.id.desc())
        assert total.column is not None  # noqa: S101 - the first one has a value
        chosen: Select[Any] = sa.select(self.value(total.column, last, currency=currency)).select_from(joined)
        chosen = chosen.where(*conditions, key == t.c.id, when.is_not(None)).order_by(*order).limit(1)
        return chosen.correlate(*around).scalar_subquery()

    # ── Means are fractions, and fractions are compared exactly ──

    def ratio(self, left: Operand, op: Operator, right: Operand, t: FromClause, *, holds: bool) -> Condition:
        """A comparison of which one side or both are means."""
        (a, b), (c, d) = self.fraction(left, t), self.fraction(right, t)
        if self.sqlite:
            order = sa.func.crm_order(a, b, c, d, type_=sa.Integer)
            test, missing = COMPARE[op if holds else NEGATED[op]](order, 0), [order.is_(None)]
        else:
            test, missing = COMPARE[op if holds else NEGATED[op]](a * d, c * b), [a.is_(None), c.is_(None)]
        return test if holds else sa.or_(*missing, test)

    def fraction(self, operand: Operand, t: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """A value as numerator and denominator, of any size."""
        scale = SCALE if kind_of_operand(operand) is Kind.DECIMAL else 1
        if not (isinstance(operand, Total) and operand.function == "avg"):
            value = sa.type_coerce(self.value(operand, t), sa.BigInteger)
            return value, sa.literal(scale, sa.Integer)
        around, wanted = (t,), self.currency_wanted(operand, t)
        above, below = (evolve(operand, function=name) for name in ("added", "weight"))
        number = self.asked(below, t, around, wanted)
        return self.asked(above, t, around, wanted), number * scale if scale > 1 else number
