"""``crm.service.metrics``: how good customer service is, counted and added up by the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Desk
from crmkit.kernel.rules import F, Rule
from crmkit.service.cases.case import Case
from crmkit.service.metrics.figures import Backlog, Figures, Load, Mean, Report
from crmkit.service.metrics.times import CaseTime, measure_all
from crmkit.service.routing.records import Agent
from crmkit.service.sla.records import CaseClock

if TYPE_CHECKING:
    from crmkit.kernel.ports import Group
    from crmkit.kernel.work import Work

Dimension = Literal["owner", "kind", "channel", "priority"]
DIMENSIONS: Final = ("owner", "kind", "channel", "priority")
ALIVE: Final = ("open", "waiting")
AGES: Final = (1, 3, 7, 14, 30)
EVERYBODY: Final = "everybody"
NOBODY: Final = "nobody"
BATCH: Final = 500
SUMS: Final = ("first_response", "response", "resolution", "waiting")


class Metrics(Desk):
    """What ``crm.service.metrics`` offers."""

    def report(self, *, since: datetime, until: datetime, by: Dimension | None = None) -> Report:
        """The figures of the cases that were resolved within a period, by wall clock and in business time.

        Args:
            since: resolved from this moment on.
            until: resolved before this moment.
            by: in groups by ``owner``, ``kind``, ``channel`` or ``priority``; all together unless given.

        Raises:
            InvalidInput: the period ends before it begins, or there are no such groups.

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
        keys = _keys(by)
        with self.read() as work:
            rule = (F.resolved_at >= start) & (F.resolved_at < end)
            groups = work.tally(CaseTime, rule, by=keys, sums=(*SUMS, "responses"))
            parts = _Parts(work, rule, keys)
            figures = [_figures(g, parts, _attained(work, start, end, by, g.key)) for g in groups]
            return Report(since=start, until=end, groups=tuple(figures))

    def backlog(
        self,
        *,
        by: Dimension | None = None,
        ages: Sequence[int] = AGES,
        calendar: BusinessCalendar | None = None,
        rule: Rule | None = None,
    ) -> Backlog:
        """How old the cases are that are open or waiting now.

        Args:
            by: in groups, as in :meth:`report`.
            ages: where one age ends and the next one begins, in days.
            calendar: count business days of this calendar; days of 24 hours unless given.
            rule: look at these cases only.

        Raises:
            InvalidInput: the ages don't rise.
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
                    counts.setdefault(_name(group.key), [0] * (len(ages) + 1))[place] = group.count
            found = {name: tuple(counts[name]) for name in sorted(counts)}
            return Backlog(as_of=work.now, ages=tuple(ages), groups=found)

    def load(self) -> list[Load]:
        """What every agent has on his hands now, whoever has most first."""
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

        Args:
            since: cases that ended from this moment on; all of them unless given.

        Returns:
            how many cases were looked at.
        """
        with self.work() as work:
            ended: Rule = F.status.in_(["resolved", "closed"]) & F.merged_into_id.is_missing()
            rule = ended if since is None else ended & (F.resolved_at >= utc(since, what="since"))
            seen, last = 0, None
            while cases := work.find(Case, rule, order_by="id", limit=BATCH, after=last):
                measure_all(work, cases)
                seen, last = seen + len(cases), (cases[-1].id,)
            return seen


def _keys(by: str | None) -> tuple[str, ...]:
    if by is not None and by not in DIMENSIONS:
        raise InvalidInput(f"cases are grouped by {', '.join(DIMENSIONS)}, not by {by!r}")
    return () if by is None else (by,)


def _name(key: tuple[Any, ...]) -> str:
    return EVERYBODY if not key else key[0] or NOBODY


def _ago(now: datetime, days: int, calendar: BusinessCalendar | None) -> datetime:
    return now - timedelta(days=days) if calendar is None else calendar.add_days(now, -days)


class _Parts:
    """How many cases of each group are of a certain kind, and what their business times add up to."""

    def __init__(self, work: Work, rule: Rule, keys: tuple[str, ...]) -> None:
        self.work, self.rule, self.keys = work, rule, keys
        self.answered = self._count(~F.first_response.is_missing())
        self.reopened = self._count(F.case.reopened >= 1)
        self.at_once = self._count((F.replies <= 1) & (F.case.reopened == 0))
        business = ~F.resolution_business.is_missing()
        sums = (*(f"{name}_business" for name in SUMS), "responses")
        self.business = {g.key: g for g in work.tally(CaseTime, rule & business, by=keys, sums=sums)}
        self.answered_in_business = self._count(~F.first_response_business.is_missing())

    def _count(self, more: Rule) -> dict[tuple[Any, ...], int]:
        return {g.key: g.count for g in self.work.tally(CaseTime, self.rule & more, by=self.keys)}


def _figures(group: Group, parts: _Parts, attainment: float | None) -> Figures:
    key, business = group.key, parts.business.get(group.key)

    def mean(name: str, count: int, business_count: int) -> Mean:
        within = None if business is None else _share(business.sums[f"{name}_business"], business_count)
        return Mean(_share(group.sums[name], count), within)

    in_business = 0 if business is None else business.count
    return Figures(
        group=_name(key),
        resolved=group.count,
        first_response=mean("first_response", parts.answered.get(key, 0), parts.answered_in_business.get(key, 0)),
        response=mean("response", group.sums["responses"], 0 if business is None else business.sums["responses"]),
        resolution=mean("resolution", group.count, in_business),
        waiting=mean("waiting", group.count, in_business),
        reopen_rate=parts.reopened.get(key, 0) / group.count,
        first_contact_rate=parts.at_once.get(key, 0) / group.count,
        attainment=attainment,
    )


def _share(total: timedelta, count: int) -> timedelta | None:
    return total / count if count else None


def _attained(work: Work, start: datetime, end: datetime, by: str | None, key: tuple[Any, ...]) -> float | None:
    rule: Rule = (F.stopped_at >= start) & (F.stopped_at < end) & F.state.in_(["met", "missed"])
    if by is not None:
        field = F.case[by]
        rule &= field.is_missing() if key[0] is None else field == key[0]
    counts = {g.key[0]: g.count for g in work.tally(CaseClock, rule, by=("state",))}
    total = sum(counts.values())
    return counts.get("met", 0) / total if total else None
