"""Two stretches of time are one: what lies in both.

One window holds one length.  What two of them have in common is again one window if one of them begins (or ends) later
whatever the day is; otherwise it is refused, because whoever asked for both means both.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.rules.nodes import Window


def both(one: Window, other: Window) -> Window:
    """What lies in *one* and in *other*.

    Raises:
        DefinitionError: no single window says that.
    """
    since = _outer(one.since, other.since, max)
    until = _outer(one.until, other.until, min)
    if not _is_long(one) or not _is_long(other):
        long = one if _is_long(one) else other
        return attrs.evolve(long, since=since, until=until)
    if one.side != other.side:
        raise _refusal()
    if one.side == "before" and _measured(one) != _measured(other):
        raise _refusal()  # before the last 3 days and 5 hours would be before the shorter of them
    months, days = _calendar(one, other)
    hours, seconds = _clock(one, other)
    return Window(days, hours, months, since, until, one.side, seconds)


def _refusal() -> DefinitionError:
    return DefinitionError(
        "related rows have one stretch of time, and what these two have in common cannot be said in one: ask for the "
        "second of the moment itself, as in F.orders.within(days=400).where(F.placed_at.before_last(days=90))"
    )


def _is_long(window: Window) -> bool:
    """Whether it has a length, so that it moves with the clock."""
    return window.exact is not None or window.in_days


def _measured(window: Window) -> tuple[bool, bool]:
    """Whether its length is given by the clock, and whether by the calendar."""
    return window.exact is not None, window.in_days


def _outer(one: Any, other: Any, choose: Any) -> Any:
    """The later (or earlier) of two moments, of which either may be missing."""
    if one is None or other is None:
        return one if other is None else other
    if isinstance(one, datetime) is not isinstance(other, datetime):
        raise DefinitionError(
            f"one is a day and the other a moment: {one.isoformat()} and {other.isoformat()}; give both as the same"
        )
    chosen: date = choose(one, other)
    return chosen


def _calendar(one: Window, other: Window) -> tuple[int | None, int | None]:
    """Months and days of the shorter stretch; of the longer one, for what lies before it."""
    if not one.in_days or not other.in_days:
        long = one if one.in_days else other
        return long.months, long.days
    first, second = ((w.months or 0, w.days or 0) for w in (one, other))
    if first[0] <= second[0] and first[1] <= second[1]:
        shorter, longer = one, other
    elif first[0] >= second[0] and first[1] >= second[1]:
        shorter, longer = other, one
    else:
        raise _refusal()
    chosen = longer if one.side == "before" else shorter
    return chosen.months, chosen.days


def _clock(one: Window, other: Window) -> tuple[int | None, int | None]:
    """Hours and seconds, likewise."""
    if one.exact is None or other.exact is None:
        long = one if one.exact is not None else other
        return long.hours, long.seconds
    shorter, longer = (one, other) if one.exact <= other.exact else (other, one)
    chosen = longer if one.side == "before" else shorter
    return chosen.hours, chosen.seconds
