"""Escalation: at the right moment, once, to the right people, and never for what has been answered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, F
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.service.audit import in_time
from crmkit.service.cases.case import Case
from crmkit.service.escalation.desk import low_score
from crmkit.service.escalation.levels import following, read_level, turns
from crmkit.service.policies.policy import Policy
from crmkit.service.sla import Hours
from crmkit.testing import FrozenClock
from tests.service.worked import at, worked

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BOSS = "boss@studio.example"


def rows(crm: CRM) -> list[AgendaItem]:
    return crm.agenda.find((F.kind == "service.escalate") & (F.state == "due"), order_by="due_at")


def told(crm: CRM) -> list[str]:
    return [m.to for m in crm.outbox.find(order_by=("created_at", "id"))]


def define(crm: CRM, calendar: BusinessCalendar, *levels: dict[str, Any], **options: Any) -> Policy:
    targets = {"first_response": 2 * HOUR, "resolution": 8 * HOUR, **options}
    return crm.service.policies.define("standard", calendar=calendar, escalations=levels, **targets)


def opened(crm: CRM, wang: Customer, **facts: Any) -> Case:
    return crm.service.cases.open(wang, subject="Over-retouched", policy="standard", **facts)


AT_TARGET = {"clock": "first_response", "at": timedelta(0), "notify": BOSS}


def test_nothing_is_written_ahead_where_there_is_no_level(crm: CRM, wang: Customer, hours: BusinessCalendar) -> None:
    define(crm, hours)
    opened(crm, wang)
    assert crm.agenda.count() == 0


def test_a_level_fires_once_whoever_asks(crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock) -> None:
    define(crm, hours, AT_TARGET)
    case = opened(crm, wang)
    assert [r.due_at for r in rows(crm)] == [case.first_response_due]
    clock.advance(hours=3)
    assert crm.run_due().ran == 1
    assert crm.run_due().ran == 0
    after = crm.service.cases.get(case.id)
    assert (after.escalation_level, told(crm)) == (1, [BOSS])
    (record,) = crm.service.escalations.of(case)
    assert (record.occasion, record.level, record.recipients) == ("first_response", 1, (BOSS,))
    assert record.due_at == case.first_response_due
    assert record.fired_at == clock.now()


@pytest.mark.parametrize("end", ["reply", "call", "resolve", "close", "merge"])
def test_what_was_answered_resolved_closed_or_merged_never_escalates(
    crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock, end: str
) -> None:
    define(crm, hours, AT_TARGET)
    case = opened(crm, wang)
    other = crm.service.cases.open(wang, subject="Another")
    clock.advance(minutes=30)
    cases = crm.service.cases
    match end:
        case "reply":
            cases.reply(case, "At once", by="agent:xu")
        case "call":
            cases.call(case, "Talked", duration=5 * MINUTE)
        case "resolve":
            cases.resolve(case)
        case "close":
            cases.close(case)
        case "merge":
            cases.merge(case, into=other)
    assert rows(crm) == []
    clock.advance(days=30)
    crm.run_due()
    assert told(crm) == []
    assert cases.get(case.id).escalation_level == 0


def test_neither_a_note_nor_a_call_that_nobody_took_is_an_answer(
    crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock
) -> None:
    define(crm, hours, AT_TARGET)
    case = opened(crm, wang)
    crm.service.cases.note(case, "Looks bad")
    crm.service.cases.call(case.id, "Nobody there", duration=timedelta(0), answered=False)
    clock.advance(hours=3)
    assert crm.run_due().ran == 1
    assert told(crm) == [BOSS]


def test_a_stale_row_is_looked_at_again_before_it_fires(crm: CRM, wang: Customer, hours: BusinessCalendar) -> None:
    """Even a row that a crash or a clever host left behind does no harm: the handler looks at the case."""
    define(crm, hours, AT_TARGET)
    case = opened(crm, wang)
    (row,) = rows(crm)
    crm.service.cases.reply(case, "At once")
    with crm.work() as work:
        work.schedule(row.kind, due_at=work.now, subject=case.id, key=row.key, payload=row.payload)
    assert crm.run_due().ran == 1
    assert told(crm) == []


def test_a_pause_puts_levels_off_and_waiting_never_escalates(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    define(crm, always, {"clock": "resolution", "at": -1 * HOUR, "notify": BOSS})
    case = opened(crm, wang)
    start = clock.now()
    assert [r.due_at for r in rows(crm)] == [start + 7 * HOUR]
    clock.advance(hours=2)
    case = crm.service.cases.wait(case)
    assert (rows(crm), case.resolution_due, case.next_due) == ([], None, case.first_response_due)
    clock.advance(hours=30)
    crm.run_due()
    case = crm.service.cases.message(case.id, "Here is the picture")
    assert case.status == "open"
    assert case.resolution_due == start + 38 * HOUR
    assert [r.due_at for r in rows(crm)] == [start + 37 * HOUR]


def test_levels_in_percent_business_days_and_after_the_target(
    crm: CRM, wang: Customer, hours: BusinessCalendar
) -> None:
    levels: list[dict[str, Any]] = [
        {"clock": "resolution", "at": "50%", "notify": BOSS},
        {"clock": "resolution", "at": {"days": 1}, "notify": BOSS},
        {"clock": "resolution", "at": 3 * HOUR, "notify": BOSS},
    ]
    define(crm, hours, *levels)
    case = opened(crm, wang)
    assert case.resolution_due == datetime(2026, 3, 2, 10, tzinfo=UTC)  # 18:00 in Shanghai, at closing
    wanted = ["2026-03-02T06:00:00+00:00", "2026-03-03T04:00:00+00:00", "2026-03-03T10:00:00+00:00"]
    assert [r.due_at.isoformat() for r in rows(crm)] == wanted


@pytest.mark.parametrize("case", worked("escalation_policy"))
def test_steps_of_goalert(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, case: Any) -> None:
    inputs = case["inputs"]
    clock.set(at(inputs["created"]) - 2 * HOUR)
    steps = [
        {"notify": f"{s['target']}@x.example", "wait": timedelta(seconds=s["delay_seconds"])} for s in inputs["steps"]
    ]
    define(crm, always, {"clock": "first_response", "steps": steps})
    opened(crm, wang)
    found = []
    while clock.now() < at(inputs["until"]):
        clock.advance(minutes=5)
        crm.run_due()
        found += [[clock.now(), r.to.removesuffix("@x.example")] for r in crm.deliver()]
    assert found == [[at(moment), who] for moment, who in case["expected"]["notifications"]]


@pytest.mark.parametrize("case", worked("repeat_step"))
def test_repeats_of_grafana_oncall(case: Any) -> None:
    hour = {"notify": BOSS, "wait": HOUR}
    most = case["inputs"]["max_repeats"]
    level = read_level({"clock": "resolution", "steps": [hour, hour], "repeat": most})
    always = Hours.of(BusinessCalendar.always_open())
    all_turns = list(turns(level, datetime(2026, 3, 2, tzinfo=UTC), always))
    assert len(all_turns) == 2 * (most + 1)
    last_of_round = next(t for t in all_turns if t.step == 1 and t.round == case["inputs"]["counter"])
    after = following(level, last_of_round, always)
    assert after is not None
    assert (after.step == 0) == case["expected"]["start_from_beginning"]
    assert after.round == case["expected"]["counter"]
    assert following(level, all_turns[-1], always) is None


@pytest.mark.parametrize("case", worked("eta_audit"))
def test_the_auditor_of_grafana_oncall(case: Any) -> None:
    now, grace = datetime(2026, 3, 2, tzinfo=UTC), timedelta(seconds=case["inputs"]["grace_seconds"])
    etas = [None if s is None else now + timedelta(seconds=s) for s in case["inputs"]["offsets_seconds"]]
    assert [in_time(eta, now=now, grace=grace) for eta in etas] == case["expected"]["valid"]


PRIORITIES = {3: "normal", 4: "high", 5: "urgent"}


@pytest.mark.parametrize("case", worked("escalation_sweep"))
def test_levels_of_glpi(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, case: Any) -> None:
    inputs, expected = case["inputs"], case["expected"]
    clock.set(at(inputs["created"]))
    levels = [
        {
            "clock": "resolution",
            "at": timedelta(seconds=level["offset_seconds"]),
            "if": F.priority == PRIORITIES[level["if"]["priority"]],
            "set": {"priority": PRIORITIES[level["set"]["priority"]]},
        }
        for level in inputs["levels"]
    ]
    define(crm, always, *levels, first_response=None, resolution=timedelta(seconds=inputs["target_seconds"]))
    made = opened(crm, wang, priority=PRIORITIES[inputs["initial"]["priority"]])
    assert made.resolution_due == at(expected["due"])
    for sweep, priority, level in zip(
        inputs["sweeps"], expected["priority_after_sweep"], expected["next_level_after_sweep"], strict=True
    ):
        clock.set(at(sweep))
        crm.run_due()
        assert crm.service.cases.get(made.id).priority == PRIORITIES[priority]
        due = rows(crm)
        assert (due[0].payload["level"] + 1 if due else None) == level
    assert len(crm.service.escalations.of(made)) == 2


@pytest.mark.parametrize("case", worked("sla_policy_change"))
def test_levels_of_the_old_policy_disappear(crm: CRM, wang: Customer, clock: FrozenClock, case: Any) -> None:
    inputs, expected = case["inputs"], case["expected"]
    clock.set(at(inputs["start"]))
    week = {day: [tuple(i) for i in spans] for day, spans in inputs["calendar"]["hours"].items()}
    office = BusinessCalendar(timezone=inputs["calendar"]["tz"], hours=week)
    for which in ("before", "after"):
        away = timedelta(seconds=inputs[which]["level_offset_seconds"])
        crm.service.policies.define(
            which,
            calendar=office,
            resolution=timedelta(seconds=inputs[which]["seconds"]),
            escalations=[{"clock": "resolution", "at": away, "notify": BOSS}],
        )
    changed, other = (crm.service.cases.open(wang, subject=s, policy="before") for s in ("one", "other"))
    assert changed.resolution_due == at(expected["before"]["due"])
    changed = crm.service.cases.apply(changed, "after")
    assert changed.resolution_due == at(expected["after"]["due"])
    due = {r.subject: r.due_at for r in rows(crm)}
    assert due == {changed.id: at(expected["after"]["level_at"]), other.id: at(expected["before"]["level_at"])}


def test_an_acknowledgement_stops_the_steps_but_not_the_next_level(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    steps = [{"notify": "first@x.example", "wait": HOUR}, {"notify": "second@x.example", "wait": HOUR}]
    later = {"clock": "resolution", "at": timedelta(0), "notify": BOSS}
    define(crm, always, {"clock": "first_response", "steps": steps, "repeat": 3}, later)
    case = opened(crm, wang)
    clock.advance(hours=2)
    crm.run_due()
    acknowledged = crm.service.escalations.acknowledge(case.id, by="agent:xu")
    assert (acknowledged.acknowledged_at, acknowledged.acknowledged_by) == (clock.now(), "agent:xu")
    assert [r.payload["clock"] for r in rows(crm)] == ["resolution"]
    clock.advance(days=2)
    crm.run_due()
    assert told(crm) == ["first@x.example", BOSS]


def test_without_acknowledgement_the_steps_repeat(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    steps = [{"notify": "first@x.example", "wait": HOUR}, {"notify": "second@x.example", "wait": HOUR}]
    define(crm, always, {"clock": "first_response", "steps": steps, "repeat": 1})
    case = opened(crm, wang)
    for _ in range(20):
        clock.advance(minutes=30)
        crm.run_due()
    assert told(crm) == ["first@x.example", "second@x.example"] * 2
    assert crm.service.cases.get(case.id).escalation_level == 1
    assert [(e.round, e.step) for e in crm.service.escalations.of(case)] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_one_late_sweep_does_not_flood(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    """Steps wait from the moment in which the step before was done, not from when it should have been."""
    steps = [{"notify": "first@x.example", "wait": HOUR}, {"notify": "second@x.example", "wait": HOUR}]
    define(crm, always, {"clock": "first_response", "steps": steps})
    opened(crm, wang)
    clock.advance(days=3)
    crm.run_due()
    assert told(crm) == ["first@x.example"]


def test_owner_team_lead_and_manager_are_asked_for_when_it_fires(clock: FrozenClock, always: BusinessCalendar) -> None:
    people: dict[str, Any] = {"team_lead": None, "manager": ["m1@x.example", "sms:+8613912345678"]}
    asked = []

    def recipient(role: str, case: Case) -> Any:
        asked.append((role, case.owner))
        return people.get(role)

    with CRM.open("memory://", clock=clock, answers={"service.recipient": recipient}) as crm:
        wang = crm.customers.register(name="Wang")
        steps = [{"notify": role, "wait": HOUR} for role in ("owner", "team_lead", "manager")]
        define(crm, always, {"clock": "first_response", "steps": steps})
        case = opened(crm, wang, owner="agent:xu")
        people["owner"] = "xu@x.example"
        clock.advance(hours=2)
        crm.run_due()
        assert asked == [("owner", "agent:xu")]
        clock.advance(hours=1)
        crm.run_due()  # nobody leads the team: the next step comes at once
        sent = [(m.channel, m.to) for m in crm.outbox.find(order_by="id")]
        assert sent == [("email", "xu@x.example"), ("email", "m1@x.example"), ("sms", "+8613912345678")]
        assert [e.missing for e in crm.service.escalations.of(case)] == [(), ("team_lead",), ()]


def test_the_host_must_answer_with_addresses(clock: FrozenClock, always: BusinessCalendar) -> None:
    with CRM.open("memory://", clock=clock, answers={"service.recipient": lambda *_: "the boss"}) as crm:
        define(crm, always, {"clock": "first_response", "notify": "manager"})
        case = opened(crm, crm.customers.register(name="Wang"))
        clock.advance(hours=2)
        report = crm.run_due()
        assert report.failed == 1
        assert "service.recipient" in report.errors[0]
        assert crm.service.cases.get(case.id).escalation_level == 0
    with pytest.raises(InvalidInput, match=r"nobody asks 'service.recipent'"):
        CRM.open("memory://", answers={"service.recipent": lambda *_: None})


def test_watchers_are_told(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    define(crm, always, {"clock": "first_response", "notify": ["watchers", BOSS]})
    opened(crm, wang, watchers={"w@x.example", "agent:xu", BOSS})
    clock.advance(hours=2)
    crm.run_due()
    assert sorted(told(crm)) == sorted(["xu", BOSS, "w@x.example"])  # agent:xu is an address on the channel "agent"


@pytest.mark.parametrize("times", [1, 2])
def test_the_nth_reopening(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, times: int) -> None:
    define(crm, always, {"when": "reopened", "times": times, "notify": BOSS})
    case = opened(crm, wang)
    for _ in range(2):
        clock.advance(minutes=1)
        case = crm.service.cases.reopen(crm.service.cases.resolve(case))
        crm.run_due()
        case = crm.service.cases.get(case.id)
    assert case.reopened == 2
    assert len(told(crm)) == case.escalation_level == 3 - times


def test_bouncing_between_owners(crm: CRM, wang: Customer, always: BusinessCalendar) -> None:
    define(crm, always, {"when": "reassigned", "times": 2, "notify": BOSS})
    case = opened(crm, wang)
    for owner in ("a", "b", "b", "c"):
        case = crm.service.cases.assign(case, owner=owner)
    assert case.reassigned == 2  # the first owner is no change of owners
    assert crm.run_due().ran == 1
    assert told(crm) == [BOSS]


def test_stuck_in_waiting(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    level = {"clock": "waiting", "at": timedelta(0), "notify": BOSS}
    define(crm, always, level, targets={"waiting": timedelta(days=5)})
    case = crm.service.cases.wait(opened(crm, wang), waiting_for="supplier")
    clock.advance(days=4)
    crm.run_due()
    assert told(crm) == []
    clock.advance(days=1)
    crm.run_due()
    assert told(crm) == [BOSS]
    assert crm.service.cases.get(case.id).escalation_level == 1


def test_a_low_score_escalates_what_is_resolved(crm: CRM, wang: Customer, always: BusinessCalendar) -> None:
    define(crm, always, {"when": "low_score", "score": 2, "notify": BOSS})
    case = crm.service.cases.resolve(opened(crm, wang))
    with crm.work() as work:
        for number, score in enumerate([5, 3], start=1):
            low_score(work, case, score=score, number=number)
    assert crm.run_due().ran == 0
    crm.service.surveys.answer(case, score=2)
    assert crm.run_due().ran == 1
    assert told(crm) == [BOSS]


def test_an_answer_that_is_stored_late_stops_the_clock_when_it_was_given(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    """What an import or a slow mail server brings along counts for the moment in which it was written."""
    define(crm, always, AT_TARGET, {"clock": "first_response", "at": 5 * HOUR, "notify": BOSS})
    case = opened(crm, wang)
    clock.advance(hours=3)
    crm.run_due()
    case = crm.service.cases.reply(case.id, "We did answer", at=case.opened_at + HOUR)
    assert case.first_responded_at == case.opened_at + HOUR
    assert not crm.service.cases.clocks(case).missed
    clock.advance(days=1)
    crm.run_due()
    assert told(crm) == [BOSS]


def test_quiet_hours_let_messages_wait(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    daytime = BusinessCalendar(timezone="Asia/Shanghai", hours={day: [("08:00", "20:00")] for day in ("mon", "tue")})
    define(crm, always, AT_TARGET, quiet=daytime)
    clock.set(datetime(2026, 3, 2, 14, 0, tzinfo=UTC))  # 22:00 in Shanghai
    opened(crm, wang)
    clock.advance(hours=2)
    crm.run_due()
    assert crm.deliver() == []
    clock.set(datetime(2026, 3, 3, 0, 0, tzinfo=UTC))
    assert [r.to for r in crm.deliver()] == [BOSS]


def test_a_digest_gathers_and_leaves_out_what_was_answered(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    define(crm, always, AT_TARGET, digest=HOUR)
    cases = [opened(crm, wang, tags={str(n)}) for n in range(3)]
    clock.advance(hours=2)
    crm.run_due()
    assert crm.outbox.count() == 0
    clock.advance(minutes=30)
    crm.service.cases.resolve(cases[0].id)
    clock.advance(minutes=30)
    crm.run_due()
    (message,) = crm.outbox.find()
    assert message.to == BOSS
    assert cases[0].id not in message.body
    assert cases[1].id in message.body
    assert cases[2].id in message.body


def test_a_mute_postpones_and_forgets_what_was_answered_meanwhile(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    define(crm, always, AT_TARGET)
    loud, quiet, answered = (opened(crm, wang, channel=c) for c in ("phone", "shop", "shop"))
    until = clock.now() + 10 * HOUR
    crm.service.escalations.mute(until=until, reason="The shop is being moved", rule=F.channel == "shop")
    clock.advance(hours=2)
    crm.run_due()
    assert [e.case_id for e in crm.service.escalations.find()] == [loud.id]
    crm.service.cases.reply(answered.id, "Here")
    clock.set(until)
    crm.run_due()
    crm.run_due()
    assert sorted(e.case_id for e in crm.service.escalations.find()) == sorted([loud.id, quiet.id])


def test_unmute(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    define(crm, always, AT_TARGET)
    case = opened(crm, wang)
    mute = crm.service.escalations.mute(until=clock.now() + timedelta(days=9), reason="Works")
    clock.advance(hours=2)
    crm.run_due()
    crm.service.cases.update(case.id, tags={"x"})  # what waits for the mute survives a change of the case
    assert told(crm) == []
    crm.service.escalations.unmute(mute)
    crm.run_due()
    assert told(crm) == [BOSS]


def test_a_reopened_case_goes_on_and_does_not_fire_again(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    define(crm, always, {"clock": "resolution", "at": timedelta(0), "notify": BOSS})
    case = opened(crm, wang)
    clock.advance(hours=9)
    crm.run_due()
    case = crm.service.cases.resolve(case.id)
    clock.advance(hours=1)
    crm.service.cases.reopen(case)
    clock.advance(days=1)
    crm.run_due()
    assert told(crm) == [BOSS]


def test_the_auditor(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    define(crm, always, AT_TARGET, {"clock": "first_response", "at": 2 * HOUR, "notify": BOSS})
    case = opened(crm, wang)
    assert crm.service.escalations.audit().clean
    with pytest.raises(InvalidInput, match="grace= is 0 or more"):
        crm.service.escalations.audit(grace=-timedelta(minutes=5))
    clock.advance(hours=2, minutes=4)
    assert crm.service.escalations.audit().clean
    clock.advance(minutes=2)
    overdue = crm.service.escalations.audit()
    assert [(f.fault, f.by) for f in overdue.findings] == [("overdue", 6 * MINUTE)]
    crm.run_due()
    assert [f.fault for f in crm.service.escalations.audit().findings] == ["late"]
    with crm.work() as work:
        work.cancel(case.id)
    clock.advance(hours=3)
    findings = crm.service.escalations.audit().findings
    assert [(f.fault, f.due_at) for f in findings] == [
        ("late", case.first_response_due),
        ("missing", case.opened_at + 4 * HOUR),
    ]
    assert case.id in format(crm.service.escalations.audit(), "md")


@pytest.mark.parametrize(
    ("level", "says"),
    [
        ({"clock": "first_response", "at": timedelta(0)}, "notify"),
        ({"clock": "first_respons", "notify": BOSS}, "did you mean 'first_response'"),
        ({"clock": "first_response", "notfy": BOSS}, "did you mean 'notify'"),
        ({"notify": BOSS}, '"clock"'),
        ({"clock": "resolution", "when": "reopened", "notify": BOSS}, '"clock"'),
        ({"clock": "resolution", "at": "half", "notify": BOSS}, "80%"),
        ({"clock": "resolution", "at": 5, "notify": BOSS}, "timedelta"),
        ({"clock": "resolution", "notify": ""}, "address"),
        ({"clock": "resolution", "notify": BOSS, "repeat": 2}, "wait"),
        ({"clock": "resolution", "notify": BOSS, "wait": HOUR, "repeat": 10_000}, "100"),
        ({"clock": "resolution", "steps": []}, "steps"),
        ({"clock": "resolution", "steps": [{"notify": BOSS}, {"notify": BOSS}]}, "step 1"),
        ({"clock": "resolution", "notify": BOSS, "set": {"status": "closed"}}, "priority"),
        ({"clock": "resolution", "notify": BOSS, "if": F.priorty == "high"}, "priority"),
        ({"when": "low_score", "notify": BOSS}, "score"),
        ({"when": "angry", "notify": BOSS}, "reopened"),
        ({"when": "low_score", "score": 99, "notify": BOSS}, "escalation 1: score 99 is on the scale of no survey"),
        ({"clock": "resolution", "notify": 5}, "notify"),
        ({"clock": "resolution", "notify": "boss@"}, "e-mail address"),
        ({"clock": "resolution", "notify": "email:boss"}, "e-mail address"),
        ({"clock": "resolution", "notify": "sms:"}, "the address in 'sms:' must not be empty"),
        ({"clock": "resolution", "notify": "boss\0"}, r"U\+0000"),
        ({"clock": 5, "notify": BOSS}, "the policy has no clock 5"),
        ({"clock": "resolution", "set": {"priority": "urgentt"}}, "escalation 1: case.priority: 'urgentt' is not one"),
        ({"clock": "resolution", "set": {"severity": "x"}}, "minor"),
        ({"clock": "resolution", "set": {"owner": 5}}, "case.owner must be text"),
        ({"clock": "resolution", "set": {"team": 7}}, "case.team must be text"),
        ({"clock": "resolution", "set": {"add_tags": "vip"}}, "a set of texts"),
        ({"when": "reassigned", "set": {"priority": None}}, "required"),
    ],
)
def test_a_wrong_level_is_refused(crm: CRM, hours: BusinessCalendar, level: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        define(crm, hours, level)
    assert crm.service.policies.count() == 0


def test_a_low_score_may_lie_on_the_scale_of_ones_own_survey(crm: CRM, hours: BusinessCalendar) -> None:
    crm.service.surveys.define("percent", question="How much?", low=0, high=100, formula="mean")
    define(crm, hours, {"when": "low_score", "score": 99, "notify": BOSS})


def test_a_mute_that_ends_before_it_begins_is_refused(crm: CRM, clock: FrozenClock) -> None:
    with pytest.raises(InvalidInput, match="ends after it begins"):
        crm.service.escalations.mute(until=clock.now() - HOUR, reason="Too late")
    with pytest.raises(InvalidInput, match="over already"):
        crm.service.escalations.mute(since=clock.now() - 2 * HOUR, until=clock.now() - HOUR, reason="Too late")
    with pytest.raises(NotFound):
        crm.service.escalations.acknowledge("case_01kjp0y9m0e37tvmjcxvcj7ah4")


def test_a_holiday_in_between(crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock) -> None:
    define(crm, hours, AT_TARGET)
    clock.set(datetime(2026, 4, 3, 9, 30, tzinfo=UTC))  # Friday, 17:30; Monday is a holiday
    case = opened(crm, wang)
    assert case.first_response_due == datetime(2026, 4, 7, 2, 30, tzinfo=UTC)
    clock.set(datetime(2026, 4, 7, 2, 29, tzinfo=UTC))
    assert crm.run_due().ran == 0
    clock.advance(minutes=1)
    assert crm.run_due().ran == 1
    assert date(2026, 4, 6) in hours.holidays


# ── Roles that stand for others, and steps that told nobody ──

ROLES: dict[str, Any] = {"team_lead": ["manager", "deputy@x.example"], "manager": "boss@x.example"}


def asked(roles: dict[str, Any], clock: FrozenClock, always: BusinessCalendar, *, minutes: int = 61) -> CRM:
    """A CRM in which one case has run out of time."""
    answers = {"service.recipient": lambda role, _: roles.get(role)}
    crm = CRM.open("sqlite://", clock=clock, answers=answers)
    level = {"clock": "first_response", "notify": "team_lead"}
    crm.service.policies.define("p", calendar=always, first_response=HOUR, escalations=[level], position=0)
    crm.service.cases.open(crm.customers.register(name="Wang"), subject="Album")
    clock.advance(minutes=minutes)
    return crm


def test_a_role_may_stand_for_others(clock: FrozenClock, always: BusinessCalendar) -> None:
    with asked(ROLES, clock, always) as crm:
        assert crm.run_due().ran == 1
        (fired,) = crm.service.escalations.find()
        assert (fired.recipients, fired.missing) == (("boss@x.example", "deputy@x.example"), ())


@pytest.mark.parametrize(
    ("roles", "circle"),
    [
        ({"team_lead": "manager", "manager": "team_lead"}, "team_lead → manager → team_lead"),
        ({"team_lead": ["a@x.example", "team_lead"]}, "team_lead → team_lead"),
        (
            {"team_lead": "manager", "manager": "owner", "owner": ["b@x.example", "manager"]},
            "manager → owner → manager",
        ),
    ],
)
def test_circular_teams_are_an_error_and_nothing_is_lost(
    clock: FrozenClock, always: BusinessCalendar, roles: dict[str, Any], circle: str
) -> None:
    answers = dict(roles)
    with asked(answers, clock, always) as crm:
        report = crm.run_due()
        assert (report.ran, report.failed) == (0, 1)
        assert f"leads in a circle, {circle}: let one of them answer" in report.errors[0]
        assert crm.outbox.count() == 0
        assert [f.fault for f in crm.service.escalations.audit().findings] == ["overdue"]
        answers["manager"] = answers["team_lead"] = "boss@x.example"
        clock.advance(minutes=2)
        assert crm.run_due().ran == 1
        assert [m.to for m in crm.outbox.find()] == ["boss@x.example"]


def test_the_auditor_says_when_nobody_was_told(clock: FrozenClock, always: BusinessCalendar) -> None:
    with asked({}, clock, always) as crm:
        assert crm.run_due().ran == 1
        (found,) = crm.service.escalations.audit().findings
        assert (found.fault, found.by) == ("nobody told", timedelta(minutes=1))
        assert "| nobody told |" in format(crm.service.escalations.audit(), "md")


# ── Steps that come due while their clock stands ──


@pytest.mark.parametrize("recalculated", [False, True])
def test_a_step_whose_clock_stands_is_put_aside_until_it_goes_on(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, *, recalculated: bool
) -> None:
    """Not asked for again and again: once a mute that ended in a pause made a worker run for ever."""
    level = {"clock": "resolution", "at": "50%", "notify": BOSS}
    crm.service.policies.define("p", calendar=always, resolution=8 * HOUR, escalations=[level], position=0)
    case = crm.service.cases.open(wang, subject="Album")
    clock.advance(hours=3)
    crm.service.escalations.mute(until=clock.now() + 3 * HOUR, reason="moving house")
    clock.advance(hours=1)
    assert crm.run_due(rounds=9).ran == 1
    crm.service.cases.wait(case.id)
    clock.advance(hours=3)
    assert crm.run_due(rounds=9).ran == 1
    clock.advance(days=30)
    assert crm.run_due(rounds=9).ran == 0
    if recalculated:
        crm.service.policies.define("p", calendar=always, resolution=8 * HOUR + HOUR / 2, escalations=[level])
        crm.service.policies.recalculate("p")
        assert crm.run_due(rounds=9).ran == 0
    crm.service.cases.resume(case.id)
    assert crm.run_due(rounds=9).ran == (0 if recalculated else 1)
    clock.advance(minutes=15)
    assert crm.run_due(rounds=9).ran == (1 if recalculated else 0)
    assert [e.recipients for e in crm.service.escalations.of(case)] == [(BOSS,)]
    assert [f.fault for f in crm.service.escalations.audit().findings] in ([], ["late"])


def test_steps_that_follow_wait_for_the_clock_and_are_then_told_once(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    steps = [{"notify": "lead@x.example", "wait": HOUR}, {"notify": BOSS}]
    level = {"clock": "resolution", "at": "50%", "steps": steps}
    crm.service.policies.define("p", calendar=always, resolution=8 * HOUR, escalations=[level], position=0)
    case = crm.service.cases.open(wang, subject="Album")
    clock.advance(hours=4)
    assert crm.run_due(rounds=9).ran == 1
    crm.service.cases.wait(case.id)
    clock.advance(hours=1)
    assert crm.run_due(rounds=9).ran == 1
    assert crm.outbox.count() == 1
    clock.advance(days=3)
    crm.service.cases.resume(case.id)
    assert crm.run_due(rounds=9).ran == 1
    assert [m.to for m in crm.outbox.find(order_by="created_at")] == ["lead@x.example", BOSS]
    crm.service.cases.wait(case.id)
    crm.service.cases.resume(case.id)
    clock.advance(days=3)
    assert crm.run_due(rounds=9).ran == 0
