"""Merging leads and deals: sales.json odoo-merge-* (odoo 18.0 addons/crm/tests/test_crm_lead_merge.py).

Odoo's stages 0, 1 and 3 are new, working and qualified here; its address of six fields is city, region and country.
Odoo's teams have stages; here pipelines have.  Declined: the followers (odoo-merge-followers: there are none here),
deleting the others, and leaving won and lost ones out without a word.
"""

from __future__ import annotations

from typing import Any

import pytest

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.errors import InvalidInput, Refused, StaleEntity
from crmkit.kernel.extras import Extra
from crmkit.kernel.rules import Rule
from crmkit.pipeline import Stage
from crmkit.pipeline.activities import Activity
from crmkit.pipeline.leads import Lead
from crmkit.testing import FrozenClock


class Wedding(Extra, key="wedding"):
    guests: int = 0


def lead(crm: CRM, clock: FrozenClock, name: str, stage: str, probability: float, **fields: Any) -> Lead:
    clock.advance(seconds=1)
    leads = crm.pipeline.leads
    made = leads.capture(**{"name": name, "note": name, "email": f"{name}@test.example", **fields})
    made = {"new": lambda x: x, "working": leads.pursue, "qualified": leads.qualify}[stage](made)
    return crm.pipeline.scoring.set(made, probability=probability)


def cny(amount: int) -> Money:
    return Money(amount, "CNY")


def six(crm: CRM, clock: FrozenClock) -> dict[str, Lead]:
    old: dict[str, Any] = {"city": "Original street"}
    return {
        "lead_1": lead(crm, clock, "lead_1", "working", 20, tags={"t0", "t1", "t2"}, team="team1", **old),
        "partner": lead(crm, clock, "partner", "new", 10, team="team1", city="New City", region="New street"),
        "company": lead(crm, clock, "company", "working", 50, tags={"t0", "t1", "t3"}, note=None, **old),
        "contact": lead(crm, clock, "contact", "qualified", 25, team="convert", **old),
        "email": lead(crm, clock, "email", "qualified", 15, team="convert", **old),
        "lost": lead(crm, clock, "lost", "qualified", 15, city="Other City", region="Other street", note=None),
    }


def test_the_survivor_and_what_it_gets(anywhere: CRM, clock: FrozenClock) -> None:
    """Cases odoo-merge-internals (order, notes, tags, stage, team) and odoo-merge-address-best."""
    leads = six(anywhere, clock)
    anywhere.pipeline.leads.disqualify(leads["lost"], reason="Test Reason")
    survivor = anywhere.pipeline.leads.merge([leads[n].id for n in leads])
    assert survivor.id == leads["contact"].id
    assert (survivor.city, survivor.region) == ("New City", "New street")  # the most complete address, as one block
    assert survivor.note == "contact\n\nemail\n\nlead_1\n\npartner"
    assert survivor.tags == {"t0", "t1", "t2", "t3"}
    assert (survivor.stage, survivor.team, survivor.probability) == ("qualified", "convert", 25.0)
    others = anywhere.pipeline.leads.find(F.stage == "merged")
    assert {other.merged_into for other in others} == {survivor.id}
    assert len(others) == 5
    assert not any(other.open for other in others)


def test_what_belongs_to_the_others_follows(anywhere: CRM, clock: FrozenClock) -> None:
    one = lead(anywhere, clock, "one", "working", 20, consents={"email": ["marketing"]}, extras=[Wedding(guests=80)])
    two = lead(anywhere, clock, "two", "qualified", 20, phone="139 1234 5678", consents={"sms": ["marketing"]})
    call = anywhere.pipeline.activities.log("call", subject="x", about=one)
    survivor = anywhere.pipeline.leads.merge([one, two])
    assert survivor.id == two.id
    assert survivor.extra(Wedding) == Wedding(guests=80)
    assert survivor.consents == {"email": {"marketing": "lead"}, "sms": {"marketing": "lead"}}
    moved = anywhere.pipeline.activities.get(call.id)
    assert (moved.about, moved.lead_id) == (two.id, two.id)


def test_a_probability_set_by_hand_stays(crm: CRM, clock: FrozenClock) -> None:
    """odoo-merge-probability: the survivor keeps its manual value, 0 included."""
    one, two = lead(crm, clock, "one", "working", 0), lead(crm, clock, "two", "new", 60)
    assert crm.pipeline.leads.merge([one, two]).probability == 0.0


def test_the_caller_may_choose(crm: CRM, clock: FrozenClock) -> None:
    one, two = lead(crm, clock, "one", "new", 10), lead(crm, clock, "two", "qualified", 90)
    survivor = crm.pipeline.leads.merge([one, two], into=one)
    assert (survivor.id, survivor.email, survivor.note) == (one.id, "one@test.example", "one\n\ntwo")


def test_what_cannot_be_merged(anywhere: CRM, clock: FrozenClock) -> None:
    one, two = lead(anywhere, clock, "one", "new", 10), lead(anywhere, clock, "two", "qualified", 90)
    merge = anywhere.pipeline.leads.merge
    wrongs: list[list[Lead | str]] = [[], [one], [one, one.id]]
    for wrong in wrongs:
        with pytest.raises(InvalidInput, match="2 to 100 different"):
            merge(wrong)
    with pytest.raises(InvalidInput, match="given as a list"):
        merge(one)  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match="not among"):
        merge([one, two], into=lead(anywhere, clock, "three", "new", 1))
    gone = anywhere.pipeline.leads.disqualify(one, reason="spam")
    with pytest.raises(TransitionRefused, match="only open leads"):
        merge([gone, two], into=gone)
    converted = anywhere.pipeline.leads.convert(two).lead
    with pytest.raises(TransitionRefused, match="converted"):
        merge([converted, lead(anywhere, clock, "four", "qualified", 1)])
    assert anywhere.pipeline.leads.count(F.stage == "merged") == 0


def test_a_converted_one_is_refused_and_the_rest_is_merged(anywhere: CRM, clock: FrozenClock) -> None:
    """Case odoo-merge-internals: the won one is left out; owner and team can be given."""
    leads = six(anywhere, clock)
    won = anywhere.pipeline.leads.convert(anywhere.pipeline.leads.qualify(leads.pop("company"))).lead
    anywhere.pipeline.leads.disqualify(leads.pop("lost"), reason="Test Reason")
    merge = anywhere.pipeline.leads.merge
    with pytest.raises(TransitionRefused, match="converted"):
        merge([won, *leads.values()])
    survivor = merge(leads.values(), owner="leads_convert user", team="convert")
    assert survivor.id == leads["contact"].id
    assert survivor.note == "contact\n\nemail\n\nlead_1\n\npartner"
    assert (survivor.owner, survivor.team, survivor.stage) == ("leads_convert user", "convert", "qualified")
    assert survivor.owned_since == survivor.updated_at


def test_disqualified_ones_keep_a_reason(anywhere: CRM, clock: FrozenClock) -> None:
    """Case odoo-merge-lost-reason: nothing is open any more, so the reason stays; an open survivor has none."""
    leads = six(anywhere, clock)
    given_up = [anywhere.pipeline.leads.disqualify(found, reason="Test Reason") for found in leads.values()]
    survivor = anywhere.pipeline.leads.merge(given_up)
    assert (survivor.stage, survivor.reason) == ("disqualified", "Test Reason")
    fresh = lead(anywhere, clock, "fresh", "new", 1)
    merged = anywhere.pipeline.leads.merge([survivor, fresh])
    assert (merged.id, merged.reason) == (fresh.id, None)


def test_a_plan_says_where_everything_comes_from_and_changes_nothing(anywhere: CRM, clock: FrozenClock) -> None:
    one = lead(anywhere, clock, "one", "qualified", 20, owner="ann", source="tv")
    two = lead(anywhere, clock, "two", "new", 30, phone="139 1234 5678", source="fair")
    call = anywhere.pipeline.activities.log("call", subject="x", about=two)
    plan = anywhere.pipeline.leads.plan_merge([two, one])
    assert (plan.survivor, plan.others, plan.after.phone) == (one, (two,), "+8613912345678")
    assert plan.sources == {"phone": (two.id,), "note": (one.id, two.id)}
    assert plan.moves == {"activities": 1}
    assert two.id in format(plan, "md")
    assert "<table" in plan._repr_html_()
    assert anywhere.pipeline.leads.get(two.id) == two
    done = anywhere.pipeline.leads.apply(plan)
    assert (done.phone, done.source, done.owner) == ("+8613912345678", "tv", "ann")
    assert anywhere.pipeline.activities.get(call.id).about == one.id


def test_an_old_plan_is_refused(anywhere: CRM, clock: FrozenClock) -> None:
    one, two = lead(anywhere, clock, "one", "new", 10), lead(anywhere, clock, "two", "new", 20)
    plan = anywhere.pipeline.leads.plan_merge([one, two])
    for changed in (one, two):
        anywhere.pipeline.leads.update(changed, city="Chengdu")
        with pytest.raises(StaleEntity):
            anywhere.pipeline.leads.apply(plan)
        plan = anywhere.pipeline.leads.plan_merge([one.id, two.id])
    assert anywhere.pipeline.leads.count(F.stage == "merged") == 0


def test_undo_gives_everything_back(anywhere: CRM, clock: FrozenClock) -> None:
    leads, activities = anywhere.pipeline.leads, anywhere.pipeline.activities
    one = lead(anywhere, clock, "one", "qualified", 20, tags={"a"}, consents={"email": ["marketing"]})
    two = lead(anywhere, clock, "two", "working", 30, tags={"b"}, owner="bob", team="north", phone="139 1234 5678")
    gone = leads.disqualify(lead(anywhere, clock, "gone", "new", 1), reason="spam")
    call = activities.log("call", subject="x", about=two)
    moved_on = activities.schedule("task", subject="y", about=gone)
    merged = leads.merge([one, two, gone])
    assert (merged.owner, merged.team, sorted(merged.tags)) == ("bob", "north", ["a", "b"])
    merged = leads.update(merged, phone="139 0000 0000")  # somebody knows better by now
    again = leads.unmerge(merged)
    assert {(found.name, found.stage, found.reason) for found in again} == {
        ("two", "working", None),
        ("gone", "disqualified", "spam"),
    }
    back = leads.get(one.id)
    assert (back.owner, back.team, back.tags) == (None, None, one.tags)
    assert (back.note, back.consents) == ("one", one.consents)
    assert back.phone == "+8613900000000"
    assert (activities.get(call.id).about, activities.get(call.id).lead_id) == (two.id, two.id)
    assert activities.get(moved_on.id).about == gone.id
    with pytest.raises(Refused, match="nothing was merged"):
        leads.unmerge(merged.id)


def test_a_merge_that_went_on_is_not_undone(anywhere: CRM, clock: FrozenClock) -> None:
    one, two = lead(anywhere, clock, "one", "qualified", 20), lead(anywhere, clock, "two", "working", 30)
    merged = anywhere.pipeline.leads.merge([one, two])
    converted = anywhere.pipeline.leads.convert(merged)
    with pytest.raises(Refused, match="converted meanwhile"):
        anywhere.pipeline.leads.unmerge(merged.id)
    back = anywhere.pipeline.leads.undo(converted)
    assert [found.id for found in anywhere.pipeline.leads.unmerge(back)] == [two.id]


def test_the_model_counts_nothing_twice(crm: CRM, clock: FrozenClock) -> None:
    crm.pipeline.scoring.learn(fields=["source"])
    one, two = lead(crm, clock, "one", "working", 10, source="tv"), lead(crm, clock, "two", "qualified", 90)
    gone = crm.pipeline.leads.disqualify(one, reason="double")
    counted = crm.pipeline.scoring.explain(two.id).judgement
    crm.pipeline.leads.unmerge(crm.pipeline.leads.merge([gone, two]))
    assert crm.pipeline.scoring.explain(two.id).judgement == counted
    crm.pipeline.scoring.learn(fields=["source"])
    assert crm.pipeline.scoring.explain(two.id).judgement == counted


def test_nothing_stays_behind_that_the_actor_may_not_see(clock: FrozenClock) -> None:
    def own(actor: str, cls: type[object]) -> Rule | None:
        return F.owner == actor if cls is Activity else None

    with CRM.open("sqlite://", clock=clock, access=own) as crm:
        one, two = lead(crm, clock, "one", "qualified", 10), lead(crm, clock, "two", "new", 20)
        call = crm.pipeline.activities.log("call", subject="x", about=two, owner="ann")
        crm.acting_as("bob").pipeline.leads.merge([one, two])
        assert crm.pipeline.activities.get(call.id).about == one.id


# ── Into a deal ──


def test_leads_and_deals_become_one_deal(anywhere: CRM, clock: FrozenClock) -> None:
    """Case odoo-merge-mixed: deals come before leads, and the result is a deal in the first stage of its pipeline."""
    anywhere.pipeline.stages.define("convert", stages=[Stage("first", probability=5)])
    stages = [Stage("S0"), Stage("S1", probability=60), Stage("S3", probability=80)]
    anywhere.pipeline.stages.define("team1", stages=stages)
    amy = anywhere.customers.register(name="Amy Wong", email="amy.wong@test.example")
    leads = six(anywhere, clock)
    deals = anywhere.pipeline.opportunities
    for name in ("lead_1", "company"):
        leads[name] = anywhere.pipeline.leads.disqualify(leads[name], reason="is a deal")
    lead_1 = deals.open(name="Nibbler", customer=amy, pipeline="team1", stage="S1", note="lead_1", owner="ann")
    company = deals.open(name="New1", customer=amy, pipeline="team1", stage="S1", probability=50, amount=cny(900))
    call = anywhere.pipeline.activities.log("call", subject="x", about=leads["email"])
    deal = deals.merge([company, lead_1], team="convert")
    assert (deal.id, deal.amount, deal.owner) == (lead_1.id, cny(900), "ann")
    order = [leads[name] for name in ("partner", "email", "contact")]
    deal = anywhere.pipeline.leads.merge(order, into=deal)
    assert deal.note == "lead_1\n\ncontact\n\nemail\n\npartner"
    assert (deal.team, deal.owner, deal.lead_id) == ("convert", "ann", leads["contact"].id)
    assert {found.merged_into for found in anywhere.pipeline.leads.find(F.stage == "merged")} == {deal.id}
    moved = anywhere.pipeline.activities.get(call.id)
    assert (moved.about, moved.opportunity_id) == (deal.id, deal.id)
    deal = deals.transfer(deal, pipeline="convert")  # another process: its first stage
    assert deal.stage == "first"
    assert len(anywhere.pipeline.leads.unmerge(deal)) == 3
    back = anywhere.pipeline.activities.get(call.id)
    assert (back.about, back.opportunity_id, back.lead_id) == (leads["email"].id, None, leads["email"].id)
    assert deals.get(deal.id).note == "lead_1"


def test_a_lost_deal_may_be_chosen(anywhere: CRM, clock: FrozenClock) -> None:
    """Case odoo-merge-into-lost-opportunity; here somebody has to choose the lost deal."""
    amy = anywhere.customers.register(name="Amy Wong", email="amy.wong@test.example")
    four = [lead(anywhere, clock, f"lead{n}", "new", n) for n in range(4)]
    deals = anywhere.pipeline.opportunities
    lost = deals.lose(deals.open(name="Nibbler", customer=amy), reason="price")
    deal = anywhere.pipeline.leads.merge(four, into=lost)
    assert (deal.id, deal.stage, deal.lost_reason) == (lost.id, "lost", "price")
    assert anywhere.pipeline.leads.count(F.stage == "merged") == 4
    won = deals.win(deals.reopen(deal))
    with pytest.raises(Refused, match="is won"):
        anywhere.pipeline.leads.merge([lead(anywhere, clock, "late", "new", 1)], into=won)
    with pytest.raises(Refused, match="won meanwhile"):
        anywhere.pipeline.leads.unmerge(won)


def test_a_merged_lead_does_not_count_as_lost(crm: CRM, clock: FrozenClock) -> None:
    crm.pipeline.scoring.learn(fields=["source"])
    one, two = lead(crm, clock, "one", "new", 10, source="tv"), lead(crm, clock, "two", "qualified", 90, source="tv")
    crm.pipeline.leads.merge([crm.pipeline.leads.disqualify(one, reason="double"), two])
    judgement = crm.pipeline.scoring.explain(two.id).judgement
    assert judgement is not None
    assert {(f.wins, f.losses) for f in judgement.factors} == {(0.0, 0.0)}
    assert crm.pipeline.scoring.learn().learned_from == 0
