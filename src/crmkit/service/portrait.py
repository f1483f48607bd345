"""What customer service knows of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.surveys import satisfaction_of

if TYPE_CHECKING:
    from crmkit.customers.people import Customer
    from crmkit.kernel.work import Work


def cases_section(work: Work, customer: Customer) -> Mapping[str, Any]:
    """How many cases there are and were, and the last one."""
    groups = {g.key[0]: g.count for g in work.tally(Case, F.customer_id == customer.id, by=("status",))}
    said = satisfaction_of(work, customer.id)
    if not groups:
        return {"open_cases": 0, **said}
    last = work.first(Case, F.customer_id == customer.id, order_by="-opened_at")
    return {
        "open_cases": groups.get("open", 0) + groups.get("waiting", 0),
        "cases": sum(groups.values()),
        "last_case": "" if last is None else f"{last.subject} ({last.status}, {last.opened_at:%Y-%m-%d})",
        **said,
    }
