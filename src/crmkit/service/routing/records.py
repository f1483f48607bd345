"""Agents and queues, who is excluded from what, and what is remembered of every hand-over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.service.routing.choosing import Method


@entity("agent", prefix="agt")
class Agent(Entity):
    """Somebody who sees to cases.

    Attributes:
        name: as cases name their owner.
        queues: the names of the queues that the agent serves.
        limit: the most units of open work; none without a limit.
        weight: the share of the work when it is handed out by weight.
    """

    name: str = attribute(unique=True)
    skills: frozenset[str] = attribute(default=frozenset())
    queues: frozenset[str] = attribute(default=frozenset())
    available: bool = attribute(default=True, index=True)
    limit: int | None = attribute(default=None, at_least=0)
    weight: int = attribute(default=1, at_least=1)


@entity("queue", prefix="que")
class Queue(Entity):
    """Where cases wait for somebody.

    Attributes:
        rule: which cases belong here, as JSON; the first queue by ``place`` whose rule holds.
        units: by channel, how much of an agent a case takes; 1 unless said.
        skills: what the work here needs; with ``fallback``, others do it if nobody has them.
        previous_first: whoever saw to the customer last is preferred.
        rate, window: at most so many cases for one agent within that time.
        overflow: the name of the queue that takes what nobody here can.
        automatic: cases are handed out when they arrive and when somebody has room again, not only on demand.
    """

    name: str = attribute(unique=True)
    place: int = attribute(default=0)
    rule: Mapping[str, Any] | None = attribute(default=None)
    method: Method = attribute(default="least_loaded")
    units: Mapping[str, Any] = attribute(factory=dict)
    skills: frozenset[str] = attribute(default=frozenset())
    fallback: bool = attribute(default=False)
    previous_first: bool = attribute(default=False)
    rate: int | None = attribute(default=None, at_least=1)
    window: timedelta | None = attribute(default=None)
    overflow: str | None = attribute(default=None)
    automatic: bool = attribute(default=False)

    def check(self) -> None:
        """A rate has its window; units are whole and positive."""
        if (self.rate is None) is not (self.window is None):
            raise InvalidInput(f"queue {self.name!r}: rate= and window= belong together")
        wrong = [c for c, units in self.units.items() if type(units) is not int or units < 1]
        if wrong:
            raise InvalidInput(
                f"queue {self.name!r}: a case by {wrong[0]} takes 1 unit or more, not {self.units[wrong[0]]!r}"
            )
        if self.overflow == self.name:
            raise InvalidInput(f"queue {self.name!r} cannot overflow into itself")


@entity("hand_over", prefix="han", append_only=True, indexes=[Index(attributes=("queue", "agent", "created_at"))])
class HandOver(Record):
    """A case that routing gave to an agent.

    Attributes:
        because: why to him, in a sentence.
        found: what was found about everybody who serves the queue, by name.
    """

    case_id: str = attribute(references="case", reverse="hand_overs")
    queue: str = attribute(index=True)
    agent: str = attribute(index=True)
    because: str = attribute(limit=1000)
    found: Mapping[str, Any] = attribute(factory=dict)


@entity("turn", prefix="turn", indexes=[Index(attributes=("queue", "agent"), unique=True)])
class Turn(Entity):
    """How much of a queue an agent has had, so that a choice need not count all that ever happened.

    Attributes:
        given: how many cases he has got; whoever begins, or comes back, begins where the others are.
        last_at: when he got the last one.
    """

    queue: str = attribute()
    agent: str = attribute()
    given: int = attribute(default=0, at_least=0)
    last_at: datetime | None = attribute(default=None)


@entity("exclusion", prefix="xcl")
class Exclusion(Entity):
    """An agent who does not get the cases of a customer, or one case: he is biased, a relative, or has declined.

    Attributes:
        key: the agent and whom or what he does not get.
    """

    agent: str = attribute()
    customer_id: str | None = attribute(default=None, references="customer", reverse="")
    case_id: str | None = attribute(default=None, references="case", reverse="")
    reason: str = attribute(limit=1000, personal=True)
    key: str = attribute(unique=True)


@event("service.agent_changed")
class AgentChanged(Event):
    """An agent is new, or can do more, less or nothing now."""

    agent_id: str
    name: str
    available: bool


@event("service.queue_defined")
class QueueDefined(Event):
    """A queue is new or works differently."""

    queue_id: str
    name: str


@event("service.agent_excluded")
class AgentExcluded(Event):
    """An agent does not get the cases of a customer, or one case, from now on; or does again."""

    exclusion_id: str
    customer_id: str | None
    case_id: str | None
    agent: str
    excluded: bool
