"""What an operand is worth, as a column expression."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import sqlalchemy as sa
from attrs import evolve
from sqlalchemy.sql import ColumnElement, FromClause

from crmkit.kernel.checking import INTEGER_LIMIT
from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.plan import kind_of_operand
from crmkit.kernel.rules.planned import Column, Draw, Literal, Operand, PartOf, Total
from crmkit.plugins.storage.sql.compile.words import Words
from crmkit.plugins.storage.sql.types import SCALE, TYPES


class Values(Words):
    """Operands."""

    @abstractmethod
    def scalar(self, total: Total, t: FromClause, *, currency: bool = False) -> ColumnElement[Any]:
        """An aggregate of the rows that belong to the row *t*."""

    def value(self, operand: Operand, t: FromClause, *, currency: bool = False) -> Any:
        """The value of *operand* for the row *t*, as a column expression."""
        match operand:
            case Literal(value):
                return value.minor if isinstance(value, Money) else value
            case PartOf(column, part, zone):
                value = self.value(column, t)
                return (
                    self.day_part(value, part) if column.kind is Kind.DATE else self.local_part(value, part, zone.key)
                )
            case Draw(size, salt):
                return self.draw(size, salt, t)
            case Total():
                return self.scalar(operand, t, currency=currency)
            case Column(hops=()):
                return self.field(operand, t, currency=currency)
            case Column(hops=hops):
                target = self.table(hops[0].target)
                inner = self.value(evolve(operand, hops=hops[1:]), target, currency=currency)
                chosen = sa.select(inner).where(self.of_tenant(target), target.c.id == t.c[hops[0].key])
                return chosen.correlate(t).scalar_subquery()
        raise TypeError(operand)

    def field(self, column: Column, t: FromClause, *, currency: bool) -> ColumnElement[Any]:
        """An attribute of the row itself, or a custom field of it."""
        name = column.attribute.name
        if not column.inside:
            found: ColumnElement[Any] = t.c[f"{name}_currency" if currency else name]
            return found
        stored = self.custom(column, t)
        if column.default is None:
            return stored
        known = sa.case((self.is_stored(column, t), stored), else_=sa.literal(column.default, TYPES[column.kind]))
        return sa.type_coerce(known, TYPES[column.kind])

    def sides(self, left: Operand, right: Operand, t: FromClause) -> list[tuple[Any, Any, bool]]:
        """What is compared with what: for money the currencies first."""
        if any(isinstance(side, Total) and side.like is not None for side in (left, right)):
            return [(self.value(left, t), self.value(right, t), True)]  # in one currency from the beginning
        if isinstance(left, Column | Total) and left.kind is Kind.MONEY:
            if isinstance(right, Literal):
                money: Money = right.value
                currency: Any = money.currency
            else:
                currency = self.value(right, t, currency=True)
            pair = (self.value(left, t, currency=True), currency, False)
            return [pair, (self.value(left, t), self.value(right, t), True)]
        other = right.value if isinstance(right, Literal) else self.value(right, t)
        if isinstance(right, Literal) and is_choice(left):
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


def is_choice(operand: Operand) -> bool:
    """Whether the values are known beforehand; they are written out, for the sake of partial indexes."""
    return isinstance(operand, Column) and operand.attribute.choices is not None and not operand.inside


def is_distant(operand: Operand) -> bool:
    """Whether the value belongs to another entity."""
    column = operand.column if isinstance(operand, PartOf) else operand
    return isinstance(column, Column) and bool(column.hops)
