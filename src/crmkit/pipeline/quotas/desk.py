"""``crm.pipeline.quotas``."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.checking import day as calendar_day
from crmkit.kernel.clock import local_date, shift, utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.money import Money
from crmkit.kernel.rates import RateTable
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.salesperson import Salesperson, salesperson
from crmkit.pipeline.quotas.achievement import Achievement, Scoreboard
from crmkit.pipeline.quotas.quota import Measure, Quota, QuotaSet
from crmkit.pipeline.quotas.results import achieved


class Quotas(Collection[Quota]):
    """What ``crm.pipeline.quotas`` offers."""

    cls = Quota

    def set(
        self,
        target: Money | int,
        *,
        owner: Salesperson | str | None = None,
        team: str | None = None,
        measure: Measure = "won",
        month: date | None = None,
        starts_on: date | None = None,
        ends_on: date | None = None,
    ) -> Quota:
        """Set a target; for exactly the same period it takes the place of the one before.

        Args:
            target: money for ``won``, ``ordered`` and ``received``, else a whole number.
            owner: for one salesperson; or else
            team: for a team; without either it is for everybody.
            measure: what counts.
            month: any day of the month for which it is; or else
            starts_on: the first day, and
            ends_on: the last one.

        Raises:
            InvalidInput: the period overlaps another one of the same person or team and measure, or has no days.
            NotFound: there is no such salesperson, or nobody is in the team.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, Money
            >>> from crmkit.testing import FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 16, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     _ = crm.pipeline.salespeople.register("Xu")
            ...     quota = crm.pipeline.quotas.set(Money(1000, "CNY"), owner="Xu", month=date(2026, 3, 1))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(
            ...         name="Album", customer=wang, amount=Money(450, "CNY"), owner="Xu"
            ...     )
            ...     _ = crm.pipeline.opportunities.win(deal)
            ...     result = crm.pipeline.quotas.achievement(quota)
            ...     result.percent, result.pace
            (Decimal('45.00'), 'at risk')
        """
        with self.work() as work:
            first, last = _period(month, starts_on, ends_on)
            name = None if owner is None else salesperson(work, owner).name
            if team is not None and not work.count(Salesperson, F.team == team):
                raise NotFound(f"nobody is in the team {team!r}: register salespeople with team={team!r} first")
            values: dict[str, Any] = {
                "amount": target if isinstance(target, Money) else None,
                "number": None if isinstance(target, Money) else target,
            }
            quota = work.new(Quota, owner=name, team=team, measure=measure, starts_on=first, ends_on=last, **values)
            same = _same_period(work, quota)
            kept = quota if same is None else same.evolve(**values)
            facts = {n: getattr(kept, n) for n in ("owner", "team", "measure", "amount", "number")}
            return work.save(Change(kept, (QuotaSet(quota_id=kept.id, **facts),)))

    def remove(self, quota: Quota | str) -> None:
        """Set no target after all; the events stay.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     march = crm.pipeline.quotas.set(20, measure="calls", month=date(2026, 3, 1))
            ...     crm.pipeline.quotas.remove(march)
            ...     crm.pipeline.quotas.board(date(2026, 3, 1)).achievements
            ()
        """
        with self.work() as work:
            work.remove(Quota, [work.get(Quota, quota).id])

    def achievement(
        self, quota: Quota | str, *, as_of: datetime | None = None, rates: RateTable | None = None
    ) -> Achievement:
        """How far they have come.

        Args:
            quota: which.
            as_of: the aware moment up to which it counts; now unless given.
            rates: how amounts in other currencies are converted, each at its own day.

        Raises:
            InvalidInput: there are amounts in other currencies and no rates, or *as_of* is no aware datetime.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 16, tzinfo=UTC))) as crm:
            ...     quota = crm.pipeline.quotas.set(4, measure="visits", month=date(2026, 3, 1))
            ...     for day in (2, 6, 15):
            ...         _ = crm.pipeline.activities.log("visit", subject="Menu", at=datetime(2026, 3, day, tzinfo=UTC))
            ...     now = crm.pipeline.quotas.achievement(quota)
            ...     then = crm.pipeline.quotas.achievement(quota, as_of=datetime(2026, 3, 9, tzinfo=UTC))
            ...     (now.achieved, now.percent, now.missing), then.achieved
            ((3, Decimal('75.00'), 1), 2)
        """
        with self.read() as work:
            now = work.now if as_of is None else utc(as_of, what="as_of")
            return achieved(work, work.get(Quota, quota), now=now, rates=rates)

    def board(self, day: date | None = None, *, rates: RateTable | None = None) -> Scoreboard:
        """The achievements of all quotas whose period has this day: people first, then teams, then everybody.

        Args:
            day: in the zone of the CRM; today unless given.
            rates: how amounts in other currencies are converted, each at its own day.

        Raises:
            InvalidInput: there are amounts in other currencies and no rates.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.pipeline.quotas.set(8, measure="calls", month=date(2026, 3, 1))
            ...     _ = crm.pipeline.salespeople.register("Xu")
            ...     _ = crm.pipeline.quotas.set(4, measure="calls", owner="Xu", month=date(2026, 3, 1))
            ...     _ = crm.pipeline.activities.log("call", subject="The date", owner="Xu")
            ...     [(row.quota.whose, str(row.percent), row.pace) for row in crm.pipeline.quotas.board()]
            [('Xu', '25.00', 'on track'), ('everybody', '12.50', 'on track')]
        """
        with self.read() as work:
            when = local_date(work.now, work.settings.zone) if day is None else calendar_day(day, what="day")
            found = work.find(Quota, (F.starts_on <= when) & (F.ends_on >= when), order_by=("owner", "team", "measure"))
            results = (achieved(work, quota, now=work.now, rates=rates) for quota in found)
            return Scoreboard(day=when, achievements=tuple(results))


def _period(month: date | None, starts_on: date | None, ends_on: date | None) -> tuple[date, date]:
    if month is not None and starts_on is None and ends_on is None:
        first = calendar_day(month, what="month").replace(day=1)
        return first, shift(first, months=1) - timedelta(days=1)
    if month is not None or starts_on is None or ends_on is None:
        raise InvalidInput("a quota is for month=date(2026, 3, 1), or from starts_on= to ends_on=")
    return calendar_day(starts_on, what="starts_on"), calendar_day(ends_on, what="ends_on")


def _same_period(work: Work, quota: Quota) -> Quota | None:
    """The quota of exactly this period, if there is one; no other may overlap."""
    whose = (F.owner == quota.owner) & (F.team == quota.team) & (F.measure == quota.measure)
    overlapping = work.find(Quota, whose & (F.starts_on <= quota.ends_on) & (F.ends_on >= quota.starts_on))
    for other in overlapping:
        if (other.starts_on, other.ends_on) != (quota.starts_on, quota.ends_on):
            raise InvalidInput(
                f"{quota.whose} has a quota of {quota.measure} from {other.starts_on} to {other.ends_on} already, "
                f"which overlaps {quota.starts_on} to {quota.ends_on}: remove it, or set the rest of the period"
            )
    return overlapping[0] if overlapping else None
