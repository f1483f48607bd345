"""What a host asks for when it opens a CRM, looked through and put together: the house and its store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from crmkit import customers, lifecycle, marketing, pipeline, service
from crmkit.errors import CrmError, DefinitionError, InvalidInput
from crmkit.kernel import agenda, events, outbox, parting, stays
from crmkit.kernel.clock import Clock, zone
from crmkit.kernel.entity import Record
from crmkit.kernel.events import Event
from crmkit.kernel.extras import Extra
from crmkit.kernel.house import Access, Answer, House, Reaction, Settings
from crmkit.kernel.ids import IdSource
from crmkit.kernel.machine import Machine
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Store
from crmkit.kernel.registry import Registry, declared_in
from crmkit.kernel.room import Room
from crmkit.kernel.text import clean_text, several, shown
from crmkit.reactions import REACTIONS

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

D = TypeVar("D")
ROOMS: tuple[Room, ...] = (customers.ROOM, pipeline.ROOM, lifecycle.ROOM, service.ROOM, marketing.ROOM)
OF_THEIR_OWN = frozenset({"opportunity"})  # each pipeline has its stages, and hosts define them while the CRM runs
KERNEL = (agenda, outbox, events, parting, stays)


def settings_of(*, currency: str, timezone: str, region: str | None) -> Settings:
    """What the host has decided."""
    return Settings(currency=Money.zero(currency).currency, zone=zone(timezone), region=_region(region))


def declared(classes: Iterable[object], base: type[D], *, what: str, how: str, mark: str) -> tuple[type[D], ...]:
    """Classes that the host has declared.

    Raises:
        DefinitionError: one of them is none.
    """
    found: list[type[D]] = []
    for cls in several(classes, what=what):
        if not (isinstance(cls, type) and issubclass(cls, base) and hasattr(cls, mark)):
            raise DefinitionError(f"{what}= takes classes declared as {how}, got {shown(cls)}")
        found.append(cls)
    return tuple(found)


def _refuse_strange(
    clock: object, ids: object, machines: Mapping[str, Any], answers: Mapping[str, Any], access: object
) -> None:
    if not callable(getattr(clock, "now", None)):
        raise InvalidInput(f"clock= takes a clock, with a method now(), got {shown(clock)}")
    if not callable(getattr(ids, "new", None)):
        raise InvalidInput(f"ids= takes a source of ids, with a method new(prefix, now), got {shown(ids)}")
    for name, machine in machines.items():
        if not isinstance(machine, Machine):
            raise InvalidInput(f"machines=: {name!r} is to be a Machine, got {shown(machine)}")
    for name, answer in answers.items():
        if not callable(answer):
            raise InvalidInput(f"answers=: the answer to {name!r} is a function, got {shown(answer)}")
    if access is not None and not callable(access):
        raise InvalidInput(f"access= takes a function of the actor and the class, got {shown(access)}")


def house_of(
    rooms: Iterable[Room],
    settings: Settings,
    *,
    clock: Clock,
    ids: IdSource,
    machines: Mapping[str, Machine],
    answers: Mapping[str, Answer],
    access: Access | None,
    entities: tuple[type[Record], ...],
    events: tuple[type[Event], ...],
    extras: tuple[type[Extra], ...],
) -> House:
    """What the CRM is made of: its rooms, and what the host has put in place of what ships."""
    rooms = tuple(rooms)
    records, known_events = declared_in([*KERNEL, *(m for room in rooms for m in room.modules)])
    own = {name: machine for room in rooms for name, machine in room.machines.items()}
    for what, given in (("machines", machines), ("answers", answers)):
        if not isinstance(given, Mapping):
            raise InvalidInput(f"{what}= takes them by name, as in a dict, got {shown(given)}")
    unknown = sorted(machines.keys() - own.keys())
    if unknown:
        raise InvalidInput(f"machines=: nothing called {unknown[0]!r} moves; known are {', '.join(sorted(own))}")
    asked = {name: answer for room in rooms for name, answer in room.answers.items()}
    strange = sorted(answers.keys() - asked.keys())
    if strange:
        raise InvalidInput(f"answers=: nobody asks {strange[0]!r}; the questions are {', '.join(sorted(asked))}")
    _refuse_strange(clock, ids, machines, answers, access)
    happening = [*known_events, *events]
    registry = Registry([*records, *entities], happening, extras)
    return House(
        registry=registry,
        settings=settings,
        clock=clock,
        ids=ids,
        machines={**own, **machines},
        reactions=_reactions(happening, [REACTIONS, *(room.reactions for room in rooms)]),
        handlers={kind: handler for room in rooms for kind, handler in room.handlers.items()},
        sections={room.name: room.section for room in rooms if room.section is not None},
        answers={**asked, **answers},
        access=access,
        states=_states(registry, own, machines),
    )


def _states(
    registry: Registry, own: Mapping[str, Machine], replaced: Mapping[str, Machine]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """In which states entities can be: those of their machine, and of the one that the host has replaced."""
    return {
        (name, machine.field): tuple(dict.fromkeys((*replaced.get(name, machine).states, *machine.states)))
        for name, machine in own.items()
        if name not in OF_THEIR_OWN and name in registry.schemas and machine.field in registry.schemas[name]
    }


def _reactions(
    events: Iterable[type[Event]], tables: Iterable[Mapping[type[Event], tuple[Reaction, ...]]]
) -> dict[type[Event], tuple[Reaction, ...]]:
    """What follows from each event: the reactions to its class, and to those above it."""
    tables = tuple(tables)
    found = {
        cls: tuple(react for table in tables for above in cls.__mro__ for react in table.get(above, ()))
        for cls in events
    }
    return {cls: reactions for cls, reactions in found.items() if reactions}


def store_of(
    target: str | os.PathLike[str] | Engine,
    registry: Registry,
    *,
    prefix: str,
    schema: str | None,
    durable: bool,
    migrate: bool,
) -> Store:
    """The store at *target*, with the schema that it needs."""
    if target == "memory://":
        from crmkit.plugins.storage.memory import MemoryStore  # noqa: PLC0415 - loaded by those who use it

        return MemoryStore(registry)
    from crmkit.plugins.storage.sql.store import SqlStore, open_engine

    owned = isinstance(target, (str, os.PathLike))
    engine: Any = open_engine(target, durable=durable) if isinstance(target, (str, os.PathLike)) else target
    if not hasattr(engine, "dialect"):
        raise InvalidInput(f"a CRM is opened at a path, a URL or a SQLAlchemy engine, not at {shown(target)}")
    store = SqlStore(registry, engine, owned=owned, prefix=prefix, schema=schema)
    try:
        store.prepare(migrate=migrate)
    except BaseException:
        store.close()
        raise
    return store


def tenant_name(name: str) -> str:
    """The name of a tenant, if it is one."""
    return clean_text(name, what="tenant", limit=60, required=True)


def _region(code: object) -> str | None:
    if code is not None and not (isinstance(code, str) and len(code) == 2 and code.isascii() and code.isupper()):
        raise InvalidInput(f"region is an ISO 3166 code of two capitals such as 'CN', got {code!r}")
    return code


@attrs.define
class Closing:
    """What the handles of one CRM share: whether it has been closed."""

    closed: bool = False

    def close(self) -> None:
        """From now on nothing goes on."""
        self.closed = True

    def check(self) -> None:
        """Refuse to go on after the end."""
        if self.closed:
            raise CrmError("this CRM has been closed: open it again with CRM.open(…)")
