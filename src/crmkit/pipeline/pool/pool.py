"""When a lead goes back to everybody.

Whoever has a lead follows it up, or loses it: the rule of Wukong CRM.  A lead returns when the last follow-up (or,
before the first one, the moment when the owner got it) is longer ago than *idle*, or when the owner has had it for
longer than *hold*; exactly as long is not longer.  Leads that are closed or locked stay.  The return is a row of the
agenda, so it costs what is due and not what is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.satisfying import satisfies
from crmkit.kernel.work import Work
from crmkit.pipeline.leads.lead import Lead

CHECK = "pipeline.check_pool"
MOMENT = timedelta(seconds=1)
CHUNK = 500


@entity("pool", prefix="pool")
class Pool(Entity):
    """When leads that satisfy a rule go back to everybody.

    Attributes:
        rule: the condition as JSON; missing for all leads.  The first pool by name whose rule fits decides.
        idle: how long nothing may happen; ``hold``: how long somebody may have a lead at all.
        claims_per_day: how many leads one may take out in 24 hours.
        rest: how long one may not take a lead again that one has lost.
    """

    name: str = attribute(unique=True)
    rule: Mapping[str, Any] | None = attribute(default=None)
    idle: timedelta | None = attribute(default=None)
    hold: timedelta | None = attribute(default=None)
    claims_per_day: int | None = attribute(default=None, at_least=0)
    rest: timedelta | None = attribute(default=None)

    def check(self) -> None:
        """Times are longer than nothing."""
        for name in ("idle", "hold", "rest"):
            value: timedelta | None = getattr(self, name)
            if value is not None and value <= timedelta(0):
                raise InvalidInput(f"pool.{name} is a time longer than nothing, got {value!r}")

    def read(self) -> Rule | None:
        """The condition."""
        return None if self.rule is None else from_json(self.rule)

    def returns_at(self, lead: Lead, *, followed_up_at: datetime | None) -> tuple[datetime, str] | None:
        """From when on a lead is not kept any longer, and why."""
        if lead.owner is None or lead.owned_since is None or lead.locked or not lead.open:
            return None
        last = max(followed_up_at or lead.owned_since, lead.owned_since)
        ends = []
        if self.idle is not None:
            ends.append((last + self.idle, f"no follow-up for {_days(self.idle)}"))
        if self.hold is not None:
            ends.append((lead.owned_since + self.hold, f"not converted within {_days(self.hold)}"))
        return min(ends, default=None)


@event("pipeline.pool_defined")
class PoolDefined(Event):
    """Leads return to everybody after other times."""

    pool_id: str
    name: str


def pool_of(work: Work, lead: Lead) -> Pool | None:
    """The pool that decides about a lead, whatever the actor may see."""
    with work.as_the_house():
        pools = work.find(Pool, order_by="name")
        return next((pool for pool in pools if satisfies(work, lead, pool.read())), None)


def watch(work: Work, lead: Lead) -> None:
    """Write down when to look whether a lead returns."""
    if lead.owner is None or not lead.open:
        return
    pool = pool_of(work, lead)
    if pool is not None:
        look_later(work, lead, pool, followed_up_at=None)


def watch_many(work: Work, leads: Iterable[Lead]) -> None:
    """The same for many, with a few queries for each pool, whatever the number of leads."""
    with work.as_the_house():
        pools = work.find(Pool, order_by="name")
    waiting = [lead for lead in leads if pools and lead.owner is not None and lead.open]
    for pool in pools:
        fitting = _fitting(work, pool, waiting)
        for lead in waiting:
            if lead.id in fitting:
                look_later(work, lead, pool, followed_up_at=None)
        waiting = [lead for lead in waiting if lead.id not in fitting]


def _fitting(work: Work, pool: Pool, leads: Sequence[Lead]) -> set[str]:
    """The ids of those of *leads* that satisfy the rule of *pool*."""
    ids = [lead.id for lead in leads]
    rule = pool.read()
    if rule is None:
        return set(ids)
    parts = (F.id.in_(ids[begin : begin + CHUNK]) for begin in range(0, len(ids), CHUNK))
    with work.as_the_house():
        return {found for part in parts for (found,) in work.columns(Lead, ["id"], rule & part)}


def look_later(work: Work, lead: Lead, pool: Pool, *, followed_up_at: datetime | None) -> None:
    """Look when the lead might return, as far as is known now."""
    end = pool.returns_at(lead, followed_up_at=followed_up_at)
    if end is not None:
        due = end[0] + MOMENT
        work.schedule(CHECK, due_at=due, subject=lead.id, key=f"pool {lead.id} {lead.version} {due.isoformat()}")


def _days(time: timedelta) -> str:
    return f"{time.days} days" if time == timedelta(days=time.days) else str(time)
