"""Recurrence, compared with python-dateutil where that keeps to RFC 5545, and with the examples of the RFC."""

import time
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput
from crmkit.kernel.recurrence import Recurrence

START = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 - a wall clock, a Monday
CENTURY = timedelta(days=36525)


def walls(rule: str, start: datetime = START) -> list[str]:
    return [f"{wall:%Y-%m-%d}" for wall in Recurrence.read(rule).walls(start)]


# ── Against python-dateutil ──


def numbers(low: int, high: int, *, signed: bool = False) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    signs = one | one.map(lambda number: -number) if signed else one
    return st.lists(signs, min_size=1, max_size=3, unique=True).map(lambda found: ",".join(map(str, found)))


WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
plain_days = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True).map(",".join)
# dateutil understands either numbered weekdays or plain ones, and drops the plain ones of a mixture
numbered_days = st.lists(
    st.tuples(st.sampled_from((1, 2, 4, 5, -1, -2)), st.sampled_from(WEEKDAYS)), min_size=1, max_size=3, unique=True
).map(lambda found: ",".join(f"{which}{day}" for which, day in found))


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    optional = {
        "INTERVAL": st.integers(1, 5).map(str),
        "BYMONTH": numbers(1, 12),
        "BYMONTHDAY": numbers(1, 31, signed=True),
        "BYDAY": plain_days | numbered_days if frequency in {"MONTHLY", "YEARLY"} else plain_days,
        "BYHOUR": numbers(0, 23),
        "WKST": st.sampled_from(WEEKDAYS),
    }
    if frequency == "YEARLY":
        optional |= {"BYYEARDAY": numbers(1, 366, signed=True), "BYWEEKNO": numbers(1, 53) | st.just("-1")}
    if frequency != "WEEKLY":  # dateutil's first week begins in its middle
        optional["BYSETPOS"] = numbers(1, 4, signed=True)
    names = draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True))
    return ";".join([f"FREQ={frequency}", *(f"{name}={draw(optional[name])}" for name in names)])


@given(
    rule=rules(),
    start=st.datetimes(datetime(1890, 1, 1), datetime(2110, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
)
def test_it_is_what_dateutil_finds(rule: str, start: datetime) -> None:
    ours = list(islice(Recurrence.read(rule).walls(start, until=start + CENTURY), 30))
    assume(ours)  # dateutil needs seconds for what never happens
    theirs = takewhile(lambda wall: wall <= start + CENTURY, rrulestr(rule, dtstart=start))
    assert ours == list(islice(theirs, len(ours)))


@given(rule=rules(), start=st.datetimes(datetime(9960, 1, 1), datetime(9994, 1, 1)))  # noqa: DTZ001
def test_it_finds_nothing_where_dateutil_finds_nothing(rule: str, start: datetime) -> None:
    """Near the end of the calendar dateutil's search is short."""
    last = datetime(9994, 12, 31)  # noqa: DTZ001
    ours = islice(Recurrence.read(rule).walls(start, until=last), 30)
    theirs = takewhile(lambda wall: wall <= last, rrulestr(rule, dtstart=start))
    assert list(ours) == list(islice(theirs, 30))


# ── What RFC 5545 shows, and what dateutil gets wrong ──


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


def test_numbered_and_plain_weekdays_may_stand_together() -> None:
    """Mondays, and the second Tuesday: RFC 5545 gives both; dateutil finds none."""
    assert walls("FREQ=MONTHLY;COUNT=3;BYDAY=MO,2TU") == ["2026-03-02", "2026-03-09", "2026-03-10"]


def test_the_first_week_has_all_its_days() -> None:
    """BYSETPOS counts within the week, not from the day on which the rule begins."""
    wednesday = START + timedelta(days=2)
    assert walls("FREQ=WEEKLY;COUNT=2;BYDAY=MO,FR;BYSETPOS=1", wednesday) == ["2026-03-09", "2026-03-16"]


def test_the_end_of_the_calendar() -> None:
    late = datetime(9998, 12, 30)  # noqa: DTZ001
    assert walls("FREQ=YEARLY", late) == ["9998-12-30", "9999-12-30"]
    assert len(walls("FREQ=DAILY", late)) == 367
    assert len(walls("FREQ=YEARLY;BYWEEKNO=52,53;BYDAY=WE", late)) == 2
    shanghai = ZoneInfo("Asia/Shanghai")
    assert Recurrence.read("FREQ=DAILY;UNTIL=99991231T235959Z", zone=shanghai).until is not None


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
def test_what_never_happens_is_known_soon(rule: str) -> None:
    begun = time.process_time()
    assert not Recurrence.read(rule).happens(START)
    assert time.process_time() - begun < 1.0


@given(rule=rules(), start=st.datetimes(datetime(1790, 1, 1), datetime(2110, 1, 1)))  # noqa: DTZ001
def test_what_happens_at_all_happens_within_the_years_that_are_looked_at(rule: str, start: datetime) -> None:
    made = Recurrence.read(rule)
    late = next(made.walls(start, until=start.replace(day=1, year=start.year + 400)), None)
    assert late is None or made.happens(start)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=HOURLY", "FREQ is one of"),
        ("FREQ", "FREQ is one of"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;BYEASTER=1", "BYEASTER is no part"),
        ("FREQ=DAILY;INTERVAL=0", "at least 1"),
        ("FREQ=DAILY;COUNT=-1", "at least 1"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH is 1 to 12, not '13'"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY is 1 to 31 or -31 to -1, not '0'"),
        ("FREQ=DAILY;BYSETPOS=367", "BYSETPOS is 1 to 366"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR is 0 to 23"),
        ("FREQ=DAILY;BYDAY=XX", "BYDAY is as in"),
        ("FREQ=DAILY;BYDAY=0MO", "BYDAY is as in"),
        ("FREQ=DAILY;WKST=XX", "no recurrence"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL is a day"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL is a day"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Recurrence.read(rule)


def test_until_is_a_day_or_an_instant() -> None:
    assert walls("FREQ=DAILY;UNTIL=20260303") == ["2026-03-02", "2026-03-03"]
    assert walls("FREQ=DAILY;UNTIL=20260303T085959") == ["2026-03-02"]
    assert Recurrence.read("FREQ=DAILY;UNTIL=20260303T010000Z", zone=ZoneInfo("Asia/Shanghai")).until == datetime(  # noqa: DTZ001
        2026, 3, 3, 9, 0
    )
    assert date(2026, 3, 3) == Recurrence.read("FREQ=DAILY;UNTIL=20260303").until.date()  # type: ignore[union-attr]
