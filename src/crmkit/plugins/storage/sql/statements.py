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

import attrs
import sqlalchemy as sa

from crmkit.kernel.entity import Kind
from crmkit.kernel.rules.planned import (
    Both,
    Column,
    Either,
    In,
    Is,
    Literal,
    No,
    Operand,
    PartOf,
    Plan,
    Some,
    Total,
)
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
    """The plan with places instead of plain constants, and what stands in them; nothing if it is not worth keeping.

    Equal constants share a place, so that two conditions that say the same go on doing so.
    """
    places = _Places()
    try:
        return places.shape(plan), {place.key: value for (_, value), place in places.taken.items()}
    except _NotKept:
        return None


class _NotKept(Exception):
    pass


class _Places:
    def __init__(self) -> None:
        self.taken: dict[tuple[type, Any], sa.BindParameter[Any]] = {}

    def of(self, value: Any) -> Literal:
        known = (type(value), value)
        if known not in self.taken:
            if len(self.taken) == len(PLACES):
                raise _NotKept
            self.taken[known] = PLACES[len(self.taken)]
        return Literal(self.taken[known])

    def shape(self, plan: Plan) -> Plan:
        match plan:
            case Is(left, operator, Literal(value)) if type(value) in LIFTED and _plain(left):
                return Is(left, operator, self.of(value))
            case Is(left, operator, right) if isinstance(left, Total) or isinstance(right, Total):
                return Is(self.inside(left), operator, self.inside(right))
            case Both(plans):
                return Both(tuple([self.shape(p) for p in plans]))
            case Either(plans):
                return Either(tuple([self.shape(p) for p in plans]))
            case No(inner):
                return No(self.shape(inner))
            case Some(hops, where):
                return Some(hops, self.shape(where))
            case In(_, listed) if len(listed) > LISTED:
                raise _NotKept
        return plan

    def inside(self, operand: Operand) -> Operand:
        return attrs.evolve(operand, where=self.shape(operand.where)) if isinstance(operand, Total) else operand


def _plain(operand: Any) -> bool:
    """Money is compared by two columns; the values of a choice are written out, for the sake of partial indexes."""
    if isinstance(operand, PartOf):
        return True
    return isinstance(operand, Column) and operand.attribute.choices is None and operand.kind is not Kind.MONEY
