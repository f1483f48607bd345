"""``crm.service.cases``."""

from __future__ import annotations

from crmkit.customers.people import Customer
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.cases.checking import Checking
from crmkit.service.cases.handling import Handling
from crmkit.service.cases.joining import Joining
from crmkit.service.cases.moving import Moving
from crmkit.service.cases.talking import Talking
from crmkit.service.cases.timing import Timing


class Cases(Handling, Moving, Talking, Joining, Checking, Timing):
    """What ``crm.service.cases`` offers."""

    def of(self, customer: Customer | str, *, limit: int | None = None) -> list[Case]:
        """The cases of one customer, the newest first: what whoever takes the call wants to see.

        Args:
            customer: whose.
            limit: at most so many.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(region="CN") as crm:
            ...     _ = crm.customers.register(name="Xiao Wang", phone="139 1234 5678")
            ...     (caller,) = crm.customers.find_by_phone("+86 139 1234 5678")
            ...     _ = crm.service.cases.open(caller, subject="Where is my album?", channel="phone")
            ...     [case.subject for case in crm.service.cases.of(caller)]
            ['Where is my album?']
        """
        with self.read() as work:
            who = work.get(Customer, customer)
            return work.find(Case, F.customer_id == who.id, order_by="-opened_at", limit=limit)
