"""Time: clocks that can be replaced, instants in UTC, and calendar days in a zone.

An instant is an aware ``datetime``, in UTC inside crmkit.  Naive datetimes are refused wherever they come in.  Calendar
words ("today", "the start of the day", "a month later") need a zone or a wall clock and are functions here.

Definitions: zones and their rules are those of the IANA time zone database, read by :mod:`zoneinfo`; month arithmetic
is that of ``dateutil.relativedelta`` (31 March and one month back is 28 or 29 February).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from crmkit.errors import InvalidInput
from crmkit.kernel.text import nearest, shown

Day = TypeVar("Day", bound=date)


class Clock(Protocol):
    """What tells the time: one method, so that a host or a test can bring its own."""

    def now(self) -> datetime:
        """Give the present instant, aware and in UTC."""
        ...


class SystemClock:
    """The clock of the machine.

    Example:
        >>> SystemClock().now().utcoffset()
        datetime.timedelta(0)
    """

    __slots__ = ()

    def now(self) -> datetime:
        """Give the present instant, in UTC."""
        return datetime.now(UTC)

    def __repr__(self) -> str:
        return "SystemClock()"


class FrozenClock:
    """A clock that stands still until it is moved, for tests and demonstrations.

    Args:
        at: where it stands, an aware datetime.

    Raises:
        InvalidInput: ``at`` is naive.

    Example:
        >>> clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
        >>> clock.advance(days=3, hours=2)
        datetime.datetime(2026, 3, 5, 3, 0, tzinfo=datetime.timezone.utc)
    """

    __slots__ = ("_at",)

    def __init__(self, at: datetime) -> None:
        self._at = utc(at, what="the time of a FrozenClock")

    def now(self) -> datetime:
        """Give the instant at which the clock stands, in UTC."""
        return self._at

    def advance(self, **duration: float) -> datetime:
        """Move forward by a duration and give the new instant.

        Args:
            duration: what ``timedelta`` takes: ``weeks``, ``days``, ``hours``, ``minutes``, ``seconds``, ….

        Raises:
            InvalidInput: the duration is negative; :meth:`set` may go back.
        """
        step = timedelta(**duration)
        if step < timedelta(0):
            raise InvalidInput(f"a FrozenClock advances forward only, got {step!r}: use set(...) to go back")
        self._at += step
        return self._at

    def set(self, at: datetime) -> datetime:
        """Move to an instant, which may lie in the past, and give it in UTC.

        Raises:
            InvalidInput: ``at`` is naive.
        """
        self._at = utc(at, what="the time of a FrozenClock")
        return self._at

    def __repr__(self) -> str:
        return f"FrozenClock({self._at.isoformat()})"


def utc(value: datetime, *, what: str) -> datetime:
    """Give the same instant in UTC.

    Args:
        value: an aware datetime in any zone.
        what: the name of the field, for the message.

    Raises:
        InvalidInput: ``value`` is no datetime, is naive, or leaves the years 1 to 9999 in UTC.

    Example:
        >>> utc(datetime(2026, 3, 2, 9, 0, tzinfo=zone("Asia/Shanghai")), what="due")
        datetime.datetime(2026, 3, 2, 1, 0, tzinfo=datetime.timezone.utc)
    """
    if not isinstance(value, datetime):
        raise InvalidInput(f"{what} must be an aware datetime, got {shown(value)} ({type(value).__name__})")
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise InvalidInput(
            f"{what} must be an aware datetime, got the naive {value.isoformat()}: add tzinfo=UTC or a zone"
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{what} lies outside the years 1 to 9999 in UTC: {value.isoformat()}") from None


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Find a time zone by its name in the IANA database.

    Args:
        name: such as ``Asia/Shanghai``, ``Europe/Berlin`` or ``UTC``; upper and lower case count.

    Raises:
        InvalidInput: there is no such zone; the message offers the nearest name.

    Example:
        >>> zone("Asia/Shanghai")
        zoneinfo.ZoneInfo(key='Asia/Shanghai')
        >>> zone("Asia/Shanhai")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: unknown time zone 'Asia/Shanhai': did you mean 'Asia/Shanghai'?
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, TypeError, AttributeError, OSError):
        known = nearest(str(name), available_timezones())
        hint = f"did you mean {known!r}?" if known else "use an IANA name such as 'Asia/Shanghai'"
        raise InvalidInput(f"unknown time zone {shown(name)}: {hint}") from None


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Tell which calendar day an instant is in a zone.

    Raises:
        InvalidInput: ``instant`` is naive.

    Example:
        >>> local_date(datetime(2026, 3, 1, 20, 0, tzinfo=UTC), zone("Asia/Shanghai"))
        datetime.date(2026, 3, 2)
    """
    return utc(instant, what="instant").astimezone(zone).date()


def check_days(*, since: date | None, until: date | None) -> None:
    """Insist on calendar days in order, each of which may be missing.

    Raises:
        InvalidInput: a bound is no plain date, or *until* comes before *since*.

    Example:
        >>> check_days(since=date(2026, 3, 2), until=date(2026, 3, 1))
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: until=2026-03-01 comes before since=2026-03-02: both days are included, so swap them
    """
    for name, day in (("since", since), ("until", until)):
        if day is not None and type(day) is not date:
            raise InvalidInput(f"{name} must be a date such as date(2026, 1, 31), got {day!r}")
    if since is not None and until is not None and until < since:
        raise InvalidInput(f"until={until} comes before since={since}: both days are included, so swap them")


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Give the first instant of a calendar day in a zone, in UTC.

    Where clocks jump over midnight, the day begins when they have jumped; where midnight happens twice, at the first.
    A day that a zone skipped altogether is empty: it begins where the next one does.

    Raises:
        InvalidInput: the instant lies outside the years 1 to 9999 in UTC.

    Example:
        >>> start_of_day(date(2026, 3, 2), zone("Asia/Shanghai"))
        datetime.datetime(2026, 3, 1, 16, 0, tzinfo=datetime.timezone.utc)
    """
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    instant = utc(midnight, what="the start of the day")
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    return _end_of_gap(day, zone, before=midnight.replace(fold=1).astimezone(UTC), after=instant)


def _end_of_gap(day: date, zone: ZoneInfo, *, before: datetime, after: datetime) -> datetime:
    """Find the second in which the local date reaches ``day``, between an instant before it and one not before it."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).date() < day:
            before = middle
        else:
            after = middle
    return after


def shift(value: Day, *, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0) -> Day:
    """Move a date or a datetime along the calendar.

    Years and months come first and stop at the end of a shorter month, then weeks and days.  A datetime keeps its wall
    clock and its zone, so pass it in the zone whose calendar is meant: a month after 09:00 in Berlin it is 09:00 there.

    Args:
        value: a date or datetime.
        years: calendar years, negative for the past; so are the others.
        months: calendar months.
        weeks: weeks of seven days.
        days: calendar days.

    Raises:
        InvalidInput: the result lies outside the years 1 to 9999.

    Example:
        >>> shift(date(2026, 3, 31), months=-1)
        datetime.date(2026, 2, 28)
    """
    from dateutil.relativedelta import relativedelta  # noqa: PLC0415 - a few milliseconds, and few need it

    try:
        return value + relativedelta(years=years, months=months, weeks=weeks, days=days)
    except (OverflowError, ValueError):
        raise InvalidInput(
            f"{value.isoformat()} shifted by {years} years, {months} months and {7 * weeks + days} days "
            "leaves the years 1 to 9999"
        ) from None
