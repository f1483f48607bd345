"""The ledger of escalations: every level that has fired, once and for ever."""

from __future__ import annotations

from datetime import datetime

from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event


@entity("escalation", prefix="esc", when="fired_at")
class Escalation(Entity):
    """One step of one level that has fired.

    Attributes:
        key: case, policy version, clock, cycle, level, round and step: there is no second one.
        occasion: the clock, or ``reopened``, ``reassigned``, ``low_score``.
        level: its number in the policy, counted from 1; ``round`` and ``step`` are counted from 1 too.
        due_at: when it was to fire.
        recipients: who was told, by address.
        missing: roles for which the host knew nobody.
    """

    case_id: str = attribute(references="case", reverse="escalations")
    policy_id: str = attribute(references="policy", reverse="escalations")
    key: str = attribute(unique=True, limit=500)
    occasion: str = attribute(index=True)
    cycle: int = attribute()
    level: int = attribute()
    round: int = attribute(default=1)
    step: int = attribute(default=1)
    due_at: datetime = attribute()
    fired_at: datetime = attribute()
    recipients: tuple[str, ...] = attribute(default=())
    missing: tuple[str, ...] = attribute(default=())
    acknowledged_at: datetime | None = attribute(default=None)
    acknowledged_by: str | None = attribute(default=None)


@event("service.case_escalated")
class CaseEscalated(Event):
    """A level was reached.

    Attributes:
        occasion: the clock, or ``reopened``, ``reassigned``, ``low_score``.
        level: its number in the policy, counted from 1.
        told: how many addresses were told.
    """

    case_id: str
    customer_id: str
    occasion: str
    cycle: int
    level: int
    round: int
    step: int
    told: int


@event("service.escalation_acknowledged")
class EscalationAcknowledged(Event):
    """Somebody knows and cares: no further step follows."""

    case_id: str
    customer_id: str
    by: str | None
