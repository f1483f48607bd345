"""Compilation: far years, shared blocks, many holidays, many threads, and questions that have no answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from crmkit.errors import InvalidInput
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.calendar.edges import BLOCK_DAYS, Edges
from crmkit.kernel.calendar.schedule import Schedule
from crmkit.kernel.calendar.week import day_number, read_week

NINE_TO_FIVE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
HOUR = timedelta(hours=1)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def office(zone: str = "Europe/Berlin") -> BusinessCalendar:
    return BusinessCalendar(timezone=zone, hours=NINE_TO_FIVE)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]
)
def test_far_years_share_blocks_that_are_the_same(zone: str) -> None:
    week = read_week(NINE_TO_FIVE | {"sat": [("22:00", "03:00")], "sun": [("03:00", "05:00")]})
    schedule = Schedule(hours=week, shifts={}, breaks={}, holidays=(), last_minute=False)
    edges = Edges(schedule, ZoneInfo(zone))
    last = day_number(date.max) // BLOCK_DAYS
    first = day_number(date.min) // BLOCK_DAYS
    numbers = [*range(first, -900, 97), *range(500, last + 1, 331), first, first + 1, last - 1, last]
    for number in numbers:
        shared, own = edges.block(number), edges._compile(number)
        assert (shared.starts, shared.ends) == (own.starts, own.ends)
    assert edges.block(last - 773) is edges.block(last)
    assert edges.block(first) is edges.block(first + 773)


def test_the_first_and_the_last_year() -> None:
    calendar = BusinessCalendar(
        timezone="Asia/Shanghai",
        hours=NINE_TO_FIVE,
        holidays={date.min, date.max, date(9999, 12, 30)},
        shifts={date(1, 1, 6): [("00:00", "24:00")], date(9999, 12, 26): [("23:00", "24:00")]},
        breaks={date(9999, 12, 29): [("12:00", "13:00")]},
    )
    assert calendar.next_open(EARLIEST) > EARLIEST
    assert calendar.previous_open(LATEST) == datetime(9999, 12, 29, 9, tzinfo=UTC)
    assert calendar.subtract(LATEST, 8 * HOUR) == datetime(9999, 12, 28, 8, tzinfo=UTC)
    assert not calendar.is_open(EARLIEST)
    assert not calendar.is_open(LATEST)
    assert calendar.on_holiday(datetime(9999, 12, 31, 1, tzinfo=UTC))
    assert calendar.add_days(date(9999, 12, 20), 3) == date(9999, 12, 23)
    assert len(list(calendar.periods(datetime(9999, 12, 25, tzinfo=UTC), LATEST))) == 5


@pytest.mark.slow
def test_all_of_time() -> None:
    whole = office().between(EARLIEST, LATEST)
    assert whole == timedelta(hours=8) * office().count_days(EARLIEST.date(), date.max, include_start=True)
    always = BusinessCalendar.always_open()
    assert always.between(EARLIEST, LATEST) == LATEST - EARLIEST
    assert list(always.periods(EARLIEST, LATEST)) == [(EARLIEST, LATEST)]
    assert always.add(EARLIEST, LATEST - EARLIEST) == LATEST


@pytest.mark.slow
def test_questions_without_an_answer() -> None:
    calendar, now = office(), datetime(2026, 3, 2, tzinfo=UTC)
    for ask in (calendar.add, calendar.subtract):
        for years in (4000, 500_000):
            with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
                ask(now, timedelta(days=365 * years))
    with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
        calendar.next_open(LATEST)
    with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
        calendar.on_holiday(LATEST)
    with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
        office("America/New_York").at(date.max, "24:00")
    for days in (3_000_000, -3_000_000, 10**30):
        with pytest.raises(InvalidInput, match="business days"):
            calendar.add_days(now, days)
    always = BusinessCalendar.always_open("Europe/Berlin")
    with pytest.raises(InvalidInput, match="never closes"):
        always.next_close(now)
    with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
        always.add(datetime(9999, 12, 31, tzinfo=UTC), 24 * HOUR)


def test_only_shifts() -> None:
    fair = [date(2026, 3, 2), date(2026, 3, 3)]
    calendar = BusinessCalendar(timezone="UTC", shifts={day: [("09:00", "17:00")] for day in fair})
    before, after = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert calendar.add(before, 9 * HOUR) == datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert calendar.subtract(after, 9 * HOUR) == datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert calendar.between(EARLIEST, LATEST) == 16 * HOUR
    assert len(list(calendar.periods(LATEST, EARLIEST))) == 2
    too_little = "the calendar has only shifts, and too little open time"
    for ask, moment in ((calendar.add, before), (calendar.subtract, after)):
        with pytest.raises(InvalidInput, match=too_little):
            ask(moment, 17 * HOUR)
    for find, moment in (
        (calendar.next_open, after),
        (calendar.next_close, after),
        (calendar.previous_open, before),
    ):
        with pytest.raises(InvalidInput, match=too_little):
            find(moment)
    assert calendar.add_days(date(2026, 3, 1), 2) == date(2026, 3, 3)
    with pytest.raises(InvalidInput, match="there are not 3 business days"):
        calendar.add_days(date(2026, 3, 1), 3)


@pytest.mark.slow
def test_always_open_with_a_holiday_does_close() -> None:
    week = {day: [("00:00", "24:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    calendar = BusinessCalendar(timezone="Europe/Berlin", hours=week, holidays={date(2126, 1, 1)})
    now = datetime(2026, 3, 2, tzinfo=UTC)
    closing = calendar.next_close(now)
    assert closing == calendar.at(date(2126, 1, 1), "00:00")
    with pytest.raises(InvalidInput, match="never closes"):
        calendar.next_close(closing)
    assert len(list(calendar.periods(now, LATEST))) == 2


@pytest.mark.slow
def test_a_hundred_thousand_holidays() -> None:
    holidays = {date(1900, 1, 1) + timedelta(days=k) for k in range(100_000)}  # up to October 2173
    calendar = BusinessCalendar(timezone="Europe/Berlin", hours=NINE_TO_FIVE, holidays=holidays)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert calendar.add(now, HOUR) == calendar.at(date(2173, 10, 18), "10:00")
    assert calendar.add_days(date(2026, 3, 2), 1) == date(2173, 10, 18)
    assert calendar.between(now, now + timedelta(days=3650)) == timedelta(0)
    assert BusinessCalendar.from_spec(calendar.to_spec()) == calendar


def test_many_threads_get_the_same_answers() -> None:
    starts = [datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=97 * k, minutes=k) for k in range(400)]
    expected = [office().add(start, 40 * HOUR) for start in starts]
    shared = office()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            assert list(pool.map(lambda start: shared.add(start, 40 * HOUR), starts)) == expected


def test_periods_are_found_as_you_go() -> None:
    calendar = office()
    periods = calendar.periods(datetime(2026, 3, 2, tzinfo=UTC), LATEST)
    found = [next(periods) for _ in range(300)]
    assert all(a.end < b.start for a, b in pairwise(found))
    assert len(calendar._edges._blocks) < 10
