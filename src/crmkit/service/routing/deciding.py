"""Which queue a case belongs to, and who gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmkit.kernel.rules import F, nodes
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.kernel.rules.specs import from_json
from crmkit.service.cases.case import Case
from crmkit.service.routing.choosing import Choice, Demand, Hand, choose
from crmkit.service.routing.records import Agent, HandOver, Queue

if TYPE_CHECKING:
    from typing import Any

    from crmkit.kernel.registry import Relation
    from crmkit.kernel.work import Work

ALIVE = ("open", "waiting")


def queue_for(work: Work, case: Case) -> Queue | None:
    """The first queue whose rule holds of *case*."""
    for queue in work.find(Queue, order_by=("place", "name")):
        condition = nodes.Always(value=True) if queue.rule is None else from_json(queue.rule)
        if compile_plan(work.plan(Case, condition), _neighbours(work))(case):
            return queue
    return None


def decide(work: Work, case: Case, queue: Queue) -> tuple[Queue, Choice]:
    """Who gets *case*; if nobody in *queue* can take it, who of the queue that it overflows into."""
    tried: list[str] = []
    while True:
        choice = choose(_hands(work, queue), _demand(work, case, queue), method=queue.method)
        tried.append(queue.name)
        following = None if queue.overflow is None else work.first(Queue, F.name == queue.overflow)
        if choice.agent is not None or following is None or following.name in tried:
            return queue, choice
        queue = following


def _demand(work: Work, case: Case, queue: Queue) -> Demand:
    return Demand(
        units=queue.units.get(case.channel or "", 1),
        skills=queue.skills,
        fallback=queue.fallback,
        previous=_previous(work, case) if queue.previous_first else None,
        rate=queue.rate,
    )


def _previous(work: Work, case: Case) -> str | None:
    theirs = (F.customer_id == case.customer_id) & ~F.owner.is_missing() & (F.id != case.id)
    last = work.first(Case, theirs, order_by=("-opened_at", "-id"))
    return None if last is None else last.owner


def _hands(work: Work, queue: Queue) -> list[Hand]:
    agents = work.find(Agent, F.queues.has(queue.name), order_by="name")
    loads = _loads(work, queue, [a.name for a in agents])
    given: dict[str, list[Any]] = {a.name: [] for a in agents}
    for agent, at in work.columns(HandOver, ["agent", "created_at"], F.queue == queue.name):
        if agent in given:
            given[agent].append(at)
    since = None if queue.window is None else work.now - queue.window
    return [
        Hand(
            name=a.name,
            available=a.available,
            skills=a.skills,
            load=loads.get(a.name, 0),
            limit=a.limit,
            weight=a.weight,
            given=len(given[a.name]),
            last_at=max(given[a.name], default=None),
            lately=0 if since is None else sum(at > since for at in given[a.name]),
        )
        for a in agents
    ]


def _loads(work: Work, queue: Queue, names: Sequence[str]) -> dict[str, int]:
    """Units of open work by agent."""
    loads: dict[str, int] = {}
    for group in work.tally(Case, F.status.in_(ALIVE) & F.owner.in_(names), by=("owner", "channel")):
        owner, channel = group.key
        loads[owner] = loads.get(owner, 0) + group.count * queue.units.get(channel or "", 1)
    return loads


def _neighbours(work: Work) -> Any:
    def rows(relation: Relation, row: Any) -> Sequence[Any]:
        if relation.many:
            return work.find(relation.target.cls, F[relation.key] == row.id)
        identifier = getattr(row, relation.key)
        return () if identifier is None else [work.get(relation.target.cls, identifier)]

    return rows
