"""What crosses rooms: one thing happens, and the others follow in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmkit import CRM, F, Line, Money
from crmkit.customers.consents import Consent
from crmkit.kernel.clock import FrozenClock
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys.definition import Journey
from crmkit.lifecycle.journeys.walking import event_happened
from crmkit.reactions import REACTIONS

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
URLS = ["memory://", "sqlite://", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=URLS)
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    url = request.param
    if url == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with CRM.open(url, currency="CNY", timezone="Asia/Shanghai", clock=clock, migrate=True) as opened:
        yield opened


def cny(amount: str) -> Money:
    return Money(amount, "CNY")


def test_from_the_advertisement_to_the_offer_years_later(crm: CRM, clock: FrozenClock) -> None:
    spot = crm.marketing.campaigns.plan(name="Spring TV spot", network="tv", budget=cny("8000"))
    crm.marketing.campaigns.spend(spot, cny("6000"), note="air time")
    crm.lifecycle.rules.define("loyal", rule=F.orders.where(F.status == "paid").count() >= 2)
    crm.lifecycle.loyalty.define(point_for=cny("100"), valid_months=24, tiers={"gold": 150})

    lead = crm.pipeline.leads.capture(name="Wang", email="wang@example.com", campaign=spot)
    stages = []
    converted = crm.pipeline.leads.convert(crm.pipeline.leads.qualify(lead), amount=cny("10000"))
    wang, deal = converted.customer, converted.opportunity
    assert deal is not None
    stages.append(crm.lifecycle.stage_of(wang))
    deal = crm.pipeline.opportunities.win(crm.pipeline.opportunities.advance(deal, to="proposal"))
    stages.append(crm.lifecycle.stage_of(wang))
    for _ in range(2):
        line = Line("Album", quantity=1, unit_price=cny("10000"))
        order = crm.pipeline.orders.place(wang, lines=[line], opportunity=deal)
        crm.pipeline.payments.receive(order, cny("10000"), method="card")
        stages.append(crm.lifecycle.stage_of(wang))
    assert stages == ["opportunity", "customer", "customer", "loyal"]
    assert crm.lifecycle.loyalty.of(wang).tier == "gold"
    assert [stay.state for stay in crm.lifecycle.history(wang)] == ["prospect", "opportunity", "customer"]

    crm.customers.consents.grant(wang, channel="email", purpose="marketing", source="order form")
    crm.marketing.contact.define(caps=[{"most": 2, "days": 7}], quiet={"start": "22:00", "end": "09:30"})
    crm.marketing.templates.define("family", subject="Congratulations, {{ customer.name }}", body="Half price.")
    crm.lifecycle.journeys.define(
        "family", on="baby_born", steps=[{"wait": {"days": 30}}, {"send": "family", "channel": "email"}]
    )
    crm.lifecycle.record(wang, "baby_born", on=date(2027, 6, 1))
    clock.set(datetime(2027, 6, 30, 16, 0, tzinfo=UTC))
    crm.run_due()
    assert crm.deliver() == []  # it is midnight in Shanghai
    clock.set(datetime(2027, 7, 1, 1, 30, tzinfo=UTC))
    assert [receipt.to for receipt in crm.deliver()] == ["wang@example.com"]

    results = crm.marketing.campaigns.results(spot)
    assert (results.income, results.cost, results.leads, results.conversions) == (cny("20000"), cny("6000"), 1, 1)
    assert crm.customers.update(wang, city="Chengdu").version == wang.version + 1  # nobody has touched the row


def test_a_failing_reaction_undoes_what_it_followed_from(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    li = crm.customers.register(name="Li")

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("crmkit.lifecycle.stages.reach", refuse)
    with pytest.raises(RuntimeError):
        crm.pipeline.opportunities.open(name="Album", customer=li)
    assert crm.pipeline.opportunities.count() == 0


def test_every_event_in_the_table_is_known_and_has_a_customer_where_a_journey_needs_one() -> None:
    with CRM.open("memory://") as crm:
        known = set(crm.storage.registry.events.values())
    assert set(REACTIONS) <= known
    for event, reactions in REACTIONS.items():
        if event_happened in reactions:
            assert "customer_id" in event.readers, event


def test_bulk_work_asks_once_for_journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    find = Work.find

    def counting(work: Work, cls: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(cls)
        return find(work, cls, *args, **kwargs)

    monkeypatch.setattr(Work, "find", counting)
    with CRM.open("memory://") as crm:
        crm.customers.register_many([{"name": f"Customer {n}"} for n in range(50)])
    assert asked.count(Journey) == 1


def test_a_journey_that_is_defined_in_a_transaction_is_heard_in_it() -> None:
    with CRM.open("memory://") as crm:
        with crm.transaction() as tx:
            tx.customers.register(name="Before")
            tx.lifecycle.journeys.define("x", on="customers.customer_registered", steps=[{"exit": "x"}])
            after = tx.customers.register(name="After")
        assert [run.customer_id for run in crm.lifecycle.journeys.runs("x")] == [after.id]


def test_consent_that_is_revoked_takes_back_only_what_it_covered(crm: CRM, clock: FrozenClock) -> None:
    crm.marketing.templates.define("hello", body="Hello")
    crm.marketing.contact.define(quiet={"start": "08:00", "end": "20:00"})
    li = crm.customers.register(name="Li", email="li@example.com", phone="+8613912345678")
    for channel in ("email", "sms"):
        crm.customers.consents.grant(li, channel=channel, purpose="marketing", source="form")
        crm.marketing.sends.send(li, "hello", channel=channel, key=channel)
    crm.customers.consents.revoke(li, channel="email", purpose="marketing", source="telephone")
    clock.set(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    assert [receipt.channel for receipt in crm.deliver()] == ["console"]
    statuses = {send.channel: send.status for send in crm.marketing.sends.find()}
    assert statuses == {"email": "skipped", "sms": "posted"}
    with crm.read() as work:
        assert {c.channel: c.state for c in work.find(Consent)} == {"email": "revoked", "sms": "granted"}
