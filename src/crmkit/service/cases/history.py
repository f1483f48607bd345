"""What happened to a case, as the clocks see it: read from the trail of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from crmkit.kernel.events import Event, EventRecord
from crmkit.kernel.rules import F
from crmkit.kernel.stays import Moved
from crmkit.service.sla.engine import Happening

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

NAMES: Final[Mapping[str, str]] = {
    "service.case_opened": "opened",
    "service.customer_wrote": "customer_message",
    "service.case_replied": "reply",
    "service.case_noted": "note",
    "service.case_called": "call",
    "service.case_assigned": "assigned",
    "service.case_updated": "updated",
    "service.case_escalated": "escalated",
    Moved.event_name: "",
}


def happening(name: str, payload: Mapping[str, Any], at: datetime) -> Happening | None:
    """What the event *name* means to a clock; nothing if no clock can look at it."""
    known = NAMES.get(name)
    if known is None:
        return None
    facts = payload.get("facts", {})
    said = payload.get("at") or facts.get("at")
    when = datetime.fromisoformat(said) if said else at
    if name == Moved.event_name:
        return Happening(when, payload["trigger"].replace(" ", "_"), facts.get("status"))
    if name == "service.case_assigned" and payload["owner"] is None:
        return Happening(when, "unassigned")
    if name == "service.case_called" and not payload["answered"]:
        return Happening(when, "missed_call")
    return Happening(when, known, payload.get("status"), payload.get("priority"))


def told(events: Iterable[Event], *, now: datetime) -> list[Happening]:
    """The happenings in events that are being stored."""
    found = (happening(e.event_name, e.payload(), now) for e in events)
    return [h for h in found if h is not None]


def history(work: Work, case_id: str) -> list[Happening]:
    """What happened to one case so far."""
    return histories(work, [case_id])[case_id]


def histories(work: Work, case_ids: Sequence[str]) -> dict[str, list[Happening]]:
    """What happened to each of several cases so far, in order.

    The names are looked at here: a store that is asked for them too may go through all events with such a name.
    """
    found: dict[str, list[Happening]] = {case_id: [] for case_id in case_ids}
    one = next(iter(found)) if len(found) == 1 else None
    told = work.find(EventRecord, F.subject.in_(list(found)) if one is None else F.subject == one)
    for event in sorted(told, key=attrgetter("created_at", "id")):
        known = happening(event.name, event.payload, event.created_at)
        if known is not None:
            found[event.subject].append(known)
    return found
