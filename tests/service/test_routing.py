"""Routing: who gets a case, and why.  The facts named ASG-… come from the test suites of Frappe and Chatwoot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, InvalidInput, NotFound, Refused
from crmkit.customers.people import Customer
from crmkit.kernel.change import Change
from crmkit.kernel.events import EventRecord
from crmkit.service.cases.case import Case
from crmkit.service.routing import Demand, Hand, choose
from crmkit.testing import FrozenClock
from tests.processes import together


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
    assert crm.service.routing.fill(limit=0) == []
    with pytest.raises(InvalidInput, match="0 or more"):
        crm.service.routing.fill(limit=-1)


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
    with pytest.raises(NotFound, match="there is no queue 'y'"):
        crm.service.routing.define("x", overflow="y")
    with pytest.raises(InvalidInput, match="overflow into itself"):
        crm.service.routing.define("x", overflow="x")
    crm.service.agents.define("agent:xu")
    with pytest.raises(NotFound, match="did you mean 'agent:xu'"):
        crm.service.agents.available("agent:wu", yes=False)
    assert crm.service.routing.count() == 0


def test_one_text_is_not_taken_for_its_letters(crm: CRM) -> None:
    alone: Any = "fr"
    with pytest.raises(InvalidInput, match=r"skills= takes several, as in \['fr'\]"):
        crm.service.routing.define("phone", skills=alone)
    for name in ("queues", "skills"):
        with pytest.raises(InvalidInput, match=f"{name}= takes several"):
            crm.service.agents.define("agent:xu", **{name: alone})
    assert (crm.service.routing.count(), crm.service.agents.count()) == (0, 0)


def test_an_agent_may_serve_a_queue_that_is_defined_later(crm: CRM, li: Customer) -> None:
    crm.service.agents.define("agent:xu", queues=["phone"])
    crm.service.routing.define("phone", automatic=True)
    assert crm.service.cases.open(li, subject="When?").owner == "agent:xu"


def test_moments_are_compared_across_stores() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    crowd = [Hand(name="a", last_at=late), Hand(name="b", last_at=early), Hand(name="c")]
    order = [choose(crowd[n:] if n < 2 else crowd[:2], Demand(), method="round_robin").agent for n in (0, 2)]
    assert order == ["c", "b"]


# ── Room comes in many ways ──


def test_handing_over_makes_room(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    mine, waits = ask(crm, li), ask(crm, li)
    assert (mine.owner, waits.owner) == ("xu", None)
    given = crm.service.cases.assign(mine, owner="boss")
    assert crm.service.cases.get(waits.id).owner == "xu"
    assert crm.service.cases.get(given.id) == given
    back = crm.service.cases.assign(crm.service.cases.get(waits.id), owner=None)
    assert (back.owner, crm.service.cases.get(back.id).owner) == (None, None)  # not at once to whom it came from


def test_merging_cases_makes_room(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"], limit=2)
    one, two, waits = (ask(crm, li) for _ in range(3))
    assert waits.owner is None
    crm.service.cases.merge(one, into=two)
    assert crm.service.cases.get(waits.id).owner == "xu"


def test_whoever_may_take_more_gets_it(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.routing.define("shop", place=-1, rule=F.channel == "shop", automatic=True)
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    cases = [ask(crm, li) for _ in range(4)]
    crm.service.agents.define("xu", queues=["studio"], limit=3)
    assert [crm.service.cases.get(c.id).owner for c in cases] == ["xu"] * 3 + [None]
    crm.service.agents.define("li", queues=["shop"])
    assert crm.service.cases.count(F.owner == "li") == 0
    crm.service.agents.define("li", queues=["shop", "studio"])
    assert crm.service.cases.get(cases[3].id).owner == "li"


def test_a_long_backlog_elsewhere_does_not_stand_in_the_way(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("phone", rule=F.channel == "phone", automatic=True)
    crm.service.routing.define("studio", place=1, automatic=True)
    for _ in range(30):
        ask(crm, li, channel="phone", priority="urgent")
    low = ask(crm, li, priority="low")
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    assert crm.service.cases.get(low.id).owner == "xu"
    assert crm.service.cases.count(F.queue == "phone") == 30


def test_what_waits_moves_with_its_queue(crm: CRM, li: Customer) -> None:
    routing = crm.service.routing
    waits = ask(crm, li)
    assert waits.queue is None
    routing.define("studio", automatic=True)
    assert crm.service.cases.get(waits.id).queue == "studio"
    routing.define("urgent", place=-1, rule=F.priority == "urgent", automatic=True)
    changed = crm.service.cases.update(crm.service.cases.get(waits.id), priority="urgent")
    assert changed.queue == "urgent"
    crm.service.agents.define("xu", queues=["urgent"])
    assert crm.service.cases.get(waits.id).owner == "xu"


def test_the_freed_agent_gets_what_overflows_to_him(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("rest", place=1, automatic=True)
    crm.service.routing.define("phone", rule=F.channel == "phone", overflow="rest", automatic=True)
    crm.service.agents.define("xu", queues=["rest"], limit=1)
    first, second = ask(crm, li), ask(crm, li, channel="phone")
    assert (first.owner, second.owner) == ("xu", None)
    crm.service.cases.resolve(first, solution="Done")
    assert crm.service.cases.get(second.id).owner == "xu"


def test_a_case_that_comes_back_to_somebody_absent_goes_to_another(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"])
    case = crm.service.cases.resolve(ask(crm, li), solution="Done")
    crm.service.agents.available("xu", yes=False)
    back = crm.service.cases.message(case, "Still red")
    assert (back.status, back.owner) == ("open", "xu")
    assert crm.run_due().ran == 1
    assert crm.service.cases.get(case.id).owner == "xu"  # nobody else is there
    crm.service.agents.define("li", queues=["studio"])
    case = crm.service.cases.resolve(crm.service.cases.get(case.id), solution="Done again")
    crm.service.cases.message(case, "Still red")
    crm.run_due()
    assert crm.service.cases.get(case.id).owner == "li"
    assert crm.service.routing.explain(case)[0].found == {
        "xu": "is not available",
        "li": "place 1: 0 units of open work",
    }


# ── Who does not get what ──


def test_who_declines_does_not_get_it_again(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"])
    case = ask(crm, li)
    declined = crm.service.routing.decline(case, reason="my sister")
    assert (declined.case.owner, declined.found_somebody) == (None, False)
    assert declined.choice is not None
    assert declined.choice.reasons == {"xu": "is excluded: my sister"}
    crm.service.agents.define("wu", queues=["studio"])
    assert crm.service.cases.get(case.id).owner == "wu"
    assert ask(crm, li).owner == "xu"  # another case of hers is not excluded
    with pytest.raises(Refused, match="is nobody's"):
        crm.service.routing.decline(crm.service.cases.assign(case.id, owner=None), reason="?")


def test_excluded_from_a_customer(crm: CRM, li: Customer) -> None:
    routing = crm.service.routing
    routing.define("studio", automatic=True, previous_first=True)
    for name in ("li", "xu"):
        crm.service.agents.define(name, queues=["studio"])
    assert ask(crm, li).owner == "li"
    exclusion = routing.exclude("li", customer=li, reason="relatives")
    assert routing.exclude("li", customer=li, reason="are relatives").id == exclusion.id
    assert ask(crm, li).owner == "xu"
    assert [(e.agent, e.reason) for e in routing.exclusions("li")] == [("li", "are relatives")]
    routing.include(exclusion)
    assert routing.exclusions("li") == []
    wang = crm.customers.register(name="Wang")
    assert ask(crm, wang).owner == "li"
    with pytest.raises(InvalidInput, match="give one of them"):
        routing.exclude("li", reason="?")
    with pytest.raises(NotFound, match="there is no agent"):
        routing.exclude("nobody", customer=li, reason="?")


def test_an_excluded_customer_does_not_hide_the_next_one(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", automatic=True)
    crm.service.agents.define("xu", queues=["studio"], limit=1)
    first = ask(crm, li)
    crm.service.routing.exclude("xu", customer=li, reason="biased")
    hers, wang = ask(crm, li), ask(crm, crm.customers.register(name="Wang"))
    crm.service.cases.resolve(first, solution="Done")
    assert [crm.service.cases.get(c.id).owner for c in (hers, wang)] == [None, "xu"]


# ── Weights ──


def test_newcomers_and_those_who_return_begin_where_the_others_are(crm: CRM, li: Customer) -> None:
    crm.service.routing.define("studio", method="weighted", automatic=True)
    for name in ("ann", "bob"):
        crm.service.agents.define(name, queues=["studio"])
    for _ in range(10):
        ask(crm, li)
    crm.service.agents.define("cid", queues=["studio"], weight=2)
    crm.service.agents.available("bob", yes=False)
    for _ in range(6):
        ask(crm, li)
    crm.service.agents.available("bob", yes=True)
    got = Counter(ask(crm, li).owner for _ in range(8))
    assert got == {"ann": 2, "bob": 2, "cid": 4}


# ── What a decision costs, and decisions at the same moment ──


def open_many(crm: CRM, customer: Customer, *, owner: str | None, number: int, queue: str) -> None:
    with crm.work() as work:
        template = work.new(
            Case,
            customer_id=customer.id,
            subject="Old",
            stage="open",
            stage_since=work.now,
            status_since=work.now,
            opened_at=work.now,
            last_word_at=work.now,
            owner=owner,
            queue=queue,
        )
        ids = [work.new(Case, **{n: getattr(template, n) for n in NEEDED}) for _ in range(number)]
        work.save_new([Change(case) for case in ids])


NEEDED = [a.name for a in Case.__schema__ if a.name not in {"id", "created_at", "version", "updated_at"}]


@pytest.mark.slow
def test_many_open_cases_do_not_make_a_decision_slower(clock: FrozenClock) -> None:
    """Counted in steps of SQLite's own machine, which no other program on the computer can disturb."""
    with CRM.open("sqlite://", clock=clock) as crm:
        li = crm.customers.register(name="Li")
        crm.service.routing.define("phone", rule=F.channel == "phone", automatic=True)
        crm.service.routing.define("studio", place=1, automatic=True)
        crm.service.agents.define("xu", queues=["studio"])
        crm.service.agents.define("wu", queues=["studio"], limit=3)
        ask(crm, li)
        few = steps(crm, lambda: crm.service.cases.resolve(ask(crm, li), solution="Done"))
        open_many(crm, li, owner=None, number=5_000, queue="phone")
        open_many(crm, crm.customers.register(name="Wang"), owner="boss", number=5_000, queue="studio")
        many = steps(crm, lambda: crm.service.cases.resolve(ask(crm, li), solution="Done"))
        assert many < 1.2 * few + 200


def steps(crm: CRM, verb: Callable[[], object]) -> int:
    """How many instructions SQLite's virtual machine carries out for *verb*, to the nearest hundred."""
    store: Any = crm.storage
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    verb()  # statements are prepared by now
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(tick, 10)
    try:
        verb()
    finally:
        driver.set_progress_handler(None, 0)
    return counted


def take(url: str, customer: str) -> list[str | None]:
    with CRM.open(url) as crm:
        return [crm.service.cases.open(customer, subject="When?").owner for _ in range(6)]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nobody_gets_more_than_he_takes_from_simultaneous_arrivals(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = str(tmp_path / "crm.sqlite3") if database == "sqlite" else request.getfixturevalue("postgres_database")
    with CRM.open(url, migrate=True) as crm:
        crm.service.routing.define("studio", automatic=True)
        for name, limit in (("ann", 3), ("bob", 5)):
            crm.service.agents.define(name, queues=["studio"], limit=limit)
        li = crm.customers.register(name="Li")
        owners = Counter(owner for some in together(take, [(url, li.id)] * 3) for owner in some)
        assert owners == {"ann": 3, "bob": 5, None: 10}


def finish(url: str, cases: list[str]) -> int:
    """Resolve cases one after the other; the refusals of others' changes would be raised here."""
    with CRM.open(url) as crm:
        return len([crm.service.cases.resolve(case, solution="Done") for case in cases])


@pytest.mark.slow
def test_rooms_that_come_at_the_same_moment_are_filled_once(postgres_database: str) -> None:
    with CRM.open(postgres_database, migrate=True) as crm:
        crm.service.routing.define("studio", automatic=True)
        for name in ("ann", "bob"):
            crm.service.agents.define(name, queues=["studio"], limit=4)
        li = crm.customers.register(name="Li")
        cases = [crm.service.cases.open(li, subject="When?") for _ in range(30)]
        owned = [[c.id for c in cases if c.owner == name] for name in ("ann", "bob")]
        assert together(finish, [(postgres_database, ids) for ids in owned]) == [4, 4]
        alive = Counter(c.owner for c in crm.service.cases.find(F.status == "open"))
        assert alive == {"ann": 4, "bob": 4, None: 14}
