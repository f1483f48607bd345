"""What a contact point is: one more way to reach a customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from crmkit.errors import Duplicate
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

PRIMARY: Final = ("email", "phone")  # kinds of which a customer has one that comes first


@entity(
    "contact_point",
    prefix="cpt",
    indexes=[
        Index(attributes=("customer_id", "kind", "value"), unique=True),
        Index(attributes=("kind", "value", "customer_id")),
    ],
)
class ContactPoint(Entity):
    """One way to reach a customer, other than the primary ones, or something known of a primary one.

    Attributes:
        kind: ``email``, ``phone``, or a word of the host's own (``wechat``, ``line`` …).
        value: in the form in which it is compared: e-mail addresses and telephone numbers as on the customer.
        label: what it is for, as in "office".
        verified_at: when the customer showed that it is his.
    """

    customer_id: str = attribute(references="customer", reverse="contact_points")
    kind: str = attribute(limit=60)
    value: str = attribute(personal=True, limit=300)
    label: str | None = attribute(default=None)
    verified_at: datetime | None = attribute(default=None)

    def united(self, other: ContactPoint, *, work: Work) -> ContactPoint:  # noqa: ARG002 - every room is asked alike
        """One of two that are the same: verified since the earlier moment."""
        moments = [point.verified_at for point in (self, other) if point.verified_at is not None]
        return self.evolve(label=self.label or other.label, verified_at=min(moments, default=None))


@event("customers.contact_point_added")
class ContactPointAdded(Event):
    """A customer can be reached in another way, too."""

    contact_point_id: str
    customer_id: str
    kind: str


@event("customers.contact_point_removed")
class ContactPointRemoved(Event):
    """A customer can no longer be reached in this way."""

    contact_point_id: str
    customer_id: str
    kind: str


@event("customers.contact_point_verified")
class ContactPointVerified(Event):
    """A customer has shown that an address or number is his."""

    contact_point_id: str
    customer_id: str
    kind: str


def owners_of(work: Work, kind: str, value: str) -> list[str]:
    """The customers who have this beside their primary ones."""
    rows = work.columns(ContactPoint, ["customer_id"], (F.kind == kind) & (F.value == value))
    return sorted(customer for (customer,) in rows)


def unclaimed(work: Work, emails: Iterable[str], *, but: str | None = None) -> None:
    """Refuse e-mail addresses that another customer has beside his primary one.

    Raises:
        Duplicate: the message names the customer.
    """
    wanted = (F.kind == "email") & F.value.in_(list(emails))
    for value, customer in work.columns(ContactPoint, ["value", "customer_id"], wanted):
        if customer != but:
            raise claimed(value, customer)


def claimed(value: str, customer_id: str) -> Duplicate:
    """What to say of an e-mail address that somebody has."""
    return Duplicate(f"the e-mail address {value} is one of customer {customer_id}: merge the two, or remove it there")
