"""Whether one thing satisfies a rule: judged as it is here, stored or not, with what the store knows beside it.

A rule looks at all rows, whoever acts: whether a policy fits or a deal may go on depends on nobody's view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmkit.kernel.entity import Record
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.kernel.work import Work


def satisfies(work: Work, thing: Record, rule: Rule | None) -> bool:
    """Whether *thing* satisfies *rule*; everything satisfies none."""
    if rule is None:
        return True
    with work.as_the_house():
        judge = compile_plan(work.plan(type(thing), rule), lambda relation, row: neighbours(work, relation, row))
        return bool(judge(thing))


def neighbours(work: Work, relation: Relation, row: Any) -> Sequence[Record]:
    """The rows that *relation* leads to from *row*."""
    with work.as_the_house():
        if relation.many:
            return work.find(relation.target.cls, F[relation.key] == row.id)
        identifier = getattr(row, relation.key)
        return () if identifier is None else [work.get(relation.target.cls, identifier)]
