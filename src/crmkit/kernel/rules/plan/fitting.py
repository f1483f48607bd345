"""Values in the kind of what they are compared with, such that every engine can hold them."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

from crmkit.errors import DefinitionError
from crmkit.kernel.checking import DECIMAL_PLACES
from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import Operator
from crmkit.kernel.rules.planned import (
    Blank,
    Column,
    Draw,
    Is,
    Literal,
    No,
    Operand,
    PartOf,
    Plan,
    Total,
    Truth,
)
from crmkit.kernel.text import nearest

ORDERED = {Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.DATE, Kind.INSTANT, Kind.DURATION, Kind.MONEY}
NUMERIC = {Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL}


def kind_of_operand(operand: Operand) -> Kind:
    """The kind of value that *operand* has."""
    match operand:
        case Column() | Total():
            return operand.kind
        case PartOf() | Draw():
            return Kind.INTEGER
    return Kind.TEXT


COMPARABLE = {(k, k) for k in ORDERED} | {
    (Kind.INTEGER, Kind.DECIMAL),
    (Kind.DECIMAL, Kind.INTEGER),
    (Kind.BOOLEAN, Kind.BOOLEAN),
}


def name_of(operand: Operand) -> str:
    """How people call it."""
    match operand:
        case Column(hops=hops, attribute=attribute, inside=inside):
            return ".".join([*(h.name for h in hops), "extra" if inside else attribute.name, *inside])
        case PartOf(column, part):
            return f"{name_of(column)}.{part}"
        case Draw():
            return "bucket"
        case Total(function=function, hops=hops):
            return f"{'.'.join(h.name for h in hops)}.{function}"
    return repr(operand.value)


def fit(value: Any, left: Operand, *, states: Sequence[str] | None = None) -> Any:
    """*value* in the kind of *left*, so that every engine compares like with like.

    Args:
        value: what stands in the rule.
        left: what it is compared with.
        states: the only texts that *left* ever has, beside those that are declared.
    """
    kind, given = kind_of_operand(left), type(value)
    averaged = isinstance(left, Total) and left.function == "avg"
    if kind is Kind.TEXT and given is str:
        declared = left.attribute.choices if isinstance(left, Column) and not left.inside else None
        choices = states if declared is None else declared
        if choices is not None and value not in choices:
            near = nearest(value, choices)
            hint = f", did you mean {near!r}?" if near else f"; it is one of {', '.join(choices)}"
            raise DefinitionError(f"{name_of(left)} is never {value!r}{hint}")
        return value
    if kind in NUMERIC and given in {int, float, Decimal}:
        return _number(value, kind, left, averaged=averaged)
    if kind is Kind.MONEY and given is Money:
        return value
    if (kind, given) in {(Kind.BOOLEAN, bool), (Kind.DATE, date), (Kind.INSTANT, datetime), (Kind.DURATION, timedelta)}:
        return value
    raise DefinitionError(f"{name_of(left)} is a {kind.value}; it cannot be compared with {value!r}")


def _number(value: Any, kind: Kind, left: Operand, *, averaged: bool) -> Any:
    exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    if averaged:
        return exact
    if kind is Kind.NUMBER:
        return _float(value, left)
    if kind is Kind.INTEGER:
        return int(exact) if exact.denominator == 1 else exact
    if (exact * 10**DECIMAL_PLACES).denominator != 1:
        raise DefinitionError(f"{name_of(left)} has {DECIMAL_PLACES} decimal places; {value!r} has more")
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _float(value: Any, left: Operand) -> float:
    try:
        return float(value)
    except OverflowError:
        raise DefinitionError(f"{name_of(left)} is a number; {str(value)[:20]}… is larger than any") from None


# What the stores keep in 64 bits.
LIMITS: dict[Kind, Any] = {
    Kind.INTEGER: 2**63 - 1,
    Kind.DECIMAL: Fraction(2**63 - 1, 10**DECIMAL_PLACES),
    Kind.DURATION: timedelta(microseconds=2**63 - 1),
}


def side_of(value: Any, left: Operand) -> int:
    """Whether *value*, which *left* is compared with, is below (-1) or above (1) all that a store can hold."""
    limit = LIMITS.get(kind_of_operand(left))
    exact = Fraction(value) if isinstance(value, Decimal) else value
    if limit is None or -limit <= exact <= limit:
        return 0
    return 1 if exact > limit else -1


def in_range(left: Operand, operator: Operator, value: Any) -> Plan:
    """A comparison with a constant, such that every engine can hold the constant."""
    side = side_of(value, left)
    if side:
        holds = operator in ({"<", "<="} if side > 0 else {">", ">="})
        return No(Blank(left)) if holds else Truth(value=False)
    if not isinstance(value, Fraction) or (isinstance(left, Total) and left.function == "avg"):
        return Is(left, operator, Literal(value))
    if operator == "==":
        return Truth(value=False)
    if operator in {"<", "<="}:
        return Is(left, "<=", Literal(floor(value)))
    return Is(left, ">=", Literal(ceil(value)))


def same_day(day: date, *, years: int) -> date:
    """The latest birthday of somebody who is *years* old on *day*."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


def returning(today: date, days: int) -> tuple[int, ...]:
    """What returns today or within *days* days, as 302 for 2 March; 29 February is kept on the 28th of other years."""
    coming = [today + timedelta(days=n) for n in range(days + 1)]
    found = {day.month * 100 + day.day for day in coming}
    if any((day.month, day.day) == (2, 28) and not isleap(day.year) for day in coming):
        found.add(229)
    return tuple(sorted(found))
