"""The trail of events, as hosts read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crmkit import CRM, F, FrozenClock, InvalidInput, Money, NotFound
from crmkit.kernel.events import EventRecord
from crmkit.lifecycle.stages import StageAdvanced
from crmkit.pipeline.opportunities.deal import OpportunityWon


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest) -> CRM:
    return CRM.open(request.param, clock=FrozenClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))


def test_what_followed_from_a_won_deal(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    deal = crm.pipeline.opportunities.open(name="Wedding", customer=wang, amount=Money(100, "EUR"))
    crm.acting_as("Lin").pipeline.opportunities.win(deal)
    (won,) = [e for e in crm.events.about(deal.id) if e.name == OpportunityWon.event_name]
    assert won.actor == "Lin"
    assert crm.events.read_back(won) == OpportunityWon(
        opportunity_id=deal.id, customer_id=wang.id, amount=Money(100, "EUR")
    )
    followed = crm.events.following(won)
    assert StageAdvanced.event_name in {e.name for e in followed}
    assert {e.cause for e in followed} == {won.id}


def test_it_is_read_inside_of_a_transaction_too(crm: CRM) -> None:
    with crm.transaction() as tx:
        wang = tx.customers.register(name="Xiao Wang")
        assert [e.subject for e in tx.events.about(wang.id)] == [wang.id]
        assert not tx.agenda.due()
        assert not tx.outbox.due()
    assert crm.events.page(F.subject == wang.id, size=10).total == 1


def test_another_tenant_sees_nothing_of_it(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    (event,) = crm.events.about(wang.id)
    other = crm.for_tenant("other")
    assert other.events.about(wang.id) == []
    with pytest.raises(NotFound):
        other.events.read_back(event)


def test_an_event_of_a_class_that_this_crm_does_not_know(crm: CRM) -> None:
    with crm.work() as work:
        work.add([work.new(EventRecord, name="zoo.fed", schema=1, subject="x_1", payload={})])
    (stored,) = crm.events.find()
    with pytest.raises(InvalidInput, match=r"zoo\.fed"):
        crm.events.read_back(stored)
