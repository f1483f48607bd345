"""``crm.customers``."""

from __future__ import annotations

from collections.abc import Mapping

from crmkit.customers.companies import Companies
from crmkit.customers.consents import Consents
from crmkit.customers.contact_points.desk import ContactPoints
from crmkit.customers.identity.duplicates import Duplicates
from crmkit.customers.identity.merge import (
    CustomerMerge,
    CustomerMergePlan,
    Side,
    apply,
    planned,
    survivor_of,
    two,
)
from crmkit.customers.identity.privacy import Privacy
from crmkit.customers.identity.undoing import merge_of, undo
from crmkit.customers.people import Customer, People
from crmkit.customers.portrait import Moment, Portrait, portrait_of, timeline_of
from crmkit.customers.segments import Segments
from crmkit.errors import InvalidInput
from crmkit.kernel.rules import F


class Customers(People):
    """What ``crm.customers`` offers: people, and everything that is said about them."""

    @property
    def companies(self) -> Companies:
        """The companies that customers speak for."""
        return Companies(self._scope)

    @property
    def consents(self) -> Consents:
        """What customers have agreed to."""
        return Consents(self._scope)

    @property
    def contact_points(self) -> ContactPoints:
        """Every way to reach customers."""
        return ContactPoints(self._scope)

    @property
    def duplicates(self) -> Duplicates:
        """Who might be the same person."""
        return Duplicates(self._scope)

    @property
    def privacy(self) -> Privacy:
        """Customers' own data: handed out, and erased."""
        return Privacy(self._scope)

    @property
    def segments(self) -> Segments:
        """Groups of customers."""
        return Segments(self._scope)

    def plan_merge(
        self, kept: Customer | str, other: Customer | str, *, choose: Mapping[str, Side] | None = None
    ) -> CustomerMergePlan:
        """Say what merging two customers would do, without doing it.

        Args:
            kept: the one that goes on.
            other: the one that goes into him.
            choose: by field, whose value counts: ``"kept"`` or ``"other"``; those of *kept* where he has any, unless
                given.

        Raises:
            InvalidInput: both are the same, or a field is unknown.
            Refused: one of them has been merged or erased before.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     same = crm.customers.register(name="Li Xiao", phone="+86 139 1234 5678")
            ...     _ = crm.service.cases.open(same, subject="When?")
            ...     plan = crm.customers.plan_merge(li, same, choose={"name": "other"})
            ...     plan.after.name, plan.after.phone, plan.moves["cases"], crm.customers.count()
            ('Li Xiao', '+8613912345678', 1, 2)
        """
        with self.read() as work:
            return planned(work, *two(work, kept, other), choose or {})

    def merge(
        self,
        kept: Customer | str | CustomerMergePlan,
        other: Customer | str | None = None,
        *,
        choose: Mapping[str, Side] | None = None,
    ) -> Customer:
        """Note that two customers are the same person: one goes on, and whatever refers to the other one follows.

        Args:
            kept: the one that goes on, or a plan.
            other: the one that goes into him; his id leads to *kept* from now on (:meth:`survivor`).
            choose: as in :meth:`plan_merge`.

        Raises:
            InvalidInput: both are the same, or a field is unknown.
            Refused: one of them has been merged or erased before.
            StaleEntity: one of them has changed since the plan was made, or since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     same = crm.customers.register(name="Li Xiao", email="xiao@studio.example", city="Chengdu")
            ...     case = crm.service.cases.open(same, subject="When?")
            ...     merged = crm.customers.merge(li, same)
            ...     merged.city, crm.service.cases.get(case.id).customer_id == li.id
            ('Chengdu', True)
        """
        with self.work() as work:
            if isinstance(kept, CustomerMergePlan):
                return apply(work, kept)
            if other is None:
                raise InvalidInput("two customers are merged, or a plan is applied: give the other one, too")
            with work.holding():
                both = two(work, kept, other)
            return apply(work, planned(work, *both, choose or {}))

    def unmerge(self, merge: CustomerMerge | Customer | str) -> Customer:
        """Take a merge back: what has moved goes back, and what came later stays with the one that went on.

        Args:
            merge: the merge, or the customer that went into another one (or his id).

        Returns:
            the customer that is there again.

        Raises:
            NotFound: he was never merged into another one.
            Refused: it has been undone already, or the one that went on was erased.
            Duplicate: somebody else has his e-mail address by now.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     twin = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.merge(li, twin)
            ...     back = crm.customers.unmerge(twin.id)
            ...     back.id == twin.id, back.city, crm.customers.get(li.id).city
            (True, 'Chengdu', None)
        """
        with self.work() as work:
            return undo(work, merge_of(work, merge))

    def merges(self, customer: Customer | str) -> list[CustomerMerge]:
        """The merges in which others went into *customer*, the latest first; those that were undone are among them.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     same = crm.customers.register(name="Li Xiao", city="Chengdu")
            ...     _ = crm.customers.merge(li, same)
            ...     [(merge.merged_id == same.id, merge.state) for merge in crm.customers.merges(li)]
            [(True, 'applied')]
        """
        with self.read() as work:
            return work.find(
                CustomerMerge, F.kept_id == work.get(Customer, customer).id, order_by=("-created_at", "-id")
            )

    def survivor(self, identifier: str) -> Customer:
        """The customer with this id, or the one in whom he goes on after merges.

        Every other verb refuses the id of one that was merged, and names the one in whom he goes on.

        Raises:
            NotFound: there never was one.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     same = crm.customers.register(name="Li Xiao")
            ...     _ = crm.customers.merge(li, same)
            ...     crm.customers.survivor(same.id).name
            'Xiao Li'
        """
        with self.read() as work:
            return work.get(Customer, survivor_of(work, identifier) or identifier)

    def profile(self, customer: Customer | str) -> Portrait:
        """Everything that is known of a customer: the 360-degree view, one section for each room.

        The facts of all sections are attributes of it; what is not known is no attribute.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.service.cases.open(li, subject="When?")
            ...     portrait = crm.customers.profile(li)
            ...     portrait.city, portrait.stage, list(portrait.sections)
            ('Chengdu', 'prospect', ['customers', 'sales', 'life cycle', 'service', 'marketing'])
        """
        with self.read() as work:
            return portrait_of(work, work.get(Customer, customer))

    def timeline(self, customer: Customer | str, *, limit: int = 100) -> list[Moment]:
        """What has happened with a customer, the latest first, in whichever room.

        Args:
            customer: who; what happened with those who were merged into him is part of it.
            limit: at most so much, 0 and more.

        Raises:
            NotFound: there is no such customer.
            InvalidInput: *limit* is no such number.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.update(li, city="Xi’an")
            ...     [(moment.name, moment.facts["fields"]) for moment in crm.customers.timeline(li, limit=1)]
            [('customers.customer_updated', ['city'])]
        """
        with self.read() as work:
            return timeline_of(work, work.get(Customer, customer).id, limit=limit)
