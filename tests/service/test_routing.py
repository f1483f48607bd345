"""Routing: who gets a case, and why.  The facts named ASG-… come from the test suites of Frappe and Chatwoot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, InvalidInput, NotFound, Refused
from crmkit.customers.people import Customer
from crmkit.kernel.events import EventRecord
from crmkit.service.cases.case import Case
from crmkit.service.routing import Demand, Hand, choose
from crmkit.testing import FrozenClock


def hands(loads: Mapping[str, int], limits: Mapping[str, int | None] | None = None) -> list[Hand]:
    return [Hand(name=name, load=load, limit=(limits or {}).get(name)) for name, load in loads.items()]


def test_asg_004_least_loaded_fills_up_whoever_has_least() -> None:
    loads = {"test": 5, "test1": 10, "test2": 10}
    for _ in range(5):
        chosen = choose(hands(loads), Demand(), method="least_loaded").agent
        assert chosen is not None
        loads[chosen] += 1
    assert loads == {"test": 10, "test1": 10, "test2": 10}


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        pytest.param({"agent1": 3, "agent2": 1, "agent3": 2}, "agent2", id="ASG-009"),
        pytest.param({"agent1": 1, "agent2": 2}, "agent1", id="ASG-010: resolved work does not count"),
        pytest.param({"agent1": 1, "agent2": 1, "agent3": 0}, "agent3", id="ASG-011"),
    ],
)
def test_least_loaded(loads: dict[str, int], expected: str) -> None:
    assert choose(hands(loads), Demand(), method="least_loaded").agent == expected


def test_asg_012_and_013_whoever_is_full_gets_nothing() -> None:
    limits = {"a": 3, "b": None, "c": 3}
    choice = choose(hands({"a": 0, "b": 0, "c": 3}, limits), Demand(), method="least_loaded")
    assert choice.reasons["c"] == "is full: 3 of 3 units, and this takes 1"
    assert {name for name, why in choice.reasons.items() if why.startswith("place")} == {"a", "b"}
    assert choose(hands({"a": 3, "b": 1, "c": 3}, limits), Demand(), method="least_loaded").agent == "b"


@given(
    weights=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 5), min_size=1),
    items=st.integers(1, 60),
)
def test_weighted_shares_stay_within_one_case_of_the_weights(weights: dict[str, int], items: int) -> None:
    given_: Counter[str] = Counter()
    for _ in range(items):
        crowd = [Hand(name=n, weight=w, given=given_[n]) for n, w in weights.items()]
        chosen = choose(crowd, Demand(), method="weighted").agent
        assert chosen is not None
        given_[chosen] += 1
    total = sum(weights.values())
    for name, weight in weights.items():
        assert abs(given_[name] - items * weight / total) <= len(weights)


@given(
    st.lists(st.builds(Hand, name=st.text(min_size=1, max_size=3), load=st.integers(0, 5)), unique_by=lambda h: h.name)
)
def test_the_choice_does_not_depend_on_the_order_of_the_list(crowd: list[Hand]) -> None:
    for method in ("least_loaded", "round_robin", "weighted"):
        one = choose(crowd, Demand(), method=method)
        assert one == choose(crowd[::-1], Demand(), method=method)
        assert set(one.reasons) == {h.name for h in crowd}


def test_skills_are_needed_unless_nobody_has_them() -> None:
    crowd = [Hand(name="xu", skills=frozenset({"retouch"})), Hand(name="li")]
    retouch = Demand(skills=frozenset({"retouch"}))
    assert choose(crowd, retouch, method="least_loaded").agent == "xu"
    assert choose(crowd[1:], retouch, method="least_loaded").agent is None
    fallback = Demand(skills=frozenset({"retouch"}), fallback=True)
    assert choose(crowd[1:], fallback, method="least_loaded").agent == "li"


def test_the_agent_who_knows_the_customer_is_preferred_if_he_can() -> None:
    crowd = [Hand(name="xu", load=4, limit=5), Hand(name="li")]
    assert choose(crowd, Demand(previous="xu"), method="least_loaded").agent == "xu"
    assert choose(crowd, Demand(previous="xu", units=2), method="least_loaded").agent == "li"


# ── Over real cases ──


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li")


def ask(crm: CRM, customer: Customer, **fields: object) -> Case:
    return crm.service.cases.open(customer, kind="question", subject="When?", **fields)  # type: ignore[arg-type]


def test_round_robin_takes_turns(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    crm.service.routing.define("studio", method="round_robin")
    for name in ("ann", "bob", "cid"):
        crm.service.agents.define(name, queues=["studio"])
    got = []
    for _ in range(6):
        clock.advance(minutes=1)
        choice = crm.service.routing.route(ask(crm, li)).choice
        assert choice is not None
        got.append(choice.agent)
    assert got == ["ann", "bob", "cid"] * 2


def test_asg_014_fair_distribution_leaves_the_fifth_waiting(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    crm.service.routing.define("chat", method="round_robin", rate=2, window=timedelta(hours=1))
    for name in ("a1", "a2"):
        crm.service.agents.define(name, queues=["chat"])
    for _ in range(5):
        ask(crm, li)
    routed = crm.service.routing.fill()
    assert Counter(r.case.owner for r in routed) == {"a1": 2, "a2": 2}
    assert crm.service.cases.count(F.owner.is_missing()) == 1
    clock.advance(hours=2)
    assert len(crm.service.routing.fill()) == 1


def test_asg_018_only_open_cases_are_handed_out(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio")
    crm.service.agents.define("a1", queues=["studio"])
    fresh, done = ask(crm, li), ask(crm, li)
    done = crm.service.cases.resolve(done, solution="Tomorrow")
    assert [r.case.id for r in crm.service.routing.fill()] == [fresh.id]
    with pytest.raises(Refused, match="is resolved"):
        crm.service.routing.route(done)


def test_work_waits_until_somebody_has_room_and_overflows_if_it_may(crm: CRM, li: Customer) -> None:
    routing, agents = crm.service.routing, crm.service.agents
    routing.define("back office", place=9)
    routing.define("phone", rule=F.channel == "phone", units={"phone": 5}, overflow="back office")
    agents.define("xu", queues=["phone"], limit=6)
    first, second = ask(crm, li, channel="phone"), ask(crm, li, channel="phone")
    assert routing.route(first).case.owner == "xu"
    tried = routing.try_out(second)
    assert tried.choice is not None
    assert tried.choice.agent is None
    agents.define("li", queues=["back office"])
    taken = routing.route(second)
    assert (taken.queue, taken.case.owner) == ("back office", "li")


def test_whoever_comes_back_gets_what_has_been_waiting(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio")
    crm.service.agents.define("xu", queues=["studio"])
    crm.service.agents.available("xu", yes=False)
    low, urgent = ask(crm, li, priority="low"), ask(crm, li, priority="urgent")
    assert crm.service.routing.fill() == []
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    crm.service.agents.available("xu", yes=True)
    assert crm.service.cases.get(urgent.id).owner == "xu"
    assert crm.service.cases.get(low.id).owner is None


def test_an_automatic_queue_hands_out_on_arrival(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("phone", rule=F.channel == "phone", automatic=True)
    crm.service.routing.define("rest", place=1)
    crm.service.agents.define("xu", queues=["phone", "rest"])
    case = ask(crm, li, channel="phone", message="Hello?")
    assert (case.owner, case.reassigned) == ("xu", 0)
    assert crm.service.cases.get(case.id) == case
    with crm.read() as work:
        assert work.count(EventRecord, (F.subject == case.id) & (F.name == "service.case_assigned")) == 1
    assert crm.service.cases.count(F.hand_overs.count() == 1) == 1
    assert ask(crm, li, channel="email").owner is None
    assert ask(crm, li, channel="phone", owner="boss").owner == "boss"


@pytest.mark.parametrize("end", ["resolve", "close"])
def test_who_has_room_again_gets_what_waits(crm: CRM, li: Customer, end: str) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    first, low, urgent = ask(crm, li), ask(crm, li, priority="low"), ask(crm, li, priority="urgent")
    assert (first.owner, low.owner, urgent.owner) == ("xu", None, None)
    getattr(crm.service.cases, end)(first)
    assert [crm.service.cases.get(c.id).owner for c in (low, urgent)] == [None, "xu"]
    crm.service.agents.available("xu", yes=False)
    getattr(crm.service.cases, end)(crm.service.cases.get(urgent.id))
    assert crm.service.cases.get(low.id).owner is None


def test_a_queue_that_is_not_automatic_waits_to_be_asked(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True, rule=F.channel == "phone")
    crm.service.routing.define("rest", place=1)
    crm.service.agents.define("xu", queues=["studio", "rest"])
    waiting = ask(crm, li)
    crm.service.cases.resolve(ask(crm, li, channel="phone"), solution="Done")
    assert crm.service.cases.get(waiting.id).owner is None


def test_definitions_are_checked(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="belong together"):
        crm.service.routing.define("x", rate=2)
    with pytest.raises(InvalidInput, match="there is no queue 'y'"):
        crm.service.routing.define("x", overflow="y")
    with pytest.raises(InvalidInput, match="overflow into itself"):
        crm.service.routing.define("x", overflow="x")
    crm.service.agents.define("agent:xu")
    with pytest.raises(NotFound, match="did you mean 'agent:xu'"):
        crm.service.agents.available("agent:wu", yes=False)
    assert crm.service.routing.count() == 0


def test_moments_are_compared_across_stores() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    crowd = [Hand(name="a", last_at=late), Hand(name="b", last_at=early), Hand(name="c")]
    order = [choose(crowd[n:] if n < 2 else crowd[:2], Demand(), method="round_robin").agent for n in (0, 2)]
    assert order == ["c", "b"]
