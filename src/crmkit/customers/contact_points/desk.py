"""``crm.customers.contact_points``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.customers.contact_points.point import (
    PRIMARY,
    ContactPoint,
    ContactPointAdded,
    ContactPointRemoved,
    ContactPointVerified,
    claimed,
    unclaimed,
)
from crmkit.customers.contact_points.reach import addresses
from crmkit.customers.people import Customer, alive
from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.addresses import email as clean_email
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.kernel.text import clean_text, fold

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@attrs.frozen(kw_only=True)
class Way:
    """One way to reach a customer.

    Attributes:
        primary: whether it is the one that the customer's own row names.
    """

    kind: str
    value: str
    primary: bool
    label: str | None = None
    verified_at: datetime | None = None


class ContactPoints(Collection[ContactPoint]):
    """What ``crm.customers.contact_points`` offers."""

    cls = ContactPoint

    def of(self, customer: Customer | str) -> list[Way]:
        """Every way to reach a customer, the primary ones first.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.contact_points.add(li, kind="email", value="Li@Studio.example")
            ...     [(way.value, way.primary) for way in crm.customers.contact_points.of(li)]
            [('li@example.com', True), ('li@studio.example', False)]
        """
        with self.read() as work:
            return ways(work, work.get(Customer, customer))

    def addresses(self, customer: Customer | str) -> dict[str, str]:
        """The address that a message to a customer takes, by channel; the channels that don't reach him are missing.

        ``email``, ``phone`` and contact points of a kind of the host's own are channels of that name; of several, the
        primary one goes first, then those that are verified, then the one that was noted first.  ``sms`` and
        ``whatsapp`` take the telephone number, unless there is a contact point of just that kind.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", phone="+86 139 1234 5678")
            ...     _ = crm.customers.contact_points.add(li, kind="wechat", value="xiaoli88")
            ...     found = crm.customers.contact_points.addresses(li)
            >>> found["wechat"], found["sms"], "email" in found
            ('xiaoli88', '+8613912345678', False)
        """
        with self.read() as work:
            return addresses(work, work.get(Customer, customer))

    def add(self, customer: Customer | str, *, kind: str, value: str, label: str | None = None) -> ContactPoint:
        """Note another way to reach a customer; one that is known only gets the label.

        Args:
            customer: whom.
            kind: ``email``, ``phone`` or a word of the host's own, 1 to 60 characters; small and capital letters are
                the same.
            value: the address or number; it is brought into its normal form (E.164 for telephone numbers).
            label: what it is for.

        Raises:
            InvalidInput: it is no address or number.
            Duplicate: it is an e-mail address of another customer.
            Refused: the customer was erased.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", phone="+86 139 1234 5678")
            ...     point = crm.customers.contact_points.add(li, kind="phone", value="+86 28 8765 4321", label="office")
            ...     point.value, point.label, crm.customers.find_by_phone("+86 28 8765 4321") == [li]
            ('+862887654321', 'office', True)
        """
        with self.work() as work:
            who = alive(work.get(Customer, customer))
            kind, value = normal(work, kind, value)
            if kind == "email":
                _nobody_elses(work, value, who)
            known = _row(work, who.id, kind, value)
            if known is not None:
                return known if label in {None, known.label} else work.save(Change(known.evolve(label=label)))
            point = work.new(ContactPoint, customer_id=who.id, kind=kind, value=value, label=label)
            return work.save(_told(ContactPointAdded, point))

    def remove(self, customer: Customer | str, *, kind: str, value: str) -> None:
        """Forget a way to reach a customer; the primary ones are changed with ``crm.customers.update``.

        Raises:
            NotFound: the customer has none like this.
            Refused: it is a primary one.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.customers.contact_points.add(li, kind="wechat", value="xiaoli88")
            ...     crm.customers.contact_points.remove(li, kind="wechat", value="xiaoli88")
            ...     crm.customers.contact_points.of(li)
            []
        """
        with self.work() as work:
            who = work.get(Customer, customer)
            kind, value = normal(work, kind, value)
            if _is_primary(who, kind, value):
                raise Refused(f"{kind} is the primary one of customer {who.id}: make another one primary first")
            point = _row(work, who.id, kind, value)
            if point is None:
                raise _unknown(who, kind)
            work.remove(ContactPoint, [point.id])
            work.emit(ContactPointRemoved(contact_point_id=point.id, customer_id=who.id, kind=kind))

    def verify(self, customer: Customer | str, *, kind: str, value: str) -> ContactPoint:
        """Note that a customer has shown that an address or number is his, now.

        Raises:
            NotFound: the customer has none like this.
            Refused: the customer was erased.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.contact_points.verify(li, kind="email", value="li@example.com")
            ...     [(way.value, way.verified_at.isoformat()) for way in crm.customers.contact_points.of(li)]
            [('li@example.com', '2026-03-02T00:00:00+00:00')]
        """
        with self.work() as work:
            who = alive(work.get(Customer, customer))
            kind, value = normal(work, kind, value)
            point = _row(work, who.id, kind, value)
            if point is None and not _is_primary(who, kind, value):
                raise _unknown(who, kind)
            point = point or work.new(ContactPoint, customer_id=who.id, kind=kind, value=value)
            return work.save(_told(ContactPointVerified, point.evolve(verified_at=work.now)))

    def make_primary(self, customer: Customer | str, *, kind: str, value: str) -> Customer:
        """Let a known address or number be the primary one; the one before is kept beside it.

        Raises:
            InvalidInput: this kind has no primary one.
            NotFound: the customer has none like this.
            Refused: the customer was erased.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.contact_points.add(li, kind="email", value="li@studio.example")
            ...     li = crm.customers.contact_points.make_primary(li, kind="email", value="li@studio.example")
            ...     li.email, [way.value for way in crm.customers.contact_points.of(li) if not way.primary]
            ('li@studio.example', ['li@example.com'])
        """
        with self.work() as work:
            who = alive(work.get(Customer, customer))
            kind, value = normal(work, kind, value)
            if kind not in PRIMARY:
                raise InvalidInput(f"only {' and '.join(PRIMARY)} have a primary one, not {kind!r}")
            if _is_primary(who, kind, value):
                return who
            if _row(work, who.id, kind, value) is None:
                raise _unknown(who, kind)
            before = getattr(who, kind)
            saved = work.save(who.updated(**{kind: value}))
            if before is not None:
                ContactPoints(work).add(saved, kind=kind, value=before)
            return saved


def ways(work: Work, customer: Customer) -> list[Way]:
    """Every way to reach *customer*, the primary ones first."""
    rows = work.find(ContactPoint, F.customer_id == customer.id, order_by=("kind", "value"))
    known = {(row.kind, row.value): row for row in rows}
    found = []
    for kind in PRIMARY:
        value = getattr(customer, kind)
        if value is not None:
            row = known.pop((kind, value), None)
            label, verified = (None, None) if row is None else (row.label, row.verified_at)
            found.append(Way(kind=kind, value=value, primary=True, label=label, verified_at=verified))
    beside = known.values()
    return [
        *found,
        *(Way(kind=r.kind, value=r.value, primary=False, label=r.label, verified_at=r.verified_at) for r in beside),
    ]


def normal(work: Work, kind: str, value: str) -> tuple[str, str]:
    """Kind and value in the form in which they are compared."""
    kind = fold(clean_text(kind, what="kind", limit=60, required=True))
    if kind == "email":
        return kind, clean_email(value)
    if kind == "phone":
        return kind, clean_phone(value, region=work.settings.region)
    return kind, clean_text(value, what=kind, limit=300, required=True)


def _nobody_elses(work: Work, email: str, who: Customer) -> None:
    unclaimed(work, [email], but=who.id)
    primary = work.first(Customer, (F.email == email) & (F.id != who.id))
    if primary is not None:
        raise claimed(email, primary.id)


def _row(work: Work, customer_id: str, kind: str, value: str) -> ContactPoint | None:
    return work.first(ContactPoint, (F.customer_id == customer_id) & (F.kind == kind) & (F.value == value))


def _is_primary(customer: Customer, kind: str, value: str) -> bool:
    return kind in PRIMARY and getattr(customer, kind) == value


def _unknown(customer: Customer, kind: str) -> NotFound:
    return NotFound(f"customer {customer.id} has no such {kind}: look at contact_points.of(customer), or add it")


def _told(happened: type[Any], point: ContactPoint) -> Change[ContactPoint]:
    return Change(point, (happened(contact_point_id=point.id, customer_id=point.customer_id, kind=point.kind),))
