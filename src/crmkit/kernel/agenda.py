"""The agenda: everything that is to happen at a certain time is written down ahead, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from crmkit.errors import Refused
from crmkit.kernel.entity import Entity, Index, attribute, entity

TRIES = 8


@entity(
    "agenda_item",
    prefix="due",
    when="due_at",
    indexes=[Index(attributes=("due_at",), where={"state": "due"})],
)
class AgendaItem(Entity):
    """Something that is to be done once, at its time.

    Attributes:
        kind: what is to be done: the name of a handler.
        subject: the id of the entity that it is about.
        key: tells this item from all others for ever: scheduling the same key again changes nothing, unless it was
            cancelled.
        payload: what the handler needs to know.
        attempts: how often it has failed.
    """

    kind: str = attribute(index=True)
    subject: str = attribute(index=True)
    key: str = attribute(unique=True, limit=500)
    due_at: datetime = attribute()
    payload: Mapping[str, Any] = attribute(factory=dict)
    state: Literal["due", "done", "dead"] = attribute(default="due")
    attempts: int = attribute(default=0)
    last_error: str | None = attribute(default=None, multiline=True)
    done_at: datetime | None = attribute(default=None)

    def done(self, *, now: datetime) -> AgendaItem:
        """It has been done."""
        return self.evolve(state="done", done_at=now)

    def failed(self, error: str, *, now: datetime) -> AgendaItem:
        """It could not be done; it is tried again later, or given up after the last try."""
        attempts = self.attempts + 1
        state = "due" if attempts < TRIES else "dead"
        return self.evolve(state=state, attempts=attempts, last_error=error[:1000], due_at=now + backoff(attempts))

    def revived(self, *, now: datetime) -> AgendaItem:
        """A dead item that is tried again.

        Raises:
            Refused: it is still to be done, or has been done.
        """
        if self.state != "dead":
            raise Refused(f"agenda item {self.id} is {self.state}: only what was given up is tried again")
        return self.evolve(state="due", attempts=0, due_at=now)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many failures: one minute, doubled each time, a day at the most.

    >>> [str(backoff(n)) for n in (1, 2, 3, 20)]
    ['0:01:00', '0:02:00', '0:04:00', '1 day, 0:00:00']
    """
    return min(timedelta(minutes=1) * (1 << min(attempts - 1, 20)), timedelta(days=1))


@attrs.frozen(kw_only=True)
class DueReport:
    """What one call of ``run_due`` did.

    Attributes:
        ran: items done.
        failed: items that raised and will be tried again.
        dead: items given up after the last try.
        errors: one line for each failure.
    """

    ran: int = 0
    failed: int = 0
    dead: int = 0
    errors: tuple[str, ...] = ()

    def __add__(self, other: DueReport) -> DueReport:
        return DueReport(
            ran=self.ran + other.ran,
            failed=self.failed + other.failed,
            dead=self.dead + other.dead,
            errors=self.errors + other.errors,
        )
