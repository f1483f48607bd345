"""Which queue a case belongs to, and who gets it.

What a decision reads does not grow with the number of open cases: an agent's own open cases up to his limit, and the
turns of those who serve the queue.  Decisions are made one after the other, so that two of them cannot both give an
agent the last place that he has.  They look at everything, whatever the actor may see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Record
from crmkit.kernel.ports import Query
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.satisfying import satisfies
from crmkit.service.cases.case import Case
from crmkit.service.routing.choosing import Choice, Demand, Hand, choose
from crmkit.service.routing.records import Agent, Exclusion, HandOver, Queue, Turn

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

R = TypeVar("R", bound=Record)
ALIVE: Final = ("open", "waiting")
QUEUES: Final = "service.queues"
MOST_OPEN: Final = 500  # of an agent without a limit; who has more is as busy as who has so many
MOST_FOUND: Final = 100  # agents whose reasons are kept with a hand-over


@attrs.frozen(kw_only=True)
class Taken:
    """Who gets a case: the queue that had somebody, and the choice."""

    queue: str
    agent: str
    choice: Choice

    def remember(self, work: Work, case: Case) -> None:
        """Store the hand-over, and whose turn it was."""
        found = dict(list(self.choice.reasons.items())[:MOST_FOUND])
        row = {"queue": self.queue, "agent": self.agent, "because": self.choice.because, "found": found}
        work.add([work.new(HandOver, case_id=case.id, **row)])
        turn = work.first(Turn, (F.queue == self.queue) & (F.agent == self.agent))
        known = turn or work.new(Turn, queue=self.queue, agent=self.agent)
        work.save(Change(known.evolve(given=known.given + 1, last_at=work.now)))


def queues(work: Work) -> list[Queue]:
    """All queues in the order in which they are asked, looked up once in a transaction."""
    known: list[Queue] | None = work.memo.get(QUEUES)
    if known is None:
        known = work.memo[QUEUES] = work.find(Queue, order_by=("place", "name"))
    return known


def hands_out(work: Work) -> bool:
    """Whether any queue hands out automatically."""
    return any(q.automatic for q in queues(work))


def one_at_a_time(work: Work) -> None:
    """Wait for decisions that others are making; theirs are seen then."""
    if queues(work):
        with work.holding():
            work.get(Queue, min(q.id for q in queues(work)))


def queue_for(work: Work, case: Case) -> Queue | None:
    """The first queue whose rule holds of *case*, which need not be stored yet."""
    for queue in queues(work):
        if queue.rule is None or satisfies(work, case, from_json(queue.rule)):
            return queue
    return None


def placed(work: Work, case: Case) -> Case:
    """The case in the queue where it belongs, if it waits for somebody and there are queues that hand out."""
    if case.ended or (case.owner is not None and case.version > 0) or not hands_out(work):
        return case
    queue = queue_for(work, case)
    return case.evolve(queue=None if queue is None else queue.name)


def on_arrival(work: Work, case: Case) -> tuple[Case, Taken | None]:
    """A new case in its queue, and who gets it at once: only if the queue hands out and nobody has it yet."""
    case = placed(work, case)
    queue = next((q for q in queues(work) if q.name == case.queue), None)
    if queue is None or not queue.automatic or case.owner is not None or case.status != "open":
        return case, None
    one_at_a_time(work)
    taken, choice = decide(work, case, queue)
    if choice.agent is None:
        return case, None
    return case.evolve(owner=choice.agent), Taken(queue=taken.name, agent=choice.agent, choice=choice)


def decide(work: Work, case: Case, queue: Queue) -> tuple[Queue, Choice]:
    """Who gets *case*; if nobody in *queue* can take it, who of the queue that it overflows into."""
    tried: list[str] = []
    while True:
        choice = choose(_hands(work, case, queue), _demand(work, case, queue), method=queue.method)
        tried.append(queue.name)
        following = next((q for q in queues(work) if q.name == queue.overflow), None)
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
    last = looked_up(work, Case, theirs, order_by=("-opened_at", "-id"), limit=1)
    return last[0].owner if last else None


def _hands(work: Work, case: Case, queue: Queue) -> list[Hand]:
    agents = work.find(Agent, F.queues.has(queue.name), order_by="name")
    turns = {t.agent: t for t in work.find(Turn, F.queue == queue.name)}
    without = _excluded(work, case)
    lately: dict[str, int] = {}
    if queue.window is not None:
        within = (F.queue == queue.name) & F.agent.in_([a.name for a in agents])
        within &= F.created_at > work.now - queue.window
        lately = {g.key[0]: g.count for g in work.tally(HandOver, within, by=("agent",))}
    return [
        Hand(
            name=a.name,
            available=a.available,
            skills=a.skills,
            load=load_of(work, queue, a) if a.available and a.name not in without else 0,
            limit=a.limit,
            weight=a.weight,
            given=turns[a.name].given if a.name in turns else 0,
            last_at=turns[a.name].last_at if a.name in turns else None,
            lately=lately.get(a.name, 0),
            excluded=without.get(a.name),
        )
        for a in agents
    ]


def _excluded(work: Work, case: Case) -> dict[str, str]:
    """Who does not get this case, and why."""
    about = work.find(Exclusion, F.customer_id == case.customer_id)
    if case.version > 0:
        about += work.find(Exclusion, F.case_id == case.id)
    return {e.agent: e.reason for e in about}


def load_of(work: Work, queue: Queue, agent: Agent) -> int:
    """Units of open work, as far as they matter: nobody counts on beyond the limit."""
    if agent.limit is None and queue.method != "least_loaded":
        return 0
    most = MOST_OPEN if agent.limit is None else agent.limit
    theirs = (F.owner == agent.name) & F.status.in_(ALIVE)
    with work.as_the_house():
        query = Query(cls=Case, plan=work.plan(Case, theirs), limit=most)
    channels = work.session.columns(query, ["channel"])
    return sum(queue.units.get(channel or "", 1) for (channel,) in channels)


def looked_up(work: Work, cls: type[R], rule: Rule, *, order_by: tuple[str, ...], limit: int) -> list[R]:
    """What satisfies *rule*, whatever the actor may see: who gets a case does not depend on who opened it."""
    with work.as_the_house():
        return work.find(cls, rule, order_by=order_by, limit=limit)
