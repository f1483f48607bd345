"""The stage history: that something moved, and how long it had stayed where it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from crmkit.kernel.entity import Record, attribute, entity
from crmkit.kernel.events import Event, event


@event("moved", schema=1)
class Moved(Event):
    """A state machine moved its subject.

    Attributes:
        source: the state that it left; ``entered_at`` says since when it had been there.
        facts: what was given with the trigger (a reason …).
    """

    subject_id: str
    customer_id: str | None = None
    machine: str
    field: str
    trigger: str
    source: str
    target: str
    entered_at: datetime
    facts: Mapping[str, Any] = attrs.field(factory=dict)


@entity("stage_span", prefix="span", append_only=True)
class StageSpan(Record):
    """A stay in one state that has ended: the stage history, one row a move.

    ``created_at`` is the moment of leaving.  The stay that still lasts is on the entity itself (``stage`` and
    ``stage_since``).
    """

    subject: str = attribute(index=True)
    machine: str = attribute(index=True)
    field: str = attribute()
    state: str = attribute()
    entered_at: datetime = attribute()
    target: str = attribute()
    trigger: str = attribute()
    actor: str | None = attribute(default=None)


def stay_before(moved: Moved) -> dict[str, Any]:
    """What a :class:`StageSpan` tells of the stay that a move has ended."""
    return {
        "subject": moved.subject_id,
        "machine": moved.machine,
        "field": moved.field,
        "state": moved.source,
        "entered_at": moved.entered_at,
        "target": moved.target,
        "trigger": moved.trigger,
    }
