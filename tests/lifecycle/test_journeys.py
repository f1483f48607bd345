"""Journeys: steps that are checked, waits that are exact, runs that end."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, InvalidInput, Line, Money, NotFound, TransitionRefused
from crmkit.errors import DefinitionError
from crmkit.kernel.clock import FrozenClock
from crmkit.lifecycle.journeys.definition import Again
from crmkit.lifecycle.journeys.steps import Wait, read_steps, walk
from crmkit.lifecycle.timing import WEEKDAYS, next_local, wall_time

CASES = [
    pytest.param(case, id=case["id"])
    for case in json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
    if case["category"] == "journeys/local-time"
]
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ── Waits ──


@pytest.mark.parametrize("case", CASES)
def test_the_next_local_hour(case: dict[str, Any]) -> None:
    given_ = case["inputs"]
    got = next_local(at(given_["now"]), ZoneInfo(given_["timezone"]), at=time(given_["hour"]))
    assert got == at(case["expected"])


def test_the_weekday_is_that_of_the_local_day() -> None:
    thursday_five = at("2023-12-20T20:00:00Z")  # Thursday, 5 o'clock in Tokyo
    assert next_local(thursday_five, ZoneInfo("Asia/Tokyo"), at=time(5), weekdays=["thu"]) == thursday_five


@given(
    st.integers(0, 10 * 366 * 86_400).map(
        lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Santiago"]),
    st.none() | st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sets(st.sampled_from(WEEKDAYS)),
)
def test_next_local_is_the_first_moment_that_fits(
    moment: datetime, name: str, hour: time | None, days: set[str]
) -> None:
    zone = ZoneInfo(name)
    got = next_local(moment, zone, at=hour, weekdays=sorted(days))
    assert moment <= got <= moment + timedelta(days=9)
    local = got.astimezone(zone)
    if days:
        assert WEEKDAYS[local.weekday()] in days
    if hour is not None:
        gap = wall_time(datetime.combine(local.date(), hour), zone).astimezone(zone).time() != hour
        assert gap or (local.hour, local.minute) == (hour.hour, hour.minute)
        day_before = wall_time(datetime.combine(local.date() - timedelta(days=1), hour), zone)
        if not days:
            assert day_before < moment


@pytest.mark.parametrize(
    ("wait", "since", "expected"),
    [
        ({"days": 1}, "2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"),  # 09:00 stays 09:00 when clocks go forward
        ({"hours": 24}, "2026-03-28T08:00:00Z", "2026-03-29T08:00:00Z"),  # 24 hours are 24 hours
        ({"months": 1}, "2026-01-31T08:00:00Z", "2026-02-28T08:00:00Z"),
        ({"days": 1, "hours": 2}, "2026-03-28T08:00:00Z", "2026-03-29T09:00:00Z"),
        ({"at": "09:00"}, "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),  # now is 9 o'clock
        ({"at": "09:00"}, "2026-03-02T08:00:01Z", "2026-03-03T08:00:00Z"),
        ({"at": "02:30"}, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),  # clocks jump over 02:30
        ({"weekdays": ["sun"]}, "2026-03-27T12:00:00Z", "2026-03-28T23:00:00Z"),
        ({"weekdays": ["fri"], "at": "10:00"}, "2026-03-27T12:00:00Z", "2026-04-03T08:00:00Z"),
        ({"days": 3, "at": "09:00"}, "2026-03-27T12:00:00Z", "2026-03-31T07:00:00Z"),
        ({"until": "2026-04-01"}, "2026-03-27T12:00:00Z", "2026-03-31T22:00:00Z"),
        ({"until": "2026-04-01", "at": "12:00"}, "2026-03-27T12:00:00Z", "2026-04-01T10:00:00Z"),
        ({"until": "2020-01-01"}, "2026-03-27T12:00:00Z", "2026-03-27T12:00:00Z"),
    ],
)
def test_waits_in_berlin(wait: dict[str, Any], since: str, expected: str) -> None:
    assert Wait.model_validate(wait).end(at(since), BERLIN) == at(expected)


def test_waits_add_up_from_when_the_step_before_was_due() -> None:
    program = read_steps([{"wait": {"days": 1}}, {"wait": {"hours": 3}}, {"exit": "done"}], journey="x")
    assert walk(program, "1", since=at("2026-03-02T00:00Z"), zone=SHANGHAI) == ("3", at("2026-03-03T03:00Z"))


# ── Definition ──


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "at least one step"),
        ("wait", "steps are a list"),
        (["wait"], "step 1: a step is an object"),
        ([{"wiat": {"days": 1}}], "step 1: .*did you mean 'wait'"),
        ([{"wait": {"days": 1}, "exit": "x"}], "step 1: it needs exactly one of"),
        ([{"exit": "x"}, {"wait": {"days": "30"}}], "step 2: wait.days"),
        ([{"wait": {"days": -1}}], "step 1: wait.days"),
        ([{"wait": {"days": 1.5}}], "step 1: wait.days"),
        ([{"wait": {"dayz": 1}}], "step 1: wait.dayz"),
        ([{"wait": {}}], "step 1: wait: say how long"),
        ([{"wait": {"until": "2026-01-01", "days": 1}}], "not both"),
        ([{"wait": {"at": "25:00"}}], "step 1: wait.at"),
        ([{"wait": {"at": "09:00:30"}}], "hours and minutes"),
        ([{"wait": {"weekdays": ["monday"]}}], "step 1: wait.weekdays"),
        ([{"send": "hello"}], "step 1: channel"),
        ([{"send": "", "channel": "email"}], "step 1: send"),
        ([{"if": {"city": 1}, "then": []}], "step 1: "),
        ([{"if": (F.citty == "Chengdu"), "then": [{"exit": "x"}]}], "step 1: .*citty"),
        ([{"if": (F.city == "Chengdu"), "then": [{"exit": ""}]}], "step 1.then.1: exit"),
        ([{"wait_for": "paid", "up_to": {}}], "step 1: up_to: say how long"),
        (
            [{"wait_for": "pipeline.order_payed", "up_to": {"days": 1}}],
            "step 1: no journey can begin on .*pipeline.order_p",
        ),
        ([{"send": "unknown", "channel": "email"}], "step 1: there is no template 'unknown'"),
    ],
)
def test_wrong_steps_are_named_and_nothing_is_stored(quick: CRM, steps: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        quick.lifecycle.journeys.define("x", on="baby_born", steps=steps)
    assert quick.lifecycle.journeys.count() == 0


@pytest.mark.parametrize("on", ["pipeline.order_payed", "customers.customer_updated", ""])
def test_events_on_which_no_journey_can_begin(quick: CRM, on: str) -> None:
    with pytest.raises(DefinitionError, match="journey 'x', on"):
        quick.lifecycle.journeys.define("x", on=on, steps=[{"exit": "x"}])


def test_the_same_definition_again_changes_nothing(crm: CRM) -> None:
    once = crm.lifecycle.journeys.define("x", on="baby_born", steps=[{"exit": "x"}])
    assert crm.lifecycle.journeys.define("x", on="baby_born", steps=[{"exit": "x"}]) == once
    assert crm.lifecycle.journeys.define("x", on="baby_born", steps=[{"exit": "y"}]).edition == 2


def test_an_unknown_journey_is_told_with_the_nearest(crm: CRM) -> None:
    crm.lifecycle.journeys.define("family", on="baby_born", steps=[{"exit": "x"}])
    with pytest.raises(NotFound, match="did you mean 'family'"):
        crm.lifecycle.journeys.get("famly")


# ── Life events ──


def test_the_same_life_event_is_recorded_once(crm: CRM) -> None:
    crm.lifecycle.journeys.define("family", on="baby_born", steps=[{"wait": {"days": 1}}, {"exit": "x"}])
    li = crm.customers.register(name="Li")
    first = crm.lifecycle.record(li, "baby_born", on=date(2026, 3, 1))
    assert crm.lifecycle.record(li, "baby_born", on=date(2026, 3, 1)) == first
    crm.lifecycle.record(li, "baby_born", on=date(2028, 3, 1))
    assert [e.on.year for e in crm.lifecycle.events(li)] == [2026, 2028]
    assert len(crm.lifecycle.journeys.runs("family")) == 2


def test_without_a_day_it_is_today_where_the_crm_is(crm: CRM, clock: FrozenClock) -> None:
    clock.set(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))
    li = crm.customers.register(name="Li")
    assert crm.lifecycle.record(li, "moved_house").on == date(2026, 3, 3)


@pytest.mark.parametrize("name", ["", "pipeline.order_paid", "x" * 100])
def test_names_that_are_no_life_event(quick: CRM, name: str) -> None:
    li = quick.customers.register(name="Li")
    with pytest.raises(InvalidInput):
        quick.lifecycle.record(li, name)
    assert quick.lifecycle.events(li) == []


def test_life_events_can_be_asked_for_in_rules(crm: CRM) -> None:
    li = crm.customers.register(name="Li")
    crm.customers.register(name="Wang")
    crm.lifecycle.record(li, "baby_born", on=date(2026, 3, 1))
    assert crm.customers.find(F.life_events.where(F.name == "baby_born").any()) == [li]


# ── Walking ──


def notes(crm: CRM, customer: Any) -> list[str]:
    """The ends of a customer's journeys, the earliest first."""
    moments = reversed(crm.customers.timeline(customer))
    return [m.facts["reason"] for m in moments if m.name == "lifecycle.journey_ended"]


def test_what_lies_too_far_back_begins_nothing(crm: CRM) -> None:
    crm.lifecycle.journeys.define("x", on="baby_born", steps=[{"exit": "x"}], within_days=30)
    li = crm.customers.register(name="Li")
    crm.lifecycle.record(li, "baby_born", on=date(2020, 3, 1))
    crm.lifecycle.record(li, "baby_born", on=date(2026, 2, 2))
    assert len(crm.lifecycle.journeys.runs("x")) == 1


def test_a_step_is_taken_once_and_not_before_its_time(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="baby_born", steps=[{"wait": {"days": 30}}, {"exit": "thirty days"}])
    li = crm.customers.register(name="Li")
    crm.lifecycle.record(li, "baby_born", on=date(2027, 6, 1))
    clock.set(datetime(2027, 6, 30, 15, 59, 59, tzinfo=UTC))
    assert crm.run_due().ran == 0
    clock.advance(seconds=1)
    assert crm.run_due().ran == 1
    assert notes(crm, li) == ["thirty days"]
    assert crm.run_due().ran == 0


def test_branches_by_rule(crm: CRM) -> None:
    steps = [
        {"if": F.city == "Chengdu", "then": [{"exit": "local"}], "else": [{"wait": {"minutes": 0, "hours": 1}}]},
        {"exit": "elsewhere"},
    ]
    crm.lifecycle.journeys.define("x", on="moved", steps=steps)
    local, other = crm.customers.register(name="Li", city="Chengdu"), crm.customers.register(name="Wang")
    for who in (local, other):
        crm.lifecycle.record(who, "moved", on=date(2026, 3, 1))
    crm.run_due()
    assert notes(crm, local) == ["local"]
    assert notes(crm, other) == ["elsewhere"]


def test_a_branch_goes_on_behind_itself(crm: CRM) -> None:
    steps = [
        {"if": F.city == "Chengdu", "then": [{"if": F.name == "Li", "then": []}]},
        {"exit": "behind"},
    ]
    crm.lifecycle.journeys.define("x", on="moved", steps=steps)
    li = crm.customers.register(name="Li", city="Chengdu")
    crm.lifecycle.record(li, "moved", on=date(2026, 3, 1))
    crm.run_due()
    assert notes(crm, li) == ["behind"]


def buy(crm: CRM, customer: Any) -> None:
    order = crm.pipeline.orders.place(customer, lines=[Line("Album", quantity=1, unit_price=Money("10", "CNY"))])
    crm.pipeline.payments.receive(order, Money("10", "CNY"))


def test_waiting_for_an_event_and_no_longer_than_allowed(crm: CRM, clock: FrozenClock) -> None:
    wait = {
        "wait_for": "pipeline.order_paid",
        "up_to": {"days": 7},
        "then": [{"exit": "bought"}],
        "else": [{"exit": "too late"}],
    }
    crm.lifecycle.journeys.define("cart", on="cart_filled", steps=[wait])
    quick, slow = crm.customers.register(name="Quick"), crm.customers.register(name="Slow")
    for who in (quick, slow):
        crm.lifecycle.record(who, "cart_filled")
    crm.run_due()
    clock.advance(days=2)
    buy(crm, quick)
    crm.run_due()
    assert notes(crm, quick) == ["bought"]
    clock.advance(days=6)
    crm.run_due()
    buy(crm, slow)
    crm.run_due()
    assert notes(crm, slow) == ["too late"]
    assert notes(crm, quick) == ["bought"]


def test_journeys_begin_on_events_of_the_crm(crm: CRM) -> None:
    crm.lifecycle.journeys.define("thanks", on="pipeline.order_paid", steps=[{"exit": "thank you"}])
    li = crm.customers.register(name="Li")
    buy(crm, li)
    buy(crm, li)
    crm.run_due()
    assert notes(crm, li) == ["thank you", "thank you"]


def test_entering_again_by_each_policy(crm: CRM, clock: FrozenClock) -> None:
    policies: dict[Again, int] = {"always": 3, "per_subject": 3, "after_end": 2, "never": 1}
    for again in policies:
        crm.lifecycle.journeys.define(
            again, on="pipeline.order_paid", steps=[{"wait": {"days": 1}}, {"exit": "x"}], again=again
        )
    li = crm.customers.register(name="Li")
    buy(crm, li)
    buy(crm, li)
    clock.advance(days=2)
    crm.run_due()
    buy(crm, li)
    assert {again: len(crm.lifecycle.journeys.runs(again)) for again in policies} == policies


def test_per_subject_one_thing_counts_once(crm: CRM) -> None:
    crm.lifecycle.journeys.define("x", on="lifecycle.stage_advanced", steps=[{"exit": "x"}], again="per_subject")
    li = crm.customers.register(name="Li")
    crm.lifecycle.advance(li, to="lead")
    crm.lifecycle.advance(li, to="qualified")
    assert len(crm.lifecycle.journeys.runs("x")) == 1


def test_who_may_enter_and_when_one_leaves(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define(
        "x",
        on="moved",
        steps=[{"wait": {"days": 1}}, {"exit": "the end"}],
        rule=F.city == "Chengdu",
        leave_when=F.tags.has("vip"),
    )
    li, wang = crm.customers.register(name="Li", city="Chengdu"), crm.customers.register(name="Wang", city="Xi'an")
    zhao = crm.customers.register(name="Zhao", city="Chengdu")
    for who in (li, wang, zhao):
        crm.lifecycle.record(who, "moved")
    crm.customers.update(zhao, tags={"vip"})
    clock.advance(days=1)
    crm.run_due()
    assert [notes(crm, who) for who in (li, wang, zhao)] == [["the end"], [], ["the journey's leave_when is satisfied"]]


def test_a_paused_journey_holds_and_goes_on(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"wait": {"days": 1}}, {"exit": "the end"}])
    li, wang = crm.customers.register(name="Li"), crm.customers.register(name="Wang")
    crm.lifecycle.record(li, "moved")
    crm.lifecycle.journeys.pause("x")
    crm.lifecycle.record(wang, "moved")
    clock.advance(days=5)
    crm.run_due()
    assert [run.status for run in crm.lifecycle.journeys.runs("x")] == ["held"]
    crm.lifecycle.journeys.resume("x")
    crm.run_due()
    assert (notes(crm, li), notes(crm, wang)) == (["the end"], [])


def test_a_retired_journey_lets_everybody_go(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"wait": {"days": 1}}, {"exit": "the end"}])
    li = crm.customers.register(name="Li")
    crm.lifecycle.record(li, "moved")
    crm.lifecycle.journeys.retire("x")
    clock.advance(days=5)
    assert crm.run_due().ran == 0
    assert notes(crm, li) == ["the journey was retired"]
    with pytest.raises(DefinitionError, match="retired"):
        crm.lifecycle.journeys.define("x", on="moved", steps=[{"exit": "x"}])
    with pytest.raises(TransitionRefused):
        crm.lifecycle.journeys.resume("x")


def test_whoever_is_on_the_way_goes_on_by_the_old_steps(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"wait": {"days": 1}}, {"exit": "old"}])
    li = crm.customers.register(name="Li")
    crm.lifecycle.record(li, "moved")
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"exit": "new"}])
    wang = crm.customers.register(name="Wang")
    crm.lifecycle.record(wang, "moved")
    clock.advance(days=1)
    crm.run_due()
    assert (notes(crm, li), notes(crm, wang)) == (["old"], ["new"])


def test_one_customer_is_taken_out(crm: CRM, clock: FrozenClock) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"wait": {"days": 1}}, {"exit": "the end"}])
    li = crm.customers.register(name="Li")
    run = crm.lifecycle.journeys.start("x", li)
    stopped = crm.lifecycle.journeys.stop(run, reason="she asked")
    assert (stopped.status, stopped.reason) == ("left", "she asked")
    clock.advance(days=1)
    assert crm.run_due().ran == 0
    with pytest.raises(TransitionRefused):
        crm.lifecycle.journeys.stop(run.id, reason="again")


def test_entering_by_hand_keeps_to_the_rules(crm: CRM) -> None:
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"exit": "x"}], rule=F.city == "Chengdu")
    with pytest.raises(InvalidInput, match="cannot enter"):
        crm.lifecycle.journeys.start("x", crm.customers.register(name="Wang"))


def test_a_failing_step_is_tried_again_and_nothing_is_lost(crm: CRM, clock: FrozenClock) -> None:
    crm.marketing.templates.define("hello", body="Hello")
    crm.lifecycle.journeys.define("x", on="moved", steps=[{"send": "hello", "channel": "email"}, {"exit": "the end"}])
    li = crm.customers.register(name="Li")
    crm.lifecycle.record(li, "moved", on=date(2026, 3, 1))
    with crm.work() as work:
        from crmkit.marketing.templates import Template

        [template] = work.find(Template)
        work.remove(Template, [template.id])
    assert crm.run_due().failed == 1
    crm.marketing.templates.define("hello", body="Hello")
    clock.advance(minutes=1)
    crm.run_due()
    assert notes(crm, li) == ["the end"]
