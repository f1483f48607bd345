"""What one CRM is made of, put together once by ``CRM.open`` and shared by all its handles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import attrs

from crmkit.kernel.clock import Clock
from crmkit.kernel.ids import IdSource
from crmkit.kernel.registry import Registry
from crmkit.kernel.stays import unmoved

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.entity import Record
    from crmkit.kernel.events import Event
    from crmkit.kernel.machine import Machine
    from crmkit.kernel.rules.nodes import Rule
    from crmkit.kernel.work import Work

Reaction = Callable[["Work", Any], None]
Handler = Callable[["Work", "AgendaItem"], None]
Section = Callable[["Work", Any], Mapping[str, Any]]
Access = Callable[[str, type["Record"]], "Rule | None"]
Answer = Callable[..., Any]


@attrs.frozen(kw_only=True)
class Settings:
    """What the host has decided.

    Attributes:
        currency: ISO 4217 code in which empty sums are given.
        zone: the zone in which calendar days begin.
        region: ISO 3166 code for telephone numbers without a country code.
    """

    currency: str
    zone: ZoneInfo
    region: str | None = None


@attrs.frozen(kw_only=True, eq=False)
class House:
    """The parts of one CRM.

    Attributes:
        machines: how things move, by the name of the entity.
        reactions: what follows from an event, in the same transaction.
        handlers: what is done with an agenda item, by its kind.
        sections: what each room knows of a customer, by the room's name.
        answers: what only the host can know, by the name of the question.
        access: what an actor may see of a kind of record, as a rule; none if it is everything.
        states: in which states an entity can be, by its name and that of the attribute, where that is known.
        unmoved: the fields of each entity whose stays no machine tells of.
        memo: what rooms have read and keep between transactions, under a name that changes with it.
    """

    registry: Registry
    settings: Settings
    clock: Clock
    ids: IdSource
    machines: Mapping[str, Machine]
    reactions: Mapping[type[Event], tuple[Reaction, ...]]
    handlers: Mapping[str, Handler]
    sections: Mapping[str, Section]
    answers: Mapping[str, Answer] = attrs.field(factory=lambda: MappingProxyType({}))
    access: Access | None = None
    states: Mapping[tuple[str, str], tuple[str, ...]] = attrs.field(factory=lambda: MappingProxyType({}))
    unmoved: Mapping[str, tuple[str, ...]] = attrs.field(init=False)
    memo: dict[Any, Any] = attrs.field(factory=dict)

    @unmoved.default
    def _unmoved(self) -> Mapping[str, tuple[str, ...]]:
        return {name: unmoved(schema, self.machines.get(name)) for name, schema in self.registry.schemas.items()}
