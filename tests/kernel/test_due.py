"""What is due, done and dead: only what was given up is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmkit import CRM, FrozenClock, InvalidInput, Refused
from crmkit.plugins.channels.memory import MemoryChannel


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, channel: MemoryChannel) -> Iterator[CRM]:
    clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
    with CRM.open(request.param, clock=clock, channels=[channel]) as opened:
        yield opened


def test_a_message_that_was_sent_is_not_sent_again(crm: CRM, channel: MemoryChannel) -> None:
    with crm.work() as work:
        work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
    [waiting] = crm.outbox.due()
    with pytest.raises(Refused, match=f"message {waiting.id} is due: only what was given up"):
        crm.outbox.retry(waiting)
    assert [receipt.sent for receipt in crm.deliver()] == [True]
    with pytest.raises(Refused, match=f"message {waiting.id} is sent: only what was given up"):
        crm.outbox.retry(waiting.id)
    assert crm.deliver() == []
    assert len(channel.sent) == 1


def test_an_item_whose_time_has_not_come_is_not_done_early(crm: CRM) -> None:
    li = crm.customers.register(name="Xiao Li")
    offer = crm.marketing.offers.make(li, name="family set", percent=50, valid_until=date(2026, 5, 31))
    [item] = crm.agenda.due()
    with pytest.raises(Refused, match=f"agenda item {item.id} is due: only what was given up"):
        crm.agenda.retry(item)
    assert crm.run_due().ran == 0
    assert crm.marketing.offers.get(offer.id).status == "open"


@pytest.mark.parametrize("batch", [0, -1, "two", True, None])
def test_a_batch_of_nothing_is_refused(crm: CRM, batch: Any) -> None:
    with pytest.raises(InvalidInput, match="a batch is a whole number from 1"):
        crm.run_due(batch=batch)
    with pytest.raises(InvalidInput, match="a batch is a whole number from 1"):
        crm.deliver(batch=batch)
