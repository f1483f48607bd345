"""``crm.service.agents`` and ``crm.service.routing``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import nearest
from crmkit.service.cases.case import Case
from crmkit.service.cases.handling import assigned
from crmkit.service.cases.keeping import settle
from crmkit.service.routing.choosing import Choice, Method
from crmkit.service.routing.deciding import QUEUES, Taken, decide, queue_for, queues
from crmkit.service.routing.records import Agent, AgentChanged, Queue, QueueDefined

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


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


class Agents(Collection[Agent]):
    """What ``crm.service.agents`` offers."""

    cls = Agent

    def define(
        self,
        name: str,
        *,
        queues: Iterable[str] = (),
        skills: Iterable[str] = (),
        limit: int | None = None,
        weight: int = 1,
    ) -> Agent:
        """Say who sees to cases, and what he can do; a name that is known is changed.

        Args:
            name: as cases name their owner.
            queues: the names of the queues that the agent serves.
            skills: what the agent can do.
            limit: the most units of open work; none without a limit.
            weight: the share of work handed out by weight, 1 or more.
        """
        values = {"queues": frozenset(queues), "skills": frozenset(skills), "limit": limit, "weight": weight}
        with self.work() as work:
            known = work.first(Agent, F.name == name)
            agent = work.new(Agent, name=name, **values) if known is None else known.evolve(**values)
            return known if agent == known and known is not None else work.save(_changed(agent))

    def available(self, agent: Agent | str, *, yes: bool) -> Agent:
        """Say whether somebody takes work now; whoever comes back gets what has been waiting."""
        with self.work() as work:
            current = agent_called(work, agent)
            if current.available is yes:
                return current
            saved = work.save(_changed(current.evolve(available=yes)))
            if yes:
                Routing(work).fill()
            return saved


class Routing(Collection[Queue]):
    """What ``crm.service.routing`` offers: queues, and who gets what waits in them."""

    cls = Queue

    def define(
        self,
        name: str,
        *,
        rule: Rule | None = None,
        place: int = 0,
        method: Method = "least_loaded",
        units: Mapping[str, int] | None = None,
        skills: Iterable[str] = (),
        fallback: bool = False,
        previous_first: bool = False,
        rate: int | None = None,
        window: timedelta | None = None,
        overflow: str | None = None,
        automatic: bool = False,
    ) -> Queue:
        """Define a queue; a name that is known works differently from now on.

        Args:
            name: what it is called.
            rule: which cases belong here; all of them unless given.
            place: queues are asked in this order, the lowest first.
            method: ``least_loaded``, ``round_robin`` or ``weighted``.
            units: by channel, how much of an agent a case takes (a call more than an e-mail); 1 unless said.
            skills: what the work needs.
            fallback: somebody without the skills does it if nobody has them.
            previous_first: whoever saw to the customer last is preferred.
            rate: at most so many cases for one agent within *window*.
            window: see *rate*.
            overflow: the name of the queue that takes what nobody here can.
            automatic: hand out what arrives here at once, and what waits as soon as somebody has room again.

        Raises:
            DefinitionError: the rule does not fit cases.
            InvalidInput: the overflow leads nowhere, or rate and window don't go together.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     li = crm.customers.register(name="Xiao Li")
            ...     crm.service.cases.open(li, kind="question", subject="When?").owner
            'agent:xu'
        """
        with self.work() as work:
            if rule is not None:
                work.plan(Case, rule)
            if overflow is not None and overflow != name:
                queue_called(work, overflow)
            values: dict[str, Any] = {
                "place": place,
                "rule": None if rule is None else to_json(rule),
                "method": method,
                "units": dict(units or {}),
                "skills": frozenset(skills),
                "fallback": fallback,
                "previous_first": previous_first,
                "rate": rate,
                "window": window,
                "overflow": overflow,
                "automatic": automatic,
            }
            known = work.first(Queue, F.name == name)
            queue = work.new(Queue, name=name, **values) if known is None else known.evolve(**values)
            if known is not None and queue == known:
                return known
            work.memo.pop(QUEUES, None)
            return work.save(Change(queue, (QueueDefined(queue_id=queue.id, name=queue.name),)))

    def route(self, case: Case | str) -> Routed:
        """Give a case to the one who should have it now; it stays where it is if nobody can take it.

        Raises:
            Refused: the case is resolved or closed.
        """
        with self.work() as work:
            current = work.get(Case, case)
            if current.ended:
                raise Refused(f"case {current.id} is {current.status}: only open cases are handed out")
            return _route(work, current)

    def fill(self, *, limit: int = 1000) -> list[Routed]:
        """Hand out what has been waiting, the most urgent and then the oldest first.

        Args:
            limit: look at so many cases at the most.

        Returns:
            the cases that found somebody.
        """
        with self.work() as work:
            return _fill(work, limit=limit)

    def try_out(self, case: Case | str) -> Routed:
        """Say who would get a case, and why, without giving it to anybody."""
        with self.read() as work:
            current = work.get(Case, case)
            queue = queue_for(work, current)
            if queue is None:
                return Routed(case=current, queue=None, choice=None)
            taken, choice = decide(work, current, queue)
            return Routed(case=current, queue=taken.name, choice=choice)


URGENCY: Final = ("urgent", "high", "normal", "low")
AT_ONCE: Final = 1000


def _fill(work: Work, *, limit: int, automatic: bool = False) -> list[Routed]:
    """Hand out; a queue that had nobody for a channel has nobody for the next case by that channel either."""
    routed: list[Routed] = []
    nobody: set[tuple[str, str | None]] = set()
    for case in _waiting(work, limit):
        queue = queue_for(work, case)
        if queue is None or (automatic and not queue.automatic) or (queue.name, case.channel) in nobody:
            continue
        found = _hand_out(work, case, queue)
        if found.choice is None or found.choice.agent is None:
            nobody.add((queue.name, case.channel))
        else:
            routed.append(found)
    return routed


def _waiting(work: Work, limit: int) -> list[Case]:
    found: list[Case] = []
    for priority in URGENCY:
        rule = (F.status == "open") & F.owner.is_missing() & (F.priority == priority)
        found += work.find(Case, rule, order_by=("opened_at", "id"), limit=limit - len(found))
    return found


def refill(work: Work, case_id: str) -> None:
    """Whoever had the case, which has ended, has room again: what waits in automatic queues is handed out."""
    owner = work.get(Case, case_id).owner
    if owner is None or not any(q.automatic for q in queues(work)):
        return
    if work.count(Agent, (F.name == owner) & (F.available == True)):  # noqa: E712 - a rule is built
        _fill(work, limit=AT_ONCE, automatic=True)


def _route(work: Work, case: Case) -> Routed:
    queue = queue_for(work, case)
    return Routed(case=case, queue=None, choice=None) if queue is None else _hand_out(work, case, queue)


def _hand_out(work: Work, case: Case, queue: Queue) -> Routed:
    taken, choice = decide(work, case, queue)
    if choice.agent is None or choice.agent == case.owner:
        return Routed(case=case, queue=taken.name, choice=choice)
    saved = settle(work, assigned(case, choice.agent))
    Taken(queue=taken.name, agent=choice.agent, because=choice.because).remember(work, saved)
    return Routed(case=saved, queue=taken.name, choice=choice)


def _changed(agent: Agent) -> Change[Agent]:
    return Change(agent, (AgentChanged(agent_id=agent.id, name=agent.name, available=agent.available),))


def agent_called(work: Work, ref: Agent | str) -> Agent:
    """The agent with this name or id.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    if isinstance(ref, Agent) or ref.startswith("agt_"):
        return work.get(Agent, ref)
    found = work.first(Agent, F.name == ref)
    if found is None:
        near = nearest(ref, [name for (name,) in work.columns(Agent, ["name"])])
        raise NotFound(f"there is no agent {ref!r}" + (f", did you mean {near!r}?" if near else ": define one first"))
    return found


def queue_called(work: Work, name: str) -> Queue:
    """The queue with this name.

    Raises:
        InvalidInput: there is none; the message names the nearest.
    """
    found = work.first(Queue, F.name == name)
    if found is None:
        near = nearest(name, [known for (known,) in work.columns(Queue, ["name"])])
        raise InvalidInput(
            f"there is no queue {name!r}" + (f", did you mean {near!r}?" if near else ": define it first")
        )
    return found
