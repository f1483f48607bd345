"""Cases: their kinds, their conversation, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, BusinessCalendar, F, Line, Money, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, Duplicate, InvalidInput, NotFound, Refused, StaleEntity
from crmkit.kernel.machine import Machine, on
from crmkit.pipeline.orders.line import OrderLine
from crmkit.service.cases.line import entitlement
from crmkit.service.cases.merged import destination
from crmkit.service.kinds import KINDS, STATUSES
from crmkit.testing import FrozenClock
from tests.service.worked import worked

HOUR = timedelta(hours=1)


def texts(crm: CRM, case: Any) -> list[str]:
    return [m.text for m in crm.service.cases.conversation(case)]


# ── Opening and ending ──


def test_a_case_from_its_opening_to_its_end(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    cases = crm.service.cases
    case = cases.open(wang, subject=" Where is my album? ", message="Where?", channel="chat", tags={"album"})
    assert (case.subject, case.status, case.stage, case.kind) == ("Where is my album?", "open", "open", "question")
    clock.advance(minutes=10)
    case = cases.assign(case, owner="agent:xu", team="albums")
    case = cases.reply(case, "Which one?", by="agent:xu", waiting_for="customer")
    assert (case.status, case.waiting_for, case.first_responded_at) == ("waiting", "customer", clock.now())
    clock.advance(hours=1)
    case = cases.message(case, "The red one")
    assert (case.status, case.waiting_for) == ("open", None)
    case = cases.resolve(case, solution="In the post")
    assert (case.status, case.resolved_at, case.resolutions) == ("resolved", clock.now(), 1)
    case = cases.close(case)
    assert (case.status, case.closed_at, case.resolved_at) == ("closed", clock.now(), clock.now())
    assert texts(crm, case) == ["Where?", "Which one?", "The red one"]
    names = [m.name for m in reversed(crm.customers.timeline(wang)) if m.name.startswith("service")]
    assert names == [
        "service.case_opened",
        "service.customer_wrote",
        "service.case_assigned",
        "service.case_replied",
        "service.customer_wrote",
        "service.case_resolved",
        "service.case_closed",
    ]


def test_the_portrait_shows_open_cases_and_the_last_one(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    assert crm.customers.profile(wang).open_cases == 0
    crm.service.cases.open(wang, subject="First")
    clock.advance(days=1)
    second = crm.service.cases.open(wang, subject="Second")
    assert crm.customers.profile(wang).open_cases == 2
    crm.service.cases.resolve(second)
    portrait = crm.customers.profile(wang)
    assert (portrait.open_cases, portrait.cases) == (1, 2)
    assert portrait.last_case == "Second (resolved, 2026-03-03)"


def test_rules_over_cases(crm: CRM, wang: Customer) -> None:
    crm.service.cases.open(wang, subject="Bad", kind="complaint", tags={"vip"}, message="Really")
    li = crm.customers.register(name="Li")
    complained = F.cases.where((F.kind == "complaint") & F.tags.has("vip")).any()
    assert [c.name for c in crm.customers.find(complained)] == ["Xiao Wang"]
    assert [c.name for c in crm.customers.find(~complained)] == [li.name]
    assert crm.service.cases.count(F.messages.where(F.kind == "customer").any()) == 1


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 10_000_000}, "subject"),
        ({"subject": "x\u202ey"}, "U\\+202E"),
        ({"kind": "complain"}, "did you mean 'complaint'"),
        ({"priority": "highest"}, "low, normal, high, urgent"),
        ({"at": datetime(2026, 3, 2)}, "aware"),  # noqa: DTZ001 - it is what is refused
        ({"at": datetime(2030, 3, 2, tzinfo=UTC)}, "future"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_stored(
    crm: CRM, wang: Customer, facts: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        crm.service.cases.open(wang, **{"subject": "Album", **facts})
    assert crm.service.cases.count() == 0
    with pytest.raises(NotFound, match="define it first"):
        crm.service.cases.open(wang, subject="Album", policy="gold")
    with pytest.raises(NotFound):
        crm.service.cases.open("cus_01kjp0y9m0e37tvmjcxvcj7ah4", subject="Album")


def test_a_stale_case_is_refused(crm: CRM, wang: Customer) -> None:
    case = crm.service.cases.open(wang, subject="Album")
    crm.service.cases.reply(case, "Here")
    with pytest.raises(StaleEntity):
        crm.service.cases.resolve(case)
    assert crm.service.cases.resolve(case.id).status == "resolved"


def test_update(crm: CRM, wang: Customer) -> None:
    case = crm.service.cases.open(wang, subject="Album")
    case = crm.service.cases.update(case, priority="high", watchers={"boss@x.example"})
    assert (case.priority, case.watchers) == ("high", frozenset({"boss@x.example"}))
    version = case.version
    assert crm.service.cases.update(case, priority="high").version == version
    with pytest.raises(InvalidInput, match="status"):
        crm.service.cases.update(case, status="closed")


# ── Kinds ──


def test_every_kind_can_be_resolved_closed_merged_and_reopened() -> None:
    for kind in KINDS.values():
        statuses = {stage: kind.status(stage) for stage in kind.machine.states}
        assert set(statuses.values()) == set(STATUSES)
        for move in kind.machine.moves:
            if move.trigger == "resolve":
                assert statuses[move.target] == "resolved"
            if move.trigger in {"close", "merge"}:
                assert statuses[move.target] == "closed"
            if move.trigger == "reopen":
                assert statuses[move.target] == "open"
                assert statuses[move.source] in {"resolved", "closed"}
        for stage in kind.machine.states:
            assert "merge" in kind.machine.offers(stage) or stage == "closed"


def test_a_repair_goes_its_own_way(crm: CRM, wang: Customer) -> None:
    cases = crm.service.cases
    case = cases.open(wang, kind="repair", subject="The camera does not focus")
    assert (case.stage, case.status) == ("registered", "open")
    with pytest.raises(TransitionRefused, match="allowed now: await item, receive"):
        cases.advance(case, "diagnose")
    camera = cases.add_line(case, "Camera", bought_on=date(2025, 3, 1), warranty_months=24, fault="defective")
    assert camera.covered is True
    for trigger, stage, status in [
        ("receive", "received", "open"),
        ("diagnose", "diagnosed", "open"),
        ("quote", "quoted", "waiting"),
        ("repair", "repairing", "open"),
        ("order parts", "awaiting parts", "waiting"),
        ("parts arrived", "repairing", "open"),
        ("finish", "repaired", "open"),
    ]:
        case = cases.advance(case, trigger)
        assert (case.stage, case.status) == (stage, status)
    with pytest.raises(TransitionRefused, match="1 of its lines have no outcome yet: Camera"):
        cases.resolve(case)
    cases.decide(camera, outcome="repaired", note="A new motor")
    case = cases.resolve(case)
    assert (case.stage, case.status) == ("returned", "resolved")


def test_a_kind_of_the_host(crm: CRM, wang: Customer) -> None:
    visit = Machine(
        "visit",
        initial="asked",
        final={"closed"},
        table=(
            on("schedule", "asked", "scheduled"),
            on("go", "scheduled", "there"),
            on("resolve", "there", "done"),
            on("close", "done", "closed"),
        ),
    )
    crm.service.kinds.define("visit", machine=visit, statuses={"scheduled": "waiting", "done": "resolved"})
    case = crm.service.cases.advance(crm.service.cases.open(wang, kind="visit", subject="Come"), "schedule")
    assert (case.stage, case.status) == ("scheduled", "waiting")
    assert crm.service.cases.resolve(crm.service.cases.advance(case, "go")).status == "resolved"
    assert "visit" in crm.service.kinds.names()
    with pytest.raises(TransitionRefused, match="reopen"):
        crm.service.cases.reopen(case.id)
    with pytest.raises(Duplicate):
        crm.service.kinds.define("visit", machine=visit)
    with pytest.raises(Duplicate, match="machines="):
        crm.service.kinds.define("repair", machine=visit)
    with pytest.raises(DefinitionError, match="planned"):
        crm.service.kinds.define("trip", machine=visit, statuses={"planned": "waiting"})
    for bare, says in [({"on": "resolve"}, "'close'"), ({"on": "close"}, "'resolve'")]:
        trip = Machine("trip", initial="open", final={"closed"}, table=(on(bare["on"], "open", "closed"),))
        with pytest.raises(DefinitionError, match=says):
            crm.service.kinds.define("trip", machine=trip)


def test_a_host_can_replace_the_machine_of_a_kind(clock: FrozenClock) -> None:
    strict = KINDS["question"].machine.without("wait", "resume")
    with CRM.open("memory://", clock=clock, machines={"case_question": strict}) as crm:
        case = crm.service.cases.open(crm.customers.register(name="Wang"), subject="Album")
        with pytest.raises(TransitionRefused, match="wait"):
            crm.service.cases.wait(case)


# ── The conversation ──


def test_only_calls_take_time(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    case = crm.service.cases.open(wang, subject="Album")
    with pytest.raises(InvalidInput, match="duration"):
        crm.service.cases.call(case, "Talked", duration=timedelta(minutes=-5))
    clock.advance(hours=1)
    case = crm.service.cases.call(case, "Talked", duration=timedelta(minutes=5), by="agent:xu")
    (entry,) = crm.service.cases.conversation(case)
    assert (entry.kind, entry.duration, entry.by, entry.channel) == ("call", timedelta(minutes=5), "agent:xu", "phone")
    assert case.first_responded_at == clock.now()


def test_the_acting_user_is_the_author(crm: CRM, wang: Customer) -> None:
    xu = crm.acting_as("agent:xu")
    case = xu.service.cases.reply(xu.service.cases.open(wang, subject="Album", message="Hm"), "Here")
    assert [m.by for m in crm.service.cases.conversation(case)] == [None, "agent:xu"]


def test_a_message_may_come_late_but_not_before_the_case(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    case = crm.service.cases.open(wang, subject="Album", at=clock.now() - 2 * HOUR)
    case = crm.service.cases.reply(case, "Here", at=clock.now() - HOUR)
    assert case.first_responded_at == clock.now() - HOUR
    for wrong in (clock.now() - 3 * HOUR, clock.now() + HOUR):
        with pytest.raises(InvalidInput, match="at"):
            crm.service.cases.message(case, "?", at=wrong)


def test_a_late_answer_reopens_or_opens_a_follow_up(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    cases = crm.service.cases
    crm.service.policies.define("s", calendar=always, resolution=8 * HOUR, reopen_within=timedelta(days=3))
    case = cases.resolve(cases.open(wang, subject="Album", policy="s", owner="agent:xu", priority="high"))
    clock.advance(days=30)
    case = cases.message(case, "Still broken")
    assert (case.status, case.reopened) == ("open", 1)
    case = cases.close(case)
    clock.advance(days=3)
    case = cases.message(case, "And again")
    assert (case.status, case.reopened, case.owner) == ("open", 2, "agent:xu")
    case = cases.close(case)
    clock.advance(days=3, seconds=1)
    later = cases.message(case, "Once more")
    assert later.id != case.id
    assert (later.follow_up_of_id, later.owner, later.priority, later.policy) == (case.id, "agent:xu", "high", "s")
    assert cases.get(case.id).status == "closed"
    assert texts(crm, later) == ["Once more"]


@pytest.mark.parametrize("case", worked("auto_close"))
def test_silence_closes(crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock, case: Any) -> None:
    limit = timedelta(days=case["inputs"]["days"])
    crm.service.policies.define("s", calendar=always, close_after=limit)
    for seconds, closed in zip(case["inputs"]["inactive_seconds"], case["expected"]["closed"], strict=True):
        made = crm.service.cases.wait(crm.service.cases.open(wang, subject="Album", policy="s"))
        clock.advance(seconds=seconds)
        crm.run_due()
        assert (crm.service.cases.get(made.id).status == "closed") == closed


def test_a_word_keeps_a_case_from_being_closed(
    crm: CRM, wang: Customer, always: BusinessCalendar, clock: FrozenClock
) -> None:
    crm.service.policies.define("s", calendar=always, close_after=timedelta(days=5))
    case = crm.service.cases.wait(crm.service.cases.open(wang, subject="Album", policy="s"))
    clock.advance(days=4)
    crm.service.cases.reply(case, "Are you there?")
    clock.advance(days=4)
    crm.run_due()
    assert crm.service.cases.get(case.id).status == "waiting"
    clock.advance(days=1)
    crm.run_due()
    assert crm.service.cases.get(case.id).status == "closed"


# ── Merge, split, link ──


@pytest.mark.parametrize("case", worked("merge"))
def test_merge(crm: CRM, wang: Customer, case: Any) -> None:
    cases = crm.service.cases
    made = {}
    for name, comments in case["inputs"]["comments"].items():
        made[name] = cases.open(wang, subject=name)
        for number in range(comments):
            made[name] = cases.message(made[name], f"{name}{number}")
    source, target = case["inputs"]["source"], case["inputs"]["target"]
    cases.merge(made[source], into=made[target])
    expected = case["expected"]
    after = cases.get(made[source].id)
    assert after.status.capitalize() == expected[source]["status"]
    assert after.merged_into_id == made[expected[source]["merged_with"]].id
    assert len(cases.conversation(made[target].id)) == expected[target]["comments"]
    assert texts(crm, made[source].id) == ["A0"]


@pytest.mark.parametrize("case", worked("reply_to_merged"))
def test_what_is_answered_to_a_merged_case_stands_in_the_other_one(crm: CRM, wang: Customer, case: Any) -> None:
    cases = crm.service.cases
    made = {name: cases.open(wang, subject=name) for name in ("A", "B", "C")}
    for source, target in case["inputs"]["merged"].items():
        cases.merge(made[source], into=made[target])
    heard = cases.message(made[case["inputs"]["reply_to"]].id, "Hello?")
    assert heard.id == made[case["expected"]["lands_on"]].id
    assert cases.get(made["A"].id).status.capitalize() == case["expected"]["A_status"]
    cases.merge(heard, into=made["C"])  # and through a chain
    assert cases.message(made["A"].id, "Hello again?").id == made["C"].id
    assert cases.reply(made["A"].id, "Yes").id == made["C"].id
    with pytest.raises(TransitionRefused, match="merged into"):
        cases.reopen(made["A"].id)


def test_what_is_noted_on_a_merged_case_stands_in_the_other_one(crm: CRM, wang: Customer) -> None:
    cases = crm.service.cases
    one, two = (cases.open(wang, subject=subject) for subject in ("album", "my album"))
    cases.merge(two, into=one)
    assert cases.note(two.id, "The printer is two days late").id == one.id
    assert [e.text for e in cases.conversation(one.id) if e.kind == "note"][-1] == "The printer is two days late"


@pytest.mark.parametrize("case", worked("merge_target"))
def test_a_circle_has_no_end_and_loses_nothing(crm: CRM, wang: Customer, case: Any) -> None:
    merged = case["inputs"]["merged"]
    assert destination(case["inputs"]["of"], merged.get) == case["expected"]["target"]
    cases = crm.service.cases
    one, two = cases.open(wang, subject="A"), cases.open(wang, subject="B")
    cases.merge(one.id, into=two.id)
    with pytest.raises(Refused, match="circle"):
        cases.merge(two.id, into=one.id)
    with pytest.raises(Refused, match="already"):
        cases.merge(one.id, into=two.id)
    with pytest.raises(InvalidInput, match="itself"):
        cases.merge(two.id, into=two.id)
    with crm.work() as work:  # a circle that an import has brought along
        work.put([work.get(type(two), two.id).evolve(merged_into_id=one.id)])
    assert cases.message(two.id, "Hello?").id == two.id
    assert "Hello?" in texts(crm, two.id)


def test_a_long_chain_of_merges() -> None:
    chain = {str(n): str(n + 1) for n in range(10_000)}
    assert destination("0", chain.get) == "10000"


def test_split(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    cases = crm.service.cases
    case = cases.open(wang, subject="Album", message="Where is it?", kind="complaint")
    clock.advance(hours=1)
    case = cases.message(case, "And the frame is broken")
    clock.advance(hours=1)
    case = cases.reply(case, "Sorry")
    frame = cases.conversation(case)[1]
    split = cases.split(frame, subject="Frame", kind="return")
    assert (split.split_from_id, split.kind, split.opened_at) == (case.id, "return", frame.at)
    assert texts(crm, split) == ["And the frame is broken"]
    assert cases.clocks(split, policy=always_policy(crm)).clock("resolution") is not None
    with pytest.raises(InvalidInput, match="reply"):
        cases.split(cases.conversation(case)[-1], subject="No")


def always_policy(crm: CRM) -> Any:
    return crm.service.policies.define("any", calendar=BusinessCalendar.always_open(), resolution=HOUR)


def test_links_and_parts(crm: CRM, wang: Customer) -> None:
    cases = crm.service.cases
    one, two, three = (cases.open(wang, subject=str(n)) for n in range(3))
    cases.link(one, two, kind="duplicate")
    assert [c.id for c in cases.linked(two)] == [one.id]
    assert cases.linked(two, kind="related") == []
    with pytest.raises(Duplicate):
        cases.link(one, two, kind="duplicate")
    with pytest.raises(InvalidInput, match="itself"):
        cases.link(one, one)
    two = cases.put_below(two, one)
    three = cases.put_below(three, two)
    with pytest.raises(InvalidInput, match="part of itself"):
        cases.put_below(one.id, three)
    assert [c.id for c in cases.below(one)] == [two.id]
    with pytest.raises(TransitionRefused, match="below it are still open"):
        cases.close(one.id)
    cases.close(three)
    cases.close(two.id)
    assert cases.close(one.id).status == "closed"
    assert cases.put_below(two.id, None).parent_id is None


# ── Lines ──


@pytest.mark.parametrize(
    ("bought", "months", "fault", "verdict"),
    [
        (date(2024, 3, 2), 24, "defective", True),
        (date(2024, 3, 1), 24, "defective", False),
        (date(2026, 3, 3), 24, "defective", False),
        (date(2026, 3, 1), 24, "changed mind", False),
        (None, 24, "defective", None),
        (date(2026, 3, 1), None, "defective", None),
        (date(2026, 3, 2), 0, "damaged", True),
    ],
)
def test_the_warranty(bought: date | None, months: int | None, fault: str, verdict: Any) -> None:
    judged = entitlement(bought_on=bought, warranty_months=months, fault=fault, on=date(2026, 3, 2))
    assert judged.covered is verdict
    assert judged.why


def test_a_return_of_what_was_ordered(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", quantity=2, unit_price=Money("100", "CNY"))])
    with crm.read() as work:
        (bought,) = work.find(OrderLine)
    clock.advance(days=20)
    cases = crm.service.cases
    case = cases.open(wang, kind="return", subject="Two albums came damaged")
    line = cases.add_line(case, order_line=bought, quantity=2, fault="damaged", warranty_months=1)
    assert (line.name, line.covered, line.bought_on) == ("Album", True, date(2026, 3, 2))
    assert order.customer_id == wang.id
    with pytest.raises(InvalidInput, match="cannot come back"):
        cases.add_line(case, order_line=bought, quantity=3)
    li = crm.customers.register(name="Li")
    with pytest.raises(InvalidInput, match="another customer"):
        cases.add_line(cases.open(li, kind="return", subject="Mine"), order_line=bought)
    with pytest.raises(InvalidInput, match="a name"):
        cases.add_line(case)
    with pytest.raises(InvalidInput, match="more than 0"):
        cases.add_line(case, "Album", quantity=-1)
    case = cases.advance(cases.advance(case, "receive"), "inspect")
    with pytest.raises(InvalidInput, match="amount"):
        cases.decide(line, outcome="refunded")
    line = cases.decide(line, outcome="refunded", amount=Money("200", "CNY"))
    assert (line.outcome, line.decided_at) == ("refunded", clock.now())
    case = cases.close(cases.resolve(case))
    with pytest.raises(InvalidInput, match="closed"):
        cases.decide(line.id, outcome="rejected")
    with pytest.raises(InvalidInput, match="closed"):
        cases.add_line(case, "Another")


def test_two_tenants_never_see_each_other(crm: CRM, wang: Customer) -> None:
    case = crm.service.cases.open(wang, subject="Album")
    other = crm.for_tenant("other")
    assert other.service.cases.count() == 0
    with pytest.raises(NotFound):
        other.service.cases.reply(case.id, "Hello")


@pytest.mark.parametrize("name", ["tags", "watchers"])
def test_one_text_is_not_taken_for_its_letters(crm: CRM, wang: Customer, name: str) -> None:
    alone: dict[str, Any] = {name: "boss@studio.example"}
    with pytest.raises(InvalidInput, match=f"{name}= takes several"):
        crm.service.cases.open(wang, subject="Over-retouched", **alone)
    assert crm.service.cases.count() == 0
