"""Conversion: plan, apply, undo."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.errors import Duplicate, InvalidInput, Refused, StaleEntity
from crmkit.kernel.extras import Extra
from crmkit.pipeline.leads import Conversion, Lead
from crmkit.testing import FrozenClock


class Wedding(Extra, key="wedding"):
    guests: int = 0


def qualified(crm: CRM, **fields: Any) -> Lead:
    given: dict[str, Any] = {"name": "Xiao Wang", "email": "wang@example.com", **fields}
    return crm.pipeline.leads.qualify(crm.pipeline.leads.capture(**given))


def everything(crm: CRM) -> tuple[int, ...]:
    counts = (crm.customers.count(), crm.customers.companies.count(), crm.pipeline.opportunities.count())
    return (*counts, crm.lifecycle.count() if hasattr(crm.lifecycle, "count") else 0)


def test_a_lead_becomes_a_customer_a_company_and_an_opportunity(anywhere: CRM) -> None:
    spot = anywhere.marketing.campaigns.plan(name="Spring TV spot", budget=Money("8000", "CNY"))
    lead = qualified(
        anywhere,
        company="Garden Weddings",
        campaign=spot,
        owner="xu",
        source="tv",
        tags={"couple"},
        interest="photos",
        consents={"email": ["marketing"]},
        extras=[Wedding(guests=80)],
    )
    call = anywhere.pipeline.activities.log("call", subject="First talk", about=lead)
    result = anywhere.pipeline.leads.convert(lead, amount=Money("10000", "CNY"), close_on=date(2026, 3, 20))
    wang, company, deal = result
    assert (wang.name, wang.email, wang.owner, wang.source) == ("Xiao Wang", "wang@example.com", "xu", "tv")
    assert wang.tags == {"couple"}
    extras = [e.extra(Wedding) for e in (wang, deal)]
    assert extras == [Wedding(guests=80)] * 2
    assert company.name == "Garden Weddings"
    assert wang.company_id == company.id == deal.company_id
    assert (deal.name, deal.amount, deal.close_on) == (
        "Garden Weddings: photos",
        Money("10000", "CNY"),
        date(2026, 3, 20),
    )
    assert (deal.campaign_id, deal.lead_id, deal.owner, deal.source) == (spot.id, lead.id, "xu", "tv")
    assert (result.lead.stage, result.lead.customer_id) == ("converted", wang.id)
    assert anywhere.customers.consents.allows(wang, channel="email", purpose="marketing")
    moved = anywhere.pipeline.activities.get(call.id)
    assert (moved.about, moved.opportunity_id, moved.customer_id, moved.lead_id) == (deal.id, deal.id, wang.id, lead.id)
    assert anywhere.customers.get(wang.id) == wang
    assert anywhere.pipeline.opportunities.get(deal.id) == deal
    assert "pipeline.lead_converted" in [m.name for m in anywhere.customers.timeline(wang)]


# sales.json wukong-lead-converts-once (72crm/72crm-java@9b17af53 CrmLeadsService)
def test_a_lead_converts_once(anywhere: CRM) -> None:
    lead = qualified(anywhere)
    anywhere.pipeline.leads.convert(lead)
    before = everything(anywhere)
    with pytest.raises(TransitionRefused, match="converted"):
        anywhere.pipeline.leads.convert(lead)
    with pytest.raises(TransitionRefused, match="converted"):
        anywhere.pipeline.leads.convert(lead.id)
    assert everything(anywhere) == before


# sales.json frappe-convert-contact-reuse (frappe/crm@8b7dfdde test_crm_lead.py).  Its second case, an error when the
# e-mail address is known, is declined: the customer is reused.
def test_the_company_of_the_same_name_is_reused(anywhere: CRM) -> None:
    _, first, _ = anywhere.pipeline.leads.convert(qualified(anywhere, company="Tech Corp"))
    _, second, _ = anywhere.pipeline.leads.convert(qualified(anywhere, email="b@c.example", company="tech corp"))
    assert second == first


def test_the_customer_with_the_same_address_is_reused_and_only_gaps_are_filled(anywhere: CRM) -> None:
    known = anywhere.customers.register(name="Wang Xiaoming", email="wang@example.com", city="Xi'an", tags={"vip"})
    lead = qualified(anywhere, phone="139 1234 5678", city="Chengdu", owner="xu", tags={"couple"}, source="tv")
    wang, _, _ = anywhere.pipeline.leads.convert(lead)
    assert wang.id == known.id
    assert (wang.name, wang.city, wang.phone, wang.owner) == ("Wang Xiaoming", "Xi'an", "+8613912345678", "xu")
    assert wang.tags == {"vip", "couple"}
    assert wang.source is None  # how a customer was found does not change by a later lead


def test_the_same_number_of_another_person_makes_a_new_customer_and_is_shown(anywhere: CRM) -> None:
    known = anywhere.customers.register(name="Xiao Li", phone="139 1234 5678")
    plan = anywhere.pipeline.leads.plan(qualified(anywhere, email=None, phone="139 1234 5678"))
    assert plan.customer.action == "create"
    assert plan.doubts == ((known.id, "has the same telephone number"),)
    wang, _, _ = anywhere.pipeline.leads.apply(plan)
    assert wang.id != known.id


def test_the_same_number_and_name_is_the_same_person(anywhere: CRM) -> None:
    known = anywhere.customers.register(name="XIAO WANG", phone="139 1234 5678")
    wang, _, _ = anywhere.pipeline.leads.convert(qualified(anywhere, phone="+86 139 1234 5678"))
    assert wang.id == known.id
    assert wang.email == "wang@example.com"


def test_the_plan_says_why_and_changes_nothing(crm: CRM) -> None:
    crm.pipeline.leads.capture(name="Wang", email="wang@example.com")
    lead = qualified(crm, company="Tech Corp", amount=Money("500", "CNY"))
    before = everything(crm)
    plan = crm.pipeline.leads.plan(lead, close_on=date(2026, 5, 1), name="Album")
    assert (plan.customer.action, plan.company.action, plan.opportunity.action) == ("create",) * 3
    assert plan.opportunity.fills["amount"] == Money("500", "CNY")
    assert [why for _, why in plan.doubts] == ["has the same e-mail address"]
    assert "Tech Corp" in format(plan, "md")
    assert "<table" in plan._repr_html_()
    assert everything(crm) == before
    _, _, deal = crm.pipeline.leads.apply(plan)
    assert (deal.name, deal.close_on) == ("Album", date(2026, 5, 1))


def test_the_caller_decides(anywhere: CRM) -> None:
    boss = anywhere.customers.register(name="Boss")
    deal = anywhere.pipeline.opportunities.open(name="Running", customer=boss)
    customer, company, joined = anywhere.pipeline.leads.convert(
        qualified(anywhere), customer=boss, company="New Name", opportunity=deal
    )
    assert (customer.id, company.name, joined.id) == (boss.id, "New Name", deal.id)
    lead = qualified(anywhere, email="x@y.example", company="New Name")
    customer, again, nothing = anywhere.pipeline.leads.convert(lead, without_opportunity=True)
    assert (again, nothing) == (company, None)


def test_wishes_that_do_not_go_together_are_refused(crm: CRM) -> None:
    lead = qualified(crm)
    deal = crm.pipeline.opportunities.open(name="x", customer=crm.customers.register(name="B"))
    before = everything(crm)
    with pytest.raises(InvalidInput, match="not both"):
        crm.pipeline.leads.convert(lead, opportunity=deal, without_opportunity=True)
    with pytest.raises(InvalidInput, match="closes_on"):
        crm.pipeline.leads.convert(lead, closes_on=date(2026, 5, 1))  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="amount"):
        crm.pipeline.leads.convert(lead, amount=Money("-1", "CNY"))
    assert everything(crm) == before
    assert crm.pipeline.leads.get(lead.id) == lead


def test_a_failure_at_the_end_leaves_nothing_behind(anywhere: CRM) -> None:
    """EspoCRM #3499: a conversion that failed left the customer behind."""
    lead = qualified(anywhere, company="Tech Corp")
    with pytest.raises(InvalidInput, match="close_on"):
        anywhere.pipeline.leads.convert(lead, close_on="tomorrow")  # type: ignore[arg-type]
    assert everything(anywhere)[:3] == (0, 0, 0)


def test_an_old_plan_is_refused(anywhere: CRM) -> None:
    lead = qualified(anywhere)
    plan = anywhere.pipeline.leads.plan(lead)
    anywhere.customers.register(name="Faster", email="wang@example.com")
    with pytest.raises(Duplicate):
        anywhere.pipeline.leads.apply(plan)
    plan = anywhere.pipeline.leads.plan(lead)
    anywhere.pipeline.leads.update(lead, note="changed meanwhile")
    with pytest.raises(StaleEntity):
        anywhere.pipeline.leads.apply(plan)
    with pytest.raises(StaleEntity):
        anywhere.pipeline.leads.convert(lead)
    assert everything(anywhere)[0] == 1


def test_a_later_word_of_the_customer_counts_more_than_the_consent_of_the_lead(crm: CRM, clock: FrozenClock) -> None:
    known = crm.customers.register(name="Wang", email="wang@example.com")
    lead = qualified(crm, consents={"email": ["marketing", "research"]})
    clock.advance(days=1)
    crm.customers.consents.revoke(known, channel="email", purpose="marketing", source="letter")
    crm.pipeline.leads.convert(lead)
    assert not crm.customers.consents.allows(known, channel="email", purpose="marketing")
    assert crm.customers.consents.allows(known, channel="email", purpose="research")


# ── Undo ──


def test_undo_takes_back_what_was_made(anywhere: CRM, clock: FrozenClock) -> None:
    lead = qualified(anywhere, company="Tech Corp", consents={"email": ["marketing"]})
    call = anywhere.pipeline.activities.schedule(
        "call", subject="x", about=lead, due_at=clock.now() + timedelta(days=1)
    )
    before = everything(anywhere)
    converted = anywhere.pipeline.leads.convert(lead)
    clock.advance(hours=1)
    back = anywhere.pipeline.leads.undo(converted)
    assert (back.stage, back.customer_id) == ("qualified", None)
    assert everything(anywhere) == before
    returned = anywhere.pipeline.activities.get(call.id)
    assert (returned.about, returned.opportunity_id, returned.customer_id) == (lead.id, None, None)
    with anywhere.read() as work:
        assert [c.state for c in work.find(Conversion)] == ["undone"]
    assert everything(anywhere) == before
    again = anywhere.pipeline.leads.convert(back)
    assert again.customer.email == "wang@example.com"


def test_undo_gives_an_existing_customer_its_gaps_back(anywhere: CRM, clock: FrozenClock) -> None:
    known = anywhere.customers.register(name="Wang", email="wang@example.com", tags={"vip"})
    lead = qualified(anywhere, phone="139 1234 5678", city="Chengdu", tags={"couple"}, company="Tech Corp")
    converted = anywhere.pipeline.leads.convert(lead)
    clock.advance(hours=1)
    anywhere.customers.update(known.id, city="Xi'an")
    anywhere.pipeline.leads.undo(converted)
    after = anywhere.customers.get(known.id)
    assert (after.phone, after.company_id, after.tags) == (None, None, frozenset({"vip"}))
    assert after.city == "Xi'an"  # somebody has changed it since: that stays
    assert anywhere.customers.companies.count() == anywhere.pipeline.opportunities.count() == 0


def test_undo_is_refused_when_somebody_has_built_on_it(anywhere: CRM, clock: FrozenClock) -> None:
    converted = anywhere.pipeline.leads.convert(qualified(anywhere))
    clock.advance(hours=1)
    assert converted.opportunity is not None
    anywhere.pipeline.opportunities.win(converted.opportunity)
    with pytest.raises(Refused, match=r"opportunity .* has been changed since"):
        anywhere.pipeline.leads.undo(converted)
    assert anywhere.pipeline.leads.get(converted.lead.id).stage == "converted"
    assert anywhere.customers.get(converted.customer.id) == converted.customer


def test_undo_is_refused_when_something_hangs_on_it(anywhere: CRM) -> None:
    """Even when the clock stands still."""
    converted = anywhere.pipeline.leads.convert(qualified(anywhere))
    anywhere.pipeline.activities.log("note", subject="Remember the garden", about=converted.customer)
    with pytest.raises(Refused, match=r"activity .* hangs on customer"):
        anywhere.pipeline.leads.undo(converted)
    assert anywhere.customers.count() == 1


def test_only_a_converted_lead_can_be_undone(crm: CRM) -> None:
    lead = qualified(crm)
    with pytest.raises(TransitionRefused, match="qualified"):
        crm.pipeline.leads.undo(lead)


def test_conversions_are_found_by_rules(crm: CRM) -> None:
    crm.pipeline.leads.convert(qualified(crm))
    assert crm.customers.count(F.leads.where(F.stage == "converted").any()) == 1
    assert crm.pipeline.leads.count(F.customer.email == "wang@example.com") == 1
    assert datetime(2026, 3, 2, 1, 0, tzinfo=UTC) == crm.pipeline.leads.find()[0].stage_since


def test_a_further_address_of_a_customer_shows_who_it_is(anywhere: CRM) -> None:
    wang = anywhere.customers.register(name="Xiao Wang", email="wang@example.com", phone="139 0000 0000")
    anywhere.customers.contact_points.add(wang, kind="email", value="office@example.com")
    anywhere.customers.contact_points.add(wang, kind="phone", value="139 1234 5678")
    leads = anywhere.pipeline.leads
    for field, value in {"email": "office@example.com", "phone": "139 1234 5678"}.items():
        fields: dict[str, Any] = {field: value}
        lead = leads.qualify(leads.capture(name="Xiao Wang", **fields))
        assert leads.convert(lead).customer.id == wang.id
    assert anywhere.customers.count() == 1
