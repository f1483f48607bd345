"""A deal is won: life cycle, commission, survey and follow-up come in the same transaction, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crmkit import CRM, F, InvalidInput, Money, NotFound
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError
from crmkit.kernel.clock import FrozenClock
from crmkit.pipeline.opportunities import Opportunity

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
URLS = ["memory://", "sqlite://", pytest.param("postgresql", marks=pytest.mark.slow)]
PAGE = "https://studio.example/survey/{token}"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=URLS)
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    url = request.param
    if url == "postgresql":
        url = request.getfixturevalue("postgres_database")
    secret = {"service.survey_secret": lambda: "known to nobody else"}
    with CRM.open(url, currency="CNY", timezone="Asia/Shanghai", clock=clock, answers=secret, migrate=True) as opened:
        yield opened


@pytest.fixture
def wang(crm: CRM) -> Customer:
    wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
    crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
    return wang


def opened(crm: CRM, wang: Customer, amount: int = 1000) -> Opportunity:
    return crm.pipeline.opportunities.open(name="Album", customer=wang, owner="ann", amount=Money(amount, "CNY"))


def everything(crm: CRM) -> None:
    """What a host may lay down for wins."""
    crm.pipeline.commissions.plans.define("wins", source="won", percent=10)
    crm.service.surveys.ask_after_winning("satisfaction", link=PAGE, delay=timedelta(days=14))
    crm.pipeline.activities.follow_ups.define("thanks", kind="call", subject="Say thank you", after=timedelta(days=3))


def test_without_a_setting_nobody_is_asked_and_nothing_is_planned(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    crm.pipeline.opportunities.win(opened(crm, wang))
    clock.advance(days=30)
    crm.run_due()
    assert crm.pipeline.activities.count() == 0
    assert crm.outbox.due() == []
    assert crm.lifecycle.stage_of(wang) == "customer"


def test_all_that_follows_from_a_win(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    everything(crm)
    crm.pipeline.opportunities.win(opened(crm, wang))
    assert crm.lifecycle.stage_of(wang) == "customer"
    assert [entry.amount for entry in crm.pipeline.commissions.find()] == [Money(100, "CNY")]
    (call,) = crm.pipeline.activities.find()
    assert (call.kind, call.owner, call.due_at) == ("call", "ann", NOW + timedelta(days=3))
    assert call.customer_id == wang.id
    clock.advance(days=14)
    crm.run_due()
    (message,) = crm.outbox.due()
    token = message.body.rpartition("/")[2]
    assert crm.service.surveys.answer_link(token, score=5).customer_id == wang.id


def test_a_failure_at_the_end_takes_all_of_it_back(
    crm: CRM, wang: Customer, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(crm)
    deal = opened(crm, wang)

    def refuse(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("crmkit.pipeline.activities.follow_ups.foresee", refuse)
    with pytest.raises(RuntimeError):
        crm.pipeline.opportunities.win(deal)
    monkeypatch.undo()
    assert crm.pipeline.opportunities.get(deal.id) == deal
    assert crm.lifecycle.stage_of(wang) == "opportunity"
    assert (crm.pipeline.commissions.count(), crm.pipeline.activities.count()) == (0, 0)
    clock.advance(days=30)
    crm.run_due()
    assert crm.outbox.due() == []


def test_a_reopened_deal_is_neither_followed_up_nor_asked_about(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    everything(crm)
    deals = crm.pipeline.opportunities
    deal = deals.reopen(deals.win(opened(crm, wang)))
    assert [a.status for a in crm.pipeline.activities.find()] == ["cancelled"]
    clock.advance(days=20)
    crm.run_due()
    assert crm.outbox.due() == []
    deals.win(deals.get(deal.id))
    assert sorted(a.status for a in crm.pipeline.activities.find()) == ["cancelled", "planned"]
    clock.advance(days=14)
    crm.run_due()
    assert len(crm.outbox.due()) == 1
    deals.win(deals.reopen(deals.get(deal.id)))
    clock.advance(days=60)
    crm.run_due()
    assert len(crm.outbox.due()) == 1  # about one deal a customer is asked once


def test_rules_say_which_wins_count(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    large = F.amount >= Money(5000, "CNY")
    crm.service.surveys.ask_after_winning("satisfaction", link=PAGE, rule=large, rest=timedelta(0))
    crm.pipeline.activities.follow_ups.define("visit", kind="visit", subject="Bring flowers", rule=large, owner="boss")
    crm.pipeline.opportunities.win(opened(crm, wang))
    crm.pipeline.opportunities.win(opened(crm, wang, amount=5000))
    crm.run_due()
    assert [a.owner for a in crm.pipeline.activities.find()] == ["boss"]
    assert len(crm.outbox.due()) == 1
    crm.pipeline.activities.follow_ups.stop("visit")
    crm.service.surveys.stop_asking("satisfaction")
    crm.pipeline.opportunities.win(opened(crm, wang, amount=5000))
    clock.advance(days=1)
    crm.run_due()
    assert crm.pipeline.activities.count() == 1
    assert len(crm.outbox.due()) == 1


def test_settings_are_checked_when_they_are_made(crm: CRM) -> None:
    define = crm.pipeline.activities.follow_ups.define
    with pytest.raises(DefinitionError, match="did you mean 'amount'"):
        define("x", subject="x", rule=F.amonut.is_missing())
    with pytest.raises(InvalidInput, match="0 or more after the win"):
        define("x", subject="x", after=timedelta(days=-1))
    with pytest.raises(InvalidInput, match="no field 'location'"):
        define("x", subject="x", location="here")
    with pytest.raises(DefinitionError, match="amonut"):
        crm.service.surveys.ask_after_winning("satisfaction", link=PAGE, rule=F.amonut.is_missing())
    define("flowers", subject="Flowers")
    with pytest.raises(NotFound, match="did you mean 'flowers'"):
        crm.pipeline.activities.follow_ups.stop("flower")
