"""The stage history: that something moved, and how long it had stayed where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.kernel.entity import NAME_LIMIT, Kind, Record, Schema, attribute, entity
from crmkit.kernel.events import Event, event

if TYPE_CHECKING:
    from crmkit.kernel.machine import Machine


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
    ``stage_since``).  What no machine moves has a history, too: the status of a case, which follows from its stage, the
    tier of a loyalty account, and whatever else a host keeps beside a ``<field>_since``.

    Attributes:
        machine: what moved it; the name of the entity where no machine did.
        target: where it went; none if it is in no state since.
        trigger: what it moved by; ``"change"`` where no machine moved it.
    """

    subject: str = attribute(index=True)
    machine: str = attribute(index=True)
    field: str = attribute()
    state: str = attribute()
    entered_at: datetime = attribute()
    target: str | None = attribute(default=None)
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


def unmoved(schema: Schema, machine: Machine | None) -> tuple[str, ...]:
    """The fields that hold a state, beside the moment of entering it (``<field>_since``), and that no machine moves.

    They are texts as short as a :class:`StageSpan` has room for, and tell nothing about a person.
    """
    return tuple(
        a.name
        for a in schema
        if (a.kind, a.multiline, a.personal) == (Kind.TEXT, False, False)
        and a.limit <= NAME_LIMIT
        and f"{a.name}_since" in schema
        and schema[f"{a.name}_since"].kind is Kind.INSTANT
        and not (machine and machine.field == a.name)
    )


def told(events: Iterable[Any], field: str) -> bool:
    """Whether a move of *field* is among *events*, and with it the stay that it has ended."""
    return any(isinstance(e, Moved) and e.field == field for e in events)


def stays_before(entity: Record, fields: Sequence[str], before: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """What :class:`StageSpan` tells of the stays that a change has ended without a machine.

    A stay has ended when another one has begun after it; where a former one goes on, the change takes a move back.

    Args:
        entity: as it is after the change.
        fields: some that hold a state.
        before: for each of them its state before the change, and since when.
    """
    for field, state, entered_at in zip(fields, before[::2], before[1::2], strict=True):
        since = getattr(entity, f"{field}_since")
        if state is not None and entered_at is not None and (since is None or since > entered_at):
            yield {
                "subject": entity.id,
                "machine": entity.__schema__.name,
                "field": field,
                "state": state,
                "entered_at": entered_at,
                "target": getattr(entity, field),
                "trigger": "change",
            }
