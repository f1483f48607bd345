"""Salespeople: who sells, in which team, for whom, and how much they can take."""

from __future__ import annotations

from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import email as clean_email
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work


@entity("salesperson", prefix="sp", plural="salespeople")
class Salesperson(Entity):
    """Somebody who sells; what leads, deals and activities call their owner is the *name*.

    Attributes:
        manager: the name of the salesperson to whom this one reports.
        email: where reminders go.
        weight: how much of the work comes here, compared with the others.
        monthly_limit: leads in a month at most; a day's share is a thirtieth, rounded half up.
        skills: what a lead may ask for: languages, products …
        territory: regions, countries or cities; empty is everywhere.
        active: whether new work comes here at all.
    """

    name: str = attribute(unique=True)
    email: str | None = attribute(default=None)
    team: str | None = attribute(default=None, index=True)
    manager: str | None = attribute(default=None, index=True)
    weight: int = attribute(default=1, at_least=0)
    monthly_limit: int | None = attribute(default=None, at_least=0)
    skills: frozenset[str] = attribute(default=frozenset())
    territory: frozenset[str] = attribute(default=frozenset())
    active: bool = attribute(default=True)

    def check(self) -> None:
        """Nobody is his own manager."""
        if self.manager == self.name:
            raise InvalidInput(f"{self.name!r} cannot be his own manager")

    @property
    def daily_limit(self) -> int | None:
        """Leads in 24 hours at most.

        Definition: Odoo's ``round_half_up(monthly_max / 30)``.

        >>> from datetime import UTC, datetime
        >>> now = datetime(2026, 3, 2, tzinfo=UTC)
        >>> Salesperson(id="sp_1", created_at=now, name="Xu", monthly_limit=45).daily_limit
        2
        """
        return None if self.monthly_limit is None else (2 * self.monthly_limit + 30) // 60


@event("pipeline.salesperson_registered")
class SalespersonRegistered(Event):
    """Somebody sells."""

    salesperson_id: str
    name: str


@event("pipeline.salesperson_updated")
class SalespersonUpdated(Event):
    """What is known of a salesperson has changed."""

    salesperson_id: str
    fields: tuple[str, ...]


class Salespeople(Collection[Salesperson]):
    """What ``crm.pipeline.salespeople`` offers; a salesperson is named by name, id or entity."""

    cls = Salesperson

    def register(self, name: str, **fields: Any) -> Salesperson:
        """Make known who sells.

        Args:
            name: what leads, deals and activities have as their owner.
            fields: attributes of :class:`Salesperson`.

        Raises:
            InvalidInput: a field is unknown or malformed.
            NotFound: the manager is not known.
            Duplicate: the name is taken.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     boss = crm.pipeline.salespeople.register("Chen", team="south")
            ...     xu = crm.pipeline.salespeople.register("Xu", team="south", manager="Chen", skills={"french"})
            ...     [p.name for p in crm.pipeline.salespeople.reports("Chen")]
            ['Xu']
        """
        with self.work() as work:
            person = work.new(Salesperson, name=name, **_cleaned(work, fields))
            fact = SalespersonRegistered(salesperson_id=person.id, name=person.name)
            return work.save(Change(person, (fact,)))

    def update(self, person: Salesperson | str, **changes: Any) -> Salesperson:
        """Change what is known of a salesperson; the name stays, others refer to it.

        Raises:
            InvalidInput: a field is unknown or malformed, or people would report in a circle.
            NotFound: there is no such salesperson, or no such manager.
            StaleEntity: somebody else has changed the salesperson since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = (
            ...         crm.pipeline.salespeople.register("Chen"),
            ...         crm.pipeline.salespeople.register("Xu", manager="Chen"),
            ...     )
            ...     crm.pipeline.salespeople.update("Chen", manager="Xu")
            Traceback (most recent call last):
            crmkit.errors.InvalidInput: 'Xu' reports to 'Chen' already: people cannot report in a circle
        """
        with self.work() as work:
            if "name" in changes:
                raise InvalidInput("the name of a salesperson stays: leads and deals have it as their owner")
            current = salesperson(work, person)
            after = current.evolve(**_cleaned(work, changes))
            if after.manager is not None:
                _no_circle(work, after)
            different = tuple(sorted(n for n in changes if getattr(current, n) != getattr(after, n)))
            if not different:
                return current
            return work.save(Change(after, (SalespersonUpdated(salesperson_id=current.id, fields=different),)))

    def get(self, ref: Salesperson | str) -> Salesperson:
        """One of them by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     xu = crm.pipeline.salespeople.register("Xu", team="south")
            ...     crm.pipeline.salespeople.get("Xu") == crm.pipeline.salespeople.get(xu.id)
            True
        """
        with self.read() as work:
            return salesperson(work, ref)

    def reports(self, manager: Salesperson | str) -> list[Salesperson]:
        """Everybody who reports to *manager*, directly or through others, by level and name.

        Raises:
            NotFound: there is no such salesperson.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     for name, manager in (("Chen", None), ("Xu", "Chen"), ("Li", "Xu"), ("Zhao", None)):
            ...         _ = crm.pipeline.salespeople.register(name, manager=manager)
            ...     [person.name for person in crm.pipeline.salespeople.reports("Chen")]
            ['Xu', 'Li']
        """
        with self.read() as work:
            return below(work, salesperson(work, manager))


def salesperson(work: Work, ref: object) -> Salesperson:
    """The salesperson that is meant."""
    return work.named(Salesperson, ref, otherwise="register it first")


def below(work: Work, manager: Salesperson) -> list[Salesperson]:
    """Everybody below *manager*, level by level."""
    found: list[Salesperson] = []
    level = [manager.name]
    while level:
        direct = work.find(Salesperson, F.manager.in_(level), order_by="name")
        found += direct
        level = [person.name for person in direct]
    return found


def _cleaned(work: Work, fields: dict[str, Any]) -> dict[str, Any]:
    values = dict(fields)
    unknown = sorted(values.keys() - {a.name for a in Salesperson.__schema__})
    if unknown:
        raise InvalidInput(f"a salesperson has no field {unknown[0]!r}")
    if values.get("email") is not None:
        values["email"] = clean_email(values["email"])
    if values.get("manager") is not None:
        values["manager"] = salesperson(work, values["manager"]).name
    return values


def _no_circle(work: Work, person: Salesperson) -> None:
    if person.manager in {p.name for p in below(work, person)}:
        raise InvalidInput(f"{person.manager!r} reports to {person.name!r} already: people cannot report in a circle")
