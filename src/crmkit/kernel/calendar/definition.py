"""What a calendar says: its fields and options, checked, compiled when needed, printed and stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, Self

from attrs import Attribute, evolve, field, frozen

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.calendar import prints, sources, spec
from crmkit.kernel.calendar.days import BusinessDays
from crmkit.kernel.calendar.edges import Edges, WallEdges
from crmkit.kernel.calendar.overlap import all_breaks, common_hours
from crmkit.kernel.calendar.schedule import Schedule
from crmkit.kernel.calendar.week import (
    WEEKDAYS,
    Intervals,
    IntervalsInput,
    overnight,
    read_dates,
    read_days,
    read_week,
    written,
)
from crmkit.kernel.clock import zone
from crmkit.kernel.render import escape_md, table_html, table_md
from crmkit.kernel.text import nearest, shown

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


def _one_of(*allowed: str) -> Any:
    def check(_: object, attribute: Attribute[str], value: object) -> None:
        if value not in allowed:
            known = nearest(value, allowed) if isinstance(value, str) else None
            hint = f"did you mean {known!r}?" if known else f"use {' or '.join(map(repr, allowed))}"
            raise DefinitionError(f"{attribute.name}: unknown option {shown(value)}: {hint}")

    return field(default=allowed[0], validator=check)


def _breaks(value: Mapping[date, IntervalsInput]) -> Mapping[date, Intervals]:
    return MappingProxyType({day: taken for day, taken in read_days(value, what="breaks").items() if taken})


def _shifts(value: Mapping[date, IntervalsInput]) -> Mapping[date, Intervals]:
    return read_days(value, what="shifts")


@frozen(kw_only=True, repr=False)
class Definition:
    """What a calendar says; :class:`~crmkit.kernel.calendar.BusinessCalendar` describes it and answers questions.

    Example:
        >>> Definition(timezone="UTC", hours={"mon": [("09:00", "17:00")]}).hours["mon"]
        (('09:00', '17:00'),)
    """

    timezone: str
    hours: Mapping[str, Intervals] = field(default=NOTHING, converter=read_week)
    holidays: frozenset[date] = field(default=frozenset(), converter=read_dates)
    breaks: Mapping[date, Intervals] = field(default=NOTHING, converter=_breaks)
    shifts: Mapping[date, Intervals] = field(default=NOTHING, converter=_shifts)
    at_closing: Literal["closing", "next_opening"] = _one_of("closing", "next_opening")
    dst: Literal["elapsed", "wall"] = _one_of("elapsed", "wall")
    zero: Literal["identity", "next_open"] = _one_of("identity", "next_open")
    end_before_start: Literal["signed", "zero", "absolute"] = _one_of("signed", "zero", "absolute")
    negative: Literal["refuse", "reverse"] = _one_of("refuse", "reverse")
    last_minute: Literal["literal", "midnight"] = _one_of("literal", "midnight")
    overnight: Literal["allow", "refuse"] = _one_of("allow", "refuse")
    day_time: Literal["snap", "keep", "closing"] = _one_of("snap", "keep", "closing")
    day_origin: Literal["any", "worked"] = _one_of("any", "worked")

    def __attrs_post_init__(self) -> None:
        try:
            zone(self.timezone)
        except InvalidInput as unknown:
            raise DefinitionError(str(unknown)) from None
        if self.overnight == "refuse":
            self._refuse_overnight()
        if not self.hours and (not self.shifts or next(self._edges.every(), None) is None):
            raise DefinitionError(
                "the calendar is never open; give hours or shifts that holidays and breaks leave open, "
                "or use BusinessCalendar.always_open()"
            )

    def _refuse_overnight(self) -> None:
        by_day: list[tuple[object, Intervals]] = [*self.hours.items(), *self.shifts.items(), *self.breaks.items()]
        for day, intervals in by_day:
            for interval in intervals:
                if overnight(interval):
                    raise DefinitionError(
                        f'{written(interval)} on {day} ends before it begins; with overnight="refuse" '
                        "write two intervals, up to 24:00 and from 00:00 on the day after"
                    )

    @cached_property
    def _schedule(self) -> Schedule:
        return Schedule(
            hours=self.hours,
            shifts=self.shifts,
            breaks=self.breaks,
            holidays=self.holidays,
            last_minute=self.last_minute == "midnight",
        )

    @cached_property
    def _edges(self) -> Edges:
        return Edges(self._schedule, zone(self.timezone))

    @cached_property
    def _clock(self) -> Edges:
        """The line on which durations are measured."""
        return self._edges if self.dst == "elapsed" else WallEdges(self._schedule, zone(self.timezone))

    @cached_property
    def _days(self) -> BusinessDays:
        return BusinessDays(self._schedule)

    # ── Other ways to make one ──

    @classmethod
    def always_open(cls, timezone: str = "UTC") -> Self:
        """Make the calendar that is open around the clock.

        Args:
            timezone: the zone, which matters for business days.

        Raises:
            DefinitionError: there is no such zone.

        Example:
            >>> Definition.always_open()
            <Definition UTC: 24/7>
        """
        return cls(timezone=timezone, hours={day: [("00:00", "24:00")] for day in WEEKDAYS})

    def with_public_holidays(
        self,
        country: str,
        *,
        subdivision: str | None = None,
        years: Iterable[int] = sources.YEARS,
        categories: Iterable[str] = ("public",),
    ) -> Self:
        """Give the same calendar with the public holidays of a country added.

        They are looked up once, so a calendar that is stored or sent elsewhere means the same days everywhere.

        Args:
            country: the ISO 3166 code of the country, such as ``DE``.
            subdivision: the code of a state or region in it, such as ``BY``.
            years: the years to add, 2000 to 2060 unless told otherwise.
            categories: which kinds of holidays, as the library names them, such as ``public``, ``catholic``, ``bank``.

        Raises:
            DefinitionError: the ``holidays`` library knows no such country, subdivision or category, or is not there.

        Definitions: those of the ``holidays`` library (``pip install 'crmkit[holidays]'``), observed days included.

        Example:
            >>> office = Definition(timezone="Europe/Berlin", hours={"mon": [("09:00", "17:00")]})
            >>> office.with_public_holidays("DE", subdivision="BY", years=[2026])
            <Definition Europe/Berlin: mon 09:00–17:00; 12 holidays>
        """
        found = sources.public_holidays(country, subdivision, years=years, categories=categories)
        return evolve(self, holidays=self.holidays | found)

    def __and__(self, other: object) -> Self:
        """Give the time at which both are open by the wall clock, in the zone and with the options of the first.

        Raises:
            DefinitionError: they have no time in common.

        Example:
            >>> early = Definition(timezone="UTC", hours={"mon": [("06:00", "14:00")]})
            >>> early & Definition(timezone="UTC", hours={"mon": [("12:00", "20:00")]})
            <Definition UTC: mon 12:00–14:00>
        """
        if not isinstance(other, Definition):
            return NotImplemented
        hours, shifts = common_hours(self._schedule, other._schedule)
        breaks = all_breaks(self._schedule, other._schedule)
        return evolve(self, hours=hours, shifts=shifts, breaks=breaks, holidays=self.holidays | other.holidays)

    # ── Store and print ──

    @classmethod
    def from_spec(cls, value: Mapping[str, Any]) -> Self:
        """Make a calendar from its JSON form.

        Args:
            value: what :meth:`to_spec` gives; only ``timezone`` and some open time are needed.

        Raises:
            DefinitionError: the form is wrong; the message names the field and the value.

        Example:
            >>> Definition.from_spec({"timezone": "UTC", "hours": {"sat": [["10:00", "14:00"]]}})
            <Definition UTC: sat 10:00–14:00>
        """
        return cls(**spec.arguments(value))

    def to_spec(self) -> dict[str, Any]:
        """Give the calendar as JSON, complete: also options that are the default are written down.

        Example:
            >>> Definition(timezone="UTC", hours={"sat": [("10:00", "14:00")]}).to_spec()["hours"]
            {'sat': [['10:00', '14:00']]}
        """
        return {
            "timezone": self.timezone,
            "hours": spec.intervals_spec(self.hours),
            "holidays": [day.isoformat() for day in sorted(self.holidays)],
            "breaks": spec.intervals_spec(self.breaks),
            "shifts": spec.intervals_spec(self.shifts),
            "options": {name: getattr(self, name) for name in spec.OPTIONS},
        }

    def __hash__(self) -> int:
        days = tuple(self.hours.items()), tuple(self.breaks.items()), tuple(self.shifts.items())
        return hash((self.timezone, self.holidays, days, *(getattr(self, name) for name in spec.OPTIONS)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_spec, (self.to_spec(),)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._line()}>"

    def _line(self) -> str:
        return prints.line(self.timezone, self.hours, self._counts())

    def _counts(self) -> tuple[int, int, int]:
        return len(self.holidays), len(self.breaks), len(self.shifts)

    def __format__(self, form: str) -> str:
        if form == "md":
            below = ", ".join([self.timezone, *filter(None, [prints.exceptions(self._counts())])])
            return f"{table_md(prints.HEADERS, prints.week_rows(self.hours))}\n\n{escape_md(below)}"
        if form:
            raise InvalidInput(f"a calendar prints as 'md', not as {shown(form)}")
        return repr(self)

    def _repr_html_(self) -> str:
        return table_html(prints.HEADERS, prints.week_rows(self.hours), caption=self._line())
