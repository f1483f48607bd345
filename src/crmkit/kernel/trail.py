"""The trail: every event that was ever stored, for audits, integrations and whoever wants to know how it came about."""

from __future__ import annotations

from crmkit.kernel.collection import Collection
from crmkit.kernel.events import Event, EventRecord
from crmkit.kernel.rules import F


class Trail(Collection[EventRecord]):
    """What ``crm.events`` offers; nothing in it can be changed.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:
        ...     wang = crm.acting_as("Lin").customers.register(name="Xiao Wang", source="fair")
        ...     (first,) = crm.events.about(wang.id)
        ...     first.name, first.actor, crm.events.read_back(first).source
        ('customers.customer_registered', 'Lin', 'fair')
    """

    cls = EventRecord

    def about(self, subject: str) -> list[EventRecord]:
        """What happened to the entity with the id *subject*, in order."""
        return self.find(F.subject == subject, order_by=("created_at", "id"))

    def following(self, event: EventRecord | str) -> list[EventRecord]:
        """What followed from *event* in the same transaction, in order.

        Raises:
            NotFound: there is no such event in this tenant.
        """
        with self.read() as work:
            caused = work.get(EventRecord, event).id
            return work.find(EventRecord, F.cause == caused, order_by=("created_at", "id"))

    def read_back(self, event: EventRecord | str) -> Event:
        """The event itself, in the form that it has today: older payloads are brought up to date.

        Raises:
            InvalidInput: this CRM does not know the event; its class is missing in ``CRM.open(events=…)``.
        """
        with self.read() as work:
            return work.house.registry.open(work.get(EventRecord, event))
