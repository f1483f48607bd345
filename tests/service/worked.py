"""The facts taken from other systems, read from ``cases.json``; each names its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crmkit import BusinessCalendar
from crmkit.kernel.calendar.week import WEEKDAYS
from crmkit.service.sla import Happening, Hours

FOUND = json.loads(Path(__file__).with_name("cases.json").read_text("utf-8"))


def worked(*operations: str) -> list[Any]:
    """Those whose operation is one of *operations*, by their id."""
    return [pytest.param(c, id=c["id"]) for c in FOUND if c["inputs"]["op"] in operations]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def calendar(spec: Mapping[str, Any] | str, **options: Any) -> BusinessCalendar:
    if spec == "24/7":
        return BusinessCalendar.always_open()
    assert isinstance(spec, Mapping)
    return BusinessCalendar(
        timezone=spec["tz"],
        hours={day: [tuple(i) for i in spec["hours"][day]] for day in WEEKDAYS if day in spec["hours"]},
        holidays={date.fromisoformat(day) for day in spec["holidays"]},
        **options,
    )


def hours(spec: Mapping[str, Any] | str, **options: Any) -> Hours:
    return Hours.of(calendar(spec, **options))


STATES = {
    "new": "open",
    "open": "open",
    "Open": "open",
    "Replied": "waiting",
    "pending reminder": "waiting",
    "pending close": "waiting",
    "Resolved": "resolved",
    "closed": "closed",
    "Closed": "closed",
}
EVENTS = {
    "created": "opened",
    "customer_message": "customer_message",
    "customer_contact": "customer_message",
    "agent_message": "reply",
    "agent_contact": "contact",
    "first_response": "first_response",
    "closed_at_set": "closed_at_set",
    "state": "state",
}


def happenings(events: list[dict[str, Any]]) -> list[Happening]:
    made = []
    for e in events:
        state = STATES[e["state"]] if "state" in e else None
        made.append(Happening(at(e["at"]), EVENTS[e["type"]], state))
    return made
