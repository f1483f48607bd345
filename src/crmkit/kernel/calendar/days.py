"""Business days: counted with prefix sums over the days that differ from the week."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from itertools import accumulate
from typing import Final

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar.schedule import Schedule
from crmkit.kernel.calendar.week import day_number, weekday

_FIRST: Final = day_number(date.min)
_LAST: Final = day_number(date.max)


class BusinessDays:
    """How many business days there are up to a day, and which one is so many further."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        week = [bool(hours) for hours in schedule.week]
        self._per_week = sum(week)
        self._of_week = [0, *accumulate(week)]
        corrections = [(day, schedule.works(day) - week[weekday(day)]) for day in schedule.special]
        self._special = [day for day, correction in corrections if correction]
        self._correction = [0, *accumulate(correction for _, correction in corrections if correction)]

    def until(self, day: int) -> int:
        """Count business days up to and with a day, from one fixed Monday on (negative before it)."""
        weeks, rest = divmod(day + 3, 7)
        return weeks * self._per_week + self._of_week[rest + 1] + self._correction[bisect_right(self._special, day)]

    def count(self, start: int, end: int, *, include_start: bool) -> int:
        """Count the way from one day to another, negative when it leads back."""
        if start <= end:
            return self.until(end) - self.until(start - include_start)
        return self.until(end - 1) - self.until(start - (not include_start))

    def step(self, day: int, days: int, *, from_worked: bool) -> int:
        """Find the day that is so many business days further, or back."""
        if days == 0:
            return day
        if from_worked and not self._schedule.works(day):
            day = self._walk(day, 1 if days > 0 else -1)
        return self._walk(day, days)

    def _walk(self, day: int, days: int) -> int:
        """Step over business days; the day itself never counts."""
        target = self.until(day) + days if days > 0 else self.until(day - 1) + days + 1
        reach = range(_FIRST, _LAST + 1)
        found = bisect_left(reach, target, key=self.until)
        if found == len(reach) or self.until(_FIRST - 1) >= target:
            raise InvalidInput(f"there are not {abs(days)} business days between that day and the years 1 and 9999")
        return reach[found]
