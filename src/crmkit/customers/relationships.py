"""Relationships: which customers have to do with each other."""

from __future__ import annotations

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event


@entity("relationship", prefix="rel", indexes=[Index(attributes=("customer_id", "other_id", "kind"), unique=True)])
class Relationship(Entity):
    """*customer* has *other* as *kind*: a couple, a parent and a child, who recommended whom."""

    customer_id: str = attribute(references="customer")
    other_id: str = attribute(references="customer", reverse="related_from")
    kind: str = attribute(index=True)

    def check(self) -> None:
        """Nobody is his own partner."""
        if self.customer_id == self.other_id:
            raise InvalidInput(f"a customer cannot be related to himself as {self.kind!r}: give two customers")


@event("customers.relationship_recorded")
class RelationshipRecorded(Event):
    """Two customers are known to have to do with each other."""

    customer_id: str
    other_id: str
    kind: str
