"""Readings: what a clock shows at a moment, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.render import table_html, table_md
from crmkit.service.sla.hours import Hours
from crmkit.service.sla.span import Span

NOTHING = timedelta(0)


@attrs.frozen
class Turn:
    """One turn in the life of a cycle, and what caused it."""

    at: datetime
    what: Literal["started", "paused", "resumed", "continued", "stopped", "superseded"]
    by: str

    def __str__(self) -> str:
        return f"{self.what} at {self.at.isoformat()} by {self.by}"


@attrs.frozen(kw_only=True)
class Stretch:
    """The time line of one cycle: when it ran, and by which hours.

    Attributes:
        running: the stretches in which the clock ran until it was paused, in order.
        tail: the beginning of the stretch that reaches to *seen*; missing when the clock stands or stood there.
        seen: the moment of the stop, or the moment from which it is seen.
    """

    hours: Hours
    hold: str
    target: Span
    started: datetime
    running: tuple[tuple[datetime, datetime], ...]
    tail: datetime | None
    seen: datetime

    def due(self) -> datetime:
        """When the target is used up; of a clock that stands, as if it went on in this moment."""
        return self.reaches(Span())

    def reaches(self, offset: Span) -> datetime:
        """The moment at which the target and *offset* are used up; pauses put it off.

        It is never before the start of the cycle.
        """
        if self.hold == "wall" or self.target.days or offset.days:
            base = self.target.after(self.started, self.hours)
            put_off = base + self.held() if self.hold == "wall" else self.hours.add(base, self.held())
            return max(self.started, offset.after(put_off, self.hours))
        return self._used_up(max(NOTHING, self.target.time + offset.time))

    def share(self, percent: float) -> datetime:
        """The moment at which *percent* of the target are used up."""
        if self.target.days or self.hold == "wall":
            whole = self.hours.between(self.started, self.target.after(self.started, self.hours))
        else:
            whole = self.target.time
        return self._used_up(whole * percent / 100)

    def _used_up(self, amount: timedelta) -> datetime:
        left = amount
        for start, end in self.running:
            there = self.hours.between(start, end)
            if there >= left and (found := self.hours.add(start, left)) < end:
                return found
            left -= there
        return self.hours.add(self.seen if self.tail is None else self.tail, max(NOTHING, left))

    def elapsed(self) -> timedelta:
        """How much business time the clock has run."""
        if self.hold == "wall":
            return max(NOTHING, self.hours.between(self.started, self.seen) - self.held())
        return sum((self.hours.between(start, end) for start, end in self._all()), NOTHING)

    def _all(self) -> tuple[tuple[datetime, datetime], ...]:
        return self.running if self.tail is None else (*self.running, (self.tail, self.seen))

    def held(self) -> timedelta:
        """How long the clock has stood between its start and now."""
        total, at = NOTHING, self.started
        for start, end in (*self._all(), (self.seen, self.seen)):
            total += start - at if self.hold == "wall" else self.hours.between(at, start)
            at = end
        return total


@attrs.frozen(kw_only=True)
class Reading:
    """One cycle of one clock.

    Attributes:
        cycle: its number, counted from 1.
        state: ``running``, ``paused`` or ``stopped``.
        due: when the target is used up; of a paused clock, as if it went on now; of a stopped one, what it was.
        breached: the target was overrun: the stop, or the moment of looking, lies after the due time.
        superseded: a restart made this cycle count for nothing.
        turns: what happened to it and what caused it.
    """

    clock: str
    cycle: int
    state: Literal["running", "paused", "stopped"]
    target: Span
    started_at: datetime
    stopped_at: datetime | None
    due: datetime
    breached: bool
    superseded: bool
    turns: tuple[Turn, ...]
    stretch: Stretch = attrs.field(repr=False, eq=False)

    @property
    def open(self) -> bool:
        """Whether it has not been stopped."""
        return self.state != "stopped"

    @property
    def elapsed(self) -> timedelta:
        """Business time that was used."""
        return self.stretch.elapsed()

    @property
    def held(self) -> timedelta:
        """How long it stood."""
        return self.stretch.held()

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons for its state and due time, a sentence each."""
        verdict = "overrun" if self.breached else "kept" if self.state == "stopped" else "not used up yet"
        last = f"target {self.target} of business time, due at {self.due.isoformat()}: {verdict}"
        return (*map(str, self.turns), last)


@attrs.frozen(kw_only=True)
class Judgement:
    """Every clock of a case, seen from one moment.

    Attributes:
        state: the state of the case.
        readings: every cycle of every clock.

    Example:
        >>> from datetime import UTC
        >>> from crmkit import BusinessCalendar
        >>> from crmkit.service.sla import Happening, judge, preset
        >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
        >>> clocks = preset("crmkit", {"resolution": timedelta(hours=8)})
        >>> happened = [
        ...     Happening(nine, "opened", state="open"),
        ...     Happening(nine.replace(hour=10), "held", state="waiting"),
        ... ]
        >>> judged = judge(clocks, Hours.of(BusinessCalendar.always_open()), happened, as_of=nine.replace(hour=12))
        >>> judged.next_due, judged.clock("resolution").why[1]
        (None, 'paused at 2026-03-02T10:00:00+00:00 by enters waiting')
    """

    as_of: datetime
    state: str | None
    readings: tuple[Reading, ...]

    def clock(self, name: str) -> Reading | None:
        """The latest cycle of the clock *name*, if it ever started; an open one before all others."""
        cycles = self.cycles(name)
        return next((r for r in cycles if r.open), cycles[-1] if cycles else None)

    def cycles(self, name: str) -> tuple[Reading, ...]:
        """The cycles of the clock *name* in order; those that were superseded are left out."""
        return tuple(r for r in self.readings if r.clock == name and not r.superseded)

    def due(self, name: str) -> datetime | None:
        """When the clock *name* is due: missing unless it runs."""
        reading = self.clock(name)
        return reading.due if reading is not None and reading.state == "running" else None

    @property
    def next_due(self) -> datetime | None:
        """The earliest due time of all clocks that run."""
        return min((r.due for r in self.readings if r.state == "running"), default=None)

    @property
    def missed(self) -> tuple[Reading, ...]:
        """The cycles whose target was overrun."""
        return tuple(r for r in self.readings if r.breached)

    @property
    def finished(self) -> bool:
        """Whether no clock runs or stands."""
        return not any(r.open for r in self.readings)

    def __format__(self, form: str) -> str:
        if form not in {"", "md"}:
            raise InvalidInput(f"a judgement prints as 'md', not as {form!r}")
        return table_md(*self._table()) if form else repr(self)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"as of {self.as_of.isoformat()}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        headers = ["clock", "cycle", "state", "due", "elapsed", "overrun", "why"]
        rows = [
            [
                r.clock,
                str(r.cycle),
                r.state,
                r.due.isoformat(),
                str(r.elapsed),
                "yes" if r.breached else "no",
                "; ".join(r.why),
            ]
            for r in self.readings
        ]
        return headers, rows
