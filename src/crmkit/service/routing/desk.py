"""``crm.service.routing``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from crmkit.customers.people import Customer
from crmkit.errors import Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import several
from crmkit.service.cases.case import Case
from crmkit.service.cases.handling import assigned
from crmkit.service.cases.keeping import settle
from crmkit.service.routing.agents import agent_called
from crmkit.service.routing.choosing import Method
from crmkit.service.routing.deciding import QUEUES, decide, one_at_a_time, queue_for
from crmkit.service.routing.excluding import exclude, excluded_event
from crmkit.service.routing.filling import Routed, fill, place_again, routed
from crmkit.service.routing.records import Agent, Exclusion, HandOver, Queue, QueueDefined


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
            NotFound: there is no queue that *overflow* names.
            InvalidInput: the overflow leads back, or rate and window don't go together.

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
                overflow = work.named(Queue, overflow).name
            values: dict[str, Any] = {
                "place": place,
                "rule": None if rule is None else to_json(rule),
                "method": method,
                "units": dict(units or {}),
                "skills": frozenset(several(skills, what="skills")),
                "fallback": fallback,
                "previous_first": previous_first,
                "rate": rate,
                "window": window,
                "overflow": overflow,
                "automatic": automatic,
            }
            known = work.called(Queue, name)
            queue = work.new(Queue, name=name, **values) if known is None else known.evolve(**values)
            if known is not None and queue == known:
                return known
            work.memo.pop(QUEUES, None)
            saved = work.save(Change(queue, (QueueDefined(queue_id=queue.id, name=queue.name),)))
            work.memo.pop(QUEUES, None)
            place_again(work)
            return saved

    def route(self, case: Case | str) -> Routed:
        """Give a case to the one who should have it now; it stays where it is if nobody can take it.

        Raises:
            Refused: the case is resolved or closed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio")
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     routed = crm.service.routing.route(case)
            ...     routed.case.owner, routed.choice.because
            ('agent:xu', 'agent:xu is first by least loaded')
        """
        with self.work() as work:
            one_at_a_time(work)
            current = work.get(Case, case)
            if current.ended:
                raise Refused(f"case {current.id} is {current.status}: only open cases are handed out")
            return routed(work, current)

    def decline(self, case: Case | str, *, reason: str) -> Routed:
        """Hand a case back; whoever had it does not get it again, and somebody else gets it who can.

        Args:
            case: which one.
            reason: why; everybody who looks at later decisions sees it.

        Raises:
            Refused: the case has ended, or nobody has it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     for name in ("agent:li", "agent:xu"):
            ...         _ = crm.service.agents.define(name, queues=["studio"])
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     declined = crm.service.routing.decline(case, reason="my sister")
            ...     case.owner, declined.case.owner, declined.choice.reasons["agent:li"]
            ('agent:li', 'agent:xu', 'is excluded: my sister')
        """
        with self.work() as work:
            one_at_a_time(work)
            current = work.get(Case, case)
            if current.ended or current.owner is None:
                state = current.status if current.ended else "nobody's"
                raise Refused(f"case {current.id} is {state}: only the owner of an open case can decline it")
            exclude(work, current.owner, reason=reason, case_id=current.id)
            return routed(work, settle(work, assigned(current, None)))

    def exclude(
        self,
        agent: Agent | str,
        *,
        reason: str,
        customer: Customer | str | None = None,
        case: Case | str | None = None,
    ) -> Exclusion:
        """Keep the cases of a customer, or one case, from an agent; what he has already, he keeps.

        Args:
            agent: who.
            reason: why.
            customer: whose cases; give either a customer or a case.
            case: which case.

        Raises:
            InvalidInput: neither or both of customer and case are given.
            NotFound: there is no such agent.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.routing.exclude("agent:xu", customer=wang, reason="they are neighbours")
            ...     crm.service.cases.open(wang, subject="Where is our album?").owner is None
            True
        """
        with self.work() as work:
            named = agent_called(work, agent).name
            whom = None if customer is None else work.get(Customer, customer).id
            which = None if case is None else work.get(Case, case).id
            return exclude(work, named, reason=reason, customer_id=whom, case_id=which)

    def include(self, exclusion: Exclusion | str) -> None:
        """Take an exclusion back.

        Raises:
            NotFound: it was taken back before.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     neighbours = crm.service.routing.exclude("agent:xu", customer=wang, reason="they are neighbours")
            ...     crm.service.routing.include(neighbours)  # Wang has moved
            ...     crm.service.cases.open(wang, subject="Where is our album?").owner
            'agent:xu'
        """
        with self.work() as work:
            current = work.get(Exclusion, exclusion)
            work.remove(Exclusion, [current.id])
            work.emit(excluded_event(current, excluded=False))

    def exclusions(self, agent: Agent | str) -> list[Exclusion]:
        """What an agent does not get, and why.

        Raises:
            NotFound: there is no such agent.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.agents.define("agent:xu")
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.routing.exclude("agent:xu", customer=wang, reason="they are neighbours")
            ...     [(x.customer_id == wang.id, x.reason) for x in crm.service.routing.exclusions("agent:xu")]
            [(True, 'they are neighbours')]
        """
        with self.read() as work:
            named = agent_called(work, agent).name
            return work.find(Exclusion, F.agent == named, order_by="id")

    def explain(self, case: Case | str) -> list[HandOver]:
        """Every hand-over of a case, the latest first: to whom, why, and what was found about everybody else.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio", automatic=True)
            ...     for name, limit in (("agent:li", 0), ("agent:xu", 5)):
            ...         _ = crm.service.agents.define(name, queues=["studio"], limit=limit)
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     (handed,) = crm.service.routing.explain(case)
            ...     handed.agent, handed.found["agent:li"]
            ('agent:xu', 'is full: 0 of 0 units, and this takes 1')
        """
        with self.read() as work:
            return work.find(HandOver, F.case_id == work.get(Case, case).id, order_by=("-created_at", "-id"))

    def fill(self, *, limit: int = 1000) -> list[Routed]:
        """Hand out what has been waiting, the most urgent and then the oldest first.

        Args:
            limit: look at so many cases at the most.

        Returns:
            the cases that found somebody.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.cases.open(wang, subject="Do you have vouchers?", priority="low")
            ...     _ = crm.service.cases.open(wang, subject="We are ten, not eight, tonight", priority="urgent")
            ...     _ = crm.service.routing.define("restaurant")
            ...     _ = crm.service.agents.define("agent:xu", queues=["restaurant"], limit=1)
            ...     [(found.case.subject, found.case.owner) for found in crm.service.routing.fill()]
            [('We are ten, not eight, tonight', 'agent:xu')]
        """
        with self.work() as work:
            return fill(work, limit=limit)

    def try_out(self, case: Case | str) -> Routed:
        """Say who would get a case, and why, without giving it to anybody.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.routing.define("studio")
            ...     _ = crm.service.agents.define("agent:xu", queues=["studio"])
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     tried = crm.service.routing.try_out(case)
            ...     tried.choice.reasons, crm.service.cases.get(case.id).owner
            ({'agent:xu': 'place 1: 0 units of open work'}, None)
        """
        with self.read() as work:
            current = work.get(Case, case)
            queue = queue_for(work, current)
            if queue is None:
                return Routed(case=current, queue=None, choice=None)
            taken, choice = decide(work, current, queue)
            return Routed(case=current, queue=taken.name, choice=choice)
