"""A customer's own data: handed out as a whole, and erased without changing any figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmkit import CRM, F, InvalidInput, Money, NotFound, Refused
from crmkit.customers.people import Customer
from crmkit.kernel.events import EventRecord
from crmkit.kernel.outbox import Message
from crmkit.testing import FrozenClock
from tests.customers.test_merge import busy

SECRETS = ("Xiao Li", "li@example.com", "+8613912345678", "Long Street", "likes red", "xiao-li", "My parents")


@pytest.fixture
def li(crm: CRM) -> Customer:
    lead = crm.pipeline.leads.capture(name="Xiao Li", email="li@example.com", phone="13912345678")
    li = crm.pipeline.leads.convert(crm.pipeline.leads.qualify(lead)).customer
    li = crm.customers.update(li, street="Long Street 1", city="Chengdu", birthday=date(1997, 8, 14), note="likes red")
    busy(crm, li)
    crm.service.cases.message(crm.service.cases.open(li.id, subject="My parents' album"), "My parents asked Xiao Li")
    with crm.work() as work:
        for key, state in (("due", "due"), ("sent", "sent")):
            work.post(
                channel="email", to="li@example.com", body="Dear Xiao Li", key=key, customer_id=li.id, state=state
            )
    return crm.customers.get(li.id)


def everything(crm: CRM) -> str:
    """The whole store as text."""
    with crm.read() as work:
        rows = [row for schema in work.house.registry.schemas.values() for row in work.find(schema.cls)]
        return "\n".join(str({a.name: getattr(row, a.name) for a in row.__schema__}) for row in rows)


def figures(crm: CRM) -> Any:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    return (
        crm.analytics.growth(since=date(2026, 1, 1), until=date(2026, 12, 31)).revenue,
        crm.analytics.funnel().won,
        crm.customers.count(),
        [(g.group, g.answers, g.score) for g in crm.service.surveys.results().groups],
        crm.service.metrics.report(since=day, until=day + timedelta(days=30)).groups[0].resolved,
        crm.customers.count(F.city == "Chengdu"),
        crm.customers.count(F.orders.sum("total") > Money("1", "CNY")),
    )


def test_the_whole_record_is_handed_out(crm: CRM, li: Customer) -> None:
    crm.customers.register(name="Somebody Else", email="else@example.com")
    record = crm.customers.privacy.export(li)
    text = json.dumps(record, ensure_ascii=False)
    assert all(secret in text for secret in SECRETS)
    assert "Somebody Else" not in text
    assert {
        "orders",
        "order_lines",
        "payments",
        "cases",
        "case_messages",
        "consents",
        "leads",
        "messages",
    } <= record.keys()
    assert record["orders"][0]["total"] == [10000, "CNY"]
    assert record["timeline"][0]["name"] == "pipeline.lead_captured"
    assert crm.customers.timeline(li)[0].name == "customers.customer_exported"


def test_nothing_personal_is_left_and_no_figure_changes(crm: CRM, li: Customer) -> None:
    before = figures(crm)
    assert all(secret in everything(crm) for secret in SECRETS)
    planned = crm.customers.privacy.plan_erasure(li)
    assert all(secret in everything(crm) for secret in SECRETS)
    report = crm.customers.privacy.erase(li)
    left = everything(crm)
    assert [secret for secret in SECRETS if secret in left] == []
    assert figures(crm) == before
    gone = report.customer
    assert (gone.name, gone.email, gone.city, gone.birthday, gone.tags) == (
        "erased",
        None,
        "Chengdu",
        None,
        frozenset(),
    )
    assert gone.erased_at is not None
    assert (planned.blanked, planned.removed) == (report.blanked, report.removed)
    assert report.removed == {"message": 1, "contact_point": 1}
    assert (report.blanked["case"], report.blanked["lead"], report.blanked["message"]) == (2, 1, 1)
    assert "| case | blanked | 2 |" in format(report, "md")
    assert crm.outbox.due() == []
    assert not crm.customers.consents.allows(gone, channel="email", purpose="marketing")
    assert crm.customers.timeline(gone)[0].name == "customers.customer_erased"


def test_it_can_be_repeated(crm: CRM, li: Customer) -> None:
    crm.customers.privacy.erase(li)
    once = everything(crm)
    again = crm.customers.privacy.erase(li.id)
    assert (again.blanked, again.removed, again.events) == ({}, {}, 0)
    assert everything(crm) == once
    crm.service.cases.open(li.id, subject="It is me, Xiao Li")
    assert crm.customers.privacy.erase(li.id).blanked == {"case": 1}


def test_what_the_law_keeps_stays(crm: CRM, li: Customer) -> None:
    crm.customers.privacy.erase(li, keep={"case_message"})
    assert "My parents asked" in everything(crm)
    with pytest.raises(InvalidInput, match="did you mean 'case_message'"):
        crm.customers.privacy.erase(li.id, keep={"case_mesage"})


def test_a_tombstone_stays_one(crm: CRM, li: Customer) -> None:
    wang = crm.customers.register(name="Wang")
    gone = crm.customers.privacy.erase(li).customer
    with pytest.raises(Refused, match="was erased"):
        crm.customers.update(gone, name="Li again")
    for pair in ((wang, gone), (gone, wang)):
        with pytest.raises(Refused, match="was erased"):
            crm.customers.merge(*pair)
    assert crm.customers.register(name="Li again", email="li@example.com").email == "li@example.com"


def test_merges_are_sealed(crm: CRM, li: Customer) -> None:
    same = crm.customers.register(name="Lili the Second", email="second@example.com")
    merged = crm.customers.merge(li, same)
    crm.customers.privacy.erase(merged)
    assert "second@example.com" not in everything(crm)
    assert "Lili the Second" not in everything(crm)
    with pytest.raises(Refused, match="cannot be undone: the customer was erased"):
        crm.customers.unmerge(same.id)


def test_others_keep_theirs(crm: CRM, li: Customer) -> None:
    wang = crm.customers.register(name="Wang Wu", email="wang@example.com")
    crm.customers.relate(li, wang, kind="partner")
    lead = crm.pipeline.leads.capture(name="Wang's friend", email="friend@example.com", referrer=li)
    crm.service.cases.open(wang, subject="His case")
    crm.customers.privacy.erase(li)
    assert crm.pipeline.leads.get(lead.id).name == "Wang's friend"
    assert crm.service.cases.count(F.subject == "His case") == 1
    assert crm.customers.get(wang.id) == wang


def test_a_lead_with_his_address_is_his(crm: CRM, li: Customer) -> None:
    crm.customers.contact_points.add(li, kind="email", value="li@studio.example")
    lead = crm.pipeline.leads.capture(name="L. Xiao", email="LI@studio.example")
    other = crm.pipeline.leads.capture(name="L. Wang", email="wang@studio.example")
    assert [row["name"] for row in crm.customers.privacy.export(li)["leads"]] == ["Xiao Li", "L. Xiao"]
    crm.customers.privacy.erase(li)
    assert [crm.pipeline.leads.get(one.id).name for one in (lead, other)] == ["erased", "L. Wang"]


def test_bad_input(crm: CRM, li: Customer) -> None:
    stranger = crm.for_tenant("other").customers.register(name="Stranger")
    for verb in (crm.customers.privacy.erase, crm.customers.privacy.export, crm.customers.privacy.plan_erasure):
        with pytest.raises(NotFound):
            verb(stranger)
    assert crm.for_tenant("other").customers.get(stranger.id) == stranger
    assert crm.customers.get(li.id).erased_at is None


def test_on_postgresql(postgres_database: str, clock: FrozenClock) -> None:
    with CRM.open(postgres_database, migrate=True, clock=clock, currency="CNY", region="CN") as crm:
        li = crm.customers.register(name="Xiao Li", email="li@example.com")
        busy(crm, li)
        crm.customers.privacy.erase(li)
        assert "Xiao Li" not in everything(crm)
        with crm.read() as work:
            assert work.count(Message) == 0
            assert work.count(EventRecord, F.name == "customers.customer_erased") == 1


def test_of_whom_was_erased_nothing_is_noted_any_more(crm: CRM, li: Customer) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    crm.customers.privacy.erase(li.id)
    before = everything(crm)
    points, consents = crm.customers.contact_points, crm.customers.consents
    address = {"kind": "email", "value": "new@example.com"}
    notes: list[Callable[[], object]] = [
        lambda: crm.customers.update(li.id, city="Beijing"),
        lambda: crm.customers.relate(wang, li.id, kind="friend"),
        lambda: points.add(li.id, **address),
        lambda: points.verify(li.id, **address),
        lambda: points.make_primary(li.id, **address),
        lambda: consents.grant(li.id, channel="email", purpose="marketing", source="form"),
        lambda: crm.lifecycle.record(li.id, "baby_born"),
    ]
    for note in notes:
        with pytest.raises(Refused, match="was erased: nothing can be noted of him any more"):
            note()
    assert everything(crm) == before
    consents.revoke(li.id, channel="email", purpose="service", source="by telephone")  # what is less is still heard
