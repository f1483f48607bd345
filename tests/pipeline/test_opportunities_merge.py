"""Merging deals: sales.json odoo-merge-* (odoo 18.0 addons/crm/tests/test_crm_lead_merge.py), as far as deals go."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from crmkit import CRM, F, Line, Money
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused, StaleEntity, TransitionRefused
from crmkit.pipeline import Stage
from crmkit.pipeline.opportunities import Opportunity
from crmkit.testing import FrozenClock


def cny(amount: int) -> Money:
    return Money(amount, "CNY")


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    anywhere.pipeline.stages.define(
        "team1", stages=[Stage("S0", probability=10), Stage("S1", probability=20), Stage("S3", probability=30)]
    )
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


def deal(crm: CRM, wang: Customer, name: str, stage: str = "S0", **fields: Any) -> Opportunity:
    return crm.pipeline.opportunities.open(
        **{"name": name, "customer": wang, "pipeline": "team1", "stage": stage, "note": name, **fields}
    )


def test_who_goes_on_and_what_it_gets(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    """Cases odoo-merge-internals and -mixed: stage, then probability, then age; the first value that is there."""
    deals = crm.pipeline.opportunities
    old = deal(crm, wang, "old", source="tv", close_on=date(2026, 5, 1), competitors={"a"})
    clock.advance(days=1)
    far = deal(crm, wang, "far", "S3", probability=15, owner="ann", competitors={"b"})
    near = deal(crm, wang, "near", "S1", probability=60, amount=cny(900), source="fair", owner="bob")
    sure = deal(crm, wang, "sure", "S3", probability=25, team="convert")
    merged = deals.merge([old, near, far, sure])
    assert merged.id == sure.id
    assert merged.note == "sure\n\nfar\n\nnear\n\nold"
    assert (merged.amount, merged.source, merged.owner, merged.team) == (cny(900), "fair", "ann", "convert")
    assert (merged.close_on, sorted(merged.competitors)) == (date(2026, 5, 1), ["a", "b"])
    assert (merged.stage, int(merged.probability)) == ("S3", 25)
    assert merged.expected == cny(225)
    others = deals.find(F.merged_into == merged.id)
    assert {(other.stage, other.lost_reason, other.category) for other in others} == {("lost", "merged", "omitted")}
    assert {other.last_open_stage for other in others} == {"S0", "S1", "S3"}


@pytest.mark.parametrize("probability", [20, 0, 60])
def test_its_probability_stays(crm: CRM, wang: Customer, probability: int) -> None:
    """Case odoo-merge-probability: automated or by hand, 0 included."""
    one = deal(crm, wang, "one", "S1", probability=probability)
    assert crm.pipeline.opportunities.merge([one, deal(crm, wang, "two")]).probability == probability


def test_a_lost_one_goes_in_and_goes_on_only_if_it_is_chosen(crm: CRM, wang: Customer) -> None:
    """Cases odoo-merge-lost-reason and -into-lost-opportunity."""
    deals = crm.pipeline.opportunities
    lost = deals.lose(deal(crm, wang, "lost", "S3"), reason="Test Reason")
    fresh = deal(crm, wang, "fresh")
    merged = deals.merge([lost, fresh])
    assert (merged.id, merged.stage, merged.lost_reason) == (fresh.id, "S0", None)
    assert deals.get(lost.id).lost_reason == "Test Reason"
    (back,) = deals.unmerge(merged)
    assert (back.stage, back.lost_reason, back.merged_into) == ("lost", "Test Reason", None)
    chosen = deals.merge([fresh.id, lost.id], into=lost.id)
    assert (chosen.id, chosen.stage, chosen.lost_reason) == (lost.id, "lost", "Test Reason")


def test_what_belongs_to_the_others_follows(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    li = crm.customers.register(name="Xiao Li")
    one, two = deal(crm, wang, "one", "S1"), deal(crm, wang, "two")
    two = deals.set_lines(two, [Line("Album", quantity=2, unit_price=cny(100))])
    deals.involve(one, wang, role="user", primary=True)
    deals.involve(two, wang, role="user")
    deals.involve(two, li, role="champion", primary=True)
    deals.split(two, {"ann": 60, "bob": 40})
    call = crm.pipeline.activities.log("call", subject="x", about=two)
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", quantity=1, unit_price=cny(100))], opportunity=two)
    plan = deals.plan_merge([two, one])
    assert (plan.survivor, plan.sources["amount"]) == (one, (two.id,))
    assert plan.moves == {"activities": 1, "contact_roles": 1, "deal_lines": 1, "deal_splits": 2, "orders": 1}
    assert "deal_splits" in format(plan, "md")
    merged = deals.apply(plan)
    assert merged.amount == cny(200)
    assert [line.amount for line in deals.lines(merged)] == [cny(200)]
    assert deals.splits(merged) == {"ann": 60, "bob": 40}
    parts = [(role.customer_id, role.role, role.primary) for role in deals.roles(merged)]
    assert parts == [(wang.id, "user", True), (li.id, "champion", False)]
    assert (crm.pipeline.activities.get(call.id).about, crm.pipeline.orders.get(order.id).opportunity_id) == (
        merged.id,
        merged.id,
    )
    (back,) = deals.unmerge(merged)
    assert (back.stage, int(back.probability), back.amount) == ("S0", 10, cny(200))
    assert [line.amount for line in deals.lines(back)] == [cny(200)]
    assert not deals.lines(merged)
    assert not deals.splits(merged)
    assert deals.get(merged.id).amount is None
    assert [(role.role, role.primary) for role in deals.roles(back)] == [("champion", True), ("user", False)]
    assert crm.pipeline.orders.get(order.id).opportunity_id == two.id
    assert crm.pipeline.activities.get(call.id).about == two.id


def test_amount_lines_and_splits_come_from_one_deal(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    one = deal(crm, wang, "one", "S3", amount=cny(500))
    deals.split(one, {"ann": 100})
    two = deals.set_lines(deal(crm, wang, "two"), [Line("Album", quantity=2, unit_price=cny(100))])
    deals.split(two, {"bob": 100})
    merged = deals.merge([one, two])
    assert merged.amount == cny(500)
    assert not deals.lines(merged)
    assert deals.splits(merged) == {"ann": 100}
    assert len(deals.lines(two)) == 1


def test_a_plan_of_three_counts_what_will_move(crm: CRM, wang: Customer) -> None:
    deals, li = crm.pipeline.opportunities, crm.customers.register(name="Xiao Li")
    one, *others = (deal(crm, wang, name, stage) for name, stage in (("one", "S3"), ("two", "S1"), ("three", "S0")))
    for other in others:
        deals.set_lines(other.id, [Line("Album", quantity=1, unit_price=cny(100))])
        deals.split(other.id, {"ann": 100})
        deals.involve(other.id, li, role="user", primary=True)
    plan = deals.plan_merge([one.id, *(other.id for other in others)])
    assert plan.moves == {"contact_roles": 1, "deal_lines": 1, "deal_splits": 1}
    merged = deals.apply(plan)
    assert len(deals.lines(merged)) == 1
    assert deals.splits(merged) == {"ann": 100}
    assert [(role.role, role.primary) for role in deals.roles(merged)] == [("user", True)]
    deals.unmerge(merged)
    assert [len(deals.lines(found.id)) for found in (one, *others)] == [0, 1, 1]


def test_statistics_do_not_count_what_was_merged(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    deals.win(deal(crm, wang, "won"))
    deals.merge([deal(crm, wang, "one", amount=cny(10)), deal(crm, wang, "two", amount=cny(10))])
    funnel = crm.analytics.funnel(pipeline="team1")
    assert (funnel.won, funnel.lost, funnel.open, funnel.open_amount) == (1, 0, 1, cny(10))
    kpis = crm.analytics.kpis(since=date(2026, 3, 1), until=date(2026, 3, 31))
    assert (kpis.deals_opened, kpis.won, kpis.lost, kpis.deals_open) == (2, 1, 0, 1)


def test_past_days_know_both(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    deals = crm.pipeline.opportunities
    one, two = deal(crm, wang, "one", "S1"), deal(crm, wang, "two", amount=cny(10))
    clock.advance(days=2)
    merged = deals.merge([one, two])
    assert (deals.as_of(two, date(2026, 3, 2)).stage, deals.as_of(two, date(2026, 3, 4)).stage) == ("S0", "lost")
    assert (deals.as_of(one, date(2026, 3, 2)).amount, deals.as_of(one, date(2026, 3, 4)).amount) == (None, cny(10))
    names = [moment.name for moment in crm.customers.timeline(wang)]
    assert "pipeline.opportunity_merged" in names
    assert "pipeline.opportunity_lost" not in names
    with pytest.raises(TransitionRefused, match="goes on in"):
        deals.reopen(two.id)
    deals.unmerge(merged)
    clock.advance(days=1)
    assert deals.as_of(two, date(2026, 3, 5)).stage == "S0"


def test_what_cannot_be_merged(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    one, two, three = (deal(crm, wang, name) for name in ("one", "two", "three"))
    wrongs: list[list[Opportunity | str]] = [[], [one], [one, one.id]]
    for wrong in wrongs:
        with pytest.raises(InvalidInput, match="2 to 100 different"):
            deals.merge(wrong)
    with pytest.raises(InvalidInput, match="not among"):
        deals.merge([one, two], into=three)
    won = deals.win(three)
    with pytest.raises(Refused, match="is won"):
        deals.merge([one, won])
    with pytest.raises(InvalidInput, match="not set directly"):
        deals.update(one, merged_into=two.id)
    yen = deal(crm, wang, "yen", recurring=Money(5, "JPY"), recurring_every="month")
    with pytest.raises(InvalidInput, match="two currencies"):
        deals.merge([deals.update(one, amount=cny(5)), yen])
    merged = deals.merge([one.id, two])
    ended = deals.find(F.merged_into == merged.id)
    with pytest.raises(Refused, match="was merged into"):
        deals.merge([*ended, yen])
    with pytest.raises(Refused, match="nothing was merged"):
        deals.unmerge(yen)
    deals.win(merged)
    with pytest.raises(Refused, match="won meanwhile"):
        deals.unmerge(merged.id)


def test_an_old_plan_is_refused(crm: CRM, wang: Customer) -> None:
    deals = crm.pipeline.opportunities
    one, two = deal(crm, wang, "one"), deal(crm, wang, "two")
    for changed in (one, two):
        plan = deals.plan_merge([one.id, two.id])
        deals.update(changed.id, source="tv" if changed is one else "fair")
        with pytest.raises(StaleEntity):
            deals.apply(plan)
    assert deals.count(F.stage == "lost") == 0
