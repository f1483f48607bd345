"""Life events: what happens in a customer's life: a wedding, a birth, a move, a new job."""

from __future__ import annotations

from datetime import date

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event


@entity(
    "life_event",
    prefix="life",
    when="on",
    indexes=[Index(attributes=("customer_id", "name", "on"), unique=True)],
)
class LifeEvent(Entity):
    """Something that happened, or will happen, on a day of a customer's life.

    Attributes:
        name: one word of the host's own (``baby_born``); journeys begin on it.
        on: the calendar day, past or future.
    """

    customer_id: str = attribute(references="customer")
    name: str = attribute(index=True, limit=60)
    on: date = attribute()
    note: str | None = attribute(default=None, multiline=True, personal=True)

    def check(self) -> None:
        """A name with a dot is that of an event of the CRM."""
        if "." in self.name:
            raise InvalidInput(f"a life event is one word such as 'baby_born', got {self.name!r}")


@event("lifecycle.life_event_recorded")
class LifeEventRecorded(Event):
    """Something in a customer's life became known."""

    life_event_id: str
    customer_id: str
    name: str
    on: date


def recorded(life_event: LifeEvent) -> Change[LifeEvent]:
    """Decide to note a life event."""
    fact = LifeEventRecorded(
        life_event_id=life_event.id, customer_id=life_event.customer_id, name=life_event.name, on=life_event.on
    )
    return Change(life_event, (fact,))
