"""Calendars as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from crmkit.errors import DefinitionError
from crmkit.kernel.calendar.week import Intervals
from crmkit.kernel.text import nearest, shown

OPTIONS: Final = (
    "at_closing",
    "dst",
    "zero",
    "end_before_start",
    "negative",
    "last_minute",
    "overnight",
    "day_time",
    "day_origin",
)
FIELDS: Final = ("timezone", "hours", "holidays", "breaks", "shifts", "options")


def intervals_spec(days: Mapping[Any, Intervals]) -> dict[str, list[list[str]]]:
    """Write intervals by weekday or date as JSON.

    Example:
        >>> intervals_spec({date(2026, 4, 6): (("12:00", "13:00"),)})
        {'2026-04-06': [['12:00', '13:00']]}
    """
    return {str(day): [list(interval) for interval in intervals] for day, intervals in days.items()}


def arguments(spec: object) -> dict[str, Any]:
    """Read the JSON form of a calendar into the arguments of its constructor.

    Raises:
        DefinitionError: a field is unknown or missing, or a date is none; the constructor checks the rest.

    Example:
        >>> arguments({"timezone": "UTC", "holidays": ["2026-04-06"], "options": {"dst": "wall"}})
        {'timezone': 'UTC', 'holidays': [datetime.date(2026, 4, 6)], 'dst': 'wall'}
    """
    given = _known(spec, FIELDS, what="a calendar")
    if "timezone" not in given:
        raise DefinitionError('a calendar needs its "timezone", such as "Asia/Shanghai"')
    options = _known(given.pop("options", {}), OPTIONS, what="the options of a calendar")
    if "holidays" in given:
        holidays = given["holidays"]
        if not isinstance(holidays, list | tuple):
            raise DefinitionError(f'holidays must be a list of dates, ["2026-04-06"], got {shown(holidays)}')
        given["holidays"] = [_date(day, what="holidays") for day in holidays]
    for name in ("breaks", "shifts"):
        if isinstance(given.get(name), Mapping):
            given[name] = {_date(day, what=name): intervals for day, intervals in given[name].items()}
    return given | options


def _known(value: object, names: tuple[str, ...], *, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{what} must be an object with {', '.join(names)}, got {shown(value)}")
    for name in value:
        if name not in names:
            known = nearest(name, names) if isinstance(name, str) else None
            hint = f"did you mean {known!r}?" if known else f"use {', '.join(names)}"
            raise DefinitionError(f"{what}: unknown field {shown(name)}: {hint}")
    return dict(value)


def _date(value: object, *, what: str) -> date:
    try:
        return date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise DefinitionError(f'{what}: {shown(value)} is not a date; write "2026-04-06"') from None
