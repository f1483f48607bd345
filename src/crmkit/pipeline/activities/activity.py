"""What an activity is, what can happen to it, and how it moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on

Doing = Literal["call", "meeting", "task", "note", "email", "visit"]
LONGEST = timedelta(days=366)


@entity(
    "activity",
    prefix="act",
    plural="activities",
    when="due_at",
    indexes=[
        Index(attributes=("owner", "due_at"), where={"status": "planned"}),
        Index(attributes=("series", "occurs_at"), unique=True),
    ],
)
class Activity(Entity):
    """Something that somebody does for a customer: a call, a meeting, a task, a note, an e-mail or a visit.

    Attributes:
        about: the id of the lead, opportunity, customer or case that it belongs to.
        owner: who does it.
        due_at: when it begins, or by when it has to be done; missing for a task without a date.
        duration: how long it takes.
        priority: 0 is normal; more is more urgent.
        reminder: how long before ``due_at`` the owner is reminded.
        recurrence: how it comes back, as an RFC 5545 rule such as ``FREQ=WEEKLY;COUNT=10``.
        series: what all occurrences of a recurring one share: the id of the first.
        began_at: when the first occurrence was due: what the recurrence counts from.
        occurs_at: when the recurrence put this one, wherever it was moved to since.
        next_at: when the recurrence puts the next one.
        uid: what calendars call it (RFC 5545).
        outcome: what came of it.
    """

    kind: Doing = attribute()
    subject: str = attribute(limit=500, personal=True)
    note: str | None = attribute(default=None, multiline=True, personal=True)
    about: str | None = attribute(default=None, index=True)
    lead_id: str | None = attribute(default=None, references="lead")
    opportunity_id: str | None = attribute(default=None, references="opportunity")
    customer_id: str | None = attribute(default=None, references="customer")
    owner: str | None = attribute(default=None)
    due_at: datetime | None = attribute(default=None, index=True)
    duration: timedelta | None = attribute(default=None)
    location: str | None = attribute(default=None, limit=500)
    priority: int = attribute(default=0, at_least=0)
    reminder: timedelta | None = attribute(default=None)
    recurrence: str | None = attribute(default=None, limit=1000)
    series: str | None = attribute(default=None)
    began_at: datetime | None = attribute(default=None)
    occurs_at: datetime | None = attribute(default=None)
    next_at: datetime | None = attribute(default=None)
    uid: str | None = attribute(default=None, unique=True, limit=500)
    outcome: str | None = attribute(default=None, multiline=True, personal=True)
    done_at: datetime | None = attribute(default=None)
    status: str = attribute(default="planned", index=True)
    status_since: datetime = attribute()

    def check(self) -> None:
        """A reminder needs a date, and no duration is negative or longer than a year."""
        for name in ("duration", "reminder"):
            value: timedelta | None = getattr(self, name)
            if value is not None and not timedelta(0) <= value <= LONGEST:
                raise InvalidInput(f"activity.{name} is a timedelta from 0 to a year, got {value!r}")
        if self.due_at is None and (self.reminder is not None or self.recurrence is not None):
            what = "reminder" if self.reminder is not None else "recurrence"
            raise InvalidInput(f"an activity with a {what} needs the moment when it is due: due_at=")

    @property
    def ends_at(self) -> datetime | None:
        """When it is over."""
        return None if self.due_at is None else self.due_at + (self.duration or timedelta(0))

    def overdue(self, *, now: datetime) -> bool:
        """Whether it should have been done by now."""
        return self.status == "planned" and self.due_at is not None and self.due_at < now


@event("pipeline.activity_scheduled")
class ActivityScheduled(Event):
    """Somebody intends to do something."""

    activity_id: str
    customer_id: str | None
    kind: str
    about: str | None
    due_at: datetime | None


@event("pipeline.activity_done")
class ActivityDone(Event):
    """Somebody has done something."""

    activity_id: str
    customer_id: str | None
    kind: str
    about: str | None


@event("pipeline.activity_rescheduled")
class ActivityRescheduled(Event):
    """It is due at another time."""

    activity_id: str
    customer_id: str | None
    due_at: datetime | None


@event("pipeline.activity_reminded")
class ActivityReminded(Event):
    """The owner was reminded, or should be: ``to`` is missing when no address is known, and the host tells him."""

    activity_id: str
    customer_id: str | None
    owner: str | None
    to: str | None


ACTIVITY = Machine(
    "activity",
    initial="planned",
    final={"done", "cancelled"},
    field="status",
    table=(
        on("finish", "planned", "done"),
        on("cancel", "planned", "cancelled"),
        on("reopen", {"done", "cancelled"}, "planned"),
    ),
)
