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
        """What happened to the entity with the id *subject*, the earliest first; nothing for an id that never was.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.acting_as("Lin").pipeline.leads.qualify(lead)
            ...     [(event.name, event.actor) for event in crm.events.about(lead.id)]
            [('pipeline.lead_captured', None), ('moved', 'Lin')]
        """
        return self.find(F.subject == subject, order_by=("created_at", "id"))

    def following(self, event: EventRecord | str) -> list[EventRecord]:
        """What followed from *event* in the same transaction, in order.

        Raises:
            NotFound: there is no such event in this tenant.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(
            ...         wang, lines=[Line("Album", quantity=1, unit_price=Money(800, "EUR"))]
            ...     )
            ...     _ = crm.pipeline.payments.receive(order, Money(800, "EUR"), method="cash")
            ...     [paid] = [event for event in crm.events.about(order.id) if event.name == "pipeline.order_paid"]
            ...     [event.name for event in crm.events.following(paid)]
            ['moved', 'lifecycle.stage_advanced']
        """
        with self.read() as work:
            caused = work.get(EventRecord, event).id
            return work.find(EventRecord, F.cause == caused, order_by=("created_at", "id"))

    def read_back(self, event: EventRecord | str) -> Event:
        """The event itself, in the form that it has today: older payloads are brought up to date.

        Raises:
            InvalidInput: this CRM does not know the event; its class is missing in ``CRM.open(events=…)``.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", source="fair")
            ...     [stored] = crm.events.about(wang.id)
            ...     event = crm.events.read_back(stored)
            ...     type(event).__name__, event.customer_id == wang.id, event.source
            ('CustomerRegistered', True, 'fair')
        """
        with self.read() as work:
            return work.house.registry.open(work.get(EventRecord, event))
