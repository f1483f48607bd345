"""Journeys: what happens with every customer to whom a certain thing has happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.lifecycle.journeys.steps import Program, Send, WaitFor, read_steps

Again = Literal["always", "per_subject", "after_end", "never"]


@entity("journey", prefix="jou")
class Journey(Entity):
    """A way that customers are led, step by step.

    Attributes:
        on: what begins it: the name of a life event, or of an event of the CRM (``pipeline.order_paid``).
        status: ``active``; ``paused``: nobody enters and nobody moves; ``retired``.
        editions: all lists of steps that the journey has had; the last one is that of new runs.
        rule: who may enter; everybody if there is none.
        leave_when: who satisfies it leaves before the next step.
        within_days: how many days back that may lie on which it begins; any number if there is none.
        again: whether somebody may enter who has been in it before.
        listens: every life event and event on which it begins, or for which a step of any edition waits.
    """

    name: str = attribute(unique=True)
    on: str = attribute(index=True)
    status: str = attribute(default="active", index=True)
    status_since: datetime = attribute()
    editions: tuple[Any, ...] = attribute()
    rule: Mapping[str, Any] | None = attribute(default=None)
    leave_when: Mapping[str, Any] | None = attribute(default=None)
    within_days: int | None = attribute(default=None, at_least=0)
    again: Again = attribute(default="always")
    listens: frozenset[str] = attribute(default=frozenset())

    @property
    def edition(self) -> int:
        """The number of the present edition, from 1."""
        return len(self.editions)

    def program(self, edition: int | None = None) -> Program:
        """The steps of an edition, the present one unless told otherwise."""
        return read_steps(self.editions[(edition or self.edition) - 1], journey=self.name)

    def hearing(self) -> Journey:
        """The journey with what it listens to."""
        steps = (node.step for edition in range(1, self.edition + 1) for node in self.program(edition).values())
        return self.evolve(listens=frozenset({self.on, *(s.wait_for for s in steps if isinstance(s, WaitFor))}))

    def templates(self) -> Mapping[str, str]:
        """By the label of each step that sends, the template that it needs."""
        return {n.label: n.step.send for n in self.program().values() if isinstance(n.step, Send)}


@event("lifecycle.journey_defined")
class JourneyDefined(Event):
    """A journey has new steps.

    Attributes:
        templates: by the label of each step that sends, the template that it needs.
    """

    journey_id: str
    name: str
    on: str
    edition: int
    templates: Mapping[str, str]


JOURNEY = Machine(
    "journey",
    initial="active",
    final={"retired"},
    field="status",
    table=(
        on("pause", "active", "paused"),
        on("resume", "paused", "active"),
        on("retire", {"active", "paused"}, "retired"),
    ),
)


def defined(journey: Journey) -> Change[Journey]:
    """A journey as it is to be from now on, made known."""
    fact = JourneyDefined(
        journey_id=journey.id,
        name=journey.name,
        on=journey.on,
        edition=journey.edition,
        templates=journey.templates(),
    )
    return Change(journey, (fact,))
