"""Matching: which policy a case gets when nobody names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.kernel.registry import Relation
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.service.policies.policy import Policy

if TYPE_CHECKING:
    from crmkit.kernel.entity import Entity
    from crmkit.kernel.work import Work


def policy_for(work: Work, case: Entity) -> Policy | None:
    """The policy whose rule fits: by position, then by name; one without a rule only when no rule fits.

    Definitions: first match in order, a condition before none: Zammad, Zendesk.
    """
    blank = None
    for policy in work.find(Policy, F.state == "current", order_by=("position", "name")):
        rule = policy.condition()
        if rule is None:
            blank = blank or (policy if policy.position is not None else None)
        elif fits(work, case, rule):
            return policy
    return blank


def fits(work: Work, case: Entity, rule: Rule) -> bool:
    """Whether *case*, which need not be stored yet, satisfies *rule*."""
    judge = compile_plan(work.plan(type(case), rule), lambda relation, row: _neighbours(work, relation, row))
    return bool(judge(case))


def _neighbours(work: Work, relation: Relation, row: Any) -> Sequence[Any]:
    if relation.many:
        return work.find(relation.target.cls, F[relation.key] == row.id)
    identifier = getattr(row, relation.key)
    return () if identifier is None else [work.get(relation.target.cls, identifier)]
