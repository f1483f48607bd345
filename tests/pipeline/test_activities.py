"""Activities: what was done, what is to be done, and what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import CRM, F, TransitionRefused
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.events import EventRecord
from crmkit.pipeline.recurrence import following, occurrences, recurrence
from crmkit.testing import FrozenClock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def names(crm: CRM) -> list[str]:
    with crm.read() as work:
        return [e.name for e in work.find(EventRecord, order_by=("created_at", "id"))]


def test_a_call_is_planned_and_done(anywhere: CRM, clock: FrozenClock) -> None:
    wang = anywhere.customers.register(name="Xiao Wang")
    deal = anywhere.pipeline.opportunities.open(name="Album", customer=wang)
    call = anywhere.pipeline.activities.schedule(
        "call", subject="Date", about=deal, due_at=clock.now() + HOUR, owner="xu"
    )
    assert (call.about, call.opportunity_id, call.customer_id, call.status) == (deal.id, deal.id, wang.id, "planned")
    done = anywhere.pipeline.activities.done(call, outcome="He likes it")
    assert (done.status, done.done_at, done.outcome) == ("done", clock.now(), "He likes it")
    assert [m.name for m in anywhere.customers.timeline(wang)][:2] == ["pipeline.activity_done", "moved"]
    assert anywhere.customers.find(F.activities.where(F.kind == "call").within(days=1).any()) == []
    clock.advance(hours=2)
    assert anywhere.customers.find(F.activities.where(F.kind == "call").within(days=1).any()) == [wang]


def test_what_was_done_is_noted(anywhere: CRM, clock: FrozenClock) -> None:
    lead = anywhere.pipeline.leads.capture(name="Xiao Wang")
    visit = anywhere.acting_as("xu").pipeline.activities.log(
        "visit", subject="At the studio", about=lead.id, outcome="ok"
    )
    assert (visit.status, visit.owner, visit.lead_id, visit.done_at) == ("done", "xu", lead.id, clock.now())
    with pytest.raises(InvalidInput, match="lies ahead"):
        anywhere.pipeline.activities.log("call", subject="x", at=clock.now() + HOUR)


def test_nothing_has_been_done_before_its_time(crm: CRM, clock: FrozenClock) -> None:
    task = crm.pipeline.activities.schedule("task", subject="x")
    with pytest.raises(InvalidInput, match="lies ahead"):
        crm.pipeline.activities.done(task, at=clock.now() + HOUR)
    assert crm.pipeline.activities.get(task.id) == task
    assert crm.pipeline.activities.done(task, at=clock.now() - HOUR).done_at == clock.now() - HOUR


def test_what_is_over_stays_over(crm: CRM) -> None:
    task = crm.pipeline.activities.schedule("task", subject="x")
    cancelled = crm.pipeline.activities.cancel(task)
    with pytest.raises(TransitionRefused, match="cancelled"):
        crm.pipeline.activities.done(cancelled)
    with pytest.raises(TransitionRefused, match="only what is planned"):
        crm.pipeline.activities.reschedule(cancelled, due_at=None)
    assert crm.pipeline.activities.reopen(cancelled).status == "planned"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "dance"}, "dance"),
        ({"subject": ""}, "subject"),
        ({"due_at": datetime(2026, 3, 3, 9, 0)}, "naive"),  # noqa: DTZ001 - that is the point
        ({"reminder": HOUR}, "due_at="),
        ({"recurrence": "FREQ=DAILY;COUNT=2", "due_at": None}, "due_at="),
        ({"duration": -HOUR}, "0 to a year"),
        ({"reminder": -HOUR, "due_at": datetime(2026, 3, 3, tzinfo=UTC)}, "0 to a year"),
        ({"priority": -1}, "at least 0"),
        ({"prority": 1}, "did you mean 'priority'"),
        ({"status": "done"}, "status"),
    ],
)
def test_bad_input_is_refused(crm: CRM, given: dict[str, Any], message: str) -> None:
    fields = {"kind": "call", "subject": "x", **given}
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.activities.schedule(fields.pop("kind"), **fields)
    assert crm.pipeline.activities.count() == 0


def test_activities_about_nothing_are_refused(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="not an id"):
        crm.pipeline.activities.schedule("call", subject="x", about="nothing")
    with pytest.raises(NotFound):
        crm.pipeline.activities.schedule("call", subject="x", about="lead_01m82610p5ehjbp033ht760s7b")


# ── Reminders ──


def test_the_owner_is_reminded_once_at_his_address(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.salespeople.register("xu", email="xu@studio.example")
    anywhere.pipeline.activities.schedule(
        "meeting", subject="Fitting", owner="xu", due_at=clock.now() + 3 * HOUR, reminder=HOUR, location="Studio 2"
    )
    clock.advance(hours=1, minutes=59)
    assert anywhere.run_due().ran == 0
    clock.advance(minutes=1)
    assert anywhere.run_due().ran == 1
    assert anywhere.run_due().ran == 0
    messages = anywhere.outbox.find()
    assert [(m.to, m.subject) for m in messages] == [("xu@studio.example", "12:00 Fitting")]
    assert "Studio 2" in messages[0].body


def test_without_an_address_the_event_tells_the_host(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.activities.schedule("call", subject="x", owner="xu", due_at=clock.now() + HOUR, reminder=HOUR)
    anywhere.run_due()
    assert anywhere.outbox.count() == 0
    assert names(anywhere).count("pipeline.activity_reminded") == 1


def test_a_moved_activity_reminds_at_its_new_time(anywhere: CRM, clock: FrozenClock) -> None:
    activities = anywhere.pipeline.activities
    call = activities.schedule("call", subject="x", owner="a@b.example", due_at=clock.now() + 2 * HOUR, reminder=HOUR)
    call = activities.reschedule(call, due_at=clock.now() + DAY)
    call = activities.reschedule(call, due_at=clock.now() + 2 * HOUR)
    call = activities.reschedule(call, due_at=clock.now() + DAY)
    clock.advance(hours=2)
    assert anywhere.run_due().ran == 0
    clock.advance(hours=21)
    assert anywhere.run_due().ran == 1
    assert anywhere.outbox.count() == 1


def test_what_is_done_needs_no_reminder(anywhere: CRM, clock: FrozenClock) -> None:
    activities = anywhere.pipeline.activities
    call = activities.schedule("call", subject="x", owner="a@b.example", due_at=clock.now() + 2 * HOUR, reminder=HOUR)
    activities.done(call)
    clock.advance(days=1)
    anywhere.run_due()
    assert anywhere.outbox.count() == 0


# ── Order ──


def test_the_next_first_and_pages_that_stay_in_place(anywhere: CRM, clock: FrozenClock) -> None:
    xu = anywhere.acting_as("xu").pipeline.activities
    now = clock.now()
    later = xu.schedule("call", subject="later", due_at=now + DAY)
    undated = xu.schedule("task", subject="undated")
    soon = xu.schedule("call", subject="soon", due_at=now + HOUR)
    urgent = xu.schedule("call", subject="urgent", due_at=now + HOUR, priority=2)
    newer = xu.schedule("call", subject="newer", due_at=now + HOUR)
    xu.schedule("call", subject="somebody else's", owner="li", due_at=now)
    first = xu.mine(size=2)
    assert list(first) == [urgent, newer]
    sooner = xu.schedule("call", subject="sooner", due_at=now + timedelta(minutes=1))
    second = xu.mine(size=2, after=first.next)
    third = xu.mine(size=2, after=second.next)
    assert [*second, *third] == [soon, later, undated]
    assert xu.next(owner="xu") == sooner
    assert third.next is None
    with pytest.raises(InvalidInput, match="whose"):
        anywhere.pipeline.activities.mine()


def test_overdue(anywhere: CRM, clock: FrozenClock) -> None:
    activities = anywhere.pipeline.activities
    late = activities.schedule("call", subject="late", owner="xu", due_at=clock.now() + HOUR)
    activities.schedule("call", subject="other", owner="li", due_at=clock.now() + HOUR)
    activities.schedule("task", subject="undated", owner="xu")
    assert activities.overdue() == []
    clock.advance(hours=1)
    assert activities.overdue() == []  # due now is not late yet
    clock.advance(seconds=1)
    assert activities.overdue(owner="xu") == [late]
    assert late.overdue(now=clock.now())
    assert len(activities.overdue()) == 2


# sales.json odoo-next-last-meeting (odoo 18.0 test_crm_lead.py test_crm_lead_meeting_display_fields)
def test_next_or_last_meeting(anywhere: CRM, clock: FrozenClock) -> None:
    clock.set(datetime(2022, 7, 13, 11, 0, tzinfo=UTC))
    lead = anywhere.pipeline.leads.capture(name="Xiao Wang")
    activities = anywhere.pipeline.activities
    meetings = [
        activities.schedule(
            "meeting", subject="m", about=lead, due_at=datetime(2022, 7, day, 8, 0, tzinfo=UTC), duration=2 * HOUR
        )
        for day in (12, 14, 15)
    ]
    assert activities.meeting(lead) == ("next", datetime(2022, 7, 14, 8, 0, tzinfo=UTC))
    for meeting in meetings[1:]:
        activities.cancel(meeting)
    assert activities.meeting(lead) == ("last", datetime(2022, 7, 12, 8, 0, tzinfo=UTC))
    activities.cancel(meetings[0])
    assert activities.meeting(lead) is None


def test_who_calls(anywhere: CRM) -> None:
    wang = anywhere.customers.register(name="Wang", phone="139 1234 5678")
    lead = anywhere.pipeline.leads.capture(name="Li", phone="+86 139-1234-5678")
    gone = anywhere.pipeline.leads.capture(name="Gone", phone="13912345678")
    anywhere.pipeline.leads.disqualify(gone, reason="spam")
    assert anywhere.pipeline.activities.caller("(139) 1234 5678") == [wang, lead]


# ── Recurrence ──


def test_each_occurrence_is_planned_when_the_one_before_is_done_or_its_time_has_come(
    anywhere: CRM, clock: FrozenClock
) -> None:
    activities = anywhere.pipeline.activities
    start = clock.now() + HOUR
    first = activities.schedule("meeting", subject="Weekly", owner="xu", due_at=start, recurrence="FREQ=WEEKLY;COUNT=3")
    assert first.next_at == start + 7 * DAY
    activities.done(first)
    second = activities.next(owner="xu")
    assert second is not None
    assert (second.due_at, second.series, second.recurrence) == (start + 7 * DAY, first.id, first.recurrence)
    clock.advance(days=8)
    assert anywhere.run_due().ran == 1  # nobody has done the second; the third is planned all the same
    assert [a.due_at for a in activities.mine("xu")] == [start + 7 * DAY, start + 14 * DAY]
    activities.done(second)
    clock.advance(days=30)
    anywhere.run_due()
    assert activities.count() == 3
    assert activities.find(order_by="due_at")[-1].next_at is None


def test_a_worker_that_was_away_catches_up(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.activities.schedule(
        "task", subject="x", due_at=clock.now() + HOUR, recurrence="FREQ=DAILY;COUNT=5"
    )
    clock.advance(days=30)
    assert anywhere.run_due().ran == 4
    assert anywhere.pipeline.activities.count() == 5
    assert anywhere.run_due().ran == 0


def test_one_occurrence_or_the_rest_is_cancelled(anywhere: CRM, clock: FrozenClock) -> None:
    activities = anywhere.pipeline.activities
    first = activities.schedule("task", subject="x", due_at=clock.now() + HOUR, recurrence="FREQ=DAILY;COUNT=9")
    activities.cancel(first)
    second = activities.next()
    assert second is not None
    assert second.due_at == clock.now() + HOUR + DAY
    activities.cancel(second, series=True)
    clock.advance(days=30)
    assert anywhere.run_due().ran == 0
    assert activities.next() is None


def test_moving_one_occurrence_moves_no_other(crm: CRM, clock: FrozenClock) -> None:
    activities = crm.pipeline.activities
    start = clock.now() + HOUR
    first = activities.schedule("task", subject="x", due_at=start, recurrence="FREQ=DAILY;COUNT=3")
    moved = activities.reschedule(first, due_at=start + DAY)
    activities.done(moved)
    following_one = activities.next()
    assert following_one is not None
    assert following_one.due_at == start + DAY


def test_nine_on_the_wall_stays_nine_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 22, 8, 0, tzinfo=UTC)  # nine in winter
    found = list(occurrences("FREQ=WEEKLY;COUNT=2", start=start, zone=berlin))
    assert found == [start, datetime(2026, 3, 29, 7, 0, tzinfo=UTC)]
    assert following("FREQ=WEEKLY;COUNT=2", start=start, after=found[1], zone=berlin) is None


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260304", datetime(2026, 3, 4, 1, 0, tzinfo=UTC)),  # a day is included
        ("20260304T010000Z", datetime(2026, 3, 4, 1, 0, tzinfo=UTC)),  # in UTC: nine o'clock in Shanghai
        ("20260304T005959Z", datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),
        ("20260304T085959", datetime(2026, 3, 3, 1, 0, tzinfo=UTC)),  # on the wall
    ],
)
def test_until(until: str, last: datetime) -> None:
    start = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert list(occurrences(f"FREQ=DAILY;UNTIL={until}", start=start, zone=ZoneInfo("Asia/Shanghai")))[-1] == last


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=DAILY", "no end"),
        ("FREQ=HOURLY;COUNT=3", "FREQ is one of"),
        ("every day", "no recurrence"),
        ("FREQ=DAILY;BYDAY=XX;COUNT=3", "no recurrence"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=3", "at least 1"),
        ("FREQ=DAILY;UNTIL=20260101", "does not happen"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "does not happen"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "COUNT or UNTIL"),
        ("FREQ=DAILY;UNTIL=20269999", "UNTIL"),
        ("FREQ=DAILY;COUNT=1;COUNT=2", "twice"),
        (7, "no recurrence"),
    ],
)
def test_bad_recurrences_are_refused(rule: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        recurrence(rule, start=datetime(2026, 3, 2, 1, 0, tzinfo=UTC), zone=ZoneInfo("UTC"))


# ── Customers who turn out to be one ──


def test_activities_follow_a_customer_who_is_another_one(anywhere: CRM) -> None:
    one = anywhere.customers.register(name="Xiao Wang")
    two = anywhere.customers.register(name="X. Wang")
    first = anywhere.pipeline.activities.schedule("call", subject="x", about=one, owner="xu")
    second = anywhere.pipeline.activities.schedule("call", subject="y", about=two, owner="xu")
    anywhere.customers.merge(one, other=two)
    assert {a.about for a in anywhere.pipeline.activities.find()} == {one.id}
    assert anywhere.pipeline.activities.next(about=one, owner="xu") is not None
    anywhere.customers.unmerge(two.id)
    found = {a.id: (a.about, a.customer_id) for a in anywhere.pipeline.activities.find()}
    assert found == {first.id: (one.id, one.id), second.id: (two.id, two.id)}
