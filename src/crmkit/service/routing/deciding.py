"""Which queue a case belongs to, and who gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from crmkit.kernel.rules import F
from crmkit.kernel.rules.specs import from_json
from crmkit.service.cases.case import Case
from crmkit.service.policies.matching import fits
from crmkit.service.routing.choosing import Choice, Demand, Hand, choose
from crmkit.service.routing.records import Agent, HandOver, Queue

if TYPE_CHECKING:
    from datetime import datetime

    from crmkit.kernel.work import Work

ALIVE = ("open", "waiting")
QUEUES = "service.queues"


@attrs.frozen(kw_only=True)
class Taken:
    """Who gets a case on arrival: the queue that had somebody, and the choice."""

    queue: str
    agent: str
    because: str

    def remember(self, work: Work, case: Case) -> None:
        """Store the hand-over."""
        work.add([work.new(HandOver, case_id=case.id, queue=self.queue, agent=self.agent, because=self.because)])


def queues(work: Work) -> list[Queue]:
    """All queues in the order in which they are asked, looked up once in a transaction."""
    known: list[Queue] | None = work.memo.get(QUEUES)
    if known is None:
        known = work.memo[QUEUES] = work.find(Queue, order_by=("place", "name"))
    return known


def queue_for(work: Work, case: Case) -> Queue | None:
    """The first queue whose rule holds of *case*, which need not be stored yet."""
    for queue in queues(work):
        if queue.rule is None or fits(work, case, from_json(queue.rule)):
            return queue
    return None


def on_arrival(work: Work, case: Case) -> Taken | None:
    """Who gets a new case at once: somebody only if its queue hands out automatically and nobody has it yet."""
    if case.owner is not None or case.status != "open" or not any(q.automatic for q in queues(work)):
        return None
    queue = queue_for(work, case)
    if queue is None or not queue.automatic:
        return None
    taken, choice = decide(work, case, queue)
    if choice.agent is None:
        return None
    return Taken(queue=taken.name, agent=choice.agent, because=choice.because)


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
    names = [a.name for a in agents]
    loads = _loads(work, queue, names)
    here = (F.queue == queue.name) & F.agent.in_(names)
    given = {g.key[0]: g.count for g in work.tally(HandOver, here, by=("agent",))}
    lately: dict[str, int] = {}
    if queue.window is not None:
        within = here & (F.created_at > work.now - queue.window)
        lately = {g.key[0]: g.count for g in work.tally(HandOver, within, by=("agent",))}
    return [
        Hand(
            name=a.name,
            available=a.available,
            skills=a.skills,
            load=loads.get(a.name, 0),
            limit=a.limit,
            weight=a.weight,
            given=given.get(a.name, 0),
            last_at=_last_at(work, queue, a.name) if a.name in given else None,
            lately=lately.get(a.name, 0),
        )
        for a in agents
    ]


def _last_at(work: Work, queue: Queue, agent: str) -> datetime | None:
    last = work.first(HandOver, (F.queue == queue.name) & (F.agent == agent), order_by=("-created_at", "-id"))
    return None if last is None else last.created_at


def _loads(work: Work, queue: Queue, names: Sequence[str]) -> dict[str, int]:
    """Units of open work by agent."""
    loads: dict[str, int] = {}
    for group in work.tally(Case, F.status.in_(ALIVE) & F.owner.in_(names), by=("owner", "channel")):
        owner, channel = group.key
        loads[owner] = loads.get(owner, 0) + group.count * queue.units.get(channel or "", 1)
    return loads
