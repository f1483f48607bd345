"""The compiled calendar: sorted edges of open time with prefix sums, so that every question is a bisection.

The time line is cut into blocks of 27 weeks, compiled when they are first needed.  The Gregorian calendar repeats
itself after 400 years, which are exactly 773 such blocks, and so do the rules of a time zone where nobody decrees new
ones: before 1700 and from 2200 on, blocks without special days share what was compiled.  So no question needs more than
about 2,600 compilations, however far it reaches.

Blocks are immutable and put into a dict when complete: threads may ask at the same time, and at worst one is compiled
twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar.schedule import Schedule, Span, without
from crmkit.kernel.calendar.week import DAY, SECOND, day_number, day_of, weekday
from crmkit.kernel.clock import start_of_day, utc

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BLOCK_DAYS: Final = 27 * 7
BLOCK: Final = BLOCK_DAYS * DAY
CYCLE: Final = 773
_REGULAR_UNTIL: Final = day_number(date(1700, 1, 1)) // BLOCK_DAYS
_REGULAR_FROM: Final = day_number(date(2200, 1, 1)) // BLOCK_DAYS
_FIRST: Final = day_number(date.min) // BLOCK_DAYS
_LAST: Final = day_number(date.max) // BLOCK_DAYS
_LOW: Final = day_number(date(2, 1, 1)) * DAY
_HIGH: Final = day_number(date(9999, 1, 1)) * DAY
_END: Final = (day_number(date.max) + 1) * DAY
_WHOLE_DAY: Final = 20 * 3600 * SECOND


def microseconds(duration: timedelta) -> int:
    """Give a duration in whole microseconds, exactly.

    Raises:
        InvalidInput: it is no timedelta.

    Example:
        >>> microseconds(timedelta(milliseconds=-1))
        -1000
    """
    if not isinstance(duration, timedelta):
        raise InvalidInput(f"a duration must be a timedelta, as in timedelta(hours=8), got {duration!r}")
    return duration.days * DAY + duration.seconds * SECOND + duration.microseconds


class Block:
    """The open time of 27 weeks, counted from their start."""

    __slots__ = ("before", "ends", "starts", "total")

    def __init__(self, spans: list[Span]) -> None:
        self.starts = [a for a, _ in spans]
        self.ends = [b for _, b in spans]
        self.before = [0]
        for a, b in spans:
            self.before.append(self.before[-1] + b - a)
        self.total = self.before[-1]

    def until(self, at: int) -> int:
        """Give the open time from the start of the block to a point in it."""
        found = bisect_right(self.starts, at) - 1
        if found < 0:
            return 0
        end = self.ends[found]
        return self.before[found] + (at if at < end else end) - self.starts[found]  # noqa: FURB136 - min() costs more


class Edges:
    """The open time of a schedule on the line of instants, in microseconds from 1970 in UTC."""

    __slots__ = ("_blocks", "_first", "_last", "_local_epoch", "_shared", "schedule", "zone")

    def __init__(self, schedule: Schedule, zone: ZoneInfo) -> None:
        self.schedule, self.zone = schedule, zone
        self._local_epoch = datetime(1970, 1, 1, tzinfo=zone)
        self._blocks: dict[int, Block] = {}
        self._shared: dict[int, Block] = {}
        # Without weekly hours there is nothing to be found before the first and after the last shift.
        self._first = _FIRST if schedule.weekly else (min(schedule.shifts) - 3) // BLOCK_DAYS
        self._last = _LAST if schedule.weekly else (max(schedule.shifts) + 3) // BLOCK_DAYS

    # ── Between moments and the line ──

    def point(self, moment: datetime) -> int:
        """Find a moment on the line."""
        try:
            since = moment - EPOCH
            return since.days * DAY + since.seconds * SECOND + since.microseconds
        except (TypeError, AttributeError):
            utc(moment, what="a moment")
            raise

    def moment(self, at: int) -> datetime:
        """Give the moment at a point of the line, in UTC."""
        return _instant(at)

    def local(self, moment: datetime) -> datetime:
        """Give a moment in the zone of the calendar."""
        try:
            return utc(moment, what="a moment").astimezone(self.zone)
        except OverflowError:
            raise _out_of_range() from None

    def resolve(self, local: int) -> int:
        """Find a local time of the schedule on the line, both in microseconds.

        A time that is skipped when clocks go forward counts as much later as they jump; of a time that happens twice,
        the first is taken.
        """
        if _LOW <= local < _HIGH:
            offset = (self._local_epoch + timedelta(microseconds=local)).utcoffset()
        else:  # the first and the last year can't be shifted by an offset: ask a year 400 years nearer
            nearer = local + CYCLE * BLOCK if local < _LOW else local - CYCLE * BLOCK
            offset = (self._local_epoch + timedelta(microseconds=nearer)).utcoffset()
        return local - microseconds(offset or timedelta(0))

    def dawn(self, day: int) -> int:
        """Find the first instant of a local day, for holidays: also where clocks jump over midnight."""
        start = self.resolve(day * DAY)
        if _LOW <= start < _HIGH and _instant(start).astimezone(self.zone).time() > time.min:
            return self.point(start_of_day(day_of(day), self.zone))
        return start

    # ── Compilation ──

    def block(self, number: int) -> Block:
        """Give a block, compiled if it is new."""
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self._compiled(number)
        return found

    def _compiled(self, number: int) -> Block:
        first = number * BLOCK_DAYS
        if self.schedule.is_special(first - 3, first + BLOCK_DAYS + 3):
            return self._compile(number)
        like = number
        if number >= _REGULAR_FROM:
            like = _REGULAR_FROM + (number - _REGULAR_FROM) % CYCLE
        elif number < _REGULAR_UNTIL:
            like = _REGULAR_UNTIL - 1 - (_REGULAR_UNTIL - 1 - number) % CYCLE
        else:
            return self._compile(number)
        found = self._shared.get(like)
        if found is None:
            found = self._shared[like] = self._compile(like, special=False)
        return found

    def _compile(self, number: int, *, special: bool = True) -> Block:
        start, schedule, resolve = number * BLOCK, self.schedule, self.resolve
        opens: list[Span] = []
        shut: list[Span] = [(start - BLOCK, start), (start + BLOCK, start + 2 * BLOCK)]
        for day in self._days(number):
            midnight = day * DAY
            hours = schedule.opens(day) if special else schedule.week[weekday(day)]
            opens += [(resolve(midnight + a), resolve(midnight + b)) for a, b in hours]
            if special and day in schedule.holidays:
                shut.append((self.dawn(day), self.dawn(day + 1)))
            if special and day in schedule.breaks:
                shut += [(resolve(midnight + a), resolve(midnight + b)) for a, b in schedule.breaks[day]]
        left = without([(a, b) for a, b in opens if a < b], [(a, b) for a, b in shut if a < b])
        return Block([(a - start, b - start) for a, b in left])

    def _days(self, number: int) -> list[int]:
        """Give the local days that may reach into a block; a day that the zone left out is none."""
        first = number * BLOCK_DAYS - 3
        days = list(range(first, first + BLOCK_DAYS + 6))
        change = (self.resolve(days[-1] * DAY) - self.resolve(first * DAY)) - (len(days) - 1) * DAY
        if abs(change) < _WHOLE_DAY:
            return days
        return [day for day in days if _instant(self.resolve(day * DAY)).astimezone(self.zone).date() == day_of(day)]

    # ── Questions ──

    def contains(self, at: int) -> bool:
        """Tell whether a point is open."""
        number, at = divmod(at, BLOCK)
        block = self._blocks.get(number) or self.block(number)
        found = bisect_right(block.starts, at) - 1
        return found >= 0 and at < block.ends[found]

    def on_break(self, moment: datetime) -> bool:
        """Tell whether a moment lies in a break, which may have begun the day before."""
        at, today = self.point(moment), day_number(self.local(moment).date())
        return any(
            self.resolve(day * DAY + a) <= at < self.resolve(day * DAY + b)
            for day in (today - 1, today)
            for a, b in self.schedule.breaks.get(day, ())
        )

    def every(self) -> Iterator[Span]:
        """Yield all open spans from the first to the last block that may have some."""
        return self.pieces(self._first * BLOCK, (self._last + 1) * BLOCK - 1)

    def measure(self, a: int, b: int) -> int:
        """Give the open time from *a* to *b*, where *a* comes first."""
        first, a = divmod(a, BLOCK)
        last, b = divmod(b, BLOCK)
        if first == last:
            block = self.block(first)
            return block.until(b) - block.until(a)
        known = self._blocks.get
        amount = (known(last) or self.block(last)).until(b) - (known(first) or self.block(first)).until(a)
        for number in range(first, last):
            amount += (known(number) or self.block(number)).total
        return amount

    def forward(self, at: int, amount: int, *, past_closing: bool) -> int:
        """Find the point at which an amount above zero of open time after *at* is used up."""
        if at + amount > _END:
            raise _out_of_range()
        number, at = divmod(at, BLOCK)
        block = self._blocks.get(number) or self.block(number)
        target = block.until(at) + amount
        while target > block.total or (past_closing and target == block.total):
            target -= block.total
            number += 1
            block = self._next(number)
        found = (bisect_right if past_closing else bisect_left)(block.before, target) - 1
        return number * BLOCK + block.starts[found] + target - block.before[found]

    def back(self, at: int, amount: int, *, past_opening: bool) -> int:
        """Find the point from which an amount above zero of open time leads to *at*."""
        number, at = divmod(at, BLOCK)
        block = self._blocks.get(number) or self.block(number)
        target = block.until(at) - amount
        while target < 0 or (past_opening and target == 0):
            number -= 1
            block = self._previous(number)
            target += block.total
        found = (bisect_left if past_opening else bisect_right)(block.before, target) - 1
        return number * BLOCK + block.starts[found] + target - block.before[found]

    def opening(self, at: int) -> int:
        """Find the first open point at or after *at*."""
        number, at = divmod(at, BLOCK)
        block = self._blocks.get(number) or self.block(number)
        while (found := bisect_right(block.ends, at)) == len(block.ends):
            number, at = number + 1, 0
            block = self._next(number)
        return number * BLOCK + max(at, block.starts[found])

    def closing(self, at: int) -> int:
        """Find the first closing after *at*."""
        number, at = divmod(self.opening(at), BLOCK)
        block = self.block(number)
        end = block.ends[bisect_right(block.ends, at)]
        while end == BLOCK:  # open to the end of the block, and perhaps beyond
            number, settled = number + 1, number * BLOCK_DAYS > max(self.schedule.special, default=0) + 3
            if number > _LAST or (settled and self.schedule.around_the_clock):
                raise InvalidInput("the calendar is open around the clock and never closes after that")
            block = self.block(number)
            if not block.starts or block.starts[0]:
                return number * BLOCK
            end = block.ends[0]
        return number * BLOCK + end

    def reached(self, at: int) -> int:
        """Find the last point at or before *at* up to which the calendar was open."""
        number, at = divmod(at, BLOCK)
        block = self._blocks.get(number) or self.block(number)
        while (found := bisect_left(block.starts, at) - 1) < 0:
            number, at = number - 1, BLOCK
            block = self._previous(number)
        return number * BLOCK + min(at, block.ends[found])

    def pieces(self, a: int, b: int, *, backwards: bool = False) -> Iterator[Span]:
        """Yield the open spans from *a* to *b*, cut off at both, in order or the last first."""
        numbers = range(max(a // BLOCK, self._first), min(b // BLOCK, self._last) + 1) if a < b else range(0)
        held: Span | None = None
        for number in reversed(numbers) if backwards else numbers:
            for start, end in self._within(number, a, b, backwards=backwards):
                if held and (held[1] == start or held[0] == end):
                    held = min(held[0], start), max(held[1], end)
                    continue
                if held:
                    yield held
                held = start, end
        if held:
            yield held

    def _within(self, number: int, a: int, b: int, *, backwards: bool) -> Iterator[Span]:
        block, base = self.block(number), number * BLOCK
        found = range(bisect_right(block.ends, a - base), bisect_left(block.starts, b - base))
        for k in reversed(found) if backwards else found:
            yield max(a, base + block.starts[k]), min(b, base + block.ends[k])

    def _next(self, number: int) -> Block:
        if number > self._last:
            raise _out_of_range() if self.schedule.weekly else _nothing("after", "later")
        return self.block(number)

    def _previous(self, number: int) -> Block:
        if number < self._first:
            raise _out_of_range() if self.schedule.weekly else _nothing("before", "earlier")
        return self.block(number)


class WallEdges(Edges):
    """The open time of a schedule on the line of the local clock, in microseconds from 1970 of the wall clock."""

    __slots__ = ("_wall",)

    def __init__(self, schedule: Schedule, zone: ZoneInfo) -> None:
        super().__init__(schedule, ZoneInfo("UTC"))
        self._wall = zone

    def point(self, moment: datetime) -> int:
        """Find what the local clock shows at a moment."""
        shown = utc(moment, what="a moment").astimezone(self._wall)
        return microseconds(shown.replace(tzinfo=UTC) - EPOCH)

    def moment(self, at: int) -> datetime:
        """Give the first moment at which the local clock shows a time, in UTC."""
        return utc(_instant(at).replace(tzinfo=self._wall), what="the result")


def _instant(at: int) -> datetime:
    try:
        return EPOCH + timedelta(0, 0, at)
    except OverflowError:
        raise _out_of_range() from None


def _nothing(where: str, which: str) -> InvalidInput:
    return InvalidInput(
        f"the calendar has only shifts, and too little open time {where} the moment; add weekly hours or {which} shifts"
    )


def _out_of_range() -> InvalidInput:
    return InvalidInput("the result leaves the years 1 to 9999; start nearer or go less far")
