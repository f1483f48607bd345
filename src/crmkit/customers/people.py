"""Customers: the people at the centre."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crmkit.customers.companies import Company
from crmkit.customers.contact_points.point import ContactPoint, owners_of, unclaimed
from crmkit.customers.relationships import Relationship, RelationshipRecorded
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.addresses import email as clean_email
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.extras import Extra
from crmkit.kernel.rules import F

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@entity("customer", prefix="cus", indexes=[Index(attributes=("birthday", "id")), Index(attributes=("phone", "id"))])
class Customer(Entity):
    """A person who buys, has bought, or may buy.

    Attributes:
        email: the address that tells customers apart: no two of a tenant share it.
        phone: in E.164 form, as in ``+8613912345678``.
        company_id: the company that the person speaks for.
        source: how the customer was found.
        tags: free words, for rules to look at.
        erased_at: when everything personal was erased; the row stays for what refers to it.
    """

    name: str = attribute(personal=True, search=True)
    email: str | None = attribute(default=None, unique=True, personal=True, search=True)
    phone: str | None = attribute(default=None, personal=True)
    birthday: date | None = attribute(default=None, personal=True)
    gender: str | None = attribute(default=None, personal=True)
    occupation: str | None = attribute(default=None, personal=True)
    marital_status: str | None = attribute(default=None, personal=True)
    street: str | None = attribute(default=None, personal=True)
    postcode: str | None = attribute(default=None, personal=True)
    city: str | None = attribute(default=None, index=True, search=True)
    region: str | None = attribute(default=None)
    country: str | None = attribute(default=None)
    language: str | None = attribute(default=None)
    company_id: str | None = attribute(default=None, references="company")
    role: str | None = attribute(default=None)
    owner: str | None = attribute(default=None, index=True)
    source: str | None = attribute(default=None, index=True)
    tags: frozenset[str] = attribute(default=frozenset())
    note: str | None = attribute(default=None, multiline=True, personal=True)
    erased_at: datetime | None = attribute(default=None)

    @classmethod
    def whereabouts(cls, identifier: str, *, work: Any) -> str | None:
        """In whom a customer goes on after a merge."""
        from crmkit.customers.identity.merge import survivor_of  # noqa: PLC0415 - which knows customers

        kept = survivor_of(work, identifier)
        hint = f"use that id, or crm.customers.survivor({identifier!r})"
        return None if kept is None else f"customer {identifier} was merged into {kept}: {hint}"

    def updated(self, **changes: Any) -> Change[Customer]:
        """The customer with *changes*; no event if nothing is different."""
        after = self.evolve(**changes)
        different = sorted(n for n in changes if getattr(self, n) != getattr(after, n))
        if not different:
            return Change(after)
        return Change(after, (CustomerUpdated(customer_id=self.id, fields=tuple(different)),))


@event("customers.customer_registered")
class CustomerRegistered(Event):
    """Somebody became known."""

    customer_id: str
    source: str | None


@event("customers.customer_updated")
class CustomerUpdated(Event):
    """Fields of a customer have changed; which ones, not to what: the trail keeps no personal data."""

    customer_id: str
    fields: tuple[str, ...]


class People(Collection[Customer]):
    """What ``crm.customers`` does with people."""

    cls = Customer

    def register(self, *, name: str, extras: Iterable[Extra] = (), **fields: Any) -> Customer:
        """Make somebody known.

        Args:
            name: as the person is called.
            extras: custom fields of the host, as in ``[Style(mood="street")]``.
            fields: any attribute of :class:`Customer`; e-mail and telephone number are normalised.

        Raises:
            InvalidInput: a field is unknown or malformed.
            Duplicate: another customer has the e-mail address.
            NotFound: the company does not exist.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     crm.customers.register(name="Xiao Wang", email="Wang@Example.com").email
            'wang@example.com'
        """
        with self.work() as work:
            change = _registration(work, {"name": name, "extras": extras, **fields})
            if change.after.email is not None:
                unclaimed(work, [change.after.email])
            return work.save(change)

    def register_many(self, rows: Iterable[Mapping[str, Any]]) -> list[Customer]:
        """Make many people known in one transaction: all of them, or none.

        Args:
            rows: for each, what :meth:`register` takes.

        Returns:
            the customers, in the order of the rows.

        Raises:
            InvalidInput: a row is malformed; the message begins with its number, counted from 1.
            Duplicate: an e-mail address is taken, or stands in two rows.
            NotFound: a company does not exist.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(region="CN") as crm:
            ...     guests = [
            ...         {"name": "Xiao Wang", "phone": "139 1234 5678"},
            ...         {"name": "Lao Zhao", "tags": {"regular"}},
            ...     ]
            ...     [guest.phone for guest in crm.customers.register_many(guests)] == ["+8613912345678", None]
            ...     crm.customers.register_many([{"name": "Xiao Li"}, {"name": "Xiao Chen", "phone": "12"}])
            Traceback (most recent call last):
            crmkit.errors.InvalidInput: row 2: phone '12' is too short for a number of its country
        """
        with self.work() as work:
            if work.first(ContactPoint, F.kind == "email", order_by="value") is None:
                return work.save_new(_numbered(work, rows))
            changes = list(_numbered(work, rows))
            emails = [c.after.email for c in changes if c.after.email is not None]
            for n in range(0, len(emails), BATCH):
                unclaimed(work, emails[n : n + BATCH])
            return work.save_new(changes)

    def update(self, customer: Customer | str, **changes: Any) -> Customer:
        """Change attributes; the present state comes back as it is when it has all of these values already.

        Args:
            customer: who.
            changes: any attribute that :meth:`register` takes.  Custom fields (``extras=[…]``) take the place of those
                with the same key, and the others stay.

        Raises:
            InvalidInput: a field is unknown or malformed.
            NotFound: there is no such customer, or no such company.
            StaleEntity: somebody else has changed the customer since it was read.
            Duplicate: another customer has the e-mail address.
            Refused: the customer was erased.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", city="Chengdu")
            ...     _ = crm.customers.update(wang, city="Xi’an", tags={"regular"})
            ...     crm.customers.update(wang, city="Beijing")
            Traceback (most recent call last):
            crmkit.errors.StaleEntity: ...
        """
        with self.work() as work:
            current = alive(work.get(Customer, customer))
            if not isinstance(extras := changes.get("extras", {}), Mapping):
                changes["extras"] = {**current.extras, **_extras(extras)}
            change = current.updated(**_clean(work, changes))
            if change.after.email not in {None, current.email}:
                unclaimed(work, [str(change.after.email)], but=current.id)
            return work.save(change) if change.events else current

    def find_by_email(self, email: str) -> Customer | None:
        """The customer with this e-mail address, primary or not, in whatever case it is written.

        Raises:
            InvalidInput: it is no e-mail address.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.contact_points.add(wang, kind="email", value="wang@studio.example")
            ...     [crm.customers.find_by_email(email) for email in ("Wang@Studio.Example", "li@example.com")] == [
            ...         wang,
            ...         None,
            ...     ]
            True
        """
        with self.read() as work:
            address = clean_email(email)
            found = work.first(Customer, F.email == address)
            if found is None and (owners := owners_of(work, "email", address)):
                found = work.first(Customer, F.id.in_(owners))
            return found

    def find_by_phone(self, phone: str) -> list[Customer]:
        """The customers with this telephone number, however it is written: for the screen of a call centre.

        Those whose primary number it is come first.

        Raises:
            InvalidInput: it is no telephone number.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(region="CN") as crm:
            ...     _ = crm.customers.register(name="Xiao Wang", phone="139 1234 5678")
            ...     _ = crm.customers.register(name="Xiao Li", phone="139 1234 5678")
            ...     [caller.name for caller in crm.customers.find_by_phone("+86 139-1234-5678")]
            ['Xiao Wang', 'Xiao Li']
        """
        with self.read() as work:
            number = clean_phone(phone, region=work.settings.region)
            found = work.find(Customer, F.phone == number)
            others = set(owners_of(work, "phone", number)) - {c.id for c in found}
            return [*found, *work.find(Customer, F.id.in_(sorted(others)))] if others else found

    def relate(self, customer: Customer | str, other: Customer | str, *, kind: str) -> Relationship:
        """Note that two customers have to do with each other.

        Args:
            customer: who.
            other: whom he has; rules see it from his side as ``F.relationships``, from the other as ``F.related_from``.
            kind: as what, in a word of the host's own: ``partner``, ``child``, ``colleague`` …

        Raises:
            InvalidInput: both are the same.
            NotFound: there is no such customer.
            Duplicate: it has been noted already.
            Refused: one of them was erased.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.customers.relate(wang, li, kind="partner")
            ...     [customer.name for customer in crm.customers.find(F.relationships.where(F.kind == "partner").any())]
            ['Xiao Wang']
        """
        with self.work() as work:
            one, two = alive(work.get(Customer, customer)), alive(work.get(Customer, other))
            relationship = work.new(Relationship, customer_id=one.id, other_id=two.id, kind=kind)
            recorded = RelationshipRecorded(customer_id=one.id, other_id=two.id, kind=relationship.kind)
            return work.save(Change(relationship, (recorded,)))

    def related(self, customer: Customer | str, *, kind: str | None = None) -> list[Customer]:
        """The customers that *customer* has to do with, in either direction, each once.

        Args:
            customer: who.
            kind: only those of this kind, as it was given to :meth:`relate`; of any unless given.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     li = crm.customers.register(name="Xiao Li")
            ...     baby = crm.customers.register(name="Wang Bao")
            ...     _ = crm.customers.relate(wang, li, kind="partner")
            ...     _ = crm.customers.relate(li, baby, kind="child")
            ...     (
            ...         [other.name for other in crm.customers.related(li)],
            ...         crm.customers.related(li, kind="child") == [baby],
            ...     )
            (['Xiao Wang', 'Wang Bao'], True)
        """
        with self.read() as work:
            one = work.get(Customer, customer)
            rule = (F.customer_id == one.id) | (F.other_id == one.id)
            found = work.find(Relationship, rule if kind is None else rule & (F.kind == kind))
            others = dict.fromkeys(r.other_id if r.customer_id == one.id else r.customer_id for r in found)
            return [work.get(Customer, other) for other in others]


def alive(customer: Customer) -> Customer:
    """The customer, if anything can still be noted of him.

    Raises:
        Refused: he was erased.
    """
    if customer.erased_at is not None:
        raise Refused(f"customer {customer.id} was erased: nothing can be noted of him any more")
    return customer


def _registration(work: Work, fields: Mapping[str, Any]) -> Change[Customer]:
    values = _clean(work, fields)
    if not isinstance(extras := values.get("extras", {}), Mapping):
        values["extras"] = _extras(extras)
    if values.get("company_id") is not None:
        work.get(Company, values["company_id"])
    customer = work.new(Customer, **values)
    return Change(customer, (CustomerRegistered(customer_id=customer.id, source=customer.source),))


def _numbered(work: Work, rows: Iterable[Mapping[str, Any]]) -> Iterable[Change[Customer]]:
    for number, row in enumerate(rows, start=1):
        try:
            yield _registration(work, row)
        except InvalidInput as error:
            raise InvalidInput(f"row {number}: {error}") from None


OWN = frozenset({"id", "version", "created_at", "updated_at", "erased_at"})  # what nobody gives
FIELDS = tuple(a.name for a in Customer.__schema__ if a.name not in OWN)
BATCH = 500


def _clean(work: Work, fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* with contact points in their normal form and the company as an id."""
    values = dict(fields)
    if "company" in values:
        company = values.pop("company")
        values["company_id"] = company.id if isinstance(company, Company) else company
    if unknown := min(values.keys() - set(FIELDS), default=None):
        raise InvalidInput(f"a customer has no field {unknown!r}; it has {', '.join(sorted(FIELDS))}")
    if values.get("email") is not None:
        values["email"] = clean_email(values["email"])
    if values.get("phone") is not None:
        values["phone"] = clean_phone(values["phone"], region=work.settings.region)
    return values


def _extras(extras: Any) -> dict[str, Any]:
    """What is kept of custom fields.

    Raises:
        InvalidInput: they are none.
    """
    given = list(extras) if isinstance(extras, Iterable) else [extras]
    for extra in given:
        if not isinstance(extra, Extra):
            raise InvalidInput(f"extras= takes custom fields, as in [Style(mood='street')], got {extra!r}")
    return {type(extra).key: extra.dump() for extra in given}
