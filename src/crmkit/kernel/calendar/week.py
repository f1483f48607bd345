"""What a host writes about its hours, read and checked: times, intervals, weeks and dates.

What is read is kept in one canonical form: times as text (``"09:00"``, seconds and microseconds only where there are
some), intervals sorted, weekdays in the order of the week, dates in the order of the calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TypeAlias

from crmkit.errors import DefinitionError
from crmkit.kernel.text import nearest, shown

Interval: TypeAlias = tuple[str, str]
Intervals: TypeAlias = tuple[Interval, ...]

# What a host may write: a list of pairs of times, each "09:00" or a datetime.time.
IntervalsInput: TypeAlias = Iterable[tuple[str | time, str | time] | list[str | time] | list[str]]

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 60 * MINUTE
WEEK: Final = 7 * DAY
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT: Final = "24:00"
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_TIME: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?", re.ASCII)


def day_number(day: date) -> int:
    """Count the days from 1 January 1970 to a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_of(number: int) -> date:
    """Give the date that is so many days after 1 January 1970."""
    return date.fromordinal(number + _EPOCH_ORDINAL)


def weekday(number: int) -> int:
    """Give the weekday of a day number, Monday being 0."""
    return (number + 3) % 7


def time_of_day(text: str) -> int:
    """Give the microseconds from midnight to a time in canonical form.

    Example:
        >>> time_of_day("01:00") == 60 * MINUTE
        True
    """
    hours, minutes, *seconds = text.split(":")
    whole, _, fraction = (seconds[0] if seconds else "0").partition(".")
    return (int(hours) * 60 + int(minutes)) * MINUTE + int(whole) * SECOND + int(fraction.ljust(6, "0") or 0)


def interval(start: int, end: int) -> Interval:
    """Write an interval that ends at midnight at the latest, given in microseconds of its day.

    Example:
        >>> interval(90 * SECOND, DAY)
        ('00:01:30', '24:00')
    """
    return _time(start), _time(end)


def _time(at: int) -> str:
    minutes, rest = divmod(at, MINUTE)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{rest / SECOND:09.6f}".rstrip("0").rstrip(".") if rest else text


def read_time(value: object, *, what: str) -> str:
    """Read a time of day into canonical form.

    Args:
        value: ``"09:00"``, ``"09:00:30"``, ``"09:00:30.5"``, ``"24:00"`` or a naive ``datetime.time``.
        what: where it stands, for the message.

    Raises:
        DefinitionError: it is no time of day.

    Example:
        >>> read_time("09:00:00", what="a time")
        '09:00'
        >>> read_time("9 am", what="an opening on mon")
        Traceback (most recent call last):
        crmkit.errors.DefinitionError: an opening on mon: '9 am' is not a time of day; write it as "09:00" (24 hours)
    """
    text = value.isoformat() if isinstance(value, time) and value.tzinfo is None else value
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None or (found[1] == "24" and found[0].strip("0:.") != "24"):
        raise DefinitionError(f'{what}: {shown(value)} is not a time of day; write it as "09:00" (24 hours)')
    hours, minutes, seconds, fraction = found.groups()
    fraction = (fraction or "").rstrip("0")
    if fraction:
        return f"{hours}:{minutes}:{seconds}.{fraction}"
    return f"{hours}:{minutes}" if seconds in {None, "00"} else f"{hours}:{minutes}:{seconds}"


def span(interval: Interval) -> tuple[int, int]:
    """Give an interval as microseconds from the midnight before it; one that runs overnight ends after 24 hours."""
    start, end = time_of_day(interval[0]), time_of_day(interval[1])
    return start, end if start < end else end + DAY


def overnight(interval: Interval) -> bool:
    """Tell whether an interval ends on the day after."""
    return span(interval)[1] > DAY


def read_intervals(value: object, *, what: str) -> Intervals:
    """Read the intervals of one day, sorted; an end at or before the start means the day after.

    Args:
        value: pairs of times such as ``[("09:00", "12:00"), ("22:00", "02:00")]``.
        what: whose intervals they are, for the message.

    Raises:
        DefinitionError: they are no pairs of times, or empty, or overlap.

    Example:
        >>> read_intervals([("13:00", "18:00"), ("09:00", "12:00")], what="mon")
        (('09:00', '12:00'), ('13:00', '18:00'))
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise _not_intervals(value, what)
    found = sorted((_interval(pair, what) for pair in value), key=span)
    for earlier, later in pairwise(found):
        if span(later)[0] < span(earlier)[1]:
            raise DefinitionError(f"{what}: {written(earlier)} and {written(later)} overlap; make them one interval")
    return tuple(found)


def _interval(pair: object, what: str) -> Interval:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise _not_intervals(pair, what)
    start, end = (read_time(value, what=what) for value in pair)
    if start == MIDNIGHT:
        raise DefinitionError(f'{what}: nothing can open at 24:00; write "00:00" on the day after')
    if start == end:
        raise DefinitionError(f'{what}: {start}–{end} is empty; a whole day is ("00:00", "24:00")')
    return start, MIDNIGHT if end == "00:00" else end


def _not_intervals(value: object, what: str) -> DefinitionError:
    return DefinitionError(
        f'{what}: {shown(value)} is not what is expected here, pairs of times: [("09:00", "12:00"), ("13:00", "18:00")]'
    )


def written(interval: Interval) -> str:
    """Give an interval as people write it.

    Example:
        >>> written(("09:00", "12:00"))
        '09:00–12:00'
    """
    return "–".join(interval)


def read_week(value: Mapping[str, IntervalsInput]) -> Mapping[str, Intervals]:
    """Read the weekly hours; days without any are left out.

    Args:
        value: intervals by weekday, ``mon`` to ``sun``.

    Raises:
        DefinitionError: there is an unknown weekday, a wrong interval, or one that overlaps with the day after.

    Example:
        >>> read_week({"tue": [("22:00", "02:00")], "mon": [("09:00", "17:00")]})
        mappingproxy({'mon': (('09:00', '17:00'),), 'tue': (('22:00', '02:00'),)})
    """
    if not isinstance(value, Mapping):
        raise DefinitionError(
            f'hours must be intervals by weekday, {{"mon": [("09:00", "17:00")]}}, got {shown(value)}'
        )
    for key in value:
        if key not in WEEKDAYS:
            known = nearest(str(key), WEEKDAYS)
            hint = f"did you mean {known!r}?" if known else f"use {', '.join(WEEKDAYS)}"
            raise DefinitionError(f"hours: unknown weekday {shown(key)}: {hint}")
    week = {day: read_intervals(value[day], what=f"hours of {day}") for day in WEEKDAYS if day in value}
    for day, after in zip(WEEKDAYS, WEEKDAYS[1:] + WEEKDAYS[:1], strict=True):
        if week.get(day) and week.get(after) and span(week[day][-1])[1] - DAY > span(week[after][0])[0]:
            last, first = written(week[day][-1]), written(week[after][0])
            raise DefinitionError(f"hours: {last} on {day} runs into {first} on {after}; end it where the next begins")
    return MappingProxyType({day: intervals for day, intervals in week.items() if intervals})


def read_date(value: object, *, what: str) -> date:
    """Check that something is a calendar day.

    Raises:
        DefinitionError: it is no date, or a moment.

    Example:
        >>> read_date("2026-04-06", what="holidays")
        Traceback (most recent call last):
        crmkit.errors.DefinitionError: holidays: '2026-04-06' is not a date; write date(2026, 4, 6)
    """
    if isinstance(value, datetime):
        raise DefinitionError(f"{what}: {value!r} is a moment, not a calendar day; use its .date()")
    if not isinstance(value, date):
        raise DefinitionError(f"{what}: {shown(value)} is not a date; write date(2026, 4, 6)")
    return value


def read_dates(value: Iterable[date]) -> frozenset[date]:
    """Read the holidays.

    Raises:
        DefinitionError: one of them is no date.

    Example:
        >>> read_dates([date(2026, 4, 6)])
        frozenset({datetime.date(2026, 4, 6)})
    """
    if not isinstance(value, Iterable):
        raise DefinitionError(f"holidays must be a set of dates, {{date(2026, 4, 6)}}, got {shown(value)}")
    return frozenset([day if type(day) is date else read_date(day, what="holidays") for day in value])


def read_days(value: Mapping[date, IntervalsInput], *, what: str) -> Mapping[date, Intervals]:
    """Read intervals by date, in the order of the calendar.

    Raises:
        DefinitionError: a key is no date, or an interval is wrong.

    Example:
        >>> read_days({date(2026, 4, 6): [("12:00", "13:00")]}, what="breaks")
        mappingproxy({datetime.date(2026, 4, 6): (('12:00', '13:00'),)})
    """
    if not isinstance(value, Mapping):
        raise DefinitionError(
            f'{what} must be intervals by date, {{date(2026, 4, 6): [("12:00", "13:00")]}}, got {shown(value)}'
        )
    days = sorted(read_date(day, what=what) for day in value)
    return MappingProxyType({day: read_intervals(value[day], what=f"{what} of {day}") for day in days})
