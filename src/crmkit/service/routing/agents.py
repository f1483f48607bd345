"""``crm.service.agents``: who sees to cases, and who is there."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.kernel.text import several
from crmkit.service.routing.filling import fill, refill
from crmkit.service.routing.records import Agent, AgentChanged, Turn

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

AT_ONCE = 1000


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

        Whoever may take more than before gets at once what waits in queues that hand out automatically.

        Args:
            name: as cases name their owner.
            queues: the names of the queues that the agent serves; those that are defined later, too.
            skills: what the agent can do.
            limit: the most units of open work; none without a limit.
            weight: the share of work handed out by weight, 1 or more.

        Raises:
            InvalidInput: the limit is below 0, the weight below 1, or one text is given where several are meant.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("repairs", skills=["cameras"], automatic=True)
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="The camera does not focus")
            ...     _ = crm.service.agents.define("agent:li", queues=["repairs"])
            ...     _ = crm.service.agents.define("agent:xu", queues=["repairs"], skills=["cameras"], limit=10)
            ...     crm.service.cases.get(case.id).owner
            'agent:xu'
        """
        served, able = frozenset(several(queues, what="queues")), frozenset(several(skills, what="skills"))
        values = {"queues": served, "skills": able, "limit": limit, "weight": weight}
        with self.work() as work:
            known = work.called(Agent, name)
            agent = work.new(Agent, name=name, **values) if known is None else known.evolve(**values)
            if known is not None and agent == known:
                return known
            if known is not None and known.weight != agent.weight:
                _weigh_again(work, known, agent)
            saved = work.save(_changed(agent))
            _catch_up(work, saved)
            refill(work, saved.name)
            return saved

    def available(self, agent: Agent | str, *, yes: bool) -> Agent:
        """Say whether somebody takes work now; whoever comes back gets what has been waiting.

        He begins again where the others are: what was handed out by weight meanwhile is not made up for.

        Args:
            agent: who.
            yes: whether he is there.

        Raises:
            NotFound: there is no such agent.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     _ = crm.service.agents.available("agent:xu", yes=False)  # at lunch
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = crm.service.agents.available("agent:xu", yes=True)
            ...     case.owner, crm.service.cases.get(case.id).owner
            (None, 'agent:xu')
        """
        with self.work() as work:
            current = agent_called(work, agent)
            if current.available is yes:
                return current
            saved = work.save(_changed(current.evolve(available=yes)))
            if yes:
                _catch_up(work, saved)
                fill(work, limit=AT_ONCE)
            return saved


def agent_called(work: Work, ref: Agent | str) -> Agent:
    """The agent with this name or id.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    return work.named(Agent, ref, otherwise="define one first")


def _changed(agent: Agent) -> Change[Agent]:
    return Change(agent, (AgentChanged(agent_id=agent.id, name=agent.name, available=agent.available),))


def _catch_up(work: Work, agent: Agent) -> None:
    """Nobody begins behind the others who are there: he would get everything until he has caught up."""
    for queue in sorted(agent.queues):
        there = {a.name: a.weight for a in work.find(Agent, F.queues.has(queue)) if a.available and a != agent}
        turns = {t.agent: t for t in work.find(Turn, F.queue == queue)}
        others = [Fraction(turns[name].given, weight) for name, weight in there.items() if name in turns]
        least = ceil(min(others) * agent.weight) if len(others) == len(there) > 0 else 0
        mine = turns.get(agent.name) or work.new(Turn, queue=queue, agent=agent.name)
        if mine.given < least:
            work.save(Change(mine.evolve(given=least)))


def _weigh_again(work: Work, before: Agent, after: Agent) -> None:
    """What somebody has had counts by his new weight."""
    turns = work.find(Turn, F.agent == before.name)
    work.put([t.evolve(given=round(t.given * after.weight / before.weight)) for t in turns])
