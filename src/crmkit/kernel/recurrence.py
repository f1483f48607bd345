"""Recurrence: rules of days (RFC 5545, section 3.3.10), checked here, and read and expanded by ``dateutil.rrule``."""

from __future__ import annotations

import re
from calendar import isleap, weekday
from datetime import MAXYEAR, UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, cast

from crmkit.errors import InvalidInput
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from dateutil.rrule import rrule

FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_HIGHEST: Final = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366, "BYDAY": 53}
_PARTS: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYHOUR", "BYMINUTE", "BYSECOND", *_HIGHEST}
_UNTIL: Final = re.compile(r"^(\d{8})(?:T(\d{6})(Z?))?$")


def read(text: str, *, start: datetime, years: int, zone: tzinfo = UTC) -> rrule:
    """Read a rule, which then gives its occurrences on the wall clock, in order.

    Args:
        text: the rule, in capitals and without ``RRULE:``.
        start: the first moment that can be an occurrence, a naive wall clock.
        years: within how many years of the calendar it happens for the first time, leaving out where it ends.
        zone: on whose wall clock an UNTIL in UTC is read.  An UNTIL that is a day includes the day.

    Raises:
        InvalidInput: a part is unknown, there twice, malformed or out of its range, or it does not happen.

    >>> last_day = read("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", start=datetime(2026, 1, 15), years=10)
    >>> [f"{wall:%d %b}" for wall in last_day]
    ['31 Jan', '28 Feb', '31 Mar']
    """
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - a few milliseconds, and few need it

    try:
        given = _checked(text)
        until = _until(given.pop("UNTIL"), zone) if "UNTIL" in given else None
        made = cast("rrule", rrulestr(";".join(map("=".join, given.items())), dtstart=start))
    except (ValueError, TypeError) as problem:
        raise InvalidInput(f"{shown(text)} is no recurrence: {problem}; see RFC 5545, section 3.3.10") from None
    if not _happens(made, start, years):
        raise InvalidInput(f"{shown(text)} does not happen within {years} years from {start.isoformat()} on")
    return made.replace(until=until)


def _checked(text: str) -> dict[str, str]:
    """The parts of a rule, without what dateutil takes for something else or never comes back from."""
    pairs = [part.partition("=")[::2] for part in text.split(";")]
    given = {"WKST": "MO", **dict(pairs)}
    if len(dict(pairs)) != len(pairs) or text.split() != [text]:
        raise ValueError("it says something twice, or has spaces")
    if given.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"FREQ is one of {', '.join(FREQUENCIES)}")
    if unknown := given.keys() - _PARTS:
        raise ValueError(f"{', '.join(sorted(unknown))} is no part of RFC 5545")
    if {"COUNT", "UNTIL"} <= given.keys():
        raise ValueError("it ends twice: keep COUNT or UNTIL")
    if min(int(given.get("INTERVAL", 1)), int(given.get("COUNT", 1))) < 1:
        raise ValueError("INTERVAL and COUNT are at least 1")
    by_month = given["FREQ"] == "MONTHLY" or "BYMONTH" in given
    for name, highest in (_HIGHEST | {"BYDAY": 5 if by_month else 53}).items():
        if any(not 1 <= int(number) <= highest for number in re.findall(r"\d+", given.get(name, ""))):
            raise ValueError(f"the numbers of {name} are 1 to {highest}")
    if "-" in given.get("BYMONTH", ""):
        raise ValueError("the numbers of BYMONTH are 1 to 12")
    if len({len(day) > len("MO") for day in given.get("BYDAY", "MO").split(",")}) > 1:
        raise ValueError("the days of BYDAY have numbers, or none has: write two rules")
    return given


def _until(text: str, zone: tzinfo) -> datetime:
    try:
        day, clock, in_utc = _UNTIL.findall(text)[0]
        wall = datetime.strptime(day + (clock or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall clock
        return wall.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if in_utc else wall
    except (IndexError, ValueError):
        raise ValueError("UNTIL is a day as 20261231, or an instant as 20261231T090000Z") from None
    except OverflowError:  # the last hours of the year 9999 are for ever in every zone
        return wall


def _happens(rule: rrule, start: datetime, years: int) -> bool:
    """Whether it happens by the end of so many years.

    dateutil looks for what never happens until the year 9999, whatever UNTIL says, for up to ten seconds.  So it looks
    at the last years of the calendar that have the leap days and weekdays of these, and is at the end soon.
    """
    ahead = range(years + 1)
    late = (
        year
        for year in range(MAXYEAR - years, start.year, -1)
        if all(_kind(year + n) == _kind(start.year + n) for n in ahead)
    )
    begin = start.replace(year=next(late, start.year))
    last = begin.replace(year=min(begin.year + years, MAXYEAR), month=12, day=31)
    return next(iter(rule.replace(dtstart=begin, count=None, until=last)), None) is not None


def _kind(year: int) -> tuple[bool, int]:
    return isleap(year), weekday(year, 1, 1)
