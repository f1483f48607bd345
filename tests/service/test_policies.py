"""Policies: chosen by rules, kept by version, changed on purpose."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, F
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput, NotFound
from crmkit.kernel.rules import Rule
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import Terms
from crmkit.service.sla import Clock, Span
from crmkit.service.sla.records import CaseClock
from crmkit.testing import FrozenClock
from tests.service.worked import worked

HOUR = timedelta(hours=1)


def policy(crm: CRM, calendar: BusinessCalendar, name: str = "gold", *, hours: int = 8, **options: Any) -> Policy:
    return crm.service.policies.define(name, calendar=calendar, resolution=hours * HOUR, **options)


@pytest.mark.parametrize("case", worked("select_policy"))
def test_of_two_that_fit_the_first_in_order_is_taken(
    crm: CRM, wang: Customer, always: BusinessCalendar, case: Any
) -> None:
    for spec in case["inputs"]["policies"]:
        policy(crm, always, spec["name"], when=F.subject.contains("matching"))
    policy(crm, always, "000", position=0)  # a policy without a condition is for those that no other is for
    made = crm.service.cases.open(wang, subject=case["inputs"]["ticket"]["title"])
    assert made.policy == case["expected"]["policy"]
    assert crm.service.cases.open(wang, subject="other").policy == "000"


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        (F.priority == "urgent", {"priority": "urgent"}),
        (F.kind == "complaint", {"kind": "complaint"}),
        (F.channel.in_(["phone", "chat"]), {"channel": "chat"}),
        (F.customer.tags.has("vip"), {}),
        (F.tags.has("contract") & (F.customer.city == "Chengdu"), {"tags": {"contract"}}),
    ],
)
def test_rules_see_the_case_and_its_customer(
    crm: CRM, always: BusinessCalendar, rule: Rule, facts: dict[str, Any]
) -> None:
    vip = crm.customers.register(name="Wang", tags={"vip"}, city="Chengdu")
    other = crm.customers.register(name="Li")
    policy(crm, always, when=rule)
    assert crm.service.cases.open(vip, subject="Album", **facts).policy == "gold"
    assert crm.service.cases.open(other, subject="Album").policy is None


def test_a_segment_has_a_policy(crm: CRM, wang: Customer, always: BusinessCalendar) -> None:
    crm.customers.segments.define("vip", rule=F.name == "Xiao Wang")
    crm.customers.segments.refresh("vip")
    member = F.memberships.where((F.segment.name == "vip") & (F.state == "member")).any()
    policy(crm, always, when=F.customer.memberships.where((F.segment.name == "vip") & (F.state == "member")).any())
    with crm.read() as work:
        assert work.count(Customer, member) == 1
    assert crm.service.cases.open(wang, subject="Album").policy == "gold"
    other = crm.customers.register(name="Xiao Li")
    assert crm.service.cases.open(other, subject="Album").policy is None
    crm.customers.update(wang.id, name="Somebody else")
    crm.customers.segments.refresh("vip")
    assert crm.service.cases.open(wang.id, subject="Album").policy is None


def test_a_change_of_the_case_matches_again_unless_the_policy_was_given(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    policy(crm, always, "urgent", hours=1, when=F.priority == "urgent")
    policy(crm, always, "rest", position=9)
    case = crm.service.cases.open(wang, subject="Album")
    assert (case.policy, case.policy_by, case.resolution_due) == ("rest", "matched", clock.now() + 8 * HOUR)
    case = crm.service.cases.update(case, priority="urgent")
    assert (case.policy, case.resolution_due) == ("urgent", case.opened_at + HOUR)
    given = crm.service.cases.open(wang, subject="Album", policy="rest")
    assert crm.service.cases.update(given, priority="urgent").policy == "rest"
    case = crm.service.cases.apply(case, None)
    assert (case.policy, case.resolution_due, case.next_due) == (None, None, None)
    with pytest.raises(InvalidInput, match="no policy"):
        crm.service.cases.clocks(case)


@pytest.mark.parametrize("case", worked("policy_snapshot"))
def test_a_case_keeps_the_policy_that_it_began_with(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, case: Any
) -> None:
    assert case["expected"]["policy_version_used"] == "as of t0"
    first = policy(crm, always, hours=8)
    made = crm.service.cases.open(wang, subject="Album", policy="gold")
    clock.advance(hours=1)
    second = policy(crm, always, hours=4)
    assert (first.revision, second.revision) == (1, 2)
    made = crm.service.cases.reply(made, "We look into it")
    assert (made.policy_version_id, made.resolution_due) == (first.id, made.opened_at + 8 * HOUR)
    assert crm.service.cases.open(wang, subject="Another", policy="gold").policy_version_id == second.id
    assert [p.state for p in crm.service.policies.versions("gold")] == ["former", "current"]


def test_the_same_definition_is_no_new_version(crm: CRM, always: BusinessCalendar) -> None:
    level = {"clock": "resolution", "at": "80%", "notify": "boss@x.example", "if": F.priority == "high"}
    one = policy(crm, always, escalations=[level])
    assert policy(crm, always, escalations=[level]) == one
    assert policy(crm, always, escalations=[{**level, "at": "90%"}]).revision == 2


def test_recalculation_with_a_preview(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    boss = [{"clock": "resolution", "at": timedelta(0), "notify": "boss@x.example"}]
    policy(crm, always, escalations=boss)
    cases = [crm.service.cases.open(wang, subject=str(n), policy="gold") for n in range(5)]
    done = crm.service.cases.resolve(cases[0])
    other = crm.service.cases.open(wang, subject="Other")
    clock.advance(hours=1)
    new = policy(crm, always, hours=3, escalations=boss)
    plan = crm.service.policies.recalculate("gold", preview=True)
    assert (plan.cases, plan.moved, plan.stored) == (4, 4, False)
    assert {(s.case_id, s.after) for s in plan.shifts if s.due == "resolution_due"} == {
        (c.id, c.opened_at + 3 * HOUR) for c in cases[1:]
    }
    assert crm.service.cases.get(cases[1].id).resolution_due == cases[1].resolution_due
    assert crm.agenda.count() == 4
    did = crm.service.policies.recalculate("gold", batch=2)
    assert (did.cases, did.moved, did.shifts, did.stored) == (4, 4, plan.shifts, True)
    for case in cases[1:]:
        now = crm.service.cases.get(case.id)
        assert (now.policy_version_id, now.resolution_due) == (new.id, case.opened_at + 3 * HOUR)
    assert {i.due_at for i in crm.agenda.due()} == {cases[1].opened_at + 3 * HOUR}
    assert crm.service.cases.get(done.id) == done
    assert crm.service.cases.get(other.id) == other
    again = crm.service.policies.recalculate("gold")
    assert (again.moved, again.shifts) == (0, ())
    assert "gold" in plan._repr_html_()
    assert cases[1].id in format(plan, "md")


def test_stored_due_times_are_a_cache_that_can_be_rebuilt(
    crm: CRM, wang: Customer, hours: BusinessCalendar, clock: FrozenClock
) -> None:
    policy(crm, hours, first_response=HOUR, next_response=HOUR)
    cases = crm.service.cases
    case = cases.open(wang, subject="Album", policy="gold", message="Where?")
    clock.advance(minutes=20)
    cases.reply(case.id, "Which?", waiting_for="customer")
    clock.advance(days=1)
    case = cases.message(case.id, "The red one")
    with crm.work() as work:
        rows = work.find(CaseClock, order_by=("name", "cycle"))
        spoilt = case.evolve(resolution_due=clock.now(), next_due=None)
        work.put([spoilt])
        work.put([row.evolve(elapsed=timedelta(5), due_at=None) for row in rows])
    crm.service.policies.recalculate("gold")
    again = cases.get(case.id)
    assert (again.resolution_due, again.next_due) == (case.resolution_due, case.next_due)
    with crm.read() as work:
        rebuilt = work.find(CaseClock, order_by=("name", "cycle"))
    shown = [(r.name, r.cycle, r.state, r.due_at, r.elapsed, r.held) for r in rows]
    assert shown == [(r.name, r.cycle, r.state, r.due_at, r.elapsed, r.held) for r in rebuilt]
    assert [s[:3] for s in shown] == [
        ("first_response", 1, "met"),
        ("next_response", 1, "running"),
        ("resolution", 1, "running"),
    ]


def test_what_was_missed_under_the_old_policy_stays_missed(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    policy(crm, always, first_response=HOUR)
    case = crm.service.cases.open(wang, subject="Album", policy="gold")
    clock.advance(hours=2)
    crm.service.cases.reply(case, "Sorry")
    policy(crm, always, first_response=5 * HOUR, hours=9)
    crm.service.policies.recalculate("gold")
    with crm.read() as work:
        states = {row.name: row.state for row in work.find(CaseClock)}
    assert states == {"first_response": "missed", "resolution": "running"}


def test_what_if(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock) -> None:
    policy(crm, always)
    policy(crm, always, "strict", hours=1)
    case = crm.service.cases.open(wang, subject="Album", policy="gold")
    clock.advance(hours=2)
    strict = crm.service.cases.clocks(case, policy="strict")
    assert [r.clock for r in strict.missed] == ["resolution"]
    assert not crm.service.cases.clocks(case).missed
    assert not crm.service.cases.clocks(case, policy="strict", as_of=case.opened_at + HOUR).missed
    reading = strict.clock("resolution")
    assert reading is not None
    assert reading.why[0] == "started at 2026-03-02T01:00:00+00:00 by opened"
    assert reading.why[-1].endswith("due at 2026-03-02T02:00:00+00:00: overrun")
    assert "resolution" in format(strict, "md")


def test_a_calendar_changes_from_a_day_on(crm: CRM, wang: Customer, hours: BusinessCalendar) -> None:
    policy(crm, hours, hours=16, calendar_change="cumulative")
    case = crm.service.cases.open(wang, subject="Album", policy="gold")
    assert case.resolution_due == datetime(2026, 3, 3, 10, tzinfo=UTC)
    short = BusinessCalendar(timezone="Asia/Shanghai", hours={"tue": [("09:00", "12:00")], "wed": [("09:00", "18:00")]})
    tuesday = datetime(2026, 3, 2, 16, tzinfo=UTC)
    new = crm.service.policies.reschedule("gold", calendar=short, since=tuesday)
    assert new.revision == 2
    assert crm.service.cases.get(case.id).resolution_due == case.resolution_due
    crm.service.policies.recalculate("gold")
    assert crm.service.cases.get(case.id).resolution_due == datetime(2026, 3, 4, 6, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="naive"):
        crm.service.policies.reschedule("gold", calendar=short, since=datetime(2026, 3, 2))  # noqa: DTZ001


def test_terms_go_through_json(hours: BusinessCalendar, crm: CRM) -> None:
    made = crm.service.policies.define(
        "all",
        calendar={datetime(2026, 1, 1, tzinfo=UTC): hours, datetime(2027, 1, 1, tzinfo=UTC): hours},
        first_response={"days": 1},
        next_response=HOUR,
        update=4 * HOUR,
        resolution=Span(days=5),
        time_to_own=HOUR / 2,
        targets={"waiting": timedelta(days=5)},
        clocks=[Clock(name="pick_up", target=HOUR, starts=["finish"], stops=["enters:resolved"], hold="wall")],
        hold="wall",
        escalations=[
            {"clock": "pick_up", "at": "50%", "notify": ["a@x.example", "manager"], "wait": HOUR, "repeat": 2},
            {"clock": "update", "at": {"days": -1}, "steps": [{"notify": "owner"}], "set": {"add_tags": ["late"]}},
            {"when": "low_score", "score": 2, "notify": "manager", "if": F.customer.tags.has("vip")},
        ],
        when=F.priority == "high",
        position=3,
        late="seen",
        close_after=timedelta(days=5),
        quiet=hours,
        digest=HOUR,
    )
    terms = crm.service.policies.get("all").read()
    assert Terms.from_json(terms.to_json()) == terms == made.read()
    assert {c.hold for c in terms.clocks} == {"wall"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"calendar": None}, "BusinessCalendar"),
        ({"resolution": timedelta(0)}, "more than nothing"),
        ({"resolution": timedelta(days=10_000)}, "ten years"),
        ({"resolution": 8}, "timedelta"),
        ({"next_response": HOUR}, "first_response"),
        ({"targets": {"solution": HOUR}}, "no clock 'solution'"),
        ({"like": "zamad"}, "did you mean 'zammad'"),
        ({"like": "osticket", "first_response": HOUR}, "no clock 'first_response'"),
        ({"hold": "coffee"}, "business, wall"),
        ({"late": "never"}, "always, seen"),
        ({"calendar_change": "maybe"}, "pinned"),
        ({"when": F.priorty == "high"}, "priority"),
        ({"position": "first"}, "whole number"),
        ({"quiet": "night"}, "BusinessCalendar"),
        ({"digest": timedelta(0)}, "digest"),
        ({"reopen_within": timedelta(days=-1)}, "reopen_within"),
        ({"clocks": [Clock(name="resolution", target=HOUR, starts=["opened"], stops=["reply"])]}, "two clocks"),
    ],
)
def test_a_wrong_policy_is_refused(crm: CRM, always: BusinessCalendar, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        crm.service.policies.define("gold", **{"calendar": always, "resolution": HOUR, **options})
    assert crm.service.policies.count() == 0


def test_retired_policies_are_kept_by_their_cases(crm: CRM, wang: Customer, always: BusinessCalendar) -> None:
    made = policy(crm, always, position=1)
    case = crm.service.cases.open(wang, subject="Album")
    crm.service.policies.retire("gold")
    assert crm.service.cases.open(wang, subject="Another").policy is None
    assert crm.service.cases.reply(case, "Here").policy_version_id == made.id
    with pytest.raises(NotFound, match="golt"):
        crm.service.policies.get("golt")
    with pytest.raises(InvalidInput, match="retired already"):
        crm.service.policies.retire(made.id)
    assert policy(crm, always).revision == 2


# ── Targets by priority ──


def test_one_policy_has_targets_by_priority(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    """Frappe and Zendesk keep targets by priority in one policy."""
    made = crm.service.policies.define(
        "gold",
        calendar=always,
        first_response={"urgent": HOUR, "high": 2 * HOUR},
        resolution={"urgent": 4 * HOUR, "high": {"days": 2}, "else": 24 * HOUR},
        escalations=[{"clock": "resolution", "at": "50%", "notify": "boss@x.example"}],
        position=0,
    )
    assert Terms.from_json(made.terms).to_json() == made.terms
    cases = {p: crm.service.cases.open(wang, subject=p, priority=p) for p in ("urgent", "high", "low")}
    now = clock.now()
    assert {p: (c.first_response_due, c.resolution_due) for p, c in cases.items()} == {
        "urgent": (now + HOUR, now + 4 * HOUR),
        "high": (now + 2 * HOUR, now + timedelta(days=2)),
        "low": (None, now + 24 * HOUR),
    }
    with crm.read() as work:
        assert work.count(CaseClock, F.case_id == cases["low"].id) == 1
    assert sorted(i.due_at for i in crm.agenda.due()) == [now + 2 * HOUR, now + 12 * HOUR, now + 24 * HOUR]


def test_another_priority_has_another_target_and_what_is_over_stays(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    """The present priority does not rewrite what is over: a fault that the dbt package for Zendesk once had."""
    targets = {"low": 8 * HOUR, "urgent": HOUR}
    boss = [{"clock": "resolution", "notify": "boss@x.example"}]
    crm.service.policies.define(
        "gold", calendar=always, first_response=targets, resolution=targets, escalations=boss, position=0
    )
    case = crm.service.cases.open(wang, subject="Album", priority="low")
    clock.advance(hours=2)
    case = crm.service.cases.reply(case, "We look into it")
    case = crm.service.cases.update(case, priority="urgent")
    first, whole = (crm.service.cases.clocks(case).clock(name) for name in ("first_response", "resolution"))
    assert first is not None
    assert whole is not None
    assert (first.target, first.breached) == (Span(time=8 * HOUR), False)
    assert (whole.due, whole.breached) == (case.opened_at + HOUR, True)
    assert case.resolution_due == case.opened_at + HOUR
    assert crm.run_due().ran == 1
    assert [e.occasion for e in crm.service.escalations.of(case)] == ["resolution"]
    case = crm.service.cases.update(case.id, priority="normal")  # which has no target
    assert (case.resolution_due, case.next_due) == (None, None)
    assert crm.agenda.due() == []


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"urgnt": HOUR}, "there is no priority 'urgnt': did you mean 'urgent'"),
        ({"critical": HOUR}, "there is no priority 'critical'"),
        ({}, "the targets of resolution are empty"),
        ({"urgent": timedelta(0)}, "must be more than nothing"),
        ({"urgent": "1h"}, "the target of urgent is a timedelta"),
    ],
)
def test_targets_that_are_refused(crm: CRM, always: BusinessCalendar, targets: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        crm.service.policies.define("gold", calendar=always, resolution=targets)
    assert crm.service.policies.find() == []


def test_a_policy_cannot_do_without_a_calendar(crm: CRM) -> None:
    with pytest.raises(DefinitionError, match="a policy needs a BusinessCalendar, got None: give calendar="):
        crm.service.policies.define("gold", resolution=HOUR)
    assert crm.service.policies.find() == []


def test_a_hundred_thousand_holidays(crm: CRM, wang: Customer) -> None:
    """They are read and compiled once."""
    days = [date.fromordinal(n) for n in range(1, 1 + 100_000)]  # up to the year 274
    office = BusinessCalendar(timezone="UTC", hours={"mon": [("09:00", "17:00")]}, holidays=days)
    crm.service.policies.define("gold", calendar=office, resolution=HOUR, position=0)
    case = crm.service.cases.open(wang, subject="Album")
    assert case.resolution_due == datetime(2026, 3, 2, 10, tzinfo=UTC)
    first = crm.service.policies.get("gold")
    assert first.read() is crm.service.policies.get("gold").read()
