"""Recurrence: how something comes back, as RFC 5545 rules of days, read and searched within bounds.

A search goes from year to year and looks at the few days of each that the rule allows.  What a year holds depends only
on the weekday that it begins with and on leap years, so a rule that never happens is recognised in milliseconds.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta, tzinfo
from itertools import groupby, product
from typing import Final, TypeAlias

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.text import shown

Numbers: TypeAlias = tuple[int, ...]
Kind: TypeAlias = tuple[int, bool, bool, bool]

FOREVER: Final = datetime(MAXYEAR, 12, 31, 23, 59, 59)  # noqa: DTZ001 - a wall clock
LONGEST: Final = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
FREQUENCIES: Final = tuple(LONGEST)
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SIGNED: Final = {"BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_PLAIN: Final = {"BYMONTH": (1, 12), "BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSECOND": (0, 59)}
_NUMBER: Final = re.compile(r"[+-]?\d{1,3}")
_DAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


@attrs.frozen(kw_only=True)
class Recurrence:
    """A rule of RFC 5545, section 3.3.10, that is no finer than daily.

    Args:
        frequency: ``DAILY``, ``WEEKLY``, ``MONTHLY`` or ``YEARLY``.
        interval: every how many of these, 1 or more.
        count: how many times at the most, 1 or more.
        until: the last moment, on the wall clock.
        week_start: the first day of a week, 0 for Monday to 6.
        parts: the numbers of each BY part, under its name.
        weekdays: the days of BYDAY: which one (0 for each, -1 for the last), and 0 for Monday to 6.

    >>> last_day = Recurrence.read("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3")
    >>> [f"{wall:%d %b}" for wall in last_day.walls(datetime(2026, 1, 15))]
    ['31 Jan', '28 Feb', '31 Mar']
    """

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0
    parts: dict[str, Numbers] = attrs.field(factory=dict)
    weekdays: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, text: str, *, zone: tzinfo = UTC) -> Recurrence:
        """Read a rule such as ``FREQ=WEEKLY;BYDAY=MO;COUNT=10``.

        Args:
            text: the rule, without ``RRULE:``.
            zone: on whose wall clock an UNTIL in UTC is read.  An UNTIL that is a day includes the day.

        Raises:
            InvalidInput: a part is unknown, there twice, malformed or out of its range.
        """
        pairs = [part.partition("=")[::2] for part in text.split(";")]
        given = dict(pairs)
        if len(given) != len(pairs):
            raise InvalidInput(f"{shown(text)} says something twice; keep one")
        if given.get("FREQ") not in FREQUENCIES:
            raise InvalidInput(f"{shown(text)}: FREQ is one of {', '.join(FREQUENCIES)}")
        unknown = given.keys() - {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_SIGNED, *_PLAIN}
        if unknown:
            raise InvalidInput(f"{shown(text)}: {', '.join(sorted(unknown))} is no part of RFC 5545; leave it out")
        try:
            return cls(
                frequency=given["FREQ"],
                interval=_at_least_one(given.get("INTERVAL", "1")),
                count=_at_least_one(given["COUNT"]) if "COUNT" in given else None,
                until=_until(given["UNTIL"], zone) if "UNTIL" in given else None,
                week_start=_WEEKDAYS.index(given.get("WKST", "MO")),
                parts={name: _numbers(name, given[name]) for name in (*_SIGNED, *_PLAIN) if name in given},
                weekdays=tuple(map(_weekday, given["BYDAY"].split(","))) if "BYDAY" in given else (),
            )
        except ValueError as problem:
            raise InvalidInput(f"{shown(text)} is no recurrence: {problem}; see RFC 5545, section 3.3.10") from None

    def walls(self, start: datetime, *, until: datetime = FOREVER) -> Iterator[datetime]:
        """When it happens, on the wall clock, from *start* on and no later than *until*, in order.

        A part that the rule leaves open is that of *start*: a WEEKLY rule without BYDAY falls on its weekday.

        Args:
            start: the first moment that can be one, a naive wall clock; its microseconds are left out.
            until: the last moment that is looked at.
        """
        start = start.replace(microsecond=0)
        rule, last = self._of(start), min(until, self.until or until)
        times = [time(h, m, s) for h, m, s in product(*(sorted(rule.parts[name]) for name in _CLOCK))]
        if min(map(abs, rule.parts.get("BYSETPOS", (1,)))) > LONGEST[self.frequency] * len(times):
            return
        left = self.count
        for days in rule.periods(start.date(), last.date()):
            for wall in _chosen(days, times, rule.parts.get("BYSETPOS")):
                if wall > last or left == 0:
                    return
                if wall >= start:
                    left = None if left is None else left - 1
                    yield wall

    def happens(self, start: datetime) -> bool:
        """Whether it ever happens from *start* on, leaving out where it ends.

        Every year is then the same as one in the 60 before it, leap years beside turns of centuries included; with an
        interval, all 400 years of the calendar are looked at.

        Example:
            >>> leap_day, never = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
            >>> [Recurrence.read(rule).happens(datetime(2097, 1, 1)) for rule in (leap_day, never)]
            [True, False]
        """
        years = 60 if self.interval == 1 else 400
        last = FOREVER.replace(year=min(start.year + years, MAXYEAR))
        return next(attrs.evolve(self, until=None).walls(start, until=last), None) is not None

    def _of(self, start: datetime) -> Recurrence:
        """The rule with everything said that it takes from its beginning."""
        clock = {"BYHOUR": (start.hour,), "BYMINUTE": (start.minute,), "BYSECOND": (start.second,)}
        rule = attrs.evolve(self, parts=clock | self.parts)
        if self.weekdays or self.parts.keys() & {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}:
            return rule
        if self.frequency == "WEEKLY":
            return attrs.evolve(rule, weekdays=((0, start.weekday()),))
        if self.frequency == "YEARLY":
            rule.parts.setdefault("BYMONTH", (start.month,))
        if self.frequency != "DAILY":
            rule.parts["BYMONTHDAY"] = (start.day,)
        return rule

    def periods(self, start: date, last: date) -> Iterator[list[date]]:
        """The days that the parts allow, for each year, month, week or day that the interval comes to."""
        for index, days in groupby(self._days(start, last), key=self._period(start)):
            if index % self.interval == 0:
                yield list(days)

    def _period(self, start: date) -> Callable[[date], int]:
        """What numbers the years, months, weeks or days, with 0 for the one of *start*."""
        if self.frequency == "YEARLY":
            return lambda day: day.year - start.year
        if self.frequency == "MONTHLY":
            return lambda day: (day.year - start.year) * 12 + day.month - start.month
        if self.frequency == "DAILY":
            return lambda day: day.toordinal() - start.toordinal()
        begin = start.toordinal() - (start.weekday() - self.week_start) % 7
        return lambda day: (day.toordinal() - begin) // 7

    def _days(self, start: date, last: date) -> Iterator[date]:
        """The days that all parts allow, in the years that the periods of *start* and *last* touch."""
        kinds: dict[Kind, Numbers] = {}
        first = max(start.toordinal() - 6, 1)
        for year in range(date.fromordinal(first).year, min(last.year + 1, MAXYEAR) + 1):
            begin = date(year, 1, 1)
            kind = begin.weekday(), isleap(year - 1), isleap(year), isleap(year + 1)
            if kind not in kinds:
                days = (begin + timedelta(days=offset) for offset in range(365 + isleap(year)))
                kinds[kind] = tuple((day - begin).days for day in days if self._allows(day))
            for offset in kinds[kind]:
                yield begin + timedelta(days=offset)

    def _allows(self, day: date) -> bool:
        """Whether all parts allow a day; what is cheap to ask comes first, since most days fail there."""
        parts = self.parts
        if "BYMONTH" in parts and day.month not in parts["BYMONTH"]:
            return False
        if self.weekdays and all(weekday != day.weekday() for _, weekday in self.weekdays):
            return False
        month = monthrange(day.year, day.month)[1]
        if "BYMONTHDAY" in parts and not _counted(parts["BYMONTHDAY"], day.day, month):
            return False
        of_year, year = day.timetuple().tm_yday, 365 + isleap(day.year)
        return (
            ("BYYEARDAY" not in parts or _counted(parts["BYYEARDAY"], of_year, year))
            and ("BYWEEKNO" not in parts or _counted(parts["BYWEEKNO"], *self._week(day)))
            and (not self.weekdays or self._falls_on(day, (day.day, month), (of_year, year)))
        )

    def _week(self, day: date) -> tuple[int, int]:
        """The number of the week, and how many its year has: it belongs to the year that has four of its days."""
        fourth = day.toordinal() - (day.weekday() - self.week_start) % 7 + 3
        middle = date.fromordinal(min(max(fourth, date.min.toordinal()), date.max.toordinal()))
        of_year = middle.timetuple().tm_yday
        number = (of_year - 1) // 7 + 1
        return number, number + (365 + isleap(middle.year) - of_year) // 7

    def _falls_on(self, day: date, of_month: tuple[int, int], of_year: tuple[int, int]) -> bool:
        """Whether it is one of BYDAY, whose numbers count within the month or the year and mean nothing in a week."""
        by_month = self.frequency == "MONTHLY" or "BYMONTH" in self.parts
        place, length = of_month if by_month else of_year
        numbered = self.frequency in {"MONTHLY", "YEARLY"}
        return any(
            weekday == day.weekday()
            and (not numbered or which in {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)})
            for which, weekday in self.weekdays
        )


_CLOCK: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")


def _counted(numbers: Numbers, place: int, length: int) -> bool:
    """Whether a place is among numbers that count from the beginning, or from the end if they are negative."""
    return place in numbers or place - length - 1 in numbers


def _chosen(days: list[date], times: list[time], positions: Numbers | None) -> list[datetime]:
    """The moments of a period, or those in the places that BYSETPOS names."""
    if positions is None:
        return [datetime.combine(day, clock) for day in days for clock in times]
    size = len(days) * len(times)
    places = {place - 1 if place > 0 else size + place for place in positions}
    found = (divmod(place, len(times)) for place in sorted(places) if 0 <= place < size)
    return [datetime.combine(days[day], times[clock]) for day, clock in found]


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or (number := int(text)) < 1:
        raise ValueError("INTERVAL and COUNT are at least 1")
    return number


def _numbers(name: str, text: str) -> Numbers:
    low, high = _PLAIN.get(name, (1, _SIGNED.get(name, 0)))
    found = set()
    for number in text.split(","):
        if not _NUMBER.fullmatch(number) or not low <= (abs(int(number)) if name in _SIGNED else int(number)) <= high:
            also = f" or -{high} to -{low}" if name in _SIGNED else ""
            raise ValueError(f"{name} is {low} to {high}{also}, not {shown(number)}")
        found.add(int(number))
    return tuple(sorted(found))


def _weekday(text: str) -> tuple[int, int]:
    found = _DAY.fullmatch(text)
    if found is None or found[1] in {"0", "00", "+0", "-0"}:
        raise ValueError(f"BYDAY is as in MO, 2TU or -1FR, not {shown(text)}")
    return int(found[1] or 0), _WEEKDAYS.index(found[2])


def _until(text: str, zone: tzinfo) -> datetime:
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise ValueError("UNTIL is a day as 20261231, or an instant as 20261231T090000Z")
    day, clock, in_utc = found.groups()
    try:
        wall = datetime.strptime(day + (clock or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall clock
    except ValueError:
        raise ValueError("UNTIL is a day as 20261231, or an instant as 20261231T090000Z") from None
    try:
        return wall.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if in_utc else wall
    except OverflowError:  # the last hours of the year 9999 are for ever in every zone
        return wall
