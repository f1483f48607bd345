"""Recurrence: the examples of RFC 5545, what never happens, and what is no rule."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from crmkit.errors import InvalidInput
from crmkit.kernel.recurrence import read

START = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - a wall clock, a Monday


def walls(rule: str, start: datetime = START, *, zone: str = "UTC") -> list[str]:
    return [f"{wall:%Y-%m-%d}" for wall in read(rule, start=start, years=40, zone=ZoneInfo(zone))]


def test_examples_of_the_rfc() -> None:
    assert walls("FREQ=MONTHLY;COUNT=3;BYDAY=1FR") == ["2026-03-06", "2026-04-03", "2026-05-01"]
    assert walls("FREQ=MONTHLY;COUNT=3;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1") == ["2026-03-31", "2026-04-30", "2026-05-29"]
    assert walls("FREQ=YEARLY;COUNT=2;BYDAY=20MO") == ["2026-05-18", "2027-05-17"]
    assert walls("FREQ=YEARLY;COUNT=2;BYWEEKNO=20;BYDAY=MO") == ["2026-05-11", "2027-05-17"]
    assert walls("FREQ=MONTHLY;COUNT=2;BYDAY=FR;BYMONTHDAY=13") == ["2026-03-13", "2026-11-13"]
    assert walls("FREQ=YEARLY;INTERVAL=4;COUNT=2;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8") == [
        "2026-11-03",
        "2030-11-05",
    ]
    august = datetime(1997, 8, 5, 9, 0)  # noqa: DTZ001
    every_other = "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST="
    assert walls(every_other + "MO", august) == ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]
    assert walls(every_other + "SU", august) == ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]


def test_the_end_of_the_calendar() -> None:
    late = datetime(9998, 12, 30)  # noqa: DTZ001
    assert walls("FREQ=YEARLY", late) == ["9998-12-30", "9999-12-30"]
    assert len(walls("FREQ=DAILY", late)) == 367
    assert len(walls("FREQ=DAILY;UNTIL=99991231T235959Z", late, zone="Asia/Shanghai")) == 367
    with pytest.raises(InvalidInput, match="does not happen"):
        walls("FREQ=DAILY;BYMONTH=2", datetime(9999, 12, 31))  # noqa: DTZ001


# ── Leap days, and what never happens ──


def test_leap_days_and_the_centuries_without_one() -> None:
    leap = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3"
    assert walls(leap) == ["2028-02-29", "2032-02-29", "2036-02-29"]
    assert walls(leap, datetime(1896, 2, 29)) == ["1896-02-29", "1904-02-29", "1908-02-29"]  # noqa: DTZ001
    assert walls(leap, datetime(2096, 3, 1)) == ["2104-02-29", "2108-02-29", "2112-02-29"]  # noqa: DTZ001
    assert walls("FREQ=YEARLY;COUNT=2;BYYEARDAY=366") == ["2028-12-31", "2032-12-31"]
    assert walls("FREQ=DAILY;COUNT=1;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO") == ["2044-02-29"]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
        "FREQ=MONTHLY;BYMONTH=4,6,9,11;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-30",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=6",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=DAILY;BYHOUR=9,10;BYSETPOS=3",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTH=4",
    ],
)
@pytest.mark.parametrize("year", [1894, 2026, 2098])
def test_what_never_happens_is_known_soon(rule: str, year: int) -> None:
    with pytest.raises(InvalidInput, match=f"does not happen within 40 years from {year}-"):
        walls(rule, START.replace(year=year))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=HOURLY", "FREQ is one of"),
        ("FREQ", "FREQ is one of"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "ends twice"),
        ("FREQ=DAILY;BYEASTER=1", "BYEASTER is no part"),
        ("FREQ=DAILY;INTERVAL=0", "at least 1"),
        ("FREQ=DAILY;COUNT=-1", "at least 1"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH are 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-3;BYDAY=1MO", "BYMONTH are 1 to 12"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY are 1 to 31"),
        ("FREQ=DAILY;BYSETPOS=367", "BYSETPOS are 1 to 366"),
        ("FREQ=DAILY;BYHOUR=24", "no recurrence"),
        ("FREQ=DAILY;BYHOUR=", "no recurrence"),
        ("FREQ=DAILY;BYDAY=XX", "no recurrence"),
        ("FREQ=DAILY;BYDAY=0MO", "BYDAY are 1 to 53"),
        ("FREQ=MONTHLY;BYDAY=1MO,6MO", "BYDAY are 1 to 5"),
        ("FREQ=MONTHLY;BYDAY=MO,2TU", "have numbers, or none has"),
        ("FREQ=DAILY;WKST=XX", "no recurrence"),
        ("FREQ=DAILY;WKST=MO RDATE:20260303", "spaces"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL is a day"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL is a day"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        walls(rule)


def test_until_is_a_day_or_an_instant() -> None:
    assert walls("FREQ=DAILY;UNTIL=20260303") == ["2026-03-02", "2026-03-03"]
    assert walls("FREQ=DAILY;UNTIL=20260303T085959") == ["2026-03-02"]
    assert walls("FREQ=DAILY;UNTIL=20260303T010000Z", zone="Asia/Shanghai") == ["2026-03-02", "2026-03-03"]
    assert walls("FREQ=DAILY;UNTIL=20260303T005959Z", zone="Asia/Shanghai") == ["2026-03-02"]
    assert walls("FREQ=DAILY;UNTIL=20260301") == []
