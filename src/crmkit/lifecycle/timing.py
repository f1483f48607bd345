"""Wall clocks: when it is Tuesday, 9 o'clock, somewhere."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from crmkit.kernel.clock import start_of_day, utc

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def wall_time(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in *zone* show *wall*.

    A time that clocks jump over is as much later as they jump; of a time that comes twice it is the first.

    Example:
        >>> wall_time(datetime(2026, 3, 29, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()
        '2026-03-29T01:30:00+00:00'
    """
    return utc(wall.replace(tzinfo=zone, fold=0), what="a wait")


def next_local(
    instant: datetime, zone: ZoneInfo, *, at: time | None = None, weekdays: Collection[str] = ()
) -> datetime:
    """The first instant, *instant* included, at which it is *at* o'clock on one of *weekdays* in *zone*.

    Args:
        instant: from when.
        zone: whose clocks and days.
        at: the time of day; any, unless given (then a later day begins at midnight).
        weekdays: ``mon`` to ``sun``; every day unless given.

    Example:
        >>> from datetime import UTC
        >>> evening = datetime(2023, 12, 19, 23, 0, tzinfo=UTC)
        >>> next_local(evening, ZoneInfo("America/New_York"), at=time(8)).isoformat()
        '2023-12-20T13:00:00+00:00'
    """
    today = instant.astimezone(zone).date()
    for ahead in range(9):
        day = today + timedelta(days=ahead)
        if weekdays and WEEKDAYS[day.weekday()] not in weekdays:
            continue
        if at is not None:
            candidate = wall_time(datetime.combine(day, at), zone)
        else:
            candidate = instant if ahead == 0 else start_of_day(day, zone)
        if candidate >= instant:
            return candidate
    raise AssertionError(weekdays)  # pragma: no cover - a week has every weekday
