"""Activities as iCalendar, and whose turn it is."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from crmkit import CRM, F
from crmkit.errors import CrmError, InvalidInput
from crmkit.pipeline.activities import Activity
from crmkit.pipeline.leads import Lead
from crmkit.testing import FrozenClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def file(*entries: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *entries, "END:VCALENDAR", ""])


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def test_a_feed_reads_back_elsewhere(crm: CRM, clock: FrozenClock) -> None:
    activities = crm.pipeline.activities
    start = clock.now() + HOUR
    activities.schedule(
        "visit",
        subject="Tea; coffee, cake",
        note="Two lines\nof text",
        due_at=start,
        duration=HOUR,
        location="Studio 2",
        priority=3,
        reminder=HOUR / 4,
        recurrence="FREQ=WEEKLY;COUNT=4",
    )
    activities.schedule("task", subject="Send the offer", due_at=start + DAY)
    activities.schedule("task", subject="undated")
    activities.cancel(activities.schedule("call", subject="cancelled", due_at=start))
    text = activities.calendar(name="Xu")
    assert str(Calendar.from_ical(text)["X-WR-CALNAME"]) == "Xu"
    with CRM.open("memory://", timezone="Europe/Berlin", clock=clock) as other:
        result = other.acting_as("li").pipeline.activities.load_calendar(text)
        assert (len(result.added), dict(result.errors)) == (2, {})
        visit, task = result.added
        assert (visit.kind, visit.subject, visit.note) == ("visit", "Tea; coffee, cake", "Two lines\nof text")
        assert (visit.due_at, visit.duration, visit.location, visit.owner) == (start, HOUR, "Studio 2", "li")
        assert (visit.priority, visit.reminder, visit.next_at) == (3, HOUR / 4, start + 7 * DAY)
        assert (task.kind, task.due_at) == ("task", start + DAY)
        again = other.pipeline.activities.load_calendar(text)
        assert (again.added, again.changed, again.same) == ((), (), 2)


def test_the_last_occurrence_carries_the_rest_of_the_rule(crm: CRM, clock: FrozenClock) -> None:
    activities = crm.pipeline.activities
    first = activities.schedule("call", subject="x", due_at=clock.now() + HOUR, recurrence="FREQ=DAILY;COUNT=4")
    activities.done(first)
    events = Calendar.from_ical(activities.calendar()).walk("VEVENT")
    assert "RRULE" not in events[0]
    assert b"RRULE:FREQ=DAILY;COUNT=3" in events[1].to_ical()


def test_an_own_feed_changes_what_is_there(crm: CRM, clock: FrozenClock) -> None:
    activities = crm.pipeline.activities
    call = activities.schedule("call", subject="old", due_at=clock.now() + HOUR, owner="xu")
    text = activities.calendar().replace("SUMMARY:old", "SUMMARY:new")
    result = activities.load_calendar(text, owner="li")
    assert (len(result.changed), activities.count()) == (1, 1)
    assert (activities.get(call.id).subject, activities.get(call.id).owner) == ("new", "xu")


def test_a_foreign_file(anywhere: CRM, clock: FrozenClock) -> None:
    clock.set(datetime(2026, 3, 11, tzinfo=UTC))
    result = anywhere.pipeline.activities.load_calendar(
        file(
            event("UID:1", "SUMMARY:Floating", "DTSTART:20260312T090000", "DTEND:20260312T103000"),
            event("UID:2", "SUMMARY:All day", "DTSTART;VALUE=DATE:20260312"),
            event("UID:3", "SUMMARY:Over", "DTSTART:20260310T090000Z", "DURATION:PT30M", "CATEGORIES:Work,CALL"),
            event("UID:4", "DTSTART:20260302T010000Z", "RRULE:FREQ=WEEKLY;UNTIL=20260401", "PRIORITY:1"),
            event("UID:5", "SUMMARY:Off", "DTSTART:20260312T090000Z", "STATUS:CANCELLED"),
            "BEGIN:VTODO\r\nUID:6\r\nSUMMARY:Some day\r\nEND:VTODO",
        ),
        owner="xu",
    )
    assert dict(result.errors) == {}
    floating, all_day, over, weekly, off, todo = result.added
    assert (floating.due_at, floating.duration) == (datetime(2026, 3, 12, 1, 0, tzinfo=UTC), 1.5 * HOUR)
    assert all_day.due_at == datetime(2026, 3, 11, 16, 0, tzinfo=UTC)
    assert (over.kind, over.status, over.done_at) == ("call", "done", datetime(2026, 3, 10, 9, 0, tzinfo=UTC))
    assert (weekly.subject, weekly.priority, weekly.status) == ("(no subject)", 9, "planned")
    assert (weekly.due_at, weekly.next_at) == (
        datetime(2026, 3, 16, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 23, 1, 0, tzinfo=UTC),
    )
    assert off.status == "cancelled"
    assert (todo.kind, todo.due_at, todo.owner) == ("task", None, "xu")


BAD = [
    (event("SUMMARY:x", "DTSTART:20260312T090000Z"), "no UID"),
    (event("UID:1", "SUMMARY:x"), "no DTSTART"),
    (event("UID:1", "DTSTART:yesterday"), "malformed"),
    (event("UID:1", "DTSTART:20260312T090000Z", "DTEND:20260311T090000Z"), "before it begins"),
    (event("UID:1", "DTSTART:20260312T090000Z", "RRULE:FREQ=DAILY"), "no end"),
    (event("UID:1", "DTSTART:20260312T090000Z", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260313T090000Z"), "EXDATE"),
    (event("UID:1", "DTSTART:20260312T090000Z", "DURATION:P9999D"), "0 to a year"),
]


@pytest.mark.parametrize(("entry", "message"), BAD)
def test_a_bad_entry_is_reported_by_number_and_the_rest_goes_on(anywhere: CRM, entry: str, message: str) -> None:
    good = [event(f"UID:good-{n}", "SUMMARY:x", "DTSTART:20260312T090000Z") for n in range(2)]
    result = anywhere.pipeline.activities.load_calendar(file(good[0], entry, good[1]))
    assert len(result.added) == anywhere.pipeline.activities.count() == 2
    assert list(result.errors) == [2]
    assert message in result.errors[2]


def test_the_same_uid_twice(crm: CRM) -> None:
    one = event("UID:1", "SUMMARY:x", "DTSTART:20260312T090000Z")
    result = crm.pipeline.activities.load_calendar(file(one, one))
    assert (len(result.added), list(result.errors)) == (1, [2])


@pytest.mark.parametrize(
    "text", ["", "hello", b"\xff\xfe\x00", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n"]
)
def test_what_is_no_calendar_is_refused(crm: CRM, text: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="no iCalendar"):
        crm.pipeline.activities.load_calendar(text)
    assert crm.pipeline.activities.count() == 0


@pytest.mark.slow
def test_a_file_of_ten_thousand_events_that_breaks_off(crm: CRM) -> None:
    events = [event(f"UID:{n}", "SUMMARY:x", "DTSTART:20260312T090000Z") for n in range(10_000)]
    whole = file(*events)
    with pytest.raises(InvalidInput, match="no iCalendar"):
        crm.pipeline.activities.load_calendar(whole[:-40])
    assert crm.pipeline.activities.count() == 0
    with pytest.raises(InvalidInput, match="split it"):
        crm.pipeline.activities.load_calendar(b"x" * 20_000_001)


@pytest.mark.slow
def test_a_file_of_ten_thousand_events_of_which_many_are_broken(crm: CRM) -> None:
    bad = ("DTSTART:whenever", "RRULE:FREQ=DAILY", "DTEND:20250101T000000Z", "RRULE:FREQ=SECONDLY;COUNT=3")
    events = [
        event(
            f"UID:{n}",
            "SUMMARY:x",
            *(["DTSTART:20260312T090000Z"] if n % 20 else []),
            *([bad[n // 20 % 4]] * (n % 20 < 2)),
        )
        for n in range(10_000)
    ]
    result = crm.pipeline.activities.load_calendar(file(*events))
    assert len(result.added) == 9_000
    assert list(result.errors) == [n + 1 for n in range(10_000) if n % 20 < 2]
    assert all(result.errors.values())
    assert crm.pipeline.activities.count() == 9_000
    again = crm.pipeline.activities.load_calendar(file(*events))
    assert (again.added, again.changed, again.same) == ((), (), 9_000)


def test_without_the_library_the_error_names_the_extra(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)
    with pytest.raises(CrmError, match=r"crmkit\[ical\]"):
        crm.pipeline.activities.calendar()


# ── Whose turn it is (Odoo's my_activity_date_deadline: none last, ties by the newest) ──


def test_leads_in_the_order_of_my_next_activity(anywhere: CRM, clock: FrozenClock) -> None:
    leads = [anywhere.pipeline.leads.capture(name=f"L{n}", source="web" if n else "tv") for n in range(6)]
    xu = anywhere.acting_as("xu").pipeline.activities

    def plan(number: int, hours: float, owner: str = "xu") -> Activity:
        return xu.schedule("call", subject="x", about=leads[number], due_at=clock.now() + hours * HOUR, owner=owner)

    plan(1, 5), plan(1, 2), plan(2, 1), plan(3, 2), plan(4, 0.5, owner="li")
    xu.done(plan(5, 0.1))
    names = [lead.name for lead in xu.in_turn(Lead, size=50)]
    assert names == ["L2", "L3", "L1", "L5", "L4", "L0"]
    web = xu.in_turn(Lead, rule=F.source == "web", size=50)
    assert ([lead.name for lead in web], web.total) == (["L2", "L3", "L1", "L5", "L4"], 5)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_pages_in_turn_are_whole_and_stay_in_place(anywhere: CRM, clock: FrozenClock, size: int) -> None:
    leads = [anywhere.pipeline.leads.capture(name=f"L{n}") for n in range(7)]
    xu = anywhere.acting_as("xu").pipeline.activities
    for number, hours in ((1, 5), (2, 1), (3, 1), (4, 9)):
        xu.schedule("call", subject="x", about=leads[number], due_at=clock.now() + hours * HOUR)
    whole = [lead.name for lead in xu.in_turn(Lead)]
    page = xu.in_turn(Lead, size=size)
    found = [lead.name for lead in page]
    early = anywhere.pipeline.leads.capture(name="early")
    xu.schedule("call", subject="x", about=early, due_at=clock.now())
    while page.next is not None:
        page = xu.in_turn(Lead, size=size, after=page.next)
        found += [lead.name for lead in page]
    assert found == whole
    with pytest.raises(InvalidInput, match="`next`"):
        xu.in_turn(Lead, after="nonsense")
