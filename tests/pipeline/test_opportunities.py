"""Deals: stages, guards, endings, history, people, lines, alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, Duplicate, InvalidInput, NotFound, Refused, StaleEntity
from crmkit.pipeline import Line, SalesPipeline, Stage
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.opportunities.people import parts_of
from crmkit.pipeline.stages import B2B, PRESETS
from crmkit.testing import FrozenClock

EUR = "EUR"


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang", email="wang@example.com")


def opened(crm: CRM, customer: Customer, **fields: Any) -> Opportunity:
    return crm.pipeline.opportunities.open(**{"name": "Album", "customer": customer, **fields})


def names_of_events(crm: CRM, customer: Customer) -> list[str]:
    return [moment.name for moment in crm.customers.timeline(customer)]


# ── Moves and endings ──


def test_a_deal_takes_probability_and_category_from_its_stage(crm: CRM, wang: Customer) -> None:
    deal = opened(crm, wang, amount=Money(100, EUR))
    assert (deal.stage, int(deal.probability), deal.category) == ("qualification", 10, "pipeline")
    deal = crm.pipeline.opportunities.advance(deal)
    assert (deal.stage, int(deal.probability), deal.category) == ("proposal", 50, "best_case")
    deal = crm.pipeline.opportunities.advance(deal, to="negotiation", probability=65, category="best_case")
    assert (int(deal.probability), deal.category) == (65, "best_case")
    won = crm.pipeline.opportunities.win(deal, amount=Money(120, EUR))
    assert (won.stage, int(won.probability), won.category, won.amount) == ("won", 100, "closed", Money(120, EUR))
    assert won.closed_at == won.stage_since
    assert won.last_open_stage == "negotiation"


def test_a_changed_stage_counts_for_those_who_enter_it_later(crm: CRM, wang: Customer) -> None:
    """Case salesforce-expected-revenue."""
    pipeline = SalesPipeline("sf", stages=[Stage("start", probability=10), Stage("quote", probability=70)])
    crm.pipeline.stages.define(pipeline)
    old = opened(crm, wang, pipeline="sf", stage="quote", amount=Money(10_000, EUR))
    assert old.expected_revenue == Money(7_000, EUR)
    crm.pipeline.stages.define("sf", stages=[Stage("start", probability=10), Stage("quote", probability=80)])
    assert crm.pipeline.opportunities.get(old.id).probability == 70
    assert opened(crm, wang, pipeline="sf", stage="quote").probability == 80


def test_lost_deals_say_why_and_where(crm: CRM, wang: Customer) -> None:
    deal = crm.pipeline.opportunities.advance(opened(crm, wang), to="proposal")
    lost = crm.pipeline.opportunities.lose(deal, reason="price", to="Other Studio", note="20 % below us")
    assert (lost.stage, lost.lost_reason, lost.lost_to) == ("lost", "price", "Other Studio")
    assert (lost.last_open_stage, int(lost.probability), lost.category) == ("proposal", 0, "omitted")
    with pytest.raises(TransitionRefused, match="cannot win an opportunity that is lost"):
        crm.pipeline.opportunities.win(lost)
    again = crm.pipeline.opportunities.reopen(lost)
    assert (again.stage, int(again.probability), again.lost_reason, again.closed_at) == ("proposal", 50, None, None)
    assert "pipeline.opportunity_reopened" in names_of_events(crm, wang)


def test_a_reason_is_needed_to_lose(crm: CRM, wang: Customer) -> None:
    with pytest.raises(TransitionRefused, match="it needs a reason"):
        crm.pipeline.opportunities.lose(opened(crm, wang), reason="")


def test_a_won_deal_is_not_lost_directly(crm: CRM, wang: Customer) -> None:
    won = crm.pipeline.opportunities.win(opened(crm, wang))
    with pytest.raises(TransitionRefused, match="allowed now: reopen"):
        crm.pipeline.opportunities.lose(won, reason="changed their mind")
    with pytest.raises(TransitionRefused):
        crm.pipeline.opportunities.advance(won, to="proposal")
    assert crm.pipeline.opportunities.get(won.id) == won


@pytest.mark.parametrize(("end", "verb"), [("won", "win"), ("lost", "lose")])
def test_a_deal_does_not_advance_to_its_end(crm: CRM, wang: Customer, end: str, verb: str) -> None:
    with pytest.raises(TransitionRefused, match=rf"deals end by {verb}\(deal"):
        crm.pipeline.opportunities.advance(opened(crm, wang), to=end)


def test_a_past_day_is_a_day(crm: CRM, wang: Customer) -> None:
    with pytest.raises(InvalidInput, match="at is a day or a moment"):
        crm.pipeline.opportunities.as_of(opened(crm, wang), "2026-03-02")  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["reopen", "advance"])
def test_illegal_moves_change_nothing(crm: CRM, wang: Customer, verb: str) -> None:
    deal = opened(crm, wang, stage="negotiation")
    with pytest.raises(TransitionRefused):
        getattr(crm.pipeline.opportunities, verb)(deal)
    assert crm.pipeline.opportunities.get(deal.id) == deal


def test_an_unknown_stage_offers_the_nearest(crm: CRM, wang: Customer) -> None:
    with pytest.raises(InvalidInput, match="did you mean 'proposal'"):
        crm.pipeline.opportunities.advance(opened(crm, wang), to="propsal")
    with pytest.raises(InvalidInput, match="no open stage"):
        opened(crm, wang, stage="won")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": Money(-1, EUR)}, "0 or more"),
        ({"amount": 100.0}, "must be Money"),
        ({"recurring": Money(1, EUR)}, "go together"),
        ({"amount": Money(1, EUR), "recurring": Money(1, "USD"), "recurring_every": "month"}, "two currencies"),
        ({"probability": 101}, "0 to 100"),
        ({"category": "maybe"}, "is not one of"),
        ({"close_on": datetime(2026, 3, 3, tzinfo=UTC)}, "a date"),
        ({"name": " "}, "must not be empty"),
        ({"stage_since": datetime(2026, 3, 3, tzinfo=UTC)}, "not set directly"),
    ],
)
def test_bad_input_opens_nothing(crm: CRM, wang: Customer, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        opened(crm, wang, **fields)
    assert crm.pipeline.opportunities.count() == 0


def test_unknown_partners_of_a_deal(crm: CRM, wang: Customer) -> None:
    with pytest.raises(NotFound, match="did you mean 'b2b'"):
        opened(crm, wang, pipeline="b2bb")
    with pytest.raises(NotFound, match="no campaign"):
        opened(crm, wang, campaign=wang.id)
    other = crm.for_tenant("other").customers.register(name="Somebody")
    with pytest.raises(NotFound):
        opened(crm, other)


def test_two_people_change_one_deal(crm: CRM, wang: Customer) -> None:
    deal = opened(crm, wang)
    crm.pipeline.opportunities.update(deal, amount=Money(5, EUR))
    with pytest.raises(StaleEntity):
        crm.pipeline.opportunities.win(deal)


# ── Pipelines as data ──


def test_b2b_asks_for_a_company_a_decision_maker_and_an_approval(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, pipeline="b2b")
    with pytest.raises(TransitionRefused, match="it needs company_id before it enters discovery"):
        deals.advance(deal)
    firm = crm.customers.companies.register(name="Planet Express")
    deal = deals.update(deal, company_id=firm.id)
    deal = deals.advance(deal)
    with pytest.raises(TransitionRefused) as refusal:
        deals.advance(deal)
    assert len(refusal.value.reasons) == 2  # both are said at once: the amount and the day
    deal = deals.advance(deal, amount=Money(900, EUR), close_on=date(2026, 5, 1))
    with pytest.raises(TransitionRefused) as refusal:
        deals.advance(deal)
    said = "; ".join(refusal.value.reasons)
    assert "approval of management" in said
    assert "decision maker" in said
    deals.involve(deal, wang, role="decision maker", primary=True)
    request = crm.acting_as("ann").pipeline.opportunities.approvals.request(deal, gate="management")
    with pytest.raises(Refused, match="somebody else"):
        crm.acting_as("ann").pipeline.opportunities.approvals.grant(request)
    crm.acting_as("boss").pipeline.opportunities.approvals.grant(request)
    assert deals.advance(deal).stage == "negotiation"


def test_a_stage_keeps_what_it_asks_for(crm: CRM, wang: Customer) -> None:
    stages = [Stage("a"), Stage("b", requires=["amount", "next_step"]), Stage("c", gate="boss")]
    crm.pipeline.stages.define("asking", stages=stages)
    with pytest.raises(InvalidInput, match=r"needs amount .*needs next_step"):
        opened(crm, wang, pipeline="asking", stage="b")
    with pytest.raises(InvalidInput, match="open it in an earlier stage"):
        opened(crm, wang, pipeline="asking", stage="c")
    deal = opened(crm, wang, pipeline="asking", stage="b", amount=Money(1, EUR), next_step="call")
    with pytest.raises(InvalidInput, match="needs amount before it is in b"):
        crm.pipeline.opportunities.update(deal, amount=None)
    deal = crm.pipeline.opportunities.advance(deal, to="a")
    assert crm.pipeline.opportunities.update(deal, amount=None).amount is None
    assert crm.pipeline.opportunities.count() == 1


def test_an_approval_holds_up_to_its_amount(crm: CRM, wang: Customer) -> None:
    crm.pipeline.stages.define("gated", stages=[Stage("start"), Stage("offer", gate="discount")])
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, pipeline="gated", amount=Money(100, EUR))
    approval = deals.approvals.grant(deals.approvals.request(deal, gate="discount"))
    with pytest.raises(TransitionRefused, match="for this amount"):
        deals.advance(deal, amount=Money(101, EUR))
    deals.approvals.revoke(approval, reason="budget is gone")
    with pytest.raises(TransitionRefused):
        deals.advance(deal)
    again = deals.approvals.request(deal, gate="discount")
    with pytest.raises(Refused, match="already"):
        deals.approvals.request(deal, gate="discount")
    with pytest.raises(TransitionRefused, match="it needs a reason"):
        deals.approvals.reject(again, reason="")
    deals.approvals.grant(again)
    assert deals.advance(deal).stage == "offer"


def test_an_exit_rule_holds_back_only_forward(crm: CRM, wang: Customer) -> None:
    stages = [Stage("a"), Stage("b", exit=F.amount >= Money(10, EUR)), Stage("c")]
    crm.pipeline.stages.define("ruled", stages=stages)
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, pipeline="ruled", stage="b")
    with pytest.raises(TransitionRefused, match="missing"):
        deals.win(deal)
    assert deals.advance(deal, to="a").stage == "a"
    deal = deals.advance(deals.get(deal.id), to="b")
    assert deals.advance(deal, to="c", amount=Money(10, EUR)).stage == "c"


def test_lost_reasons_as_data(crm: CRM, wang: Customer) -> None:
    crm.pipeline.stages.define("strict", stages=[Stage("a")], lost_reasons=["price", "timing", "other"])
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, pipeline="strict")
    with pytest.raises(InvalidInput, match="did you mean 'price'"):
        deals.lose(deal, reason="prise")
    with pytest.raises(InvalidInput, match="needs a note"):
        deals.lose(deal, reason="other")
    assert deals.lose(deal, reason="other", note="moved away").lost_reason == "other"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stage("won"), "ends in 'won' and 'lost'"),
        (lambda: Stage("a", probability=101), "0 to 100"),
        (lambda: Stage("a", expected_days=0), "1 and more"),
        (lambda: Stage("a", category="closed"), "category"),
        (lambda: SalesPipeline("x", stages=[]), "at least one"),
        (lambda: SalesPipeline("x", stages=["a"]), r"made by Stage\(name"),
        (lambda: SalesPipeline("x", stages=[Stage("a"), Stage("a")]), "two stages"),
        (lambda: SalesPipeline.from_json({"name": "x", "stages": [{"name": "a"}], "moves": "up"}), "moves is one of"),
        (lambda: SalesPipeline.from_json({"name": "x", "stages": [{"name": "a", "prob": 1}]}), "no 'prob'"),
    ],
)
def test_pipelines_are_checked_when_they_are_made(make: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()


def test_a_pipeline_asks_only_for_what_deals_have(crm: CRM) -> None:
    with pytest.raises(DefinitionError, match="did you mean 'amount'"):
        crm.pipeline.stages.define("x", stages=[Stage("a", requires="amonut")])
    with pytest.raises(DefinitionError, match="amonut"):
        crm.pipeline.stages.define("x", stages=[Stage("a", exit=F.amonut > 1)])
    assert "x" not in crm.pipeline.stages.names()


@pytest.mark.parametrize("pipeline", PRESETS.values(), ids=PRESETS)
def test_pipelines_go_to_json_and_back(pipeline: SalesPipeline) -> None:
    again = SalesPipeline.from_json(pipeline.to_json())
    assert again == pipeline
    assert again.machine == pipeline.machine
    assert "stage" in format(pipeline, "md")


def test_stepwise_moves() -> None:
    offers = B2B.machine.offers("qualification")
    assert offers == ("move to discovery", "win", "lose")
    assert "move to qualification" in B2B.machine.offers("negotiation")


def test_a_deal_changes_its_pipeline(crm: CRM, wang: Customer) -> None:
    deal = opened(crm, wang, amount=Money(10, EUR))
    moved = crm.pipeline.opportunities.transfer(deal, pipeline="b2c")
    assert (moved.pipeline, moved.stage, int(moved.probability)) == ("b2c", "interested", 30)
    won = crm.pipeline.opportunities.win(moved)
    with pytest.raises(TransitionRefused, match="closed"):
        crm.pipeline.opportunities.transfer(won, pipeline="standard")


def test_a_replaced_machine_moves_the_standard_pipeline(clock: FrozenClock) -> None:
    without = PRESETS["standard"].machine.without("move to qualification")
    with CRM.open("memory://", clock=clock, machines={"opportunity": without}) as crm:
        wang = crm.customers.register(name="Wang")
        deal = crm.pipeline.opportunities.advance(opened(crm, wang), to="proposal")
        with pytest.raises(TransitionRefused):
            crm.pipeline.opportunities.advance(deal, to="qualification")


# ── Time ──

STEPS = [(5, "S2"), (100, None), (5000, "S3"), (5000, "S4"), (20, "S2"), (55, "S4"), (200, None), (300, "S3")]
AFTER = [
    {"S1": 300, "S2": 0},
    {"S1": 300, "S2": 6000},
    {"S1": 300, "S2": 306000, "S3": 0},
    {"S1": 300, "S2": 306000, "S3": 300000, "S4": 0},
    {"S1": 300, "S2": 306000, "S3": 300000, "S4": 1200},
    {"S1": 300, "S2": 309300, "S3": 300000, "S4": 1200},
    {"S1": 300, "S2": 309300, "S3": 300000, "S4": 13200},
    {"S1": 300, "S2": 309300, "S3": 300000, "S4": 31200},
]


def test_seconds_in_each_stage_over_re_entries(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    """Case odoo-stage-durations."""
    crm.pipeline.stages.define("odoo", stages=[Stage(f"S{n}") for n in range(1, 5)])
    deal = opened(crm, wang, pipeline="odoo")
    for (minutes, target), expected in zip(STEPS, AFTER, strict=True):
        clock.advance(minutes=minutes)
        if target is not None:
            deal = crm.pipeline.opportunities.advance(deal, to=target)
        spent = crm.pipeline.opportunities.durations(deal)
        assert {stage: spent[stage] for stage in expected} == expected


AGES = [
    (14, None, 5, "green"),
    (14, None, 15, "yellow"),
    (14, None, 22, "red"),
    (5, None, 6, "yellow"),
    (5, None, 8, "red"),
    (14, 10, 11, "yellow"),
]


@pytest.mark.parametrize(("expected", "warning", "days", "light"), AGES)
def test_traffic_lights(  # noqa: PLR0917 - a row of the case
    crm: CRM, wang: Customer, clock: FrozenClock, expected: int, warning: int | None, days: int, light: str
) -> None:
    """Case djangocrm-deal-aging."""
    stage = Stage("prospecting", expected_days=expected, warning_days=warning)
    crm.pipeline.stages.define("aging", stages=[stage])
    deal = opened(crm, wang, pipeline="aging")
    clock.advance(days=days)
    deal = crm.pipeline.opportunities.update(deal, source="fair")  # another field does not reset the clock
    assert crm.pipeline.opportunities.light(deal) == light


@pytest.mark.parametrize("end", ["win", "lose"])
def test_closed_deals_are_green_and_never_rot(crm: CRM, wang: Customer, clock: FrozenClock, end: str) -> None:
    fresh, old = opened(crm, wang, owner="ann"), opened(crm, wang, owner="bob")
    closed = opened(crm, wang)
    closed = getattr(crm.pipeline.opportunities, end)(closed, **({"reason": "price"} if end == "lose" else {}))
    clock.advance(days=25)
    fresh = crm.pipeline.opportunities.advance(fresh, to="proposal")
    clock.advance(days=2)
    assert [d.id for d in crm.pipeline.opportunities.rotting()] == [old.id]
    assert crm.pipeline.opportunities.rotting(owner="ann") == []
    clock.advance(days=100)
    assert crm.pipeline.opportunities.light(closed) == "green"


def test_a_deal_as_it_was(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, amount=Money(10, EUR), close_on=date(2026, 4, 1), owner="ann")
    clock.advance(days=1)
    deal = deals.advance(deal, to="proposal", amount=Money(20, EUR))
    clock.advance(days=1)
    deal = deals.update(deal, owner="bob", close_on=date(2026, 5, 1))
    clock.advance(days=1)
    deals.lose(deal, reason="price")
    seen = [deals.as_of(deal, date(2026, 3, day)) for day in (2, 3, 4, 5)]
    assert [s.stage for s in seen] == ["qualification", "proposal", "proposal", "lost"]
    assert [s.amount for s in seen] == [Money(10, EUR), Money(20, EUR), Money(20, EUR), Money(20, EUR)]
    assert [s.owner for s in seen] == ["ann", "ann", "bob", "bob"]
    assert [s.close_on for s in seen] == [date(2026, 4, 1), date(2026, 4, 1), date(2026, 5, 1), date(2026, 5, 1)]
    with pytest.raises(NotFound, match="opened at"):
        deals.as_of(deal, date(2026, 3, 1))
    assert deals.get(deal.id).slips == 1


def test_the_next_step_is_remembered_once(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, next_step="call", next_step_on=date(2026, 3, 5))
    deal = deals.update(deal, next_step_on=date(2026, 3, 6))
    clock.set(datetime(2026, 3, 5, 15, 59, tzinfo=UTC))
    crm.run_due()
    assert "pipeline.next_step_due" not in names_of_events(crm, wang)
    clock.advance(minutes=1)  # midnight in Shanghai
    crm.run_due()
    assert names_of_events(crm, wang).count("pipeline.next_step_due") == 1
    deals.win(deals.update(deal, next_step_on=date(2026, 3, 9)))
    clock.advance(days=9)
    crm.run_due()
    assert names_of_events(crm, wang).count("pipeline.next_step_due") == 1


# ── Alerts ──


def raised(crm: CRM, wang: Customer) -> int:
    return names_of_events(crm, wang).count("pipeline.deal_alert_raised")


def test_a_large_deal_is_told_once_for_each_crossing(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    deals.alerts.define("big", at_least=Money(50_000, EUR), probability=50, notify="boss@example.com")
    deal = opened(crm, wang, amount=Money(60_000, EUR))
    assert raised(crm, wang) == 0  # not likely enough yet
    deal = deals.advance(deal, to="proposal")
    deal = deals.update(deal, amount=Money(70_000, EUR))
    deal = deals.advance(deal, to="negotiation")
    assert raised(crm, wang) == 1
    deal = deals.update(deal, amount=Money(40_000, EUR))
    deals.update(deal, amount=Money(50_000, EUR))
    assert raised(crm, wang) == 2
    assert [receipt.to for receipt in crm.deliver()] == ["boss@example.com"] * 2
    deals.alerts.stop("big")
    opened(crm, wang, amount=Money(90_000, EUR), stage="negotiation")
    assert raised(crm, wang) == 2
    with pytest.raises(NotFound, match="did you mean 'big'"):
        deals.alerts.stop("bigg")


@pytest.mark.parametrize(("threshold", "after", "alert"), [(10, 40_000, True), (20, 40_000, True), (21, 40_000, False)])
def test_an_amount_that_drops(crm: CRM, wang: Customer, threshold: int, after: int, alert: bool) -> None:  # noqa: FBT001 - a row
    """Case amount-drop-alert: 50,000 becomes 40,000, which is 20 per cent."""
    deals = crm.pipeline.opportunities
    deals.alerts.define("drop", drop_percent=threshold)
    deal = opened(crm, wang, amount=Money(50_000, EUR))
    deals.update(deal, amount=Money(after, EUR))
    assert raised(crm, wang) == int(alert)


def test_a_date_that_slips(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    deals.alerts.define("slip", slip_days=7)
    deal = opened(crm, wang, close_on=date(2026, 4, 1))
    deal = deals.update(deal, close_on=date(2026, 4, 7))
    assert (raised(crm, wang), deal.slips) == (0, 1)
    deal = deals.update(deal, close_on=date(2026, 4, 14))
    assert (raised(crm, wang), deal.slips) == (1, 2)
    assert deals.update(deal, close_on=date(2026, 4, 1)).slips == 2


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"drop_percent": 10, "slip_days": 3},
        {"drop_percent": 0},
        {"slip_days": 0},
        {"slip_days": 5, "notify": "not an address"},
        {"slip_days": 5, "notify": 7},
    ],
)
def test_bad_alerts(crm: CRM, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        crm.pipeline.opportunities.alerts.define("x", **bad)


# ── People, lines, recurring revenue ──


def test_contact_roles(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    li = crm.customers.register(name="Xiao Li")
    deal = opened(crm, wang)
    deals.involve(deal, wang, role="user", primary=True)
    deals.involve(deal, li, role="decision maker", primary=True)
    assert [(part.customer_id, part.primary) for part in deals.roles(deal)] == [(li.id, True), (wang.id, False)]
    with pytest.raises(Duplicate):
        deals.involve(deal, wang, role="user")
    assert deals.count(F.roles.where(F.role == "decision maker").any()) == 1


def test_splits(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    deal = opened(crm, wang, amount=Money(100, EUR))
    with pytest.raises(InvalidInput, match="add up to 100"):
        deals.split(deal, {"ann": 60, "bob": 41})
    with pytest.raises(InvalidInput, match="above 0"):
        deals.split(deal, {"ann": 100, "bob": 0})
    deals.split(deal, {"ann": 60, "bob": "40"})
    deals.split(deal, {"engineer": 80}, kind="overlay")
    assert deals.splits(deal) == {"ann": 60, "bob": 40}
    assert deals.splits(deal, kind="overlay") == {"engineer": 80}
    deals.split(deal, {})
    assert deals.splits(deal) == {}


@given(
    minor=st.integers(0, 10**12),
    shares=st.lists(st.integers(1, 99), min_size=1, max_size=6),
)
def test_splits_lose_no_cent(minor: int, shares: list[int]) -> None:
    whole = sum(shares)
    splits = {str(n): Decimal(100) * share / whole for n, share in enumerate(shares)}
    amount = Money.from_minor(minor, EUR)
    parts = parts_of(amount, splits)
    assert Money.total(parts.values(), currency=EUR) == amount


def test_lines_make_the_amount(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    album = crm.pipeline.products.add(name="Album", price=Money(90, EUR))
    crm.pipeline.prices.define("wholesale", currency=EUR, ends_on=date(2026, 12, 31))
    crm.pipeline.prices.set("wholesale", album, Money(70, EUR), from_quantity=10)
    deal = deals.set_lines(
        opened(crm, wang), [Line(product=album, quantity=10), Line("Frame", unit_price=Money(5, EUR))]
    )
    assert deal.amount == Money(905, EUR)
    deal = deals.set_lines(deal, [Line(product=album, quantity=10, discount=10)], prices="wholesale")
    assert deal.amount == Money(630, EUR)
    assert [line.name for line in deals.lines(deal)] == ["Album"]
    for verb in (deals.update, deals.win, deals.advance):
        with pytest.raises(InvalidInput, match="lines of this opportunity make its amount"):
            verb(deal, amount=Money(1, EUR))
    deal = deals.set_lines(deal, [])
    assert deals.update(deal, amount=Money(1, EUR)).amount == Money(1, EUR)


def test_recurring_revenue(crm: CRM, wang: Customer) -> None:
    """Odoo: the monthly amount is the recurring amount by the months of its plan, prorated by the probability."""
    deal = opened(crm, wang, stage="proposal", recurring=Money(1200, EUR), recurring_every="year")
    assert deal.monthly_revenue == Money(100, EUR)
    assert deal.expected_monthly_revenue == Money(50, EUR)
    assert opened(crm, wang).monthly_revenue is None


@given(
    minor=st.integers(0, 10**12), probability=st.integers(0, 100), every=st.sampled_from(["month", "quarter", "year"])
)
def test_expected_revenue_is_never_more_than_the_amount(minor: int, probability: int, every: Any) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    amount = Money.from_minor(minor, EUR)
    deal = Opportunity(
        id="opp_1",
        created_at=now,
        name="x",
        customer_id="cus_1",
        stage="a",
        stage_since=now,
        amount=amount,
        recurring=amount,
        recurring_every=every,
        probability=Decimal(probability),
    )
    assert deal.expected_revenue is not None
    assert Money.zero(EUR) <= deal.expected_revenue <= amount
    assert deal.expected_monthly_revenue is not None
    assert deal.monthly_revenue is not None
    assert deal.expected_monthly_revenue <= deal.monthly_revenue
    assert deal.days_in_stage(now=now + timedelta(hours=12)) == 0.5
