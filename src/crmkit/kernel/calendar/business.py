"""The business calendar: when somebody is there, and how much of that time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta  # noqa: F401 - the examples need UTC
from typing import NamedTuple, overload

from attrs import frozen

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.calendar.definition import Definition
from crmkit.kernel.calendar.edges import microseconds
from crmkit.kernel.calendar.week import DAY, day_number, day_of, read_date, read_time, time_of_day
from crmkit.kernel.clock import utc
from crmkit.kernel.text import shown


class Period(NamedTuple):
    """A stretch of open time; the end no longer belongs to it.

    Example:
        >>> Period(datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)).duration
        datetime.timedelta(seconds=10800)
    """

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """How long it is, in elapsed time."""
        return self.end - self.start


@frozen(kw_only=True, repr=False, eq=False)
class BusinessCalendar(Definition):
    """Opening hours in a time zone, with holidays, breaks and shifts, and the time that passes within them.

    Times are half open: at 09:00 an office with the hours 09:00–17:00 is open, at 17:00 it is closed.  An interval that
    ends at or before its start runs overnight; it belongs to the date on which it begins.  A local time that is skipped
    when clocks go forward counts as much later as they jump, of one that happens twice the first is taken, and an
    interval that becomes empty by this is dropped.  All results are in UTC and exact to the microsecond.

    Other systems answer some questions differently.  The options name these answers; the first is the default.

    Args:
        timezone: the IANA name of the zone in which all times of day are meant.
        hours: intervals by weekday (``mon`` to ``sun``), each a pair of times; ``24:00`` is allowed as an end.
        holidays: local calendar days that are closed from midnight to midnight.
        breaks: intervals by date in which it is closed.
        shifts: intervals by date that replace the weekly hours of that date; an empty list closes it.
        at_closing: where an amount ends that is used up exactly at a closing: at this ``"closing"`` (working_hours,
            businesstimedelta, rickar/cal, Frappe, ERPNext, Chatwoot, osTicket) or at the ``"next_opening"`` (biz,
            Zammad).  Subtracting mirrors it: at an opening, or at the closing before.
        dst: what is measured: ``"elapsed"`` time, so that a whole day has 23 or 25 hours when clocks change (biz,
            Znuny, businesstimedelta), or what the ``"wall"`` clock shows, as naive datetimes do.
        zero: what adding nothing gives: the ``"identity"`` (working_hours, rickar/cal) or the ``"next_open"`` instant
            (biz); subtracting nothing then gives the previous one.
        end_before_start: what :meth:`between` and :meth:`count_days` give for an end before the start: a ``"signed"``
            value (working_hours), ``"zero"`` (biz, GLPI, Znuny) or the ``"absolute"`` one (rickar/cal,
            businesstimedelta).
        negative: whether to ``"refuse"`` a negative duration (Znuny) or to ``"reverse"`` the direction.
        last_minute: whether an end at 23:59 is meant ``"literal"`` or as ``"midnight"`` (Zammad, Chatwoot).
        overnight: whether to ``"allow"`` overnight intervals or to ``"refuse"`` them as mistakes (biz, Frappe, Zammad).
        day_time: the time of day after :meth:`add_days`: wall time that moves on, in the direction of travel, when it
            is closed (``"snap"``, as biz does), wall time in any case (``"keep"``) or the ``"closing"`` of the day
            (GLPI offers these two).
        day_origin: whether counting business days starts at ``"any"`` day (rickar/cal, workalendar) or, from a day that
            is none, first moves to a ``"worked"`` one (working_hours).

    Raises:
        DefinitionError: something is wrongly written, or there is no open time at all.

    Definitions: the disputed rules, and who follows which, are read from sources and test suites of the systems named.

    Example:
        >>> week = {day: [("09:00", "12:00"), ("13:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
        >>> studio = BusinessCalendar(timezone="Asia/Shanghai", hours=week, holidays={date(2026, 4, 6)})
        >>> studio
        <BusinessCalendar Asia/Shanghai: mon–fri 09:00–12:00 13:00–18:00; 1 holiday>
        >>> studio.add(datetime(2026, 3, 2, 1, 0, tzinfo=UTC), timedelta(hours=2))
        datetime.datetime(2026, 3, 2, 3, 0, tzinfo=datetime.timezone.utc)
    """

    # ── Business time ──

    def add(self, moment: datetime, duration: timedelta) -> datetime:
        """Find the moment at which a duration of open time after a moment is used up, in UTC.

        Args:
            moment: an aware datetime.
            duration: open time to pass, zero or more; for less see the option ``negative``.

        Raises:
            InvalidInput: the moment is naive, the duration negative, or not so much open time follows up to year 9999.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.add(datetime(2026, 3, 2, 16, tzinfo=UTC), timedelta(hours=2)).isoformat()
            '2026-03-09T10:00:00+00:00'
        """
        amount = microseconds(duration)
        if amount <= 0:
            return self._nothing_or_reverse(moment, duration, self.subtract, self.next_open)
        clock = self._clock
        past = self.at_closing == "next_opening"
        return clock.moment(clock.forward(clock.point(moment), amount, past_closing=past))

    def subtract(self, moment: datetime, duration: timedelta) -> datetime:
        """Find the moment from which a duration of open time leads to a moment, in UTC.

        Args:
            moment: an aware datetime.
            duration: open time to go back, zero or more; for less see the option ``negative``.

        Raises:
            InvalidInput: the moment is naive, the duration negative, or not so much open time precedes it.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.subtract(datetime(2026, 3, 9, 10, tzinfo=UTC), timedelta(hours=2)).isoformat()
            '2026-03-02T16:00:00+00:00'
        """
        amount = microseconds(duration)
        if amount <= 0:
            return self._nothing_or_reverse(moment, duration, self.add, self.previous_open)
        clock = self._clock
        past = self.at_closing == "next_opening"
        return clock.moment(clock.back(clock.point(moment), amount, past_opening=past))

    def _nothing_or_reverse(
        self,
        moment: datetime,
        duration: timedelta,
        reverse: Callable[[datetime, timedelta], datetime],
        nearest_open: Callable[[datetime], datetime],
    ) -> datetime:
        if not duration:
            return utc(moment, what="a moment") if self.zero == "identity" else nearest_open(moment)
        if self.negative == "refuse":
            raise InvalidInput(
                f"the duration is negative ({-duration} back): use the opposite of add or subtract, "
                'or a calendar with negative="reverse"'
            )
        return reverse(moment, -duration)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Measure the open time between two moments, negative when the end comes first (option ``end_before_start``).

        Args:
            start: an aware datetime.
            end: an aware datetime.

        Raises:
            InvalidInput: one of them is naive.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.between(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, 10, tzinfo=UTC))
            datetime.timedelta(seconds=32400)
        """
        clock = self._clock
        a, b = clock.point(start), clock.point(end)
        if a <= b:
            return timedelta(microseconds=clock.measure(a, b))
        return timedelta(microseconds=self._reversed(clock.measure(b, a)))

    def _reversed(self, amount: int) -> int:
        return {"signed": -amount, "zero": 0, "absolute": amount}[self.end_before_start]

    # ── Opening and closing ──

    def is_open(self, moment: datetime) -> bool:
        """Tell whether it is open at a moment; it is at an opening, and no more at a closing.

        Raises:
            InvalidInput: the moment is naive.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> (
            ...     office.is_open(datetime(2026, 3, 2, 9, tzinfo=UTC)),
            ...     office.is_open(datetime(2026, 3, 2, 17, tzinfo=UTC)),
            ... )
            (True, False)
        """
        return self._edges.contains(self._edges.point(moment))

    def on_holiday(self, moment: datetime) -> bool:
        """Tell whether the local day of a moment is a holiday.

        Raises:
            InvalidInput: the moment is naive.

        Example:
            >>> office = BusinessCalendar(
            ...     timezone="UTC", hours={"mon": [("09:00", "17:00")]}, holidays={date(2026, 3, 2)}
            ... )
            >>> office.on_holiday(datetime(2026, 3, 2, 9, tzinfo=UTC))
            True
        """
        return self._edges.local(moment).date() in self.holidays

    def on_break(self, moment: datetime) -> bool:
        """Tell whether a moment lies in one of the breaks, whatever the hours.

        Raises:
            InvalidInput: the moment is naive.

        Example:
            >>> lunch = {date(2026, 3, 2): [("12:00", "13:00")]}
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]}, breaks=lunch)
            >>> office.on_break(datetime(2026, 3, 2, 12, tzinfo=UTC))
            True
        """
        return self._edges.on_break(moment)

    def next_open(self, moment: datetime) -> datetime:
        """Find the first open instant at or after a moment, in UTC: the moment itself when it is open.

        Raises:
            InvalidInput: the moment is naive, or nothing opens after it.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.next_open(datetime(2026, 3, 2, 17, tzinfo=UTC)).isoformat()
            '2026-03-09T09:00:00+00:00'
        """
        return self._edges.moment(self._edges.opening(self._edges.point(moment)))

    def next_close(self, moment: datetime) -> datetime:
        """Find the first closing after a moment, in UTC.

        Raises:
            InvalidInput: the moment is naive, or it never closes after it.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.next_close(datetime(2026, 3, 2, 8, tzinfo=UTC)).isoformat()
            '2026-03-02T17:00:00+00:00'
        """
        return self._edges.moment(self._edges.closing(self._edges.point(moment)))

    def previous_open(self, moment: datetime) -> datetime:
        """Find the last instant at or before a moment up to which it was open, in UTC: :meth:`next_open` in a mirror.

        That is the moment itself within open time and at a closing, else the closing before it.

        Raises:
            InvalidInput: the moment is naive, or it was never open before.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.previous_open(datetime(2026, 3, 9, 9, tzinfo=UTC)).isoformat()
            '2026-03-02T17:00:00+00:00'
        """
        return self._edges.moment(self._edges.reached(self._edges.point(moment)))

    def periods(self, start: datetime, end: datetime) -> Iterator[Period]:
        """Go through the open periods between two moments, cut off at both.

        From a later to an earlier moment, the last period comes first.  Periods are found as you go, so the end may be
        far away.

        Args:
            start: an aware datetime.
            end: an aware datetime.

        Raises:
            InvalidInput: one of them is naive.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "12:00"), ("13:00", "17:00")]})
            >>> periods = office.periods(datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
            >>> next(periods).start.hour, next(periods).start.hour
            (10, 13)
        """
        edges = self._edges
        a, b = edges.point(start), edges.point(end)
        spans = edges.pieces(a, b) if a <= b else edges.pieces(b, a, backwards=True)
        return (Period(edges.moment(opening), edges.moment(closing)) for opening, closing in spans)

    def at(self, day: date, time: str | time) -> datetime:
        """Find the moment at which a local day has a time of day, in UTC.

        Args:
            day: a calendar day in the zone of the calendar.
            time: such as ``"09:00"``, up to ``"24:00"``, or a naive ``datetime.time``.

        Raises:
            InvalidInput: it is no date, or no time of day.

        Example:
            >>> calendar = BusinessCalendar.always_open("America/Los_Angeles")
            >>> calendar.at(date(2014, 3, 9), "02:30").isoformat()  # clocks went from 02:00 to 03:00
            '2014-03-09T10:30:00+00:00'
        """
        try:
            local = day_number(read_date(day, what="a day")) * DAY + time_of_day(read_time(time, what="a time"))
        except DefinitionError as wrong:
            raise InvalidInput(str(wrong)) from None
        return self._edges.moment(self._edges.resolve(local))

    # ── Business days ──

    def is_business_day(self, day: date) -> bool:
        """Tell whether hours begin on a day that breaks leave open, and it is no holiday.

        Args:
            day: a local date, or an aware datetime whose local date is meant.

        Raises:
            InvalidInput: it is neither.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]})
            >>> office.is_business_day(date(2026, 3, 2)), office.is_business_day(date(2026, 3, 3))
            (True, False)
        """
        return self._schedule.works(self._day(day))

    @overload
    def add_days(self, moment: datetime, days: int) -> datetime: ...
    @overload
    def add_days(self, moment: date, days: int) -> date: ...
    def add_days(self, moment: date, days: int) -> date:
        """Step over business days, forward or back; the day of the moment itself never counts.

        A date gives a date.  A moment keeps its local time of day, or goes where the option ``day_time`` says; with
        ``"snap"`` a time that is closed moves on to open time in the direction of travel.  Zero days give the moment
        itself, or the ``"next_open"`` one if the option ``zero`` says so.

        Args:
            moment: a local date, or an aware datetime.
            days: how many business days, negative to go back.

        Raises:
            InvalidInput: the moment is naive, the number not whole, or there are not so many business days.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours=dict.fromkeys(["mon", "fri"], [("09:00", "17:00")]))
            >>> office.add_days(date(2026, 3, 2), 3)
            datetime.date(2026, 3, 13)
            >>> office.add_days(datetime(2026, 3, 2, 8, tzinfo=UTC), 1).isoformat()
            '2026-03-06T09:00:00+00:00'
        """
        if type(days) is not int:
            raise InvalidInput(f"days must be a whole number, got {shown(days)}")
        if isinstance(moment, datetime) and days == 0:
            return self.add(moment, timedelta(0))
        day = self._days.step(self._day(moment), days, from_worked=self.day_origin == "worked")
        if not isinstance(moment, datetime):
            return day_of(day)
        if self.day_time == "closing":
            last = max(end for _, end in self._schedule.opens(day))
            return self._edges.moment(self._edges.reached(self._edges.resolve(day * DAY + last)))
        clock = self._edges.local(moment)
        found = self.at(day_of(day), clock.time())
        return found if self.day_time == "keep" else self._snapped(found, forward=days > 0)

    def _snapped(self, moment: datetime, *, forward: bool) -> datetime:
        if not forward:
            return moment if self.is_open(moment) else self.previous_open(moment)
        at_closing = self.at_closing == "closing" and self._edges.contains(self._edges.point(moment) - 1)
        return moment if at_closing else self.next_open(moment)

    def count_days(self, start: date, end: date, *, include_start: bool = False) -> int:
        """Count the business days from one day to another, negative when it lies before (option ``end_before_start``).

        The end counts if it is a business day, the start does not: so counting what :meth:`add_days` stepped over gives
        the same number, in both directions.

        Args:
            start: a local date, or an aware datetime whose local date is meant.
            end: the same.
            include_start: whether to count the start as well.

        Raises:
            InvalidInput: one of them is neither.

        Example:
            >>> office = BusinessCalendar(timezone="UTC", hours=dict.fromkeys(["mon", "fri"], [("09:00", "17:00")]))
            >>> office.count_days(date(2026, 3, 2), date(2026, 3, 13))
            3
        """
        first, last = self._day(start), self._day(end)
        found = self._days.count(first, last, include_start=include_start)
        return found if first <= last else self._reversed(-found)

    def _day(self, day: date) -> int:
        if isinstance(day, datetime):
            return day_number(self._edges.local(day).date())
        if not isinstance(day, date):
            raise InvalidInput(f"a day must be a date or an aware datetime, got {shown(day)}")
        return day_number(day)
