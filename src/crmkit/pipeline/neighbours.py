"""What rules about one lead or one deal look at beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmkit.kernel.entity import Record
from crmkit.kernel.registry import Relation
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.kernel.work import Work


def the_house(work: Work) -> Work:
    """The same transaction in nobody's name: what the house does by itself depends on nobody's view."""
    return Work(work.session, work.house, actor=None)


def neighbours(work: Work, relation: Relation, row: Any) -> Sequence[Record]:
    """The rows that *relation* leads to from *row*."""
    if relation.many:
        return work.find(relation.target.cls, F[relation.key] == row.id)
    identifier = getattr(row, relation.key)
    return () if identifier is None else [work.get(relation.target.cls, identifier)]


def satisfies(work: Work, thing: Record, rule: Rule | None) -> bool:
    """Whether *thing*, as it is here, satisfies *rule*; everything satisfies none."""
    if rule is None:
        return True
    judge = compile_plan(work.plan(type(thing), rule), lambda relation, row: neighbours(work, relation, row))
    return judge(thing)
