"""Statements that are written once: for all plans of one shape, whatever their constants are.

Building a statement costs SQLAlchemy about a millisecond, many times what a database needs to find a row by its index.
So the constants of plain comparisons become named parameters, and what is left is the key under which the statement is
kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from crmkit.kernel.entity import Kind
from crmkit.kernel.rules.planned import Both, Column, Either, In, Is, Literal, PartOf, Plan, Some
from crmkit.plugins.storage.sql.compile import Compiler
from crmkit.plugins.storage.sql.tables import Tables

MOST: Final = 1000
LISTED: Final = 8  # a longer list of values is hardly ever asked for twice
TENANT: Final = "crm_tenant"
PLACES: Final[tuple[sa.BindParameter[Any], ...]] = tuple(sa.bindparam(f"crm_{n}") for n in range(32))
LIFTED: Final = frozenset({str, int, date, datetime})


class Statements:
    """The statements of one store, the latest thousand; SQLAlchemy keeps what they compile to.

    Args:
        tables: what they are about.
        dialect: the name of that of the database.
    """

    def __init__(self, tables: Tables, dialect: str) -> None:
        tenant: Any = sa.bindparam(TENANT)
        self.compiler = Compiler(tables, tenant, dialect)
        self._known: dict[Any, sa.Select[Any]] = {}
        self._lock = threading.Lock()

    def of(self, key: Any, build: Callable[[Compiler], sa.Select[Any]]) -> sa.Select[Any]:
        """The statement known as *key*; else the one that *build* makes."""
        found = self._known.get(key)
        if found is None:
            found = build(self.compiler)
            with self._lock:
                if len(self._known) >= MOST:
                    del self._known[next(iter(self._known))]
                self._known[key] = found
        return found


def shape_of(plan: Plan) -> tuple[Plan, dict[str, Any]] | None:
    """The plan with places instead of plain constants, and what stands in them; nothing if it is not worth keeping."""
    values: dict[str, Any] = {}
    try:
        return _shape(plan, values), values
    except _NotKept:
        return None


class _NotKept(Exception):
    pass


def _shape(plan: Plan, values: dict[str, Any]) -> Plan:
    """Below a negation everything stays as it is: there the compiler asks whether a constant is missing."""
    match plan:
        case Is(left, operator, Literal(value)) if type(value) in LIFTED and _plain(left):
            if len(values) == len(PLACES):
                raise _NotKept
            place = PLACES[len(values)]
            values[place.key] = value
            return Is(left, operator, Literal(place))
        case Both(plans):
            return Both(tuple([_shape(p, values) for p in plans]))
        case Either(plans):
            return Either(tuple([_shape(p, values) for p in plans]))
        case Some(hops, where):
            return Some(hops, _shape(where, values))
        case In(_, listed) if len(listed) > LISTED:
            raise _NotKept
    return plan


def _plain(operand: Any) -> bool:
    """Money is compared by two columns; the values of a choice are written out, for the sake of partial indexes."""
    if isinstance(operand, PartOf):
        return True
    return isinstance(operand, Column) and operand.attribute.choices is None and operand.kind is not Kind.MONEY
