"""A room of the house: what one package brings along."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

import attrs

from crmkit.kernel.events import Event
from crmkit.kernel.house import Answer, Handler, Reaction, Section
from crmkit.kernel.machine import Machine


@attrs.frozen(kw_only=True)
class Room:
    """What a package (or a plugin) adds to a CRM.

    Attributes:
        name: what the section of the portrait is called.
        modules: where its entities and events are declared.
        machines: how its entities move, by the name of the entity.
        handlers: what is done with agenda items, by their kind.
        section: what it knows of a customer, for the portrait.
        reactions: what follows from an event, in the same transaction, by the class of the event or one above it:
            ``Event`` stands for all.  Those of the rooms that ship stand in one table, ``crmkit.reactions``.
        answers: questions that the host may answer itself, by name, with what is answered when it does not.
    """

    name: str
    modules: tuple[ModuleType, ...] = ()
    machines: Mapping[str, Machine] = attrs.field(factory=lambda: MappingProxyType({}))
    handlers: Mapping[str, Handler] = attrs.field(factory=lambda: MappingProxyType({}))
    section: Section | None = None
    reactions: Mapping[type[Event], tuple[Reaction, ...]] = attrs.field(factory=lambda: MappingProxyType({}))
    answers: Mapping[str, Answer] = attrs.field(factory=lambda: MappingProxyType({}))
