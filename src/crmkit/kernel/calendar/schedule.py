"""The schedule: what a calendar says about each local day, as numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import TypeAlias

from crmkit.kernel.calendar.week import DAY, MINUTE, WEEK, WEEKDAYS, Intervals, day_number, span, weekday

# Microseconds from a midnight, or on a time line: from a start to an end that no longer belongs to it.
Span: TypeAlias = tuple[int, int]


class Schedule:
    """Opening times, breaks and holidays by day number, in microseconds of the local day.

    Args:
        hours: weekly hours.
        shifts: the hours of a date, instead of the weekly ones.
        breaks: what is taken away on a date.
        holidays: dates that are closed.
        last_minute: whether an end at 23:59 means midnight.
    """

    def __init__(
        self,
        *,
        hours: Mapping[str, Intervals],
        shifts: Mapping[date, Intervals],
        breaks: Mapping[date, Intervals],
        holidays: Iterable[date],
        last_minute: bool,
    ) -> None:
        def spans(intervals: Intervals) -> list[Span]:
            found = [span(interval) for interval in intervals]
            return [(a, DAY if last_minute and DAY - MINUTE <= b < DAY else b) for a, b in found]

        self.week = [spans(hours.get(name, ())) for name in WEEKDAYS]
        self.shifts = {day_number(day): spans(intervals) for day, intervals in shifts.items()}
        self.breaks = {day_number(day): spans(intervals) for day, intervals in breaks.items()}
        self.holidays = {day_number(day) for day in holidays}

    @cached_property
    def special(self) -> list[int]:
        """The days that differ from the week, sorted."""
        return sorted(self.holidays | self.shifts.keys() | self.breaks.keys())

    @cached_property
    def weekly(self) -> bool:
        """Whether there are weekly hours, so that every time is followed by an open one."""
        return any(self.week)

    @cached_property
    def around_the_clock(self) -> bool:
        """Whether the week never closes."""
        line = [(day * DAY + a, day * DAY + b) for day in range(-1, 7) for a, b in self.week[day % 7]]
        return without([(0, WEEK)], line) == []

    def is_special(self, first: int, last: int) -> bool:
        """Tell whether a day from *first* to *last* differs from the week."""
        found = bisect_left(self.special, first)
        return found < len(self.special) and self.special[found] <= last

    def opens(self, day: int) -> list[Span]:
        """Give the hours that begin on a day, before breaks and holidays are taken away."""
        shift = self.shifts.get(day)
        return self.week[weekday(day)] if shift is None else shift

    def works(self, day: int) -> bool:
        """Tell whether a day is a business day: no holiday, with hours of its own that its breaks leave open."""
        if day in self.holidays:
            return False
        return bool(without(self.opens(day), self.breaks.get(day, ())))


def union(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch, and sort them; empty ones vanish.

    Example:
        >>> union([(5, 9), (1, 3), (3, 4), (6, 7)])
        [(1, 4), (5, 9)]
    """
    joined: list[Span] = []
    for a, b in sorted(spans):
        if joined and a <= joined[-1][1]:
            if b > joined[-1][1]:
                joined[-1] = (joined[-1][0], b)
        elif a < b:
            joined.append((a, b))
    return joined


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Take spans away from others.

    Example:
        >>> without([(0, 10), (12, 20)], [(3, 4), (9, 13)])
        [(0, 3), (4, 9), (13, 20)]
    """
    left: list[Span] = []
    cuts = union(taken)
    position = 0
    for start, end in union(spans):
        a = start
        while position < len(cuts) and cuts[position][1] <= a:
            position += 1
        k = position
        while k < len(cuts) and cuts[k][0] < end:
            if a < cuts[k][0]:
                left.append((a, cuts[k][0]))
            a = max(a, cuts[k][1])
            k += 1
        if a < end:
            left.append((a, end))
    return left


def common(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Give what spans have in common with others.

    Example:
        >>> common([(0, 10), (12, 20)], [(3, 4), (9, 13)])
        [(3, 4), (9, 10), (12, 13)]
    """
    kept = union(spans)
    return without(kept, without(kept, others))
