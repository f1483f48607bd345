"""Recurrence: how something comes back, as RFC 5545 rules, on the wall clock of a zone.

"Every Monday at nine" is nine on the wall, winter and summer; where clocks jump over the time, it is an hour later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift

if TYPE_CHECKING:
    from dateutil.rrule import rrule

_PART = re.compile(r"[A-Z-]+=[A-Z0-9,+:-]+(?:;[A-Z-]+=[A-Z0-9,+:-]+)*")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
LIMIT = 10_000
HORIZON = 10


def recurrence(text: object, *, start: datetime, zone: ZoneInfo) -> str:
    """A recurrence in its stored form, checked.

    Args:
        text: an RFC 5545 rule, with or without ``RRULE:``; it has COUNT or UNTIL.
        start: when the first occurrence is.
        zone: on whose wall clock the days and hours are counted.

    Raises:
        InvalidInput: it is no rule, has no end, never happens, or is finer than daily.

    >>> recurrence("freq=weekly;byday=mo;count=3", start=datetime(2026, 3, 2, 1, tzinfo=UTC), zone=ZoneInfo("UTC"))
    'FREQ=WEEKLY;BYDAY=MO;COUNT=3'
    """
    if not isinstance(text, str) or not _PART.fullmatch(rule := text.strip().upper().removeprefix("RRULE:")):
        raise InvalidInput(f"{text!r} is no recurrence: write it as in FREQ=WEEKLY;BYDAY=MO;COUNT=10 (RFC 5545)")
    pairs = [part.split("=", 1) for part in rule.split(";")]
    parts = dict(pairs)
    if len(parts) != len(pairs):
        raise InvalidInput(f"{text!r} says something twice; keep one")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise InvalidInput(f"{text!r}: FREQ is one of {', '.join(_FREQUENCIES)}")
    if "COUNT" not in parts and "UNTIL" not in parts:
        raise InvalidInput(f"{text!r} has no end: add COUNT=10 or UNTIL=20261231")
    if "COUNT" in parts and "UNTIL" in parts:
        raise InvalidInput(f"{text!r} ends twice: keep COUNT or UNTIL")
    if parts.get("INTERVAL") == "0" or parts.get("COUNT") == "0":
        raise InvalidInput(f"{text!r}: INTERVAL and COUNT are at least 1")
    horizon = shift(start.astimezone(zone).replace(tzinfo=None), years=HORIZON)
    soon = _rule(rule, start=start, zone=zone).replace(count=None, until=horizon)
    if next(iter(soon), None) is None or next(occurrences(rule, start=start, zone=zone), None) is None:
        raise InvalidInput(f"{text!r} does not happen within {HORIZON} years from {start.isoformat()} on")
    return rule


def occurrences(rule: str, *, start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When it happens, at most 10,000 times, in UTC.

    Raises:
        InvalidInput: *rule* is malformed.
    """
    for wall in islice(_rule(rule, start=start, zone=zone), LIMIT):
        yield _instant(wall, zone)


def following(rule: str, *, start: datetime, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The first occurrence behind *after*; none when it is over.

    >>> following(
    ...     "FREQ=WEEKLY;COUNT=2",
    ...     start=datetime(2026, 3, 2, 1, tzinfo=UTC),
    ...     after=datetime(2026, 3, 2, 1, tzinfo=UTC),
    ...     zone=ZoneInfo("Asia/Shanghai"),
    ... )
    datetime.datetime(2026, 3, 9, 1, 0, tzinfo=datetime.timezone.utc)
    """
    return next((moment for moment in occurrences(rule, start=start, zone=zone) if moment > after), None)


def _rule(text: str, *, start: datetime, zone: ZoneInfo) -> rrule:
    from dateutil.rrule import rrule, rrulestr  # noqa: PLC0415 - few need it

    wall = start.astimezone(zone).replace(tzinfo=None)
    try:
        made = rrulestr(_with_wall_until(text, zone), dtstart=wall)
    except (ValueError, TypeError, KeyError, OverflowError) as problem:
        raise InvalidInput(f"{text!r} is no recurrence: {problem}; see RFC 5545, section 3.3.10") from None
    assert isinstance(made, rrule)  # noqa: S101 - one rule is no set of rules
    return made


def _with_wall_until(text: str, zone: ZoneInfo) -> str:
    """The rule with UNTIL on the wall clock: RFC 5545 gives it in UTC, or as a day, which is included."""
    found = re.search(r"UNTIL=(\d{8})(?:T(\d{6})(Z?))?", text)
    if found is None:
        return text
    day, time, in_utc = found.groups()
    try:
        wall = datetime.strptime(day + (time or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall clock
    except ValueError:
        raise InvalidInput(f"{text!r}: UNTIL is a day as 20261231, or an instant as 20261231T090000Z") from None
    if in_utc:
        wall = wall.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return text.replace(found.group(0), f"UNTIL={wall:%Y%m%dT%H%M%S}")


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
