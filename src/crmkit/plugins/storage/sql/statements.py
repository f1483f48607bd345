"""Statements that are written once: for all plans of one shape, whatever their constants are.

Building a statement costs SQLAlchemy about a millisecond, and finding what it has compiled before a fourth of that:
many times what a database needs to find a row by its index.  So the constants of plain comparisons become named
parameters, and what is left is the key under which the text is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from crmkit.kernel.entity import Kind
from crmkit.kernel.rules.planned import (
    Both,
    Column,
    Either,
    In,
    Is,
    Literal,
    No,
    Odd,
    Operand,
    PartOf,
    Plan,
    Some,
    Total,
)
from crmkit.plugins.storage.sql.compile import Compiler
from crmkit.plugins.storage.sql.driver import Parameters
from crmkit.plugins.storage.sql.tables import Tables

MOST: Final = 1000
LISTED: Final = 8  # a longer list of values is hardly ever asked for twice
TENANT: Final = "crm_tenant"
PLACES: Final[tuple[sa.BindParameter[Any], ...]] = tuple(sa.bindparam(f"crm_{n}", required=False) for n in range(32))
KEYS: Final = {TENANT, *(place.key for place in PLACES)}
LIFTED: Final = frozenset({str, int, date, datetime})


class Statements:
    """The statements of one store, the latest thousand.

    Args:
        tables: what they are about.
        dialect: that of the database.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        tenant: Any = sa.bindparam(TENANT, required=False)
        self.compiler, self.dialect = Compiler(tables, tenant, dialect.name), dialect
        self._known: dict[Any, Statement] = {}
        self._lock = threading.Lock()

    def of(self, key: Any, build: Callable[[Compiler], sa.Select[Any]]) -> Statement:
        """The statement known as *key*; else the one that *build* makes."""
        found = self._known.get(key)
        if found is None:
            found = Statement(build(self.compiler), self.dialect)
            with self._lock:
                if len(self._known) >= MOST:
                    del self._known[next(iter(self._known))]
                self._known[key] = found
        return found


class Statement:
    """A statement as SQLAlchemy has it, and as the driver takes it.

    Attributes:
        text: for the driver; none if that depends on the values, as with a list of them.
    """

    def __init__(self, select: sa.Select[Any], dialect: Dialect) -> None:
        self.select = select
        compiled: Any = select.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        lists = compiled.post_compile_params
        self.text: str | None = None if lists else compiled.string
        self._positional = bool(compiled.positional)
        bound = {name: b for b, name in compiled.bind_names.items() if b not in compiled.literal_execute_params}
        names = compiled.positiontup if self._positional else bound
        self._places = [] if lists else [_Place.of(name, bound[name], dialect) for name in names]

    def parameters(self, values: dict[str, Any]) -> Parameters:
        """What the driver takes beside the text, if *values* stand in the places."""
        if self._positional:
            return tuple([place.given(values) for place in self._places])
        return {place.name: place.given(values) for place in self._places}


@attrs.frozen
class _Place:
    """Where a value stands in a statement: the same one always, or that of a key; the driver takes it converted."""

    name: str
    key: str | None
    constant: Any
    convert: Callable[[Any], Any] | None

    @classmethod
    def of(cls, name: str, bound: sa.BindParameter[Any], dialect: Dialect) -> _Place:
        convert: Any = bound.type.dialect_impl(dialect).bind_processor(dialect)
        if bound.key in KEYS:
            return cls(name, bound.key, None, convert)
        return cls(name, None, convert(bound.value) if convert else bound.value, None)

    def given(self, values: dict[str, Any]) -> Any:
        if self.key is None:
            return self.constant
        value = values[self.key]
        return self.convert(value) if self.convert else value


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
            case Odd(plans):
                return Odd(tuple([self.shape(p) for p in plans]))
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
