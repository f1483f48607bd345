"""Matching: which policy a case gets when nobody names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.kernel.rules import F
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.satisfying import satisfies
from crmkit.service.policies.policy import Policy

if TYPE_CHECKING:
    from crmkit.kernel.entity import Entity
    from crmkit.kernel.work import Work


def policy_for(work: Work, case: Entity) -> Policy | None:
    """The policy whose rule fits: by position, then by name; one without a rule only when no rule fits.

    Definitions: first match in order, a condition before none: Zammad, Zendesk.
    """
    blank: str | None = None
    known = work.columns(Policy, ["position", "name", "id", "rule"], F.state == "current")
    for position, _, identifier, rule in sorted(known, key=lambda row: (row[0] is None, row[0] or 0, row[1])):
        if rule is None:
            blank = blank or (identifier if position is not None else None)
        elif satisfies(work, case, from_json(rule)):
            return work.get(Policy, str(identifier))
    return None if blank is None else work.get(Policy, blank)
