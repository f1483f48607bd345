"""The rules of business time and business days, one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar import BusinessCalendar, Period

NINE_TO_FIVE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
HOUR = timedelta(hours=1)


def office(**changes: Any) -> BusinessCalendar:
    return BusinessCalendar(**{"timezone": "UTC", "hours": NINE_TO_FIVE} | changes)


def at(text: str) -> datetime:
    """A moment of March 2026, in which the 2nd is a Monday: ``"02 09:00"``."""
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def test_the_studio_of_the_tour() -> None:
    hours = {day: [("09:00", "12:00"), ("13:00", "18:00")] for day in NINE_TO_FIVE}
    studio = BusinessCalendar(timezone="Asia/Shanghai", hours=hours, holidays={date(2026, 4, 6)})
    opened = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai
    assert studio.add(opened, 2 * HOUR) == datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert studio.add(opened, 8 * HOUR) == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert studio.add(datetime(2026, 4, 3, 9, tzinfo=UTC), 2 * HOUR) == datetime(2026, 4, 7, 2, tzinfo=UTC)


def test_time_used_up_at_closing() -> None:
    assert office().add(at("02 16:00"), HOUR) == at("02 17:00")
    biz = office(at_closing="next_opening")
    assert biz.add(at("02 16:00"), HOUR) == at("03 09:00")
    assert office().subtract(at("03 10:00"), HOUR) == at("03 09:00")
    assert biz.subtract(at("03 10:00"), HOUR) == at("02 17:00")


def test_nothing_and_less_than_nothing() -> None:
    evening, nothing = at("02 20:00"), timedelta(0)
    assert office().add(evening, nothing) == office().subtract(evening, nothing) == evening
    biz = office(zero="next_open")
    assert (biz.add(evening, nothing), biz.subtract(evening, nothing)) == (at("03 09:00"), at("02 17:00"))
    assert (biz.add_days(evening, 0), office().add_days(evening, 0)) == (at("03 09:00"), evening)
    for ask in (office().add, office().subtract):
        with pytest.raises(InvalidInput, match=r'the duration is negative \(1:00:00 back\).*negative="reverse"'):
            ask(at("02 10:00"), -HOUR)
    signed = office(negative="reverse")
    assert signed.add(at("03 09:30"), -HOUR) == at("02 16:30")
    assert signed.subtract(at("02 16:30"), -HOUR) == at("03 09:30")


def test_an_end_before_the_start() -> None:
    start, end = at("04 09:00"), at("02 09:00")
    assert office().between(start, end) == -16 * HOUR
    assert office().count_days(start, end) == -2
    zero, absolute = office(end_before_start="zero"), office(end_before_start="absolute")
    assert (zero.between(start, end), zero.count_days(start, end)) == (timedelta(0), 0)
    assert (absolute.between(start, end), absolute.count_days(start, end)) == (16 * HOUR, 2)
    assert zero.between(end, start) == absolute.between(end, start) == 16 * HOUR


def test_the_last_minute() -> None:
    late = {"mon": [("09:00", "23:59")], "tue": [("00:00", "12:00")]}
    assert office(hours=late).between(at("02 00:00"), at("03 12:00")) == 27 * HOUR - timedelta(minutes=1)
    zammad = office(hours=late, last_minute="midnight")
    assert zammad.between(at("02 00:00"), at("03 12:00")) == 27 * HOUR
    assert zammad.next_close(at("02 10:00")) == at("03 12:00")
    seconds = office(hours={"mon": [("09:00", "23:59:59")]}, last_minute="midnight")
    assert seconds.next_close(at("02 10:00")) == at("03 00:00")


class TestDaysAndNights:
    def test_an_overnight_interval_belongs_to_the_date_on_which_it_begins(self) -> None:
        night = {"mon": [("22:00", "02:00")], "tue": [("22:00", "02:00")]}
        bar = office(hours=night, shifts={date(2026, 3, 3): [("20:00", "21:00")]})
        periods = list(bar.periods(at("02 00:00"), at("06 00:00")))
        assert periods == [Period(at("02 22:00"), at("03 02:00")), Period(at("03 20:00"), at("03 21:00"))]

    def test_a_holiday_is_one_calendar_day(self) -> None:
        night = {"mon": [("22:00", "02:00")]}
        eve = office(hours=night, holidays={date(2026, 3, 3)})
        assert list(eve.periods(at("02 00:00"), at("04 00:00"))) == [Period(at("02 22:00"), at("03 00:00"))]
        day = office(hours=night, holidays={date(2026, 3, 2)})
        assert list(day.periods(at("02 00:00"), at("04 00:00"))) == [Period(at("03 00:00"), at("03 02:00"))]

    def test_a_break_may_run_overnight(self) -> None:
        calendar = BusinessCalendar(
            timezone="UTC", hours={"mon": [("20:00", "06:00")]}, breaks={date(2026, 3, 2): [("23:00", "01:00")]}
        )
        assert calendar.between(at("02 00:00"), at("04 00:00")) == 8 * HOUR
        assert [calendar.on_break(at(t)) for t in ("02 22:59", "02 23:00", "03 00:59", "03 01:00")] == [
            False,
            True,
            True,
            False,
        ]

    def test_holidays_and_breaks_also_cut_shifts(self) -> None:
        saturday, sunday = date(2026, 3, 7), date(2026, 3, 8)
        calendar = office(
            shifts={saturday: [("10:00", "14:00")], sunday: [("10:00", "14:00")]},
            breaks={saturday: [("11:00", "12:00")]},
            holidays={sunday},
        )
        assert calendar.between(at("07 00:00"), at("09 00:00")) == 3 * HOUR
        assert calendar.on_holiday(at("08 11:00"))
        assert [calendar.is_business_day(day) for day in (saturday, sunday)] == [True, False]

    def test_an_empty_shift_closes_a_day(self) -> None:
        calendar = office(shifts={date(2026, 3, 2): []})
        assert calendar.next_open(at("02 10:00")) == at("03 09:00")
        assert not calendar.is_business_day(date(2026, 3, 2))

    def test_a_day_that_breaks_fill_is_no_business_day(self) -> None:
        calendar = office(breaks={date(2026, 3, 3): [("08:00", "13:00"), ("13:00", "18:00")]})
        assert calendar.add_days(date(2026, 3, 2), 1) == date(2026, 3, 4)

    def test_touching_intervals_are_one_period(self) -> None:
        calendar = office(hours={"mon": [("09:00", "12:00"), ("12:00", "24:00")], "tue": [("00:00", "03:00")]})
        assert list(calendar.periods(at("02 00:00"), at("04 00:00"))) == [Period(at("02 09:00"), at("03 03:00"))]
        assert calendar.next_close(at("02 10:00")) == at("03 03:00")


class TestChangesOfTheClock:
    def test_a_whole_day_has_23_or_25_hours(self) -> None:
        elapsed = BusinessCalendar.always_open("Europe/Berlin")
        wall = BusinessCalendar.from_spec(elapsed.to_spec() | {"options": {"dst": "wall"}})
        for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
            start, end = elapsed.at(day, "00:00"), elapsed.at(day, "24:00")
            assert elapsed.between(start, end) == hours * HOUR
            assert wall.between(start, end) == 24 * HOUR
            assert elapsed.add(start, hours * HOUR) == end == wall.add(start, 24 * HOUR)

    def test_a_window_in_the_night_of_the_change(self) -> None:
        hours = {"sun": [("01:00", "04:00")]}
        for dst, expected in (("elapsed", [2, 4]), ("wall", [3, 3])):
            calendar = BusinessCalendar(timezone="Europe/Berlin", hours=hours, dst=dst)  # type: ignore[arg-type]
            days = (date(2026, 3, 29), date(2026, 10, 25))
            assert [
                calendar.between(calendar.at(d, "00:00"), calendar.at(d, "12:00")) // HOUR for d in days
            ] == expected

    def test_times_that_are_skipped_and_times_that_happen_twice(self) -> None:
        calendar = BusinessCalendar.always_open("Europe/Berlin")
        assert calendar.at(date(2026, 3, 29), "02:30") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30
        assert calendar.at(date(2026, 10, 25), time(2, 30)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first

    def test_a_holiday_begins_when_its_first_midnight_was_skipped(self) -> None:
        # On 30 March 1919 the clocks of Toronto went from 23:30 to 00:30.
        day = date(1919, 3, 31)
        calendar = BusinessCalendar(timezone="America/Toronto", hours={"sun": [("00:00", "24:00")]}, holidays={day})
        assert calendar.next_close(datetime(1919, 3, 30, 12, tzinfo=UTC)) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)

    def test_a_day_that_a_zone_left_out_has_no_hours(self) -> None:
        # Samoa went from 29 to 31 December 2011.
        calendar = BusinessCalendar(timezone="Pacific/Apia", hours={"fri": [("09:00", "17:00")]})
        start = calendar.at(date(2011, 12, 23), "17:00")
        assert calendar.next_open(start) == calendar.at(date(2012, 1, 6), "09:00")


class TestBusinessDays:
    def test_dates(self) -> None:
        calendar = office(holidays={date(2026, 3, 3)})
        assert calendar.add_days(date(2026, 3, 2), 1) == date(2026, 3, 4)
        assert calendar.add_days(date(2026, 3, 4), -1) == date(2026, 3, 2)
        assert calendar.add_days(date(2026, 3, 7), 0) == date(2026, 3, 7)
        assert calendar.count_days(date(2026, 3, 2), date(2026, 3, 9)) == 4
        assert calendar.count_days(date(2026, 3, 2), date(2026, 3, 9), include_start=True) == 5
        assert calendar.count_days(at("02 23:00"), date(2026, 3, 9)) == 4

    def test_a_saturday_as_origin(self) -> None:
        saturday = date(2026, 3, 7)
        assert office().add_days(saturday, 1) == date(2026, 3, 9)
        assert office(day_origin="worked").add_days(saturday, 1) == date(2026, 3, 10)
        assert office(day_origin="worked").add_days(saturday, -1) == date(2026, 3, 5)

    @pytest.mark.parametrize(
        ("day_time", "expected"),
        [
            ("snap", ["03 09:00", "03 12:00", "03 17:00", "04 09:00"]),
            ("keep", ["03 07:00", "03 12:00", "03 17:00", "03 20:00"]),
            ("closing", ["03 17:00"] * 4),
        ],
    )
    def test_the_time_of_day_on_the_way_forward(self, day_time: str, expected: list[str]) -> None:
        calendar = office(day_time=day_time)
        starts = ("02 07:00", "02 12:00", "02 17:00", "02 20:00")
        assert [calendar.add_days(at(start), 1) for start in starts] == [at(text) for text in expected]

    def test_the_time_of_day_on_the_way_back(self) -> None:
        starts = ("04 07:00", "04 09:00", "04 12:00", "04 17:00", "04 20:00")
        expected = ["02 17:00", "03 09:00", "03 12:00", "03 17:00", "03 17:00"]
        assert [office().add_days(at(start), -1) for start in starts] == [at(text) for text in expected]

    def test_at_closing_counts_for_days_too(self) -> None:
        assert office(at_closing="next_opening").add_days(at("02 17:00"), 1) == at("04 09:00")

    def test_the_closing_of_a_day_respects_breaks_and_nights(self) -> None:
        day = date(2026, 3, 3)
        early = office(day_time="closing", breaks={day: [("15:00", "18:00")]})
        assert early.add_days(at("02 10:00"), 1) == at("03 15:00")
        night = office(day_time="closing", hours=NINE_TO_FIVE | {"tue": [("22:00", "02:00")]})
        assert night.add_days(at("02 10:00"), 1) == at("04 02:00")

    def test_the_wall_clock_is_kept_when_clocks_change(self) -> None:
        calendar = BusinessCalendar(timezone="Europe/Berlin", hours=NINE_TO_FIVE)
        friday = calendar.at(date(2026, 3, 27), "10:00")
        assert calendar.add_days(friday, 1) == calendar.at(date(2026, 3, 30), "10:00")
        assert calendar.add_days(friday, 1) - friday == timedelta(days=3) - HOUR


def test_an_intersection() -> None:
    one = office(hours={"mon": [("20:00", "04:00")], "wed": [("09:00", "17:00")]}, dst="wall")
    other = BusinessCalendar(
        timezone="Asia/Tokyo",
        hours={"tue": [("02:00", "06:00")], "wed": [("09:00", "12:00")]},
        shifts={date(2026, 3, 3): [("01:00", "03:00")], date(2026, 3, 12): [("01:00", "03:00")]},
        breaks={date(2026, 3, 3): [("23:00", "01:30")]},
        holidays={date(2026, 3, 11)},
    )
    both = one & other
    assert (both.timezone, both.dst) == ("UTC", "wall")
    assert both.hours == {"tue": (("02:00", "04:00"),), "wed": (("09:00", "12:00"),)}
    assert both.shifts == {date(2026, 3, 3): (("01:00", "03:00"),)}
    assert both.breaks == {date(2026, 3, 3): (("23:00", "24:00"),), date(2026, 3, 4): (("00:00", "01:30"),)}
    assert both.holidays == {date(2026, 3, 11)}
    with pytest.raises(ValueError, match="the calendar is never open"):
        office(hours={"mon": [("09:00", "12:00")]}) & office(hours={"mon": [("12:00", "17:00")]})


def test_it_is_exact_to_the_microsecond() -> None:
    tick = timedelta(microseconds=1)
    calendar = office(hours={"mon": [("09:00:00.000001", "09:00:00.000003")]})
    opening = at("02 09:00") + tick
    assert calendar.add(at("01 00:00"), tick) == opening + tick
    assert calendar.add(at("01 00:00"), 3 * tick) == opening + timedelta(days=7) + tick
    assert [calendar.is_open(opening + k * tick) for k in range(-1, 3)] == [False, True, True, False]
