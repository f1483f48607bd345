"""Filling: what waits is handed out as soon as somebody has room again.

Room comes when a case ends, goes to somebody else or is declined, and when an agent comes back or may take more.  Only
the queues from which that agent can get something are looked at, by an index, so that a long backlog elsewhere costs
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case, CaseAssigned, CaseReopened
from crmkit.service.cases.handling import assigned
from crmkit.service.cases.keeping import settle
from crmkit.service.routing.choosing import Choice
from crmkit.service.routing.deciding import (
    Taken,
    decide,
    hands_out,
    looked_up,
    one_at_a_time,
    queue_for,
    queues,
)
from crmkit.service.routing.records import Agent, Queue

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work

URGENCY: Final = ("urgent", "high", "normal", "low")
REROUTE: Final = "service.reroute"
PASSED_OVER: Final = 20  # cases of a queue that nobody may have before the rest of it waits for the next time
PLACED: Final = 500
WAITING: Final = (F.status == "open") & F.owner.is_missing()


@attrs.frozen(kw_only=True)
class Routed:
    """What became of one case.

    Attributes:
        queue: the name of the queue that took it; none if no queue's rule holds.
        choice: who was chosen, and what was found about everybody.
    """

    case: Case
    queue: str | None
    choice: Choice | None

    @property
    def found_somebody(self) -> bool:
        """Whether it is in somebody's hands."""
        return self.choice is not None and self.choice.agent is not None


def routed(work: Work, case: Case, queue: Queue | None = None) -> Routed:
    """Give *case* to the one who should have it now."""
    queue = queue or queue_for(work, case)
    if queue is None:
        return Routed(case=case, queue=None, choice=None)
    taken, choice = decide(work, case, queue)
    if choice.agent is None or choice.agent == case.owner:
        return Routed(case=case, queue=taken.name, choice=choice)
    saved = settle(work, assigned(case.evolve(queue=queue.name), choice.agent))
    Taken(queue=taken.name, agent=choice.agent, choice=choice).remember(work, saved)
    return Routed(case=saved, queue=taken.name, choice=choice)


def fill(work: Work, *, limit: int) -> list[Routed]:
    """Hand out what waits in all queues; one that had nobody for a channel has nobody for the next by it either."""
    one_at_a_time(work)
    done: list[Routed] = []
    nobody: set[tuple[str, str | None]] = set()
    for case in _most_urgent(work, limit):
        queue = queue_for(work, case)
        if queue is None or (queue.name, case.channel) in nobody:
            continue
        found = routed(work, case, queue)
        if found.found_somebody:
            done.append(found)
        elif not _excluded(found):
            nobody.add((queue.name, case.channel))
    return done


def _most_urgent(work: Work, limit: int) -> list[Case]:
    found: list[Case] = []
    for priority in URGENCY:
        if limit != len(found):
            rule = WAITING & (F.priority == priority)
            found += work.find(Case, rule, order_by=("opened_at", "id"), limit=limit - len(found))
    return found


def _excluded(found: Routed) -> bool:
    """Whether somebody would have been there, were he not excluded from this very case."""
    reasons = () if found.choice is None else found.choice.reasons.values()
    return any(why.startswith("is excluded") for why in reasons)


def refill(work: Work, agent: str, *, but: str | None = None) -> None:
    """Hand out what waits for *agent* to have room; not the case *but*, which he has just given away."""
    known = work.first(Agent, (F.name == agent) & (F.available == True))  # noqa: E712 - a rule is built
    if known is None or not hands_out(work):
        return
    theirs = [q for q in queues(work) if q.automatic and _reaches(work, q, known.queues)]
    if theirs:
        one_at_a_time(work)
    for priority in URGENCY:
        for queue in theirs:
            _drain(work, queue, (F.priority == priority) & (F.id != but) if but else F.priority == priority)


def _reaches(work: Work, queue: Queue, names: frozenset[str]) -> bool:
    """Whether one of *names* is *queue*, or one into which it overflows."""
    by_name = {q.name: q for q in queues(work)}
    seen: set[str] = set()
    step: Queue | None = queue
    while step is not None and step.name not in seen:
        if step.name in names:
            return True
        seen.add(step.name)
        step = by_name.get(step.overflow or "")
    return False


def _drain(work: Work, queue: Queue, which: Rule) -> None:
    """Hand out what waits in *queue*, the oldest first, as long as there is somebody for it."""
    rule = (F.queue == queue.name) & WAITING & which
    passed = 0
    while passed < PASSED_OVER:
        oldest = work.claim(Case, rule, order_by="opened_at", limit=1)
        if not oldest:
            return
        found = routed(work, oldest[0], queue)
        if found.found_somebody:
            continue
        passed += 1
        rule &= (F.id != oldest[0].id) if _excluded(found) else ~_by(oldest[0].channel)


def _by(channel: str | None) -> Rule:
    return F.channel.is_missing() if channel is None else F.channel == channel


# ── What happens elsewhere ──


def after_the_end(work: Work, case_id: str) -> None:
    """Whoever had the case, which has ended, has room again."""
    owner = work.get(Case, case_id).owner
    if owner is not None:
        refill(work, owner)


def after_handing_over(work: Work, happened: CaseAssigned) -> None:
    """Whoever had the case before has room again."""
    if happened.before is not None and happened.before != happened.owner:
        refill(work, happened.before, but=happened.case_id)


def after_reopening(work: Work, happened: CaseReopened) -> None:
    """A case that comes back to somebody who is not there is given to somebody else, by the agenda."""
    case = work.get(Case, happened.case_id)
    if case.queue is None or case.owner is None or _is_there(work, case.owner):
        return
    work.schedule(REROUTE, due_at=work.now, subject=case.id, key=f"{REROUTE}/{case.id}/{happened.times}")


def reroute(work: Work, item: AgendaItem) -> None:
    """Give a case to somebody who is there; it keeps its owner if nobody can take it."""
    one_at_a_time(work)
    case = work.get(Case, item.subject)
    if not case.ended and case.owner is not None and not _is_there(work, case.owner):
        routed(work, case)


def _is_there(work: Work, name: str) -> bool:
    """Whether somebody takes work now; nobody knows that of those who are not defined as agents."""
    agent = work.first(Agent, F.name == name)
    return agent is None or agent.available


def place_again(work: Work) -> None:
    """Put what waits into the queues where it belongs now, after queues have changed."""
    if not hands_out(work):
        return
    for batch in _batches(work):
        for case in batch:
            queue = queue_for(work, case)
            name = None if queue is None else queue.name
            if name != case.queue:
                work.put([case.evolve(queue=name)])


def _batches(work: Work) -> Iterator[list[Case]]:
    after = ""
    while batch := looked_up(work, Case, WAITING & (F.id > after), order_by=("id",), limit=PLACED):
        yield batch
        after = batch[-1].id
