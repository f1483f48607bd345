"""What two schedules have in common, by the wall clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from crmkit.kernel.calendar.schedule import Schedule, Span, common, union
from crmkit.kernel.calendar.week import DAY, WEEK, WEEKDAYS, Intervals, day_of, interval, weekday


def common_hours(one: Schedule, other: Schedule) -> tuple[dict[str, Intervals], dict[date, Intervals]]:
    """Give the weekly hours and the shifts at which both are open, cut at midnight.

    Args:
        one: a schedule.
        other: another one; its times of day count as they are, whatever its zone.
    """
    both = common(_line(one), _line(other))
    week = {WEEKDAYS[day]: intervals for day, intervals in by_day(both).items()}
    shifts = {}
    for day in sorted({day + k for day in one.shifts.keys() | other.shifts.keys() for k in (0, 1)}):
        found = by_day(common(_on(one, day), _on(other, day))).get(0, ())
        if found != week.get(WEEKDAYS[weekday(day)], ()):
            shifts[day_of(day)] = found
    return week, shifts


def all_breaks(one: Schedule, other: Schedule) -> dict[date, Intervals]:
    """Give the breaks of both, joined and cut at midnight."""
    line = [(day * DAY + a, day * DAY + b) for s in (one, other) for day, taken in s.breaks.items() for a, b in taken]
    return {day_of(day): intervals for day, intervals in by_day(line).items()}


def by_day(spans: Iterable[Span]) -> dict[int, Intervals]:
    """Cut spans on a line of days at every midnight, and write them as intervals.

    Example:
        >>> by_day([(22 * DAY // 24, 26 * DAY // 24)])
        {0: (('22:00', '24:00'),), 1: (('00:00', '02:00'),)}
    """
    days: dict[int, Intervals] = defaultdict(tuple)
    for start, end in union(spans):
        for day in range(start // DAY, (end - 1) // DAY + 1):
            midnight = day * DAY
            days[day] += (interval(max(start - midnight, 0), min(end - midnight, DAY)),)
    return dict(days)


def _line(schedule: Schedule) -> list[Span]:
    """The hours of one week, with what last week's Sunday leaves to its Monday."""
    line = [(day * DAY + a, day * DAY + b) for day in range(-1, 7) for a, b in schedule.week[day % 7]]
    return common(line, [(0, WEEK)])


def _on(schedule: Schedule, day: int) -> list[Span]:
    """The hours on one local day, with what the day before leaves to it."""
    line = [(k * DAY + a, k * DAY + b) for k in (-1, 0) for a, b in schedule.opens(day + k)]
    return common(line, [(0, DAY)])
