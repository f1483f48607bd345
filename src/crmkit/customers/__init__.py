"""The centre: the people, the companies they speak for, what they agreed to, and the groups that they belong to."""

from crmkit.customers import companies, consents, people, portrait, relationships, segments
from crmkit.customers.contact_points import point
from crmkit.customers.desk import Customers
from crmkit.customers.identity import duplicates, merge, privacy
from crmkit.kernel.room import Room

ROOM = Room(
    name="customers",
    modules=(people, point, companies, relationships, consents, merge, duplicates, privacy, segments.definition),
    handlers={segments.members.REFRESH: segments.members.refresh_due},
    section=portrait.person_section,
)

__all__ = ["ROOM", "Customers"]
