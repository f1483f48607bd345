"""How a calendar prints."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from crmkit.kernel.calendar.week import WEEKDAYS, Intervals, written

NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HEADERS: Final = ("day", "open")


def week_line(hours: Mapping[str, Intervals]) -> str:
    """Sum up a week in one line.

    Example:
        >>> week_line({"mon": (("09:00", "17:00"),), "tue": (("09:00", "17:00"),), "sat": (("10:00", "14:00"),)})
        'mon–tue 09:00–17:00; sat 10:00–14:00'
    """
    if all(hours.get(day) == (("00:00", "24:00"),) for day in WEEKDAYS):
        return "24/7"
    parts = []
    for intervals, days in groupby(WEEKDAYS, lambda day: hours.get(day, ())):
        if intervals:
            same = list(days)
            name = same[0] if len(same) == 1 else f"{same[0]}–{same[-1]}"
            parts.append(f"{name} {' '.join(map(written, intervals))}")
    return "; ".join(parts) or "no weekly hours"


def week_rows(hours: Mapping[str, Intervals]) -> list[tuple[str, str]]:
    """Give the rows of a table of the week.

    Example:
        >>> week_rows({"mon": (("09:00", "12:00"), ("13:00", "18:00"))})[0]
        ('Monday', '09:00–12:00, 13:00–18:00')
    """
    return [
        (name, ", ".join(map(written, hours.get(day, ()))) or "closed")
        for day, name in zip(WEEKDAYS, NAMES, strict=True)
    ]


def line(zone: str, hours: Mapping[str, Intervals], counts: tuple[int, int, int]) -> str:
    """Sum up a calendar in one line.

    Args:
        zone: its time zone.
        hours: its weekly hours.
        counts: how many holidays there are, and how many days with breaks and with shifts.

    Example:
        >>> line("UTC", {"mon": (("09:00", "17:00"),)}, (1, 0, 2))
        'UTC: mon 09:00–17:00; 1 holiday, 2 days with shifts'
    """
    return "; ".join([f"{zone}: {week_line(hours)}", *filter(None, [exceptions(counts)])])


def exceptions(counts: tuple[int, int, int]) -> str:
    """Say how many days differ from the week; nothing when none does.

    Example:
        >>> exceptions((1, 0, 2))
        '1 holiday, 2 days with shifts'
    """
    names = (("holiday", "holidays"), ("day with breaks", "days with breaks"), ("day with shifts", "days with shifts"))
    return ", ".join(
        f"{count:,} {one if count == 1 else many}" for count, (one, many) in zip(counts, names, strict=True) if count
    )
