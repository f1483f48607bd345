"""Clock rows: the readings of a case as they are stored, one row a cycle; the cache of the engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.service.sla.readings import Reading


@entity(
    "case_clock",
    prefix="clk",
    when="started_at",
    indexes=[
        Index(attributes=("due_at",), where={"state": "running"}),
        Index(attributes=("case_id", "name", "cycle"), unique=True),
        Index(attributes=("stopped_at",)),
    ],
)
class CaseClock(Entity):
    """One cycle of one clock of a case.

    Attributes:
        policy_id: the version of the policy by which it was measured last.
        state: ``running``, ``paused``, ``met``, ``missed`` (stopped in time, or not) or ``superseded``.
        due_at: when it is, or was, due; missing while it stands.
        elapsed: business time that was used until it was stopped; missing before, like ``held``, how long it stood.
        owner, kind, channel, priority: those of the case when it was stopped; missing before.
    """

    case_id: str = attribute(references="case", reverse="clocks")
    policy_id: str = attribute(references="policy", reverse="case_clocks")
    name: str = attribute(index=True)
    cycle: int = attribute()
    state: Literal["running", "paused", "met", "missed", "superseded"] = attribute()
    started_at: datetime = attribute()
    due_at: datetime | None = attribute(default=None)
    stopped_at: datetime | None = attribute(default=None)
    elapsed: timedelta | None = attribute(default=None)
    held: timedelta | None = attribute(default=None)
    owner: str | None = attribute(default=None)
    kind: str | None = attribute(default=None)
    channel: str | None = attribute(default=None)
    priority: str | None = attribute(default=None)

    @property
    def open(self) -> bool:
        """Whether it has not been stopped."""
        return self.state in {"running", "paused"}


DIMENSIONS: Final = ("owner", "kind", "channel", "priority")
CHANGING: Final = ("policy_id", "state", "started_at", "due_at", "stopped_at", "elapsed", "held", *DIMENSIONS)


def shown_by(reading: Reading) -> dict[str, object]:
    """What a row says of *reading*."""
    return {
        "name": reading.clock,
        "cycle": reading.cycle,
        "state": _state(reading),
        "started_at": reading.started_at,
        "due_at": None if reading.state == "paused" else reading.due,
        "stopped_at": reading.stopped_at,
        "elapsed": None if reading.open else reading.elapsed,
        "held": None if reading.open else reading.held,
    }


def _state(reading: Reading) -> str:
    if reading.state != "stopped":
        return reading.state
    if reading.superseded:
        return "superseded"
    return "missed" if reading.breached else "met"
