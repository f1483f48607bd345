"""Spans: amounts of business time, signed, as durations, as business days or as a share of a target."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.text import shown
from crmkit.service.sla.hours import Hours

LONGEST = timedelta(days=3660)
MICROSECOND = timedelta(microseconds=1)


@attrs.frozen
class Span:
    """An amount of business time; negative amounts lead back.

    Attributes:
        time: open time by the calendar.
        days: business days, stepped as days (the time of day after them is the calendar's option ``day_time``).

    Example:
        >>> Span.read(timedelta(hours=2)), Span.read({"days": 5})
        (Span(time=datetime.timedelta(seconds=7200), days=0), Span(time=datetime.timedelta(0), days=5))
    """

    time: timedelta = timedelta(0)
    days: int = 0

    @classmethod
    def read(cls, value: Any, *, what: str = "a span") -> Self:
        """Make one of a ``timedelta``, of its JSON form (``{"microseconds": n}`` or ``{"days": n}``) or of itself.

        Raises:
            DefinitionError: it is none of these, or longer than ten years.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, timedelta) and abs(value) <= LONGEST:
            return cls(time=value)
        if isinstance(value, dict) and len(value) == 1:
            (unit, amount), *_ = value.items()
            if type(amount) is int and unit == "days" and abs(amount) <= LONGEST.days:
                return cls(days=amount)
            if type(amount) is int and unit == "microseconds" and abs(amount) <= LONGEST // MICROSECOND:
                return cls(time=amount * MICROSECOND)
        raise DefinitionError(
            f'{what} is a timedelta or {{"days": 5}} (business days), ten years at the most; got {shown(value)}'
        )

    def to_json(self) -> dict[str, int]:
        """The JSON form."""
        return {"days": self.days} if self.days else {"microseconds": self.time // MICROSECOND}

    @property
    def positive(self) -> bool:
        """Whether it is more than nothing."""
        return self.days > 0 or self.time > timedelta(0)

    def after(self, moment: datetime, hours: Hours) -> datetime:
        """The moment to which the span leads from *moment*."""
        if self.days:
            return hours.add_days(moment, self.days)
        return hours.add(moment, self.time)

    def __str__(self) -> str:
        return f"{self.days} business days" if self.days else str(self.time)
