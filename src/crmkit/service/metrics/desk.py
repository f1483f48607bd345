"""``crm.service.metrics``: how good customer service is, counted and added up by the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Desk
from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case
from crmkit.service.metrics.adding import figures_of, group_name
from crmkit.service.metrics.figures import Backlog, Load, Report, Spread
from crmkit.service.metrics.spreading import spreads
from crmkit.service.metrics.times import measure_all
from crmkit.service.routing.records import Agent

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Dimension = Literal["owner", "kind", "channel", "priority"]
DIMENSIONS: Final = ("owner", "kind", "channel", "priority")
ALIVE: Final = ("open", "waiting")
AGES: Final = (1, 3, 7, 14, 30)
BATCH: Final = 500
PERCENTILES: Final = (50, 90, 95)


class Metrics(Desk):
    """What ``crm.service.metrics`` offers."""

    def report(
        self,
        *,
        since: datetime,
        until: datetime,
        by: Dimension | None = None,
        percentiles: Sequence[int] = PERCENTILES,
    ) -> Report:
        """The figures of the cases that were resolved within a period, by wall clock and in business time.

        The store counts, adds up and sorts; whatever the number of cases, it gives a few rows a group.

        Args:
            since: resolved from this moment on.
            until: resolved before this moment.
            by: in groups by ``owner``, ``kind``, ``channel`` or ``priority``; all together unless given.
            percentiles: how durations are spread, in whole percent from 1 to 100; without any nothing is sorted.

        Raises:
            InvalidInput: the period ends before it begins, there are no such groups, or a percentile is none.

        Definitions: a percentile is the duration at its nearest rank (Hyndman and Fan 1996, type 1), its interval is
            that of the sign test turned round (Thompson 1936); shares have Wilson's interval (1927); all at 95 %.

        Example:
            >>> from crmkit import CRM
            >>> from datetime import timedelta
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     case = crm.service.cases.open(li, subject="Opening hours?")
            ...     case = crm.service.cases.reply(case, "We open at nine.", by="agent:xu")
            ...     case = crm.service.cases.resolve(case)
            ...     until = case.resolved_at + timedelta(days=1)
            ...     crm.service.metrics.report(since=case.opened_at, until=until).groups[0].first_contact_rate
            1.0
        """
        start, end = utc(since, what="since"), utc(until, what="until")
        if end <= start:
            raise InvalidInput(f"the period ends ({end.isoformat()}) before it begins ({start.isoformat()})")
        keys, percents = _keys(by), _percents(percentiles)
        with self.read() as work:
            rule = (F.resolved_at >= start) & (F.resolved_at < end)
            return Report(since=start, until=end, groups=figures_of(work, rule, keys, percents, _promises(start, end)))

    def backlog(
        self,
        *,
        by: Dimension | None = None,
        ages: Sequence[int] = AGES,
        calendar: BusinessCalendar | None = None,
        rule: Rule | None = None,
        percentiles: Sequence[int] = PERCENTILES,
    ) -> Backlog:
        """How old the cases are that are open or waiting now.

        Args:
            by: in groups, as in :meth:`report`.
            ages: where one age ends and the next one begins, in days.
            calendar: count business days of this calendar, and business time for percentiles; days of 24 hours unless
                given.
            rule: look at these cases only.
            percentiles: of the ages, as in :meth:`report`.

        Raises:
            InvalidInput: the ages don't rise, there are no such groups, or a percentile is none.
            DefinitionError: the rule does not fit cases.

        Definitions: percentiles as in :meth:`report`.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = clock.advance(days=10)
            ...     _ = crm.service.cases.open(wang, subject="And the frame?")
            ...     backlog = crm.service.metrics.backlog(ages=[1, 7])  # younger than a day, than a week, older
            ...     backlog.groups, str(backlog.spreads["everybody"][90])
            ({'everybody': (1, 0, 1)}, '10 days, 0:00:00')
        """
        if not ages or list(ages) != sorted(set(ages)) or ages[0] < 1:
            raise InvalidInput(f"ages= are days that rise, 1 or more, as in {AGES!r}; got {ages!r}")
        keys = _keys(by)
        with self.read() as work:
            alive: Rule = F.status.in_(ALIVE) if rule is None else F.status.in_(ALIVE) & rule
            cuts = [_ago(work.now, days, calendar) for days in ages]
            counts: dict[str, list[int]] = {}
            for place, (older, younger) in enumerate(zip([*cuts, None], [None, *cuts], strict=True)):
                part = alive if older is None else alive & (F.opened_at > older)
                part = part if younger is None else part & (F.opened_at <= younger)
                for group in work.tally(Case, part, by=keys):
                    counts.setdefault(group_name(group.key), [0] * (len(ages) + 1))[place] = group.count
            found = {name: tuple(counts[name]) for name in sorted(counts)}
            spreads = _ages(work, alive, keys, _percents(percentiles), calendar)
            return Backlog(as_of=work.now, ages=tuple(ages), groups=found, spreads=spreads)

    def load(self) -> list[Load]:
        """What every agent has on his hands now, whoever has most first.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.agents.define("agent:li", limit=5)
            ...     _ = crm.service.cases.open(wang, subject="Where is our album?", owner="agent:xu")
            ...     frame = crm.service.cases.open(wang, subject="The frame is broken", owner="agent:xu")
            ...     _ = crm.service.cases.wait(frame, waiting_for="supplier")
            ...     [(load.agent, load.open, load.waiting, load.limit) for load in crm.service.metrics.load()]
            [('agent:xu', 1, 1, None), ('agent:li', 0, 0, 5)]
        """
        with self.read() as work:
            counts: dict[str, dict[str, int]] = {}
            owned = F.status.in_(ALIVE) & ~F.owner.is_missing()
            for group in work.tally(Case, owned, by=("owner", "status")):
                owner, status = group.key
                counts.setdefault(owner, {})[status] = group.count
            late = {g.key[0]: g.count for g in work.tally(Case, owned & (F.next_due < work.now), by=("owner",))}
            agents = {a.name: a for a in work.find(Agent)}
            loads = [
                Load(
                    agent=name,
                    open=counts.get(name, {}).get("open", 0),
                    waiting=counts.get(name, {}).get("waiting", 0),
                    overdue=late.get(name, 0),
                    limit=agents[name].limit if name in agents else None,
                    available=agents[name].available if name in agents else True,
                )
                for name in counts.keys() | agents.keys()
            ]
            return sorted(loads, key=lambda load: (-load.open - load.waiting, load.agent))

    def rebuild(self, *, since: datetime | None = None) -> int:
        """Measure cases that have ended anew, from their histories: after an import or a recalculation.

        They are measured in batches, each in a transaction of its own; to do it twice changes nothing more.

        Args:
            since: cases that ended from this moment on; all of them unless given.

        Returns:
            how many cases were looked at.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     answered = crm.service.cases.open(wang, subject="Opening hours?")
            ...     _ = crm.service.cases.resolve(answered, solution="From nine to six")
            ...     _ = crm.service.cases.open(wang, subject="Where is our album?")
            ...     crm.service.metrics.rebuild()  # only one of them has ended
            1
        """
        ended: Rule = F.status.in_(["resolved", "closed"]) & F.merged_into_id.is_missing()
        rule = ended if since is None else ended & (F.resolved_at >= utc(since, what="since"))
        seen, last = 0, ""
        while True:
            with self.work() as work:
                cases = work.find(Case, rule, order_by="id", limit=BATCH, after=(last,) if last else None)
                if cases:
                    measure_all(work, cases)
            if len(cases) < BATCH:
                return seen + len(cases)
            seen, last = seen + BATCH, cases[-1].id


def _keys(by: str | None) -> tuple[str, ...]:
    if by is not None and by not in DIMENSIONS:
        raise InvalidInput(f"cases are grouped by {', '.join(DIMENSIONS)}, not by {by!r}")
    return () if by is None else (by,)


def _ago(now: datetime, days: int, calendar: BusinessCalendar | None) -> datetime:
    return now - timedelta(days=days) if calendar is None else calendar.add_days(now, -days)


def _percents(values: Sequence[int]) -> tuple[int, ...]:
    for value in values:
        if type(value) is not int or not 1 <= value <= 100:
            raise InvalidInput(f"percentiles= are whole numbers from 1 to 100, as in {PERCENTILES!r}; got {value!r}")
    return tuple(values)


def _promises(start: datetime, end: datetime) -> Rule:
    stopped = (F.stopped_at >= start) & (F.stopped_at < end) & F.state.in_(["met", "missed"])
    return stopped & F.case.merged_into_id.is_missing()


def _ages(
    work: Work, alive: Rule, keys: tuple[str, ...], percents: tuple[int, ...], calendar: BusinessCalendar | None
) -> dict[str, Spread]:
    """The oldest were opened first: a percentile of the ages is one of the openings, from the other end."""
    now = work.now

    def age(opened_at: datetime) -> timedelta:
        return now - opened_at if calendar is None else calendar.between(opened_at, now)

    found = spreads(work, Case, "opened_at", alive, by=keys, percents=percents, turned=True)
    return {group_name(key): spread.measured(age) for key, spread in found.items()}
