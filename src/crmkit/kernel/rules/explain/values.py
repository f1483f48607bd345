"""Values as an explanation shows them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs

from crmkit.kernel.clock import local_date
from crmkit.kernel.entity import Kind
from crmkit.kernel.money import Money
from crmkit.kernel.rules.evaluate import Neighbours, compile_operand, compile_plan, follow
from crmkit.kernel.rules.planned import AsOf, Column, Operand, PartOf, Total
from crmkit.kernel.rules.text import value_text
from crmkit.kernel.text import shown as any_shown

DIGITS = 6
PER_CURRENCY = {"sum", "avg", "min", "max"}
COVERED = "•••"


def shown(value: Any) -> str:
    """A value in words."""
    match value:
        case None:
            return "missing"
        case frozenset():
            return ", ".join(map(value_text, sorted(value))) or "empty"
        case float():
            return repr(value)
        case Fraction():
            return _rounded(value)
        case bool() | int() | Decimal() | str() | date() | Money():
            return value_text(value)
    minor, currency = getattr(value, "minor", None), getattr(value, "currency", None)
    if isinstance(minor, Fraction) and isinstance(currency, str):  # the mean of amounts, which may lie between two
        unit = Money.from_minor(1, currency).amount
        return f"{_rounded(minor * Fraction(unit))} {currency}"
    return any_shown(value)


def _rounded(number: Fraction) -> str:
    """A fraction with as many decimal digits as it needs, up to six."""
    steps = round(number * 10**DIGITS)
    whole, rest = divmod(abs(steps), 10**DIGITS)
    sign = "-" if steps < 0 else ""
    about = "" if Fraction(steps, 10**DIGITS) == number else "about "
    return f"{about}{sign}{whole}.{rest:0{DIGITS}d}".rstrip("0").rstrip(".")


def value_of(operand: Operand, entity: Any, neighbours: Neighbours, as_of: AsOf, *, currencies: set[str]) -> str:
    """What *entity* has there.

    Args:
        operand: what is looked at.
        entity: of whom.
        neighbours: knows the related rows.
        as_of: when.
        currencies: of amounts that are added up, those that are asked for; all that there are unless given.
    """
    if isinstance(operand, PartOf) and operand.part == "age":
        born = compile_operand(operand.column, neighbours)(entity)
        return shown(None if born is None else completed_years(born, as_of))
    if isinstance(operand, Total) and operand.kind is Kind.MONEY and operand.function in PER_CURRENCY:
        return _amounts(operand, entity, neighbours, currencies)
    return shown(compile_operand(operand, neighbours)(entity))


def completed_years(born: date | datetime, as_of: AsOf) -> int:
    """The age as rules count it: born on 29 February, one comes of age on 1 March of other years."""
    day = local_date(born, as_of.zone) if isinstance(born, datetime) else born
    today = local_date(as_of.at, as_of.zone)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _amounts(total: Total, entity: Any, neighbours: Neighbours, currencies: set[str]) -> str:
    """Amounts in several currencies don't add up: there is one for each."""
    assert total.column is not None  # noqa: S101 - only rows are counted without
    amount: Callable[[Any], Any] = compile_operand(total.column, neighbours)
    there = {money.currency for row in rows_of(total, entity, neighbours) if (money := amount(row)) is not None}
    each = [attrs.evolve(total, currency=currency) for currency in sorted(currencies or there)]
    told = [shown(compile_operand(one, neighbours)(entity)) for one in each]
    return ", ".join(told) or ("0" if total.function == "sum" else shown(None))


def rows_of(operand: Operand, entity: Any, neighbours: Neighbours) -> list[Any]:
    """The related rows that are looked at."""
    match operand:
        case Total(hops=hops, where=where):
            return follow(neighbours, hops, entity, compile_plan(where, neighbours))
        case PartOf(Column() as column) | (Column() as column) if column.hops:
            return follow(neighbours, column.hops, entity, None)
    return []


def rows_shown(total: Total, rows: Iterable[Any], neighbours: Neighbours, *, hidden: Container[str]) -> Iterator[str]:
    """The related rows in words: which, when, and what was taken of them; those that are *hidden* are covered."""
    value = None if total.column is None else compile_operand(total.column, neighbours)
    for row in rows:
        if row.id in hidden:
            yield COVERED
            continue
        told = [row.id, shown(getattr(row, row.__schema__.when))]
        if value is not None:
            told.append(shown(value(row)))
        yield " · ".join(told)
