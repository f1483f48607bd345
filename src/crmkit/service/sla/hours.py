"""Hours: the calendar of a policy, in all versions that have been in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self

import attrs

from crmkit.errors import DefinitionError
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.clock import utc
from crmkit.kernel.text import shown

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
ChangeRule = Literal["pinned", "cumulative", "latest"]
CHANGE_RULES: Final = ("pinned", "cumulative", "latest")


@attrs.frozen
class Hours:
    """Business time under calendars that follow each other.

    Attributes:
        versions: calendars, each with the moment from which it is in force; the first from the beginning of time.
        change: what a new version does to a clock that runs: nothing, the clock keeps the calendar that was in force
            when its cycle began (``"pinned"``); each stretch is measured by the calendar of its time
            (``"cumulative"``, as the dbt package for Zendesk does); or the whole is measured by the calendar in force
            at the end (``"latest"``, as Zendesk does).

    Raises:
        DefinitionError: there is no calendar, or the versions are not in order.

    Example:
        >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
        >>> Hours.of(office).add(datetime(2026, 3, 2, 16, tzinfo=UTC), timedelta(hours=1)).hour
        17
    """

    versions: tuple[tuple[datetime, BusinessCalendar], ...]
    change: ChangeRule = "pinned"
    alone: tuple[Hours, ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        starts = [since for since, _ in self.versions]
        if not starts or starts != sorted(set(starts)):
            raise DefinitionError("the versions of a calendar need different moments from which they are in force")
        if self.change not in CHANGE_RULES:
            raise DefinitionError(f"change is one of {', '.join(map(repr, CHANGE_RULES))}, got {shown(self.change)}")
        several = self.versions if len(self.versions) > 1 else ()
        object.__setattr__(self, "alone", tuple(Hours(((FIRST, calendar),)) for _, calendar in several))

    @classmethod
    def of(
        cls, calendar: BusinessCalendar | Mapping[datetime, BusinessCalendar] | None, *, change: str = "pinned"
    ) -> Self:
        """Make hours of one calendar, or of several by the moment from which each is in force.

        The earliest of several is in force before its moment too.
        """
        versions: Mapping[datetime, Any] = calendar if isinstance(calendar, Mapping) else {FIRST: calendar}
        wrong = [c for c in versions.values() if not isinstance(c, BusinessCalendar)]
        if not versions or wrong:
            raise DefinitionError(
                f"a policy needs a BusinessCalendar, got {shown(wrong[0] if wrong else calendar)}: give calendar=, "
                "BusinessCalendar.always_open() if the clock never stands"
            )
        ordered = sorted((utc(since, what="calendar"), c) for since, c in versions.items())
        first = (FIRST, ordered[0][1])
        return cls((first, *ordered[1:]), change)  # type: ignore[arg-type]

    def from_(self, since: datetime, calendar: BusinessCalendar) -> Self:
        """The same hours with another calendar from *since* on; later versions fall away.

        Example:
            >>> mondays = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> longer = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "21:00")]})
            >>> changed = Hours.of(mondays, change="cumulative").from_(datetime(2026, 3, 9, tzinfo=UTC), longer)
            >>> str(changed.between(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)))
            '20:00:00'
        """
        kept = tuple(v for v in self.versions if v[0] < since)
        return attrs.evolve(self, versions=(*kept, (since, calendar)))

    def at(self, moment: datetime) -> BusinessCalendar:
        """The calendar in force at *moment*."""
        return next(calendar for since, calendar in reversed(self.versions) if since <= moment)

    def for_cycle(self, *, started: datetime, seen: datetime) -> Hours:
        """The hours by which a cycle that began at *started* is measured when it is looked at from *seen*."""
        if len(self.versions) == 1 or self.change == "cumulative":
            return self
        moment = started if self.change == "pinned" else seen
        return next(alone for (since, _), alone in self._newest_first() if since <= moment)

    def _newest_first(self) -> Iterator[tuple[tuple[datetime, BusinessCalendar], Hours]]:
        return zip(reversed(self.versions), reversed(self.alone), strict=True)

    def _pieces(self) -> Iterator[tuple[datetime, datetime, BusinessCalendar]]:
        ends: Sequence[datetime] = [*(since for since, _ in self.versions[1:]), LAST]
        for (since, calendar), end in zip(self.versions, ends, strict=True):
            yield since, end, calendar

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The open time from *start* to *end*; nothing when the end comes first, whatever a calendar says of it.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> sunday, tuesday = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
            >>> str(Hours.of(office).between(sunday, tuesday))
            '8:00:00'
        """
        if end <= start:
            return timedelta(0)
        if len(self.versions) == 1:
            return self.versions[0][1].between(start, end)
        total = timedelta(0)
        for since, until, calendar in self._pieces():
            first, last = max(start, since), min(end, until)
            if first < last:
                total += calendar.between(first, last)
        return total

    def add(self, moment: datetime, duration: timedelta) -> datetime:
        """The moment at which *duration* of open time after *moment* is used up; a negative one leads back."""
        if duration < timedelta(0):
            return self._subtract(moment, -duration)
        if len(self.versions) == 1:
            return self.versions[0][1].add(moment, duration)
        left = duration
        for since, until, calendar in self._pieces():
            first = max(moment, since)
            if first >= until:
                continue
            there = timedelta(0) if until is LAST else calendar.between(first, until)
            if until is LAST or there > left or (there == left and calendar.at_closing == "closing"):
                return calendar.add(first, left)
            left -= there
        raise AssertionError  # the last piece has no end

    def _subtract(self, moment: datetime, duration: timedelta) -> datetime:
        if len(self.versions) == 1:
            return self.versions[0][1].subtract(moment, duration)
        left = duration
        for since, until, calendar in reversed(tuple(self._pieces())):
            last = min(moment, until)
            if last <= since:
                continue
            if since is FIRST or (there := calendar.between(since, last)) >= left:
                return calendar.subtract(last, left)
            left -= there
        raise AssertionError  # the first piece has no beginning

    def add_days(self, moment: datetime, days: int) -> datetime:
        """The moment *days* business days away, by the calendar in force at *moment*.

        Example:
            >>> office = BusinessCalendar(
            ...     timezone="UTC", hours={"mon": [("09:00", "17:00")], "fri": [("09:00", "17:00")]}
            ... )
            >>> print(Hours.of(office).add_days(datetime(2026, 3, 2, 10, tzinfo=UTC), 2))  # Monday, Friday, Monday
            2026-03-09 10:00:00+00:00
        """
        return self.at(moment).add_days(moment, days)

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "change": self.change,
            "versions": [
                {"since": None if since == FIRST else since.isoformat(), "calendar": calendar.to_spec()}
                for since, calendar in self.versions
            ],
        }

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        versions = tuple(
            (
                FIRST if v["since"] is None else datetime.fromisoformat(v["since"]),
                BusinessCalendar.from_spec(v["calendar"]),
            )
            for v in spec["versions"]
        )
        return cls(versions, spec["change"])
