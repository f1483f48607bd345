"""The SLA engine: from a policy, its calendars and what happened to every clock's state, due time and why.

A pure function without storage, clock or randomness: the same answer on every machine and in every notebook.

>>> from datetime import UTC, datetime, timedelta
>>> from crmkit import BusinessCalendar
>>> from crmkit.service.sla import Clock, Happening, Hours, judge
>>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")], "tue": [("09:00", "17:00")]})
>>> first = Clock(name="first_response", target=timedelta(hours=2), starts=["opened"], stops=["reply"])
>>> opened = Happening(datetime(2026, 3, 2, 16, tzinfo=UTC), "opened", state="open")
>>> judged = judge([first], Hours.of(office), [opened], as_of=datetime(2026, 3, 3, 9, 30, tzinfo=UTC))
>>> reading = judged.clock("first_response")
>>> reading.state, reading.due.isoformat(), reading.elapsed, reading.breached
('running', '2026-03-03T10:00:00+00:00', datetime.timedelta(seconds=5400), False)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Literal

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.clock import utc
from crmkit.service.sla.clocks import Clock, Trigger
from crmkit.service.sla.hours import Hours
from crmkit.service.sla.readings import Judgement, Reading, Stretch, Turn
from crmkit.service.sla.span import Span

NOTHING = timedelta(0)
SEEN = frozenset({"sweep", "escalated"})
Lateness = Literal["always", "seen"]


def _instant(at: datetime) -> datetime:
    return utc(at, what="at")


@attrs.frozen
class Happening:
    """Something that happened to a case.

    Attributes:
        at: when.
        name: what, as clocks name it in their triggers.
        state: the state of the case from then on, if it has changed.
        priority: the priority of the case from then on, if it has changed.
    """

    at: datetime = attrs.field(converter=_instant)
    name: str
    state: str | None = None
    priority: str | None = None


def judge(
    clocks: Iterable[Clock],
    hours: Hours,
    happenings: Iterable[Happening],
    *,
    as_of: datetime,
    late: Lateness = "always",
) -> Judgement:
    """Read every clock.

    Of what happens in one instant, stops come first, then pauses, then what makes clocks run.  A stop that finds
    nothing to stop ends the cycle that something else starts in the same instant: it was done in no time.

    Args:
        clocks: what is measured.
        hours: the business time of the policy.
        happenings: what happened, in any order; of one instant, in the order of its states.
        as_of: the moment from which all is seen; what happens later is left out.
        late: whether a target that was overrun is missed in any case (``"always"``), or only if somebody looked
            (``"seen"``): a happening called ``sweep`` or ``escalated`` between the due time and the stop, as in
            Chatwoot.

    Raises:
        DefinitionError: a clock waits for one that does not exist, or two have one name.
        InvalidInput: *as_of* is naive.

    Definitions: what starts, pauses and stops each clock is read from documentation and code of Zammad, Zendesk, GLPI,
        Frappe, osTicket and Chatwoot; stop before pause before start is the order of Time to SLA for Jira.

    Example:
        >>> from datetime import UTC
        >>> from crmkit import BusinessCalendar
        >>> from crmkit.service.sla import preset
        >>> nine, hour = datetime(2026, 3, 2, 9, tzinfo=UTC), timedelta(hours=1)
        >>> clocks = preset("crmkit", {"first_response": hour})
        >>> happened = [Happening(nine, "opened", state="open"), Happening(nine + 2 * hour, "reply")]
        >>> judged = judge(clocks, Hours.of(BusinessCalendar.always_open()), happened, as_of=nine + 9 * hour)
        >>> reading = judged.clock("first_response")
        >>> reading.state, reading.breached, str(reading.elapsed)
        ('stopped', True, '2:00:00')
    """
    at = utc(as_of, what="as_of")
    known = sorted((h for h in happenings if h.at <= at), key=_when)
    instants = _instants(known)
    priorities = tuple((h.at, h.priority) for h in known if h.priority is not None)
    looked = tuple(h.at for h in known if h.name in SEEN) if late == "seen" else None
    runs: dict[str, _Run] = {}
    for clock in _in_order(clocks):
        run = _Run(clock)
        runs[clock.name] = run
        before = runs[clock.after] if clock.after else None
        for instant in instants:
            if instant.turns or not clock.heard.isdisjoint(instant.names):
                run.live(instant, before)
    readings = []
    for run in runs.values():
        for cycle in run.cycles:
            target = run.clock.target_for(_priority(priorities, at, stopped=cycle.stopped))
            if target is not None:
                readings.append(_read(run.clock, cycle, target, hours, at, held=run.held, looked=looked))
    return Judgement(as_of=at, state=instants[-1].state if instants else None, readings=tuple(readings))


_when = attrgetter("at")


def _priority(known: Sequence[tuple[datetime, str]], at: datetime, *, stopped: datetime | None) -> str | None:
    """The priority of a case at a moment or, for what was stopped, before it; at least the first that is known."""
    before = [priority for since, priority in known if (since <= at if stopped is None else since < stopped)]
    return before[-1] if before else known[0][1] if known else None


def _in_order(clocks: Iterable[Clock]) -> list[Clock]:
    """The clocks, each behind the one that it waits for."""
    waiting = list(clocks)
    names = [c.name for c in waiting]
    if len(set(names)) == len(names) and all(c.after is None for c in waiting):
        return waiting
    if len(set(names)) != len(names):
        raise DefinitionError(f"two clocks are called {next(n for n in names if names.count(n) > 1)!r}; rename one")
    ordered: dict[str, Clock] = {}
    while waiting:
        ready = [c for c in waiting if c.after is None or c.after in ordered]
        if not ready:
            raise DefinitionError(f"the clock {waiting[0].name} waits for {waiting[0].after!r}, which never comes")
        ordered |= {c.name: c for c in ready}
        waiting = [c for c in waiting if c.name not in ordered]
    return list(ordered.values())


# ── What happens in one instant ──


@attrs.frozen
class _Instant:
    at: datetime
    before: str | None
    state: str | None
    names: frozenset[str]

    @property
    def turns(self) -> bool:
        """Whether the case comes into another state."""
        return self.before != self.state

    def caused(self, triggers: Sequence[Trigger]) -> frozenset[str]:
        """The causes among *triggers*: names of events; states count by what the instant changed in the end."""
        found: set[str] = set()
        for trigger in triggers:
            if trigger.way == "event":
                found |= self.names & trigger.names
            elif self.before != self.state:
                inside, was = self.state in trigger.names, self.before in trigger.names
                if (inside and not was) if trigger.way == "enters" else (was and not inside):
                    found.add(f"{trigger.way} {self.state}")
        return frozenset(found)


def _instants(known: Sequence[Happening]) -> list[_Instant]:
    made: list[_Instant] = []
    state: str | None = None
    for at, group in groupby(known, key=_when):
        happenings = tuple(group)
        after = next((h.state for h in reversed(happenings) if h.state is not None), state)
        made.append(_Instant(at, state, after, frozenset([h.name for h in happenings])))
        state = after
    return made


# ── The cycles of one clock ──


@attrs.define
class _Cycle:
    number: int
    started: datetime
    running: list[tuple[datetime, datetime]]
    since: datetime | None
    turns: list[Turn]
    tail: datetime | None = None
    stopped: datetime | None = None
    superseded: bool = False

    def stand(self, at: datetime) -> None:
        if self.since is not None:
            self.running.append((self.since, at))
            self.since = None

    def end(self, at: datetime, *, superseded: bool = False) -> None:
        self.tail, self.since = self.since, None
        self.stopped, self.superseded = at, superseded


class _Run:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cycles: list[_Cycle] = []
        self.held = False

    @property
    def open(self) -> list[_Cycle]:
        return [c for c in self.cycles if c.stopped is None]

    def live(self, instant: _Instant, before: _Run | None) -> None:
        causes = {effect: instant.caused(triggers) for effect, triggers in self.clock.effects if triggers}
        if not any(causes.values()):
            return
        at, open_before = instant.at, self.open
        if stops := causes.get("stops"):
            for cycle in open_before:
                cycle.turns.append(Turn(at, "stopped", _said(stops)))
                cycle.end(at)
        self._hold(at, causes.get("pauses"), causes.get("resumes"))
        if (continues := causes.get("continues")) and self.cycles and not self.open and not open_before:
            self._go_on(at, continues)
        started = self._begin(at, causes.get("restarts"), causes.get("starts"), before)
        others = (
            (stops or frozenset()) - (causes.get("starts") or frozenset()) - (causes.get("restarts") or frozenset())
        )
        if started and others and not open_before:
            started.turns.append(Turn(at, "stopped", _said(others)))
            started.end(at)

    def _hold(self, at: datetime, pauses: frozenset[str] | None, resumes: frozenset[str] | None) -> None:
        if pauses:
            if not self.held:
                for cycle in self.open:
                    cycle.stand(at)
                    cycle.turns.append(Turn(at, "paused", _said(pauses)))
            self.held = True
        if resumes:
            if self.held:
                for cycle in self.open:
                    cycle.since = at
                    cycle.turns.append(Turn(at, "resumed", _said(resumes)))
            self.held = False

    def _go_on(self, at: datetime, causes: frozenset[str]) -> None:
        last = self.cycles[-1]
        if last.tail is not None and last.stopped is not None:
            last.running.append((last.tail, last.stopped))
        last.stopped = last.tail = None
        last.since = None if self.held else at
        last.turns.append(Turn(at, "continued", _said(causes)))

    def _begin(
        self, at: datetime, restarts: frozenset[str] | None, starts: frozenset[str] | None, before: _Run | None
    ) -> _Cycle | None:
        if restarts:
            for cycle in self.open:
                cycle.turns.append(Turn(at, "superseded", _said(restarts)))
                cycle.end(at, superseded=True)
            return self._start(at, restarts)
        if not starts or (before is not None and not any(c.stopped and c.stopped < at for c in before.cycles)):
            return None
        if (self.clock.recurs == "once" and self.cycles) or (self.clock.recurs == "again" and self.open):
            return None
        return self._start(at, starts)

    def _start(self, at: datetime, causes: frozenset[str]) -> _Cycle:
        turns = [Turn(at, "started", _said(causes))]
        if self.held:
            turns.append(Turn(at, "paused", "the case is on hold"))
        cycle = _Cycle(len(self.cycles) + 1, at, [], None if self.held else at, turns)
        self.cycles.append(cycle)
        return cycle


def _said(causes: frozenset[str]) -> str:
    return ", ".join(sorted(causes))


# ── What the cycles come to ──


def _read(
    clock: Clock,
    cycle: _Cycle,
    target: Span,
    all_hours: Hours,
    as_of: datetime,
    *,
    held: bool,
    looked: tuple[datetime, ...] | None,
) -> Reading:
    seen = cycle.stopped or as_of
    hours = all_hours.for_cycle(started=cycle.started, seen=seen)
    stretch = Stretch(
        hours=hours,
        hold=clock.hold,
        target=target,
        started=cycle.started,
        running=tuple(cycle.running),
        tail=cycle.since or cycle.tail,
        seen=seen,
    )
    due = stretch.due()
    state: Literal["running", "paused", "stopped"] = "paused" if held else "running"
    late = not cycle.superseded and seen > due
    if late and looked is not None and cycle.stopped is not None:
        late = any(due < sweep <= cycle.stopped for sweep in looked)
    return Reading(
        clock=clock.name,
        cycle=cycle.number,
        state=state if cycle.stopped is None else "stopped",
        target=target,
        started_at=cycle.started,
        stopped_at=cycle.stopped,
        due=due,
        breached=late,
        superseded=cycle.superseded,
        turns=tuple(cycle.turns),
        stretch=stretch,
    )
