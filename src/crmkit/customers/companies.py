"""Companies: the organisations that customers speak for."""

from __future__ import annotations

from typing import Any, Final

from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import email as clean_email
from crmkit.kernel.addresses import phone as clean_phone
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.text import clean_text


@entity("company", prefix="com", plural="companies")
class Company(Entity):
    """An organisation.

    Attributes:
        domain: the internet domain of its e-mail addresses and site, without ``www.``.
        parent_id: the company that it belongs to.
    """

    name: str = attribute(search=True, index=True)
    domain: str | None = attribute(default=None, index=True)
    industry: str | None = attribute(default=None, index=True)
    employees: int | None = attribute(default=None, at_least=0)
    email: str | None = attribute(default=None)
    phone: str | None = attribute(default=None, index=True)
    city: str | None = attribute(default=None)
    region: str | None = attribute(default=None)
    country: str | None = attribute(default=None)
    parent_id: str | None = attribute(default=None, references="company", reverse="subsidiaries")
    owner: str | None = attribute(default=None, index=True)
    tags: frozenset[str] = attribute(default=frozenset())


@event("customers.company_registered")
class CompanyRegistered(Event):
    """A company became known."""

    company_id: str
    name: str


@event("customers.company_updated")
class CompanyUpdated(Event):
    """Fields of a company have changed."""

    company_id: str
    fields: tuple[str, ...]


class Companies(Collection[Company]):
    """What ``crm.customers.companies`` offers."""

    cls = Company

    def register(self, *, name: str, **fields: Any) -> Company:
        """Make a company known.

        Args:
            name: as it is called.
            fields: any attribute of :class:`Company`; e-mail, telephone number and domain are normalised.

        Raises:
            InvalidInput: a field is unknown or malformed.
            NotFound: the company that it belongs to does not exist.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     studio = crm.customers.companies.register(name="Red Lantern Studio", domain="WWW.Lantern.example")
            ...     wang = crm.customers.register(name="Xiao Wang", company=studio)
            ...     studio.domain, wang.company_id == studio.id
            ('lantern.example', True)
        """
        with self.work() as work:
            values = _clean({"name": name, **fields}, region=work.settings.region)
            company = work.new(Company, **values)
            return work.save(Change(company, (CompanyRegistered(company_id=company.id, name=company.name),)))

    def update(self, company: Company | str, **changes: Any) -> Company:
        """Change attributes; the present state comes back as it is when it has all of these values already.

        Args:
            company: which one.
            changes: any attribute that :meth:`register` takes.

        Raises:
            InvalidInput: a field is unknown or malformed.
            NotFound: there is no such company.
            StaleEntity: somebody else has changed the company since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     studio = crm.customers.companies.register(name="Red Lantern Studio", employees=4)
            ...     crm.customers.companies.update(studio, employees=7).employees
            7
        """
        with self.work() as work:
            current = work.get(Company, company)
            after = current.evolve(**_clean(changes, region=work.settings.region))
            different = tuple(sorted(n for n in changes if getattr(current, n) != getattr(after, n)))
            if not different:
                return current
            return work.save(Change(after, (CompanyUpdated(company_id=current.id, fields=different),)))

    def find_by_name(self, name: str) -> Company | None:
        """The oldest company with this name, whatever the case; none if nobody knows it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.companies.register(name="Red Lantern Studio", city="Chengdu")
            ...     crm.customers.companies.find_by_name("red lantern studio").city
            'Chengdu'
        """
        with self.read() as work:
            return work.first(Company, F.name.iequals(name), order_by="created_at")


FIELDS: Final = tuple(a.name for a in Company.__schema__ if a.name not in {"id", "version", "created_at", "updated_at"})


def _clean(fields: dict[str, Any], *, region: str | None) -> dict[str, Any]:
    values = dict(fields)
    if unknown := min(values.keys() - set(FIELDS), default=None):
        raise InvalidInput(f"a company has no field {unknown!r}; it has {', '.join(sorted(FIELDS))}")
    if values.get("email") is not None:
        values["email"] = clean_email(values["email"])
    if values.get("phone") is not None:
        values["phone"] = clean_phone(values["phone"], region=region)
    if values.get("domain") is not None:
        values["domain"] = clean_text(values["domain"], what="domain").lower().removeprefix("www.")
    return values
