"""What a host may write, what is refused with which words, and how a calendar is stored and printed."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import attrs
import pytest

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.calendar import BusinessCalendar

NINE_TO_FIVE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
DAY = date(2026, 4, 6)


def office(**changes: Any) -> BusinessCalendar:
    return BusinessCalendar(**{"timezone": "Europe/Berlin", "hours": NINE_TO_FIVE} | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timezone": "Europe/Berln"}, "unknown time zone 'Europe/Berln': did you mean 'Europe/Berlin'?"),
        ({"timezone": None}, "unknown time zone None"),
        ({"timezone": ""}, "unknown time zone ''"),
        ({"timezone": "../etc/passwd"}, "unknown time zone"),
        ({"hours": [("09:00", "17:00")]}, "hours must be intervals by weekday"),
        ({"hours": {"monn": [("09:00", "17:00")]}}, "unknown weekday 'monn': did you mean 'mon'?"),
        ({"hours": {0: [("09:00", "17:00")]}}, "unknown weekday 0"),
        ({"hours": {"mon": ("09:00", "17:00")}}, "hours of mon: '09:00' is not what is expected here, pairs of times"),
        ({"hours": {"mon": "09:00-17:00"}}, "hours of mon: '09:00-17:00' is not what is expected here"),
        ({"hours": {"mon": 9}}, "hours of mon: 9 is not what is expected here"),
        ({"hours": {"mon": [("09:00", "12:00", "13:00")]}}, "hours of mon: .* is not what is expected here"),
        ({"hours": {"mon": [("9:00", "17:00")]}}, "'9:00' is not a time of day; write it as \"09:00\""),
        ({"hours": {"mon": [("09:00", "24:30")]}}, "'24:30' is not a time of day"),
        ({"hours": {"mon": [("09:00", "25:00")]}}, "'25:00' is not a time of day"),
        ({"hours": {"mon": [("09:60", "17:00")]}}, "'09:60' is not a time of day"),
        ({"hours": {"mon": [("09:00", "17:00\n")]}}, "is not a time of day"),
        ({"hours": {"mon": [("٠٩:00", "17:00")]}}, "is not a time of day"),
        ({"hours": {"mon": [(9, 17)]}}, "9 is not a time of day"),
        ({"hours": {"mon": [(time(9, tzinfo=UTC), "17:00")]}}, "is not a time of day"),
        ({"hours": {"mon": [("24:00", "06:00")]}}, "nothing can open at 24:00"),
        ({"hours": {"mon": [("09:00", "09:00")]}}, "09:00–09:00 is empty; a whole day is"),
        ({"hours": {"mon": [("09:00", "12:00"), ("11:00", "17:00")]}}, "09:00–12:00 and 11:00–17:00 overlap"),
        ({"hours": {"mon": [("22:00", "02:00"), ("23:00", "24:00")]}}, "22:00–02:00 and 23:00–24:00 overlap"),
        ({"hours": {"mon": [("22:00", "02:00")], "tue": [("01:00", "05:00")]}}, "22:00–02:00 on mon runs into"),
        ({"hours": {"sun": [("22:00", "02:00")], "mon": [("01:00", "05:00")]}}, "22:00–02:00 on sun runs into"),
        ({"hours": {"mon": [("17:00", "09:00")]}, "overnight": "refuse"}, "17:00–09:00 on mon ends before it begins"),
        ({"shifts": {DAY: [("17:00", "09:00")]}, "overnight": "refuse"}, "17:00–09:00 on 2026-04-06 ends before"),
        ({"holidays": DAY}, "holidays must be a set of dates"),
        ({"holidays": {"2026-04-06"}}, "holidays: '2026-04-06' is not a date; write date"),
        ({"holidays": {datetime(2026, 4, 6, tzinfo=UTC)}}, "is a moment, not a calendar day"),
        ({"breaks": {"2026-04-06": [("12:00", "13:00")]}}, "breaks: '2026-04-06' is not a date"),
        ({"breaks": [DAY]}, "breaks must be intervals by date"),
        ({"breaks": {DAY: [("12:00", "13:00"), ("12:30", "14:00")]}}, "breaks of 2026-04-06: .* overlap"),
        ({"shifts": {DAY: [("12:00", "noon")]}}, "shifts of 2026-04-06: 'noon' is not a time of day"),
        ({"hours": {}}, "the calendar is never open"),
        ({"hours": {"mon": []}, "shifts": {DAY: []}}, "the calendar is never open"),
        ({"hours": {}, "shifts": {DAY: [("09:00", "10:00")]}, "holidays": [DAY]}, "the calendar is never open"),
        (
            {"hours": {}, "shifts": {DAY: [("09:00", "10:00")]}, "breaks": {DAY: [("08:00", "11:00")]}},
            "the calendar is never open",
        ),
        ({"at_closing": "next_open"}, "at_closing: unknown option 'next_open': did you mean 'next_opening'?"),
        ({"dst": True}, "dst: unknown option True: use 'elapsed' or 'wall'"),
    ],
)
def test_a_wrong_definition_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        office(**changes)


def test_forms_that_mean_the_same_are_equal() -> None:
    one = office(hours={"tue": [("13:00", "00:00"), ["09:00:00", "12:00:00.000000"]], "mon": []})
    other = office(hours={"tue": ((time(9), time(12)), ("13:00", "24:00"))})
    assert one == other
    assert hash(one) == hash(other)
    assert one.hours == {"tue": (("09:00", "12:00"), ("13:00", "24:00"))}
    assert one != office(hours={"tue": [("09:00", "12:00")]})
    assert one != office(hours=one.hours, dst="wall")
    assert (one == object()) is False


def test_it_is_frozen_and_evolves() -> None:
    calendar = office(breaks={DAY: [("12:00", "13:00")]}, shifts={date(2026, 4, 4): [("10:00", "12:00:30.5")]})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        calendar.dst = "wall"  # type: ignore[misc]
    with pytest.raises(TypeError):
        calendar.hours["sun"] = ()  # type: ignore[index]
    changed = attrs.evolve(calendar, at_closing="next_opening")
    assert changed.shifts == calendar.shifts
    assert attrs.evolve(changed, at_closing="closing") == calendar


@pytest.mark.parametrize(
    "calendar",
    [
        office(),
        BusinessCalendar.always_open("Asia/Shanghai"),
        office(
            holidays={DAY, date(2026, 12, 25)},
            breaks={DAY: [("12:00", "13:00")], date(2026, 1, 2): []},
            shifts={date(2026, 4, 4): [("22:00", "02:00:00.000001")], date(2026, 4, 7): []},
            at_closing="next_opening",
            dst="wall",
            zero="next_open",
            end_before_start="zero",
            negative="reverse",
            last_minute="midnight",
            day_time="closing",
            day_origin="worked",
        ),
    ],
)
def test_round_trips(calendar: BusinessCalendar) -> None:
    assert BusinessCalendar.from_spec(json.loads(json.dumps(calendar.to_spec()))) == calendar
    assert BusinessCalendar.from_spec(calendar.to_spec()).to_spec() == calendar.to_spec()
    calendar.is_open(datetime(2026, 1, 1, tzinfo=UTC))
    for same in (pickle.loads(pickle.dumps(calendar)), copy.deepcopy(calendar)):  # noqa: S301 - our own pickle
        assert same == calendar
        assert hash(same) == hash(calendar)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ([], "a calendar must be an object with timezone, hours"),
        ({"hours": {}}, 'a calendar needs its "timezone"'),
        ({"timezone": "UTC", "hour": {}}, "a calendar: unknown field 'hour': did you mean 'hours'?"),
        ({"timezone": "UTC", 1: {}}, "a calendar: unknown field 1"),
        (
            {"timezone": "UTC", "options": {"dts": "wall"}},
            "the options of a calendar: unknown field 'dts': did you mean 'dst'?",
        ),
        ({"timezone": "UTC", "options": ["wall"]}, "the options of a calendar must be an object"),
        ({"timezone": "UTC", "holidays": "2026-04-06"}, "holidays must be a list of dates"),
        ({"timezone": "UTC", "holidays": ["6.4.2026"]}, "'6.4.2026' is not a date; write \"2026-04-06\""),
        ({"timezone": "UTC", "holidays": [20260406]}, "20260406 is not a date"),
        ({"timezone": "UTC", "breaks": {"monday": []}}, "breaks: 'monday' is not a date"),
        ({"timezone": "UTC", "shifts": ["2026-04-06"]}, "shifts must be intervals by date"),
        ({"timezone": "UTC"}, "the calendar is never open"),
    ],
)
def test_a_wrong_form_is_refused(form: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        BusinessCalendar.from_spec(form)


def test_it_prints() -> None:
    hours = NINE_TO_FIVE | {"fri": [("09:00", "12:00"), ("13:00", "15:30")], "sun": [("22:00", "02:00")]}
    calendar = office(hours=hours, holidays={DAY}, shifts={DAY: [], date(2026, 4, 7): []})
    assert repr(calendar) == (
        "<BusinessCalendar Europe/Berlin: mon–thu 09:00–17:00; fri 09:00–12:00 13:00–15:30; sun 22:00–02:00; "
        "1 holiday, 2 days with shifts>"
    )
    assert str(calendar) == f"{calendar}" == repr(calendar)
    table = format(calendar, "md").splitlines()
    assert table[0] == "| day | open |"
    assert table[6] == "| Friday | 09:00–12:00, 13:00–15:30 |"
    assert table[7] == "| Saturday | closed |"
    assert table[-1] == "Europe/Berlin, 1 holiday, 2 days with shifts"
    assert "<td>09:00–12:00, 13:00–15:30</td>" in calendar._repr_html_()
    assert repr(BusinessCalendar.always_open()) == "<BusinessCalendar UTC: 24/7>"
    assert "no weekly hours" in repr(office(hours={}, shifts={DAY: [("09:00", "10:00")]}))
    with pytest.raises(InvalidInput, match="prints as 'md', not as 'html'"):
        format(calendar, "html")


MOMENT = datetime(2026, 4, 7, 9, tzinfo=UTC)


QUESTIONS: dict[str, Callable[[Any, Any], object]] = {
    "add": lambda c, wrong: c.add(wrong, timedelta(hours=1)),
    "add nothing": lambda c, wrong: c.add(wrong, timedelta(0)),
    "subtract": lambda c, wrong: c.subtract(wrong, timedelta(hours=1)),
    "between start": lambda c, wrong: c.between(wrong, MOMENT),
    "between end": lambda c, wrong: c.between(MOMENT, wrong),
    "is_open": lambda c, wrong: c.is_open(wrong),
    "on_break": lambda c, wrong: c.on_break(wrong),
    "on_holiday": lambda c, wrong: c.on_holiday(wrong),
    "next_open": lambda c, wrong: c.next_open(wrong),
    "next_close": lambda c, wrong: c.next_close(wrong),
    "previous_open": lambda c, wrong: c.previous_open(wrong),
    "periods": lambda c, wrong: c.periods(wrong, MOMENT),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("dst", ["elapsed", "wall"])
def test_a_moment_must_be_an_aware_datetime(question: str, dst: str) -> None:
    for wrong in (datetime(2026, 4, 7, 9), date(2026, 4, 7), "2026-04-07T09:00Z", 0, None):  # noqa: DTZ001
        with pytest.raises(InvalidInput, match="must be an aware datetime"):
            QUESTIONS[question](office(dst=dst), wrong)


def test_wrong_arguments_are_refused() -> None:
    calendar = office()
    for duration in (8, None, "8h"):
        with pytest.raises(InvalidInput, match="a duration must be a timedelta"):
            calendar.add(MOMENT, duration)  # type: ignore[arg-type]
    for days in (1.0, True, "1", None):
        with pytest.raises(InvalidInput, match="days must be a whole number"):
            calendar.add_days(MOMENT, days)  # type: ignore[arg-type]
    for day in ("2026-04-06", None, 5):
        with pytest.raises(InvalidInput, match="a day must be a date or an aware datetime"):
            calendar.count_days(day, DAY)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="is not a date"):
            calendar.at(day, "09:00")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="is a moment, not a calendar day"):
        calendar.at(MOMENT, "09:00")
    with pytest.raises(InvalidInput, match="'9' is not a time of day"):
        calendar.at(DAY, "9")
    with pytest.raises(InvalidInput, match="naive"):
        calendar.add_days(datetime(2026, 4, 7), 1)  # noqa: DTZ001
    with pytest.raises(TypeError):
        calendar & 5


def test_moments_of_any_zone_come_in_and_utc_comes_out() -> None:
    calendar = office()
    for moment in (MOMENT, MOMENT.astimezone(timezone(timedelta(hours=-9, minutes=-30)))):
        for result in (
            calendar.add(moment, timedelta(hours=1)),
            calendar.add(moment, timedelta(0)),
            calendar.subtract(moment, timedelta(hours=1)),
            calendar.next_open(moment),
            calendar.add_days(moment, 1),
        ):
            assert result.tzinfo is UTC


def test_what_is_optional_is_not_imported() -> None:
    code = (
        "import sys; from crmkit.kernel.calendar import BusinessCalendar; BusinessCalendar.always_open('Asia/Tokyo');"
        "print([name for name in ('holidays', 'icalendar') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert found.stdout == "[]\n"
