"""Runs: one customer on the way through one journey."""

from __future__ import annotations

from datetime import datetime

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on


@entity(
    "journey_run",
    prefix="run",
    indexes=[Index(attributes=("customer_id", "waiting_for"), where={"status": "running"})],
)
class JourneyRun(Entity):
    """One customer's way through a journey, begun by one event.

    Attributes:
        edition: which edition of the journey's steps it follows; a journey that is changed changes later runs only.
        about: the id of what the event was about: the life event, the order …
        step: the label of the step that comes next.
        due_at: when that step is due.
        moves: how many steps have been planned so far: it tells the agenda items of a run apart.
        waiting_for: the event that the run waits for.
        reason: why it ended before its last step.
    """

    journey_id: str = attribute(references="journey", reverse="runs")
    customer_id: str = attribute(references="customer")
    edition: int = attribute()
    about: str = attribute(index=True)
    status: str = attribute(default="running", index=True)
    status_since: datetime = attribute()
    step: str | None = attribute(default=None)
    due_at: datetime | None = attribute(default=None)
    moves: int = attribute(default=0)
    waiting_for: str | None = attribute(default=None)
    reason: str | None = attribute(default=None)


@event("lifecycle.journey_begun")
class JourneyBegun(Event):
    """A customer has entered a journey."""

    run_id: str
    customer_id: str
    journey: str
    about: str


@event("lifecycle.journey_ended")
class JourneyEnded(Event):
    """A customer has come to the end of a journey, or left it before."""

    run_id: str
    customer_id: str
    journey: str
    reason: str | None


@event("lifecycle.journey_send_due")
class JourneySendDue(Event):
    """A journey wants a message to be sent now.

    Attributes:
        step: the label of the step.
        key: tells this message from all others for ever.
    """

    run_id: str
    customer_id: str
    journey: str
    step: str
    template: str
    channel: str
    purpose: str
    about: str
    key: str


JOURNEY_RUN = Machine(
    "journey_run",
    initial="running",
    final={"finished", "left"},
    field="status",
    table=(
        on("finish", "running", "finished"),
        on("leave", {"running", "held"}, "left", needs="reason"),
        on("hold", "running", "held"),
        on("release", "held", "running"),
    ),
)


def ended(change: Change[JourneyRun], *, journey: str, reason: str | None = None) -> Change[JourneyRun]:
    """The end of a run, made known."""
    run = change.after
    return change.and_also(JourneyEnded(run_id=run.id, customer_id=run.customer_id, journey=journey, reason=reason))
