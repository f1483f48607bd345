"""Clocks, instants, and days in a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import Clock, FrozenClock, SystemClock, local_date, shift, start_of_day, utc, zone

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
# Zones that jump over midnight, meet it twice, skipped a day, or lie at the ends of the world.
ZONES = [
    "UTC",
    "Asia/Shanghai",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Toronto",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/St_Johns",
    "Australia/Lord_Howe",
]
days = st.dates(date(1900, 1, 2), date(2100, 1, 1))


def test_the_system_clock_is_aware() -> None:
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert repr(clock) == "SystemClock()"


def test_a_frozen_clock_moves_when_told() -> None:
    clock = FrozenClock(NOW.astimezone(ZoneInfo("Asia/Shanghai")))
    assert clock.now() is clock.now()
    assert clock.now() == NOW
    assert clock.advance(days=3, hours=0.5) == clock.now() == NOW + timedelta(days=3, minutes=30)
    assert clock.set(NOW) == clock.now() == NOW
    assert repr(clock) == "FrozenClock(2026-03-02T01:00:00+00:00)"


def test_a_frozen_clock_refuses_what_is_not_time() -> None:
    with pytest.raises(InvalidInput, match="naive"):
        FrozenClock(NOW.replace(tzinfo=None))
    clock = FrozenClock(NOW)
    with pytest.raises(InvalidInput, match="naive"):
        clock.set(NOW.replace(tzinfo=None))
    with pytest.raises(InvalidInput, match="forward only"):
        clock.advance(days=-1)
    assert clock.now() == NOW


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_utc_keeps_the_instant(value: datetime) -> None:
    try:
        result = utc(value, what="due")
    except InvalidInput as problem:
        assert "outside the years 1 to 9999" in str(problem)  # noqa: PT017 - both outcomes are right
    else:
        assert result == value.astimezone(UTC)
        assert result.tzinfo is UTC


@pytest.mark.parametrize("value", [None, "2026-03-02", date(2026, 3, 2), 0, NOW.replace(tzinfo=None)])
def test_utc_names_the_field(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^due must be an aware datetime, got "):
        utc(value, what="due")


def test_utc_at_the_ends_of_time() -> None:
    with pytest.raises(InvalidInput, match="outside"):
        utc(datetime.min.replace(tzinfo=timezone(timedelta(hours=8))), what="due")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Asia/Shanhai", "did you mean 'Asia/Shanghai'"),
        ("asia/shanghai", "did you mean 'Asia/Shanghai'"),
        ("Europe", "did you mean"),
        ("", "use an IANA name"),
        ("../../etc/passwd", "unknown time zone"),
        ("/etc/localtime", "unknown time zone"),
        ("Europe/Berlin\0", "unknown time zone"),
        ("\ud800", "unknown time zone"),
        ("x" * 5000, "use an IANA name"),
        (None, "use an IANA name"),
        (8, "use an IANA name"),
    ],
)
def test_unknown_zones(name: Any, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint):
        zone(name)


def test_known_zones_are_read_once() -> None:
    assert zone("Asia/Shanghai") is zone("Asia/Shanghai")


def test_the_local_date_depends_on_the_zone() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert local_date(late, zone("UTC")) == date(2026, 3, 1)
    assert local_date(late, zone("Asia/Shanghai")) == date(2026, 3, 2)
    assert local_date(late, zone("America/New_York")) == date(2026, 3, 1)
    with pytest.raises(InvalidInput, match="naive"):
        local_date(late.replace(tzinfo=None), zone("UTC"))


@given(days, st.sampled_from(ZONES))
def test_a_day_begins_where_the_day_before_ends(day: date, name: str) -> None:
    where = zone(name)
    start = start_of_day(day, where)
    assert local_date(start, where) >= day
    assert local_date(start - timedelta(seconds=1), where) < day
    assert start <= start_of_day(day + timedelta(days=1), where)


@pytest.mark.parametrize(
    ("day", "name", "expected"),
    [
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, 0, tzinfo=UTC)),  # 00:00 became 01:00
        (date(1919, 3, 31), "America/Toronto", datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),  # 23:30 became 00:30
        (date(2025, 11, 2), "America/Havana", datetime(2025, 11, 2, 4, 0, tzinfo=UTC)),  # 01:00 became 00:00
        (date(2011, 12, 30), "Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),  # there was no such day
        (date(2011, 12, 31), "Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
    ],
)
def test_days_that_begin_strangely(day: date, name: str, expected: datetime) -> None:
    assert start_of_day(day, zone(name)) == expected


def test_days_before_time_began() -> None:
    with pytest.raises(InvalidInput, match="outside"):
        start_of_day(date.min, zone("Asia/Shanghai"))


def test_shifts_stop_at_the_end_of_a_month() -> None:
    assert shift(date(2026, 3, 31), months=-1) == date(2026, 2, 28)
    assert shift(date(2024, 3, 31), months=-1) == date(2024, 2, 29)
    assert shift(date(2024, 2, 29), years=1) == date(2025, 2, 28)
    assert shift(date(2026, 1, 31), months=1, days=1) == date(2026, 3, 1)
    assert shift(date(2026, 3, 2), weeks=1, days=-1) == date(2026, 3, 8)


def test_a_shifted_datetime_keeps_its_wall_clock() -> None:
    berlin = zone("Europe/Berlin")
    winter = datetime(2026, 3, 20, 9, 0, tzinfo=berlin)
    summer = shift(winter, months=1)
    assert (summer.hour, summer.tzinfo) == (9, berlin)
    assert utc(summer, what="due") - utc(winter, what="due") == timedelta(days=31, hours=-1)


@given(days, st.integers(-1000, 1000))
def test_shifts_of_days_and_months(day: date, count: int) -> None:
    assert shift(day, days=count) == day + timedelta(days=count)
    moved = shift(day, months=count)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == count
    assert moved.day <= day.day


@pytest.mark.parametrize("step", [{"years": 9000}, {"years": -3000}, {"days": 10**9}, {"months": 10**6}])
def test_shifts_out_of_time(step: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="leaves the years 1 to 9999"):
        shift(date(2026, 3, 2), **step)
