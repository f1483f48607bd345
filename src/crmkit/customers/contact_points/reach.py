"""Where a message reaches a customer: the address that each channel takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crmkit.customers.contact_points.point import PRIMARY, ContactPoint
from crmkit.kernel.rules import F

if TYPE_CHECKING:
    from crmkit.customers.people import Customer
    from crmkit.kernel.work import Work

#: Channels that take an address of another kind than their own name says.
KIND_OF: Final[Mapping[str, str]] = MappingProxyType({"sms": "phone", "whatsapp": "phone"})
#: The channels that reach customers who have no contact points.
USUAL: Final = frozenset({*PRIMARY, *KIND_OF})


def addresses(work: Work, customer: Customer) -> dict[str, str]:
    """The address of *customer* on every channel on which there is one, by channel.

    A channel takes contact points of the kind that is called like it (``wechat``, ``line`` …; of several the verified
    ones first, then the one that was noted first).  For ``email`` and ``phone`` the primary one goes before them.
    ``sms`` and ``whatsapp`` take the telephone number unless there is a contact point of their own kind.
    """
    points = work.find(ContactPoint, F.customer_id == customer.id)
    found = {kind: value for kind in PRIMARY if (value := getattr(customer, kind)) is not None}
    for point in sorted(points, key=lambda p: (p.verified_at is None, p.created_at, p.id)):
        found.setdefault(point.kind, point.value)
    return {channel: found[kind] for channel, kind in KIND_OF.items() if kind in found} | found
