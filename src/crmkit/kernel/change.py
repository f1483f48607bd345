"""A decision: the entity as it will be, and the facts that others should know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

if TYPE_CHECKING:
    from crmkit.kernel.entity import Entity
    from crmkit.kernel.events import Event

E = TypeVar("E", bound="Entity")


@attrs.frozen
class Change(Generic[E]):
    """What a decision came to; nothing is stored until a unit of work saves it.

    Attributes:
        after: the entity as it will be.
        events: what happened, in the past tense and in order.
    """

    after: E
    events: tuple[Event, ...] = ()

    def and_also(self, *events: Event) -> Change[E]:
        """The same change with further events."""
        return Change(self.after, (*self.events, *events))
