"""Leads: capture, the stages they pass, and who has them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.errors import Duplicate, InvalidInput, NotFound, StaleEntity
from crmkit.kernel.events import EventRecord
from crmkit.kernel.extras import Extra
from crmkit.pipeline.leads import LEAD, Lead
from crmkit.pipeline.leads.lead import called
from crmkit.testing import FrozenClock


class Wedding(Extra, key="wedding"):
    guests: int = 0


def events(crm: CRM, lead: Lead) -> list[str]:
    with crm.read() as work:
        return [e.name for e in work.find(EventRecord, F.subject == lead.id, order_by=("created_at", "id"))]


def test_a_lead_is_captured_in_its_matching_form(anywhere: CRM) -> None:
    spot = anywhere.marketing.campaigns.plan(name="Spring TV spot", budget=Money("8000", "CNY"))
    friend = anywhere.customers.register(name="Xiao Li")
    lead = anywhere.pipeline.leads.capture(
        name="Xiao Wang",
        email="Wang@Example.com",
        phone="139 1234 5678",
        campaign=spot,
        referrer=friend,
        interest="wedding photos",
        source="tv",
        consents={"email": ["marketing"]},
        extras=[Wedding(guests=80)],
    )
    assert (lead.email, lead.phone) == ("wang@example.com", "+8613912345678")
    assert (lead.campaign_id, lead.referrer_id) == (spot.id, friend.id)
    assert lead.consents == {"email": {"marketing": "tv"}}
    assert lead.extra(Wedding) == Wedding(guests=80)
    assert (lead.stage, lead.stage_since) == ("new", lead.created_at)
    assert events(anywhere, lead) == ["pipeline.lead_captured"]
    assert anywhere.pipeline.leads.get(lead.id) == lead
    assert anywhere.customers.find(F.referrals.where(F.source == "tv").any()) == [friend]


def test_the_same_key_gives_the_same_lead(anywhere: CRM) -> None:
    first = anywhere.pipeline.leads.capture(name="Xiao Wang", key="form-17")
    again = anywhere.pipeline.leads.capture(name="Somebody Else", key="form-17")
    assert again == first
    assert anywhere.pipeline.leads.count() == 1
    assert events(anywhere, first) == ["pipeline.lead_captured"]


def test_many_leads_are_captured_or_none(crm: CRM) -> None:
    crm.pipeline.leads.capture(name="Known", key="k0")
    made = crm.pipeline.leads.capture_many(
        [{"name": "A", "key": "k0"}, {"name": "B", "key": "k1"}, {"email": "c@d.example"}]
    )
    assert [lead.name for lead in made] == ["B", "c"]
    with pytest.raises(InvalidInput, match=r"^row 2: .*no e-mail address"):
        crm.pipeline.leads.capture_many([{"name": "D"}, {"email": "nonsense"}])
    with pytest.raises(Duplicate, match="k9"):
        crm.pipeline.leads.capture_many([{"name": "E", "key": "k9"}, {"name": "F", "key": "k9"}])
    assert crm.pipeline.leads.count() == 3


# sales.json frappe-lead-name-fallback (frappe/crm@8b7dfdde test_set_lead_name_scenarios, test_lead_title_generation).
# Its lenient "Unnamed Lead" is declined: a lead that nobody can name is refused.
@pytest.mark.parametrize(
    ("given", "name", "title"),
    [
        ({"company": "Tech Corp"}, "Tech Corp", "Tech Corp"),
        ({"email": "contact@company.com"}, "contact", "contact"),
        ({"name": "Alice", "company": "Acme Corp"}, "Alice", "Acme Corp"),
        ({"name": "Bob", "email": "bob@example.com"}, "Bob", "Bob"),
    ],
)
def test_what_a_lead_is_called(crm: CRM, given: dict[str, Any], name: str, title: str) -> None:
    lead = crm.pipeline.leads.capture(**given)
    assert (lead.name, lead.title) == (name, title)


def test_a_lead_that_nobody_can_name_is_refused(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="a name, a company or an e-mail address"):
        crm.pipeline.leads.capture(phone="139 1234 5678")
    with pytest.raises(InvalidInput):
        called(None, company=None, email=None)
    assert crm.pipeline.leads.count() == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"emial": "a@b.example"}, "did you mean 'email'"),
        ({"email": "a@b"}, "no e-mail address"),
        ({"phone": "12"}, "phone"),
        ({"stage": "qualified"}, "stage"),
        ({"amount": 12.5}, "Money"),
        ({"employees": -1}, "at least 0"),
        ({"consents": {"email": "marketing"}}, "list of purposes"),
        ({"consents": ["email"]}, "by channel"),
        ({"extras": [{"a": 1}]}, "Extra class"),
        ({"name": " "}, "name"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(crm: CRM, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.leads.capture(**{"name": "Xiao Wang", **given})
    assert crm.pipeline.leads.count() == 0


def test_unknown_campaign_and_referrer_are_refused(anywhere: CRM) -> None:
    nobody = anywhere.customers.register(name="x").id.replace("cus_0", "cus_1")
    with pytest.raises(NotFound):
        anywhere.pipeline.leads.capture(name="Xiao Wang", referrer=nobody)
    with pytest.raises(NotFound, match="campaign"):
        anywhere.pipeline.leads.capture(name="Xiao Wang", campaign="cam_01m82610p5ehjbp033ht760s7b")
    assert anywhere.pipeline.leads.count() == 0


def test_the_way_of_a_lead(anywhere: CRM, clock: FrozenClock) -> None:
    leads = anywhere.pipeline.leads
    lead = leads.capture(name="Xiao Wang", email="wang@example.com")
    lead = leads.pursue(lead)
    clock.advance(days=1)
    lead = leads.disqualify(lead, reason="no budget")
    assert (lead.stage, lead.reason) == ("disqualified", "no budget")
    assert not lead.open
    lead = leads.recycle(lead)
    assert (lead.stage, lead.reason) == ("working", None)
    lead = leads.qualify(lead)
    assert (lead.stage, lead.stage_since) == ("qualified", clock.now())


def test_refusals_say_why_and_what_is_allowed(crm: CRM) -> None:
    leads = crm.pipeline.leads
    lead = leads.capture(name="Xiao Wang")
    with pytest.raises(TransitionRefused, match="e-mail address or a phone number"):
        leads.qualify(lead)
    with pytest.raises(TransitionRefused, match="reason"):
        leads.disqualify(lead, reason="")
    with pytest.raises(TransitionRefused, match=r"allowed now: .*disqualify"):
        leads.recycle(lead)
    with pytest.raises(TransitionRefused, match="new"):
        leads.convert(lead)
    assert leads.get(lead.id) == lead


def test_a_lead_put_aside_comes_back_by_itself(anywhere: CRM, clock: FrozenClock) -> None:
    leads = anywhere.pipeline.leads
    lead = leads.nurture(leads.capture(name="Xiao Wang"), until=date(2026, 4, 1))
    leads.update(lead, note="likes gardens")
    clock.set(datetime(2026, 3, 31, 15, 59, tzinfo=UTC))
    assert anywhere.run_due().ran == 0
    clock.set(datetime(2026, 3, 31, 16, 0, tzinfo=UTC))  # the first of April begins in Shanghai
    assert anywhere.run_due().ran == 1
    assert leads.get(lead.id).stage == "working"


def test_a_lead_taken_up_again_earlier_is_left_alone(crm: CRM, clock: FrozenClock) -> None:
    leads = crm.pipeline.leads
    lead = leads.nurture(leads.capture(name="Xiao Wang"), until=date(2026, 4, 1))
    clock.advance(days=1)
    leads.nurture(leads.pursue(lead), until=date(2026, 6, 1))
    clock.set(datetime(2026, 4, 2, tzinfo=UTC))
    crm.run_due()
    assert leads.get(lead.id).stage == "nurturing"
    with pytest.raises(InvalidInput, match="later day"):
        leads.nurture(leads.capture(name="Xiao Li"), until=date(2026, 4, 2))
    with pytest.raises(InvalidInput, match="until must be a date"):
        leads.nurture(leads.capture(name="Xiao Li"), until=datetime(2026, 9, 1, tzinfo=UTC))


def test_who_has_it(anywhere: CRM, clock: FrozenClock) -> None:
    leads = anywhere.pipeline.leads
    lead = leads.capture(name="Xiao Wang")
    assert lead.owned_since is None
    lead = leads.assign(lead, to="xu")
    assert (lead.owner, lead.owned_since) == ("xu", clock.now())
    assert leads.assign(lead, to="xu") == lead
    lead = leads.assign(lead, to=None)
    assert (lead.owner, lead.owned_since) == (None, None)
    assert events(anywhere, lead).count("pipeline.lead_assigned") == 2
    with pytest.raises(InvalidInput, match="assign"):
        leads.update(lead, owner="xu")


def test_a_stale_lead_is_refused(anywhere: CRM) -> None:
    leads = anywhere.pipeline.leads
    lead = leads.capture(name="Xiao Wang", email="wang@example.com")
    leads.update(lead, note="called")
    with pytest.raises(StaleEntity, match="version 2"):
        leads.qualify(lead)


def test_duplicates_share_an_address(anywhere: CRM, clock: FrozenClock) -> None:
    leads = anywhere.pipeline.leads
    one = leads.capture(name="Xiao Wang", email="wang@example.com", phone="139 1234 5678")
    clock.advance(seconds=1)
    two = leads.capture(name="Wang", email="WANG@example.com")
    clock.advance(seconds=1)
    three = leads.capture(name="W.", phone="+86 139 1234 5678")
    leads.capture(name="Other")
    assert leads.duplicates(one) == [two, three]
    assert leads.duplicates(two) == [one]


def test_the_machine_prints(crm: CRM) -> None:
    assert crm.machines["lead"] == LEAD
    assert "disqualify" in format(LEAD, "md")
