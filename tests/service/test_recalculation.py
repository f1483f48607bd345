"""Recalculation: one streamed pass, whole in every batch, and done twice it is done once."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, Conflict, F, FrozenClock, InvalidInput
from crmkit.customers.people import Customer
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.events import EventRecord
from crmkit.service.cases.case import Case
from crmkit.service.policies import desk
from crmkit.service.policies.recalculating import Recalculation, recalculated
from crmkit.service.sla.records import CaseClock
from tests.processes import started
from tests.service.conftest import MONDAY

HOUR = timedelta(hours=1)
BOSS: list[dict[str, Any]] = [
    {"clock": "resolution", "at": "50%", "notify": "lead@x.example"},
    {"clock": "resolution", "at": timedelta(0), "notify": "boss@x.example"},
]


def define(crm: CRM, calendar: BusinessCalendar, *, hours: int) -> None:
    crm.service.policies.define(
        "gold", calendar=calendar, first_response=HOUR, next_response=HOUR, resolution=hours * HOUR, escalations=BOSS
    )


def seed(crm: CRM, clock: FrozenClock, calendar: BusinessCalendar, count: int = 12) -> None:
    """Cases at every stage, under a policy that has got a new version since."""
    define(crm, calendar, hours=8)
    wang = crm.customers.register(name="Wang")
    cases = crm.service.cases
    for n in range(count):
        case = cases.open(wang, subject=str(n), policy="gold", message="Where is it?")
        clock.advance(minutes=7)
        if n % 4 == 1:
            cases.reply(case, "Which one?", waiting_for="customer")
        elif n % 4 == 2:
            cases.message(cases.reply(case, "Which one?"), "The red one")
        elif n % 4 == 3:
            cases.resolve(case)
    define(crm, calendar, hours=2)


def stored(crm: CRM) -> list[Any]:
    """Everything that a recalculation may touch, with the versions of the rows."""
    with crm.read() as work:
        subjects = {case.id: case.subject for case in work.find(Case)}
        cases = [(c.subject, c.version, c.policy_version_id, c.resolution_due, c.next_due) for c in work.find(Case)]
        clocks = [
            (subjects[c.case_id], c.name, c.cycle, c.version, c.policy_id, c.state, c.due_at)
            for c in work.find(CaseClock)
        ]
        items = [(subjects[i.subject], i.due_at, i.state) for i in work.find(AgendaItem)]
        told = [subjects[e.subject] for e in work.find(EventRecord, F.name == "service.policy_applied")]
    return [sorted(cases), sorted(clocks), sorted(items), sorted(told)]


def test_what_is_stored_is_what_the_clocks_say(crm: CRM, clock: FrozenClock, hours: BusinessCalendar) -> None:
    seed(crm, clock, hours)
    did = crm.service.policies.recalculate("gold", batch=5)
    assert (did.cases, did.moved) == (9, 9)
    assert did.shifted["resolution_due"] == 6
    for case in crm.service.cases.find(F.status.in_(["open", "waiting"])):
        judged = crm.service.cases.clocks(case)
        assert (case.resolution_due, case.next_due) == (judged.due("resolution"), judged.next_due)
        with crm.read() as work:
            rows = {(r.name, r.cycle): r for r in work.find(CaseClock, F.case_id == case.id)}
        for reading in judged.readings:
            row = rows[reading.clock, reading.cycle]
            assert (row.due_at, row.open) == (None if reading.state == "paused" else reading.due, reading.open)
        running = judged.clock("resolution")
        assert running is not None
        due = {i.due_at for i in crm.agenda.find((F.subject == case.id) & (F.state == "due"))}
        half, whole = running.stretch.share(50), running.due
        assert due == ({half, whole} if running.state == "running" else set())


def test_twice_is_once(crm: CRM, clock: FrozenClock, hours: BusinessCalendar) -> None:
    seed(crm, clock, hours)
    crm.service.policies.recalculate("gold", batch=4)
    before = stored(crm)
    again = crm.service.policies.recalculate("gold", batch=3)
    assert (again.cases, again.moved, again.shifted, again.overdue) == (9, 0, {}, 0)
    assert stored(crm) == before


def test_a_preview_counts_all_and_lists_some(crm: CRM, clock: FrozenClock, hours: BusinessCalendar) -> None:
    seed(crm, clock, hours)
    clock.advance(hours=3)
    before = stored(crm)
    plan = crm.service.policies.recalculate("gold", preview=True, keep=2)
    assert len(plan.shifts) == 2
    assert plan.shifted["resolution_due"] == 6
    assert plan.overdue == 3  # of the others, the first response was overdue before
    assert stored(crm) == before
    assert f"… and {sum(plan.shifted.values()) - 2} more" in format(plan, "md")
    did = crm.service.policies.recalculate("gold", keep=2)
    assert (did.shifts, did.shifted) == (plan.shifts, plan.shifted)


def test_a_preview_says_how_many_become_overdue(
    crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar
) -> None:
    crm.service.policies.define("gold", calendar=always, resolution=8 * HOUR)
    for _ in range(3):
        crm.service.cases.open(wang, subject="Album", policy="gold")
    clock.advance(hours=2)
    crm.service.policies.define("gold", calendar=always, resolution=HOUR)
    assert crm.service.policies.recalculate("gold", preview=True).overdue == 3
    assert "3 newly overdue" in crm.service.policies.recalculate("gold")._repr_html_()
    assert crm.service.policies.recalculate("gold").overdue == 0


def interrupted(after: int) -> Any:
    """A pass that breaks in the batch of that number, when it has been written and not committed."""
    batches = 0
    real = recalculated

    def breaking(*given: Any, **named: Any) -> Recalculation:
        nonlocal batches
        found = real(*given, **named)
        batches += 1
        if batches == after:
            raise RuntimeError("the light went out")
        return found

    return breaking


def test_what_was_interrupted_is_resumed(
    crm: CRM, clock: FrozenClock, hours: BusinessCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(crm, clock, hours)
    with CRM.open("memory://", clock=FrozenClock(MONDAY), timezone="Asia/Shanghai") as twin:
        twin_clock: Any = twin._house.clock
        seed(twin, twin_clock, hours)
        twin.service.policies.recalculate("gold")
        wanted = [part if n else [row[:2] + row[3:] for row in part] for n, part in enumerate(stored(twin)) if n != 1]
    with monkeypatch.context() as patch:
        patch.setattr(f"{desk.__name__}.recalculated", interrupted(3))
        with pytest.raises(RuntimeError, match="light went out"):
            crm.service.policies.recalculate("gold", batch=2)
    new = crm.service.policies.get("gold")
    assert crm.service.cases.count(F.policy_version_id == new.id) == 4  # two batches are there, whole
    rest = crm.service.policies.recalculate("gold", batch=2, resume=True)
    assert (rest.cases, rest.moved) == (5, 5)
    found = [part if n else [row[:2] + row[3:] for row in part] for n, part in enumerate(stored(crm)) if n != 1]
    assert found == wanted
    assert crm.service.policies.recalculate("gold", resume=True).cases == 0


def test_a_batch_is_judged_again_when_somebody_was_faster(
    crm: CRM, clock: FrozenClock, hours: BusinessCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(crm, clock, hours)
    real, lost = recalculated, [Conflict("somebody was faster")] * 4

    def contested(*given: Any, **named: Any) -> Recalculation:
        found = real(*given, **named)
        if lost:
            raise lost.pop()
        return found

    monkeypatch.setattr(f"{desk.__name__}.recalculated", contested)
    assert crm.service.policies.recalculate("gold").moved == 9
    assert crm.service.policies.recalculate("gold").moved == 0
    lost += [Conflict("again and again")] * 5
    with pytest.raises(Conflict, match="again and again"):
        crm.service.policies.recalculate("gold")


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 1.5}, {"keep": -1}])
def test_refused(crm: CRM, clock: FrozenClock, hours: BusinessCalendar, wrong: dict[str, Any]) -> None:
    seed(crm, clock, hours, 1)
    with pytest.raises(InvalidInput, match="batch= is 1 or more and keep= 0 or more"):
        crm.service.policies.recalculate("gold", **wrong)


def recalculate_and_die(url: str, after: int) -> None:
    batches = 0
    real = recalculated

    def deadly(*given: Any, **named: Any) -> Recalculation:
        nonlocal batches
        found = real(*given, **named)
        given[0].flush()
        batches += 1
        if batches == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    vars(desk)["recalculated"] = deadly
    with CRM.open(url, clock=FrozenClock(MONDAY + 2 * HOUR), timezone="Asia/Shanghai") as crm:
        crm.service.policies.recalculate("gold", batch=2)


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["sqlite", "postgresql"])
def test_killed_in_the_middle(
    stack: str, tmp_path: Path, request: pytest.FixtureRequest, hours: BusinessCalendar
) -> None:
    url = str(tmp_path / "crm.db") if stack == "sqlite" else request.getfixturevalue("postgres_database")
    clock = FrozenClock(MONDAY)
    with CRM.open(url, clock=clock, timezone="Asia/Shanghai", migrate=True) as crm:
        seed(crm, clock, hours)
        clock.set(MONDAY + 2 * HOUR)
        policy = crm.service.policies.get("gold")
        for after, whole in ((2, 2), (1, 2), (3, 4)):
            doomed = started(recalculate_and_die, url, after)
            doomed.join()
            assert doomed.exitcode == -signal.SIGKILL
            assert crm.service.cases.count(F.policy_version_id == policy.id) == whole
        crm.service.policies.recalculate("gold")
        assert crm.service.cases.count(F.policy_version_id == policy.id) == 9
        before = stored(crm)
        assert [len(part) for part in before] == [12, len(before[1]), len(before[2]), 12 + 9]
        crm.service.policies.recalculate("gold")
        assert stored(crm) == before


# ── Levels that have fired before ──

STEPS: list[dict[str, Any]] = [
    {
        "clock": "resolution",
        "at": "50%",
        "steps": [{"notify": "lead@x.example", "wait": HOUR}, {"notify": "boss@x.example"}],
    }
]


def addresses(crm: CRM) -> list[str]:
    return [message.to for message in crm.outbox.find(order_by="created_at")]


def escalated(crm: CRM, wang: Customer, clock: FrozenClock, calendar: BusinessCalendar) -> Case:
    """A case of which the lead has been told; the boss is to be told an hour later."""
    crm.service.policies.define("gold", calendar=calendar, resolution=4 * HOUR, escalations=STEPS)
    case = crm.service.cases.open(wang, subject="Album", policy="gold")
    clock.advance(hours=2)
    assert crm.run_due().ran == 1
    return case


def test_a_level_that_has_fired_does_not_fire_again_and_its_steps_go_on(
    crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar
) -> None:
    """An edit of the calendar that changes nothing for a case floods nobody, and forgets nobody."""
    case = escalated(crm, wang, clock, always)
    with_holiday = BusinessCalendar(timezone="UTC", hours=always.hours, holidays={MONDAY.date() + timedelta(days=30)})
    crm.service.policies.reschedule("gold", calendar=with_holiday, since=MONDAY - HOUR)
    assert crm.service.policies.recalculate("gold").moved == 1
    assert crm.run_due().ran == 0
    clock.advance(minutes=30)
    crm.service.policies.reschedule("gold", calendar=always, since=MONDAY - HOUR)  # and once more
    assert crm.service.policies.recalculate("gold").moved == 1
    clock.advance(minutes=30)
    assert crm.run_due().ran == 1
    assert addresses(crm) == ["lead@x.example", "boss@x.example"]
    assert crm.service.escalations.audit().clean
    assert [(e.level, e.step) for e in crm.service.escalations.of(case)] == [(1, 1), (1, 2)]


def test_a_level_that_moves_into_the_future_fires_again(
    crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar
) -> None:
    escalated(crm, wang, clock, always)
    crm.service.policies.define("gold", calendar=always, resolution=8 * HOUR, escalations=STEPS)
    crm.service.policies.recalculate("gold")
    clock.advance(hours=1)
    assert crm.run_due().ran == 0
    clock.advance(hours=1)
    assert crm.run_due().ran == 1
    clock.advance(hours=1)
    assert crm.run_due().ran == 1
    assert addresses(crm) == ["lead@x.example", "lead@x.example", "boss@x.example"]


def test_another_level_fires_at_once(crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar) -> None:
    escalated(crm, wang, clock, always)
    other = [{"clock": "resolution", "at": "25%", "notify": "other@x.example"}]
    crm.service.policies.define("gold", calendar=always, resolution=4 * HOUR, escalations=other)
    crm.service.policies.recalculate("gold")
    assert crm.run_due().ran == 1
    clock.advance(hours=5)
    assert crm.run_due().ran == 0
    assert addresses(crm) == ["lead@x.example", "other@x.example"]


def test_what_was_to_fire_because_of_an_occasion_still_does(
    crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar
) -> None:
    boss: list[dict[str, Any]] = [{"when": "reassigned", "times": 1, "notify": "boss@x.example"}]
    crm.service.policies.define("gold", calendar=always, resolution=4 * HOUR, escalations=boss)
    case = crm.service.cases.open(wang, subject="Album", policy="gold", owner="xu")
    crm.service.cases.assign(case, owner="an")
    crm.service.policies.define("gold", calendar=always, resolution=3 * HOUR, escalations=boss)
    crm.service.policies.recalculate("gold")
    clock.advance(minutes=1)
    assert crm.run_due().ran == 1
    assert addresses(crm) == ["boss@x.example"]


def test_the_steps_of_a_case_that_waits_go_on_after_it(
    crm: CRM, wang: Customer, clock: FrozenClock, always: BusinessCalendar
) -> None:
    case = escalated(crm, wang, clock, always)
    crm.service.cases.wait(case.id)
    crm.service.policies.define("gold", calendar=always, resolution=4 * HOUR, reopen_within=HOUR, escalations=STEPS)
    assert crm.service.policies.recalculate("gold").moved == 1
    clock.advance(hours=5)
    crm.run_due(rounds=9)
    assert addresses(crm) == ["lead@x.example"]
    crm.service.cases.resume(case.id)
    crm.run_due(rounds=9)
    assert addresses(crm) == ["lead@x.example", "boss@x.example"]
    clock.advance(days=2)
    crm.run_due(rounds=9)
    assert addresses(crm) == ["lead@x.example", "boss@x.example"]
