"""Merging leads: sales.json odoo-merge-* (odoo 18.0 addons/crm/tests/test_crm_lead_merge.py), as far as leads go.

Odoo's stages 0, 1 and 3 are new, working and qualified here; its address of six fields is city, region and country.
Declined: merging with opportunities (odoo-merge-mixed, -into-lost-opportunity), the followers, deleting the others.
"""

from __future__ import annotations

from typing import Any

import pytest

from crmkit import CRM, F, TransitionRefused
from crmkit.errors import InvalidInput
from crmkit.kernel.extras import Extra
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
    assert survivor.extra(Wedding) == Wedding(guests=80)  # noqa: S610 - custom fields, no query set
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
    with pytest.raises(InvalidInput, match="not among"):
        merge([one, two], into=lead(anywhere, clock, "three", "new", 1))
    gone = anywhere.pipeline.leads.disqualify(one, reason="spam")
    with pytest.raises(TransitionRefused, match="only open leads"):
        merge([gone, two], into=gone)
    converted = anywhere.pipeline.leads.convert(two).lead
    with pytest.raises(TransitionRefused, match="converted"):
        merge([converted, lead(anywhere, clock, "four", "qualified", 1)])
    assert anywhere.pipeline.leads.count(F.stage == "merged") == 0


def test_a_merged_lead_does_not_count_as_lost(crm: CRM, clock: FrozenClock) -> None:
    crm.pipeline.scoring.learn(fields=["source"])
    one, two = lead(crm, clock, "one", "new", 10, source="tv"), lead(crm, clock, "two", "qualified", 90, source="tv")
    crm.pipeline.leads.merge([crm.pipeline.leads.disqualify(one, reason="double"), two])
    judgement = crm.pipeline.scoring.explain(two.id).judgement
    assert judgement is not None
    assert {(f.wins, f.losses) for f in judgement.factors} == {(0.0, 0.0)}
    assert crm.pipeline.scoring.learn().learned_from == 0
