"""``crm.customers``."""

from __future__ import annotations

from crmkit.customers.companies import Companies
from crmkit.customers.consents import Consents
from crmkit.customers.people import Customer, People
from crmkit.customers.portrait import Moment, Portrait, portrait_of, timeline_of
from crmkit.customers.segments import Segments


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
    def segments(self) -> Segments:
        """Groups of customers."""
        return Segments(self._scope)

    def profile(self, customer: Customer | str) -> Portrait:
        """Everything that is known of a customer: the 360-degree view, one section for each room."""
        with self.read() as work:
            return portrait_of(work, work.get(Customer, customer))

    def timeline(self, customer: Customer | str, *, limit: int = 100) -> list[Moment]:
        """What has happened with a customer, the latest first."""
        with self.read() as work:
            return timeline_of(work, work.get(Customer, customer).id, limit=limit)
