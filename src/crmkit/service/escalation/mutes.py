"""Mutes: while a system is being repaired, nobody is told that it is down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.satisfying import satisfies
from crmkit.service.cases.case import Case

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@entity("mute", prefix="mute")
class Mute(Entity):
    """A time in which escalations wait; clocks run on.

    Attributes:
        rule: which cases, as JSON; all without one.
    """

    since: datetime = attribute()
    until: datetime = attribute(index=True)
    reason: str = attribute()
    by: str | None = attribute(default=None)
    rule: Mapping[str, Any] | None = attribute(default=None)

    def check(self) -> None:
        """It ends after it begins."""
        if self.until <= self.since:
            raise InvalidInput(f"a mute ends after it begins, got {self.since.isoformat()} to {self.until.isoformat()}")


@event("service.escalations_muted")
class EscalationsMuted(Event):
    """Escalations wait."""

    mute_id: str
    since: datetime
    until: datetime
    by: str | None


MEMO: Final = "service.mutes"


def muted_until(work: Work, case: Case) -> datetime | None:
    """Until when escalations of *case* wait; missing when they don't."""
    now = work.now
    if MEMO not in work.memo:
        work.memo[MEMO] = work.find(Mute, (F.until > now) & (F.since <= now))
    mutes: list[Mute] = work.memo[MEMO]
    found = [m.until for m in mutes if m.rule is None or satisfies(work, case, from_json(m.rule))]
    return max(found, default=None)
