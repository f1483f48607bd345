"""What a tenant has laid down for its deals (pipelines, alerts, follow-ups) is read once and kept until it changes.

Moving a deal asks for all of it, and it hardly ever changes.  So one row says which edition is valid; that row is read
by its id, and the rest only when the edition is a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.ports import Query
from crmkit.kernel.work import Work

T = TypeVar("T")
E = TypeVar("E", bound=Entity)
THE_ONE = f"drul_{'0' * 26}"
NOTED = "pipeline.deal_rules"
MOST = 1000


@entity("deal_rules", prefix="drul", plural="deal_rules")
class DealRules(Entity):
    """Which edition of these rules is valid; a tenant has one row of it, or none while nothing is defined.

    Attributes:
        edition: another one after every change, never used again, even if the change was undone.
    """

    edition: str = attribute()


def kept(work: Work, cls: type[E], read: Callable[[list[E]], T]) -> T:
    """What *read* makes of all entities of *cls*, whoever acts: made once for each edition.

    Whoever changes entities of *cls* calls :func:`renewed` in the same transaction.
    """
    memo, key = work.house.memo, (_edition(work), cls)
    if key not in memo:
        if len(memo) >= MOST:
            memo.clear()
        memo[key] = read(work.session.find(Query(cls=cls)))
    made: T = memo[key]
    return made


def renewed(work: Work) -> None:
    """Begin a new edition: pipelines, alerts or follow-ups have changed."""
    work.memo.pop(NOTED, None)
    edition = work.house.ids.new("edition", work.now)
    known = work.session.get(DealRules, THE_ONE, hold=True)
    first = DealRules(id=THE_ONE, created_at=work.now, edition=edition)
    work.save(Change(first if known is None else known.evolve(edition=edition)))


def _edition(work: Work) -> str | None:
    if NOTED not in work.memo:
        known = work.session.get(DealRules, THE_ONE)
        work.memo[NOTED] = None if known is None else known.edition
    edition: str | None = work.memo[NOTED]
    return edition
