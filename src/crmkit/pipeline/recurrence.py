"""Recurrence: how something comes back, as RFC 5545 rules, on the wall clock of a zone.

"Every Monday at nine" is nine on the wall, winter and summer; where clocks jump over the time, it is an hour later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from crmkit.errors import InvalidInput
from crmkit.kernel.recurrence import read

_PART = re.compile(r"[A-Z-]+=[A-Z0-9,+:-]+(?:;[A-Z-]+=[A-Z0-9,+:-]+)*")
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
    if "COUNT=" not in rule and "UNTIL=" not in rule:
        raise InvalidInput(f"{text!r} has no end: add COUNT=10 or UNTIL=20261231")
    if next(occurrences(rule, start=start, zone=zone), None) is None:
        raise InvalidInput(f"{text!r} does not happen: it ends before its first time")
    return rule


def occurrences(rule: str, *, start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When it happens, at most 10,000 times, in UTC.

    Raises:
        InvalidInput: *rule* is malformed, or does not happen within 10 years.
    """
    wall = start.astimezone(zone).replace(tzinfo=None)
    for occurrence in islice(read(rule, start=wall, years=HORIZON, zone=zone), LIMIT):
        yield occurrence.replace(tzinfo=zone).astimezone(UTC)


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
