"""Where holidays come from: the ``holidays`` library and iCalendar files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.recurrence import read
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from icalendar import vRecur

Event: TypeAlias = Mapping[str, Any]

YEARS: Final = range(2000, 2061)
SINCE: Final = date(YEARS.start, 1, 1)
UNTIL: Final = date(YEARS.stop - 1, 12, 31)
_HORIZON: Final = 40  # a 29 February comes back on the same weekday within these years
_DATES: Final = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
_UNTIL: Final = re.compile(r"(UNTIL=\d{8})T\d{6}Z?")  # a last moment, where all-day events need a last day


def public_holidays(
    country: str, subdivision: str | None, *, years: Iterable[int], categories: Iterable[str] = ("public",)
) -> frozenset[date]:
    """Look up the public holidays of a country in the ``holidays`` library.

    Args:
        country: the ISO 3166 code of the country.
        subdivision: the code of a state or region in it.
        years: the years to look up.
        categories: which kinds of holidays, as the library names them, such as ``public``, ``catholic``, ``bank``.

    Raises:
        DefinitionError: there is no such country, subdivision or category, or the library is not installed.

    Example:
        >>> min(public_holidays("DE", "BY", years=[2026]))
        datetime.date(2026, 1, 1)
    """
    try:
        from holidays import country_holidays  # noqa: PLC0415 - an extra, imported when used
    except ImportError:
        raise DefinitionError(
            "public holidays come from the 'holidays' library: pip install 'crmkit[holidays]'"
        ) from None
    try:
        found = country_holidays(country, subdiv=subdivision, years=list(years), categories=tuple(categories))
    except (NotImplementedError, ValueError, TypeError, AttributeError) as unknown:
        where = shown(country) if subdivision is None else f"{shown(subdivision)} in {shown(country)}"
        raise DefinitionError(
            f"no public holidays are known for {where} ({unknown}); use ISO 3166 codes such as 'DE' and 'BY'"
        ) from None
    return frozenset(found)


def holidays_from_ical(text: str | bytes, *, since: date = SINCE, until: date = UNTIL) -> frozenset[date]:
    r"""Read the all-day events of an iCalendar file as holidays.

    Events that last several days give each of them.  Recurring events are expanded; moved and cancelled occurrences are
    respected.  Events with a time of day are no holidays and left out.

    Args:
        text: the content of an ``.ics`` file, UTF-8 if it is bytes.
        since: the first date that is of interest.
        until: the last date that is of interest.

    Raises:
        DefinitionError: it is no iCalendar text, a recurrence can't be read or does not happen within 40 years, or the
            library is not installed.

    Definitions: RFC 5545, sections 3.6.1 (events; DTEND is exclusive), 3.8.5 (recurrence) and 3.8.4.4 (RECURRENCE-ID),
    read by the ``icalendar`` library (``pip install 'crmkit[ical]'``) and expanded by ``dateutil.rrule``.

    Example:
        >>> event = "DTSTART;VALUE=DATE:20251224\r\nDTEND;VALUE=DATE:20251227\r\nRRULE:FREQ=YEARLY"
        >>> text = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR"
        >>> len(holidays_from_ical(text, until=date(2027, 12, 31)))
        9
    """
    events = [event for event in _events(text) if type(_value(event, "DTSTART")) is date]
    moved = {(str(event.get("UID")), _value(event, "RECURRENCE-ID")) for event in events if "RECURRENCE-ID" in event}
    found: set[date] = set()
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        single, length = "RECURRENCE-ID" in event, _length(event)
        for start in _starts(event, since=_days_before(since, length), until=until):
            if single or (str(event.get("UID")), start) not in moved:
                last = min(start.toordinal() + length - 1, until.toordinal())
                found.update(map(date.fromordinal, range(max(start, since).toordinal(), last + 1)))
    return frozenset(found)


def _events(text: str | bytes) -> list[Event]:
    try:
        from icalendar import Calendar  # noqa: PLC0415 - an extra, imported when used
    except ImportError:
        raise DefinitionError(
            "iCalendar files are read by the 'icalendar' library: pip install 'crmkit[ical]'"
        ) from None
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, TypeError, AttributeError, LookupError) as unreadable:
        raise DefinitionError(f"{shown(text)} is no iCalendar text: {unreadable}; give the content of a file") from None
    if not calendars:
        raise DefinitionError(f"{shown(text)} holds no complete VCALENDAR; give the content of an .ics file")
    events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    for event in events:
        for name, problem in event.errors:
            if name in _DATES:
                raise DefinitionError(f"event {shown(str(event.get('SUMMARY', '')))}: {name} can't be read: {problem}")
    return list(events)


def _value(event: Event, name: str) -> object:
    """The date, moment or duration of a property; a moment that names an occurrence of dates counts as its date."""
    value = getattr(event.get(name), "dt", None)
    return value.date() if name == "RECURRENCE-ID" and isinstance(value, datetime) else value


def _length(event: Event) -> int:
    """Give how many days an event lasts, at least one."""
    start, end, duration = (_value(event, name) for name in ("DTSTART", "DTEND", "DURATION"))
    if isinstance(end, date) and not isinstance(end, datetime) and isinstance(start, date):
        return max((end - start).days, 1)
    return max(duration.days, 1) if isinstance(duration, timedelta) else 1


def _days_before(day: date, days: int) -> date:
    return date.fromordinal(max(day.toordinal() - days, 1))


def _starts(event: Event, *, since: date, until: date) -> set[date]:
    """Give the days in a window on which an event begins."""
    begin = event["DTSTART"].dt
    starts = {begin, *_listed(event, "RDATE")}
    for rule in _all(event.get("RRULE")):
        starts.update(_expanded(rule, begin, since=since, until=until))
    starts.difference_update(_listed(event, "EXDATE"))
    return {start for start in starts if since <= start <= until}


def _all(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _listed(event: Event, name: str) -> Iterator[date]:
    for listed in _all(event.get(name)):
        for entry in listed.dts:
            yield entry.dt.date() if isinstance(entry.dt, datetime) else entry.dt


def _expanded(rule: vRecur, begin: date, *, since: date, until: date) -> Iterator[date]:
    text = str(rule.to_ical(), "utf-8").upper()  # type: ignore[no-untyped-call]
    midnight, first, last = (datetime(day.year, day.month, day.day) for day in (begin, since, until))  # noqa: DTZ001
    try:
        made = read(_UNTIL.sub(r"\1", text), start=midnight, years=_HORIZON)
    except InvalidInput as unreadable:
        raise DefinitionError(f"a recurrence can't be read: {unreadable}") from None
    return (occurrence.date() for occurrence in made.between(first, last, inc=True))
