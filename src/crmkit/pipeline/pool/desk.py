"""``crm.pipeline.pool``."""

from __future__ import annotations

from datetime import timedelta

from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.assignment.entry import Assignment
from crmkit.pipeline.assignment.hands import handed
from crmkit.pipeline.leads.lead import CLOSED, Lead
from crmkit.pipeline.pool.pool import Pool, PoolDefined, look_later, pool_of, watch_many

CLAIMED = "claimed from the pool"
DAY = timedelta(hours=24)


class Pools(Collection[Pool]):
    """What ``crm.pipeline.pool`` offers."""

    cls = Pool

    def define(
        self,
        name: str = "leads",
        *,
        rule: Rule | None = None,
        idle: timedelta | None = None,
        hold: timedelta | None = None,
        claims_per_day: int | None = None,
        rest: timedelta | None = None,
    ) -> Pool:
        """Say when leads return to everybody; a name that is known gets the new times.

        Args:
            name: of the pool; if several fit a lead, the first by name decides.
            rule: which leads; all unless given.
            idle: how long nothing may happen (Wukong: 7 days).
            hold: how long somebody may have a lead at all (Wukong: 3 days).
            claims_per_day: how many leads one may take out in 24 hours.
            rest: how long one may not take a lead again that one has had.

        Raises:
            DefinitionError: the rule does not fit leads.
            InvalidInput: there is neither *idle* nor *hold*, or a time is not longer than nothing.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM
            >>> from crmkit.testing import FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.pipeline.pool.define(idle=timedelta(days=7))
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", owner="xu")
            ...     _ = clock.advance(days=7, seconds=1)
            ...     _ = crm.run_due()
            ...     crm.pipeline.leads.get(lead.id).owner is None
            True
        """
        with self.work() as work:
            if idle is None and hold is None:
                raise InvalidInput("when do leads return? Give idle=timedelta(days=7), hold=…, or both")
            if rule is not None:
                work.plan(Lead, rule)
            values = {
                "rule": None if rule is None else to_json(rule),
                "idle": idle,
                "hold": hold,
                "claims_per_day": claims_per_day,
                "rest": rest,
            }
            known = work.called(Pool, name)
            pool = work.new(Pool, name=name, **values) if known is None else known.evolve(**values)
            saved = work.save(Change(pool, (PoolDefined(pool_id=pool.id, name=pool.name),)))
            owned = ~F.owner.is_missing() & F.stage.not_in(CLOSED)
            watch_many(work, work.find(Lead, owned if rule is None else owned & rule))
            return saved

    def available(self, rule: Rule | None = None, *, limit: int | None = None) -> list[Lead]:
        """The open leads that nobody has, the most promising (highest probability) first, then the oldest.

        Args:
            rule: which of them; all unless given.
            limit: at most so many, 0 and more.

        Raises:
            DefinitionError: the rule does not fit leads.
            InvalidInput: *limit* is no whole number of 0 and more.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     for name, city, owner in (
            ...         ("Wang", "Chengdu", None),
            ...         ("Li", "Chengdu", "Xu"),
            ...         ("Chen", "Wuhan", None),
            ...     ):
            ...         _ = crm.pipeline.leads.capture(name=name, city=city, owner=owner)
            ...     [lead.name for lead in crm.pipeline.pool.available(F.city == "Chengdu")]
            ['Wang']
        """
        free = F.owner.is_missing() & F.stage.not_in(CLOSED)
        with self.read() as work:
            wanted = free if rule is None else free & rule
            return work.find(Lead, wanted, order_by=("-probability", "created_at"), limit=limit)

    def claim(self, lead: Lead | str, *, owner: str | None = None) -> Lead:
        """Take a lead out.

        Args:
            lead: which.
            owner: who takes it; the acting person unless given.

        Raises:
            Refused: somebody has it, it is closed, or the pool says that *owner* may not.
            InvalidInput: nobody is named and nobody acts.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.pool.define(idle=timedelta(days=7), claims_per_day=1)
            ...     first, second = (crm.pipeline.leads.capture(name=name) for name in ("Xiao Wang", "Xiao Li"))
            ...     _ = crm.acting_as("Xu").pipeline.pool.claim(first)
            ...     crm.acting_as("Xu").pipeline.pool.claim(second)
            Traceback (most recent call last):
            crmkit.errors.Refused: Xu has taken 1 leads in 24 hours; the pool leads allows no more
        """
        with self.work() as work:
            current = work.get(Lead, lead)
            whose = owner or work.actor
            if whose is None:
                raise InvalidInput("who takes the lead? Name the owner, or act as somebody: crm.acting_as(…)")
            _claimable(work, current, whose)
            return handed(work, current, to=whose, because=CLAIMED)

    def release(self, lead: Lead | str, *, because: str = "given back") -> Lead:
        """Give a lead back to everybody.

        Args:
            lead: which.
            because: why, for the trail.

        Raises:
            NotFound: nobody has it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", owner="Xu")
            ...     lead = crm.pipeline.pool.release(lead, because="speaks French only")
            ...     lead.owner, crm.pipeline.pool.available() == [lead]
            (None, True)
        """
        with self.work() as work:
            current = work.get(Lead, lead)
            if current.owner is None:
                raise NotFound(f"nobody has lead {current.id}: it is in the pool already")
            return handed(work, current, to=None, because=because)


def look(work: Work, item: AgendaItem) -> None:
    """See whether a lead returns now; if not, look again when it might."""
    lead = work.first(Lead, F.id == item.subject)
    pool = None if lead is None or lead.owner is None else pool_of(work, lead)
    if lead is None or pool is None:
        return
    done = (F.lead_id == lead.id) & (F.status == "done")
    last = work.first(Activity, done, order_by="-done_at")
    followed_up_at = None if last is None else last.done_at
    end = pool.returns_at(lead, followed_up_at=followed_up_at)
    if end is None:
        return
    if work.now > end[0]:
        handed(work, lead, to=None, because=f"pool {pool.name}: {end[1]}")
    else:
        look_later(work, lead, pool, followed_up_at=followed_up_at)


def _claimable(work: Work, lead: Lead, owner: str) -> None:
    if lead.owner is not None:
        raise Refused(f"lead {lead.id} is not in the pool: {lead.owner} has it")
    if not lead.open:
        raise Refused(f"lead {lead.id} is {lead.stage}: nobody has to look after it any more")
    pool = pool_of(work, lead)
    if pool is None:
        return
    if pool.claims_per_day is not None:
        taken = work.count(Assignment, (F.owner == owner) & (F.because == CLAIMED) & (F.created_at > work.now - DAY))
        if taken >= pool.claims_per_day:
            raise Refused(f"{owner} has taken {taken} leads in 24 hours; the pool {pool.name} allows no more")
    if pool.rest is not None:
        rule = (F.lead_id == lead.id) & (F.previous == owner) & (F.created_at > work.now - pool.rest)
        lost = work.first(Assignment, rule, order_by="-created_at")
        if lost is not None:
            again = (lost.created_at + pool.rest).isoformat()
            raise Refused(
                f"{owner} has lost lead {lead.id} at {lost.created_at.isoformat()} and may take it from {again}"
            )
