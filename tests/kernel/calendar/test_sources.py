"""Holidays from the holidays library and from iCalendar files."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from crmkit.errors import DefinitionError
from crmkit.kernel.calendar import BusinessCalendar, holidays_from_ical

OFFICE = BusinessCalendar(timezone="Europe/Berlin", hours={"mon": [("09:00", "17:00")]}, holidays={date(2026, 3, 9)})


def ical(*events: str) -> str:
    lines = [line for event in events for line in ("BEGIN:VEVENT", *event.split(), "END:VEVENT")]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""])


def days(*events: str, since: date = date(2025, 1, 1), until: date = date(2027, 12, 31)) -> list[str]:
    return [day.isoformat() for day in sorted(holidays_from_ical(ical(*events), since=since, until=until))]


def test_public_holidays_are_added() -> None:
    bavaria = OFFICE.with_public_holidays("DE", subdivision="BY", years=[2026])
    assert {date(2026, 1, 6), date(2026, 3, 9), date(2026, 12, 26)} <= bavaria.holidays
    assert len(bavaria.holidays) == 13
    catholic = OFFICE.with_public_holidays("DE", subdivision="BY", years=[2026], categories=["public", "catholic"])
    assert catholic.holidays - bavaria.holidays == {date(2026, 8, 15)}
    usual = OFFICE.with_public_holidays("DE").holidays
    assert {date(2000, 1, 1), date(2060, 12, 25)} <= usual


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("DE", "ZZ"), ("", None), (None, None)])
def test_an_unknown_country_is_refused(country: str, subdivision: str | None) -> None:
    with pytest.raises(DefinitionError, match=r"no public holidays are known for .*use ISO 3166 codes"):
        OFFICE.with_public_holidays(country, subdivision=subdivision)
    with pytest.raises(DefinitionError, match="no public holidays are known for 'DE'"):
        OFFICE.with_public_holidays("DE", categories=["lunar"])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    monkeypatch.setitem(sys.modules, "icalendar", None)
    with pytest.raises(DefinitionError, match=r"pip install 'crmkit\[holidays\]'"):
        OFFICE.with_public_holidays("DE")
    with pytest.raises(DefinitionError, match=r"pip install 'crmkit\[ical\]'"):
        holidays_from_ical(ical())


class TestICalendar:
    def test_single_days_and_several(self) -> None:
        assert days("DTSTART;VALUE=DATE:20260406") == ["2026-04-06"]
        assert days("DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:20261227") == [
            "2026-12-24",
            "2026-12-25",
            "2026-12-26",
        ]
        assert days("DTSTART;VALUE=DATE:20261224 DURATION:P2D") == ["2026-12-24", "2026-12-25"]
        assert days("DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:20261224") == ["2026-12-24"]
        assert days() == []

    def test_the_window_cuts_long_events(self) -> None:
        assert days("DTSTART;VALUE=DATE:20241230 DTEND;VALUE=DATE:20250103") == ["2025-01-01", "2025-01-02"]
        assert days("DTSTART;VALUE=DATE:20271231 DTEND;VALUE=DATE:99991231") == ["2027-12-31"]
        assert len(days("DTSTART;VALUE=DATE:00010101 DTEND;VALUE=DATE:99991231")) == 3 * 365

    def test_yearly_recurrence(self) -> None:
        assert days("DTSTART;VALUE=DATE:19000501 RRULE:FREQ=YEARLY") == ["2025-05-01", "2026-05-01", "2027-05-01"]
        assert days("DTSTART;VALUE=DATE:20250501 RRULE:FREQ=YEARLY;COUNT=2") == ["2025-05-01", "2026-05-01"]
        assert days("DTSTART;VALUE=DATE:20250501 RRULE:FREQ=YEARLY;UNTIL=20260501") == ["2025-05-01", "2026-05-01"]
        assert days("DTSTART;VALUE=DATE:20250501 RRULE:FREQ=YEARLY;UNTIL=20260501T220000Z") == [
            "2025-05-01",
            "2026-05-01",
        ]
        thanksgiving = "DTSTART;VALUE=DATE:20201126 RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"
        assert days(thanksgiving) == ["2025-11-27", "2026-11-26", "2027-11-25"]
        new_year = "DTSTART;VALUE=DATE:20201231 DURATION:P2D RRULE:FREQ=YEARLY"
        assert days(new_year, until=date(2026, 1, 31)) == ["2025-01-01", "2025-12-31", "2026-01-01"]

    def test_exceptions_of_a_recurrence(self) -> None:
        yearly = "UID:a DTSTART;VALUE=DATE:20250501 RRULE:FREQ=YEARLY"
        assert days(f"{yearly} EXDATE;VALUE=DATE:20260501") == ["2025-05-01", "2027-05-01"]
        assert days(f"{yearly} EXDATE:20260501T000000Z") == ["2025-05-01", "2027-05-01"]
        assert days(f"{yearly} RDATE;VALUE=DATE:20260606,20260607")[1:-1] == ["2026-05-01", "2026-06-06", "2026-06-07"]
        moved = "UID:a RECURRENCE-ID;VALUE=DATE:20260501 DTSTART;VALUE=DATE:20260504"
        assert days(yearly, moved) == ["2025-05-01", "2026-05-04", "2027-05-01"]
        assert days(yearly, f"{moved} STATUS:CANCELLED") == ["2025-05-01", "2027-05-01"]
        assert days(yearly, moved.replace("UID:a", "UID:b")) == ["2025-05-01", "2026-05-01", "2026-05-04", "2027-05-01"]
        assert days(f"{yearly} STATUS:CANCELLED") == []

    def test_events_with_a_time_are_no_holidays(self) -> None:
        assert days("DTSTART:20260406T090000Z DTEND:20260406T100000Z RRULE:FREQ=DAILY") == []
        assert days("SUMMARY:nothing") == []

    def test_several_calendars_and_bytes(self) -> None:
        text = ical("DTSTART;VALUE=DATE:20260406") + ical("DTSTART;VALUE=DATE:20260407")
        assert len(holidays_from_ical(text.encode())) == 2

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "holds no complete VCALENDAR"),
            ("BEGIN:VCALENDAR\r\n", "holds no complete VCALENDAR"),
            ("hello", "is no iCalendar text"),
            (b"\xff\xfe\x00", "is no iCalendar text"),
            (None, "is no iCalendar text"),
            (ical("SUMMARY:May DTSTART;VALUE=DATE:2026"), "event 'May': DTSTART can't be read"),
            (ical("DTSTART;VALUE=DATE:20260501 RRULE:FREQ=SOMETIMES"), "RRULE can't be read"),
            (ical("DTSTART;VALUE=DATE:20260501 EXDATE;VALUE=DATE:never"), "EXDATE can't be read"),
            (ical("DTSTART;VALUE=DATE:20260501 RRULE:FREQ=SECONDLY"), "FREQ is one of DAILY, WEEKLY, MONTHLY, YEARLY"),
            (ical("DTSTART;VALUE=DATE:20260501 RRULE:FREQ=YEARLY;INTERVAL=0"), "at least 1"),
            (ical("DTSTART;VALUE=DATE:20260501 RRULE:FREQ=YEARLY;BYSETPOS=500"), "can't be read"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, text: str, words: str) -> None:
        with pytest.raises(DefinitionError, match=words):
            holidays_from_ical(text)

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
            "FREQ=MONTHLY;BYMONTH=4,6,9,11;BYMONTHDAY=31",
            "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=6",
            "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
            "FREQ=DAILY;INTERVAL=7;BYDAY=SA",  # it begins on a Friday
        ],
    )
    def test_what_never_happens_is_refused_at_once(self, rule: str) -> None:
        with pytest.raises(DefinitionError, match="does not happen within 40 years from 2026-05-01"):
            holidays_from_ical(ical(f"DTSTART;VALUE=DATE:20260501 RRULE:{rule}"))

    def test_what_happens_after_the_window_is_not_refused(self) -> None:
        leap_day = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"
        assert days(f"DTSTART;VALUE=DATE:20250301 {leap_day}") == ["2025-03-01"]
        assert days(f"DTSTART;VALUE=DATE:20970301 {leap_day}", until=date(2104, 12, 31)) == ["2097-03-01", "2104-02-29"]
        assert days(f"DTSTART;VALUE=DATE:20250301 {leap_day};UNTIL=20260301") == ["2025-03-01"]
        monday = days(f"DTSTART;VALUE=DATE:20250301 {leap_day};BYDAY=MO", until=date(2052, 12, 31))
        assert monday == ["2025-03-01", "2044-02-29"]

    def test_they_are_what_a_calendar_takes(self) -> None:
        text = ical("DTSTART;VALUE=DATE:20250501 RRULE:FREQ=YEARLY")
        calendar = BusinessCalendar(
            timezone="Europe/Berlin", hours={"fri": [("09:00", "17:00")]}, holidays=holidays_from_ical(text)
        )
        assert not calendar.is_business_day(date(2026, 5, 1))
