"""Exclusions: who does not get what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.rules import F
from crmkit.service.routing.records import AgentExcluded, Exclusion

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


def exclude(
    work: Work, agent: str, *, reason: str, customer_id: str | None = None, case_id: str | None = None
) -> Exclusion:
    """Store an exclusion; one that is known already gets the new reason.

    Raises:
        InvalidInput: it is about neither a customer nor a case, or about both.
    """
    if (customer_id is None) is (case_id is None):
        raise InvalidInput("an agent is excluded from the cases of a customer, or from one case: give one of them")
    key = f"{agent}/{customer_id or case_id}"
    known = work.first(Exclusion, F.key == key)
    if known is not None:
        return work.save(Change(known.evolve(reason=reason)))
    made = work.new(Exclusion, agent=agent, customer_id=customer_id, case_id=case_id, reason=reason, key=key)
    return work.save(Change(made, (excluded_event(made, excluded=True),)))


def excluded_event(exclusion: Exclusion, *, excluded: bool) -> AgentExcluded:
    """What is told of it."""
    return AgentExcluded(
        exclusion_id=exclusion.id,
        customer_id=exclusion.customer_id,
        case_id=exclusion.case_id,
        agent=exclusion.agent,
        excluded=excluded,
    )
