"""What had lasted at another moment: the stage history is asked, and not only what is there today."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from crmkit import CRM, F, FrozenClock, Line, Money

WANTED = [  # hours after the order was placed, and whether it had been placed, or paid, for a day by then
    (-1, False, False),
    (0, False, False),
    (23, False, False),
    (24, True, False),
    (5 * 24 - 1, True, False),
    (5 * 24, False, False),  # in this moment it was paid
    (6 * 24 - 1, False, False),
    (6 * 24, False, True),
    (20 * 24, False, True),
]


@pytest.fixture
def bought(target: str, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(target, migrate=True, currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        wang = crm.customers.register(name="Wang")
        lead = crm.pipeline.leads.capture(name="Li", email="li@example.com")
        clock.advance(days=2)
        order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money("80", "CNY"))])
        clock.advance(days=5)
        crm.pipeline.payments.receive(order, Money("80", "CNY"), method="card")
        crm.pipeline.leads.qualify(lead)
        clock.advance(days=20)
        yield crm


def test_former_states_are_known_in_the_past(bought: CRM, clock: FrozenClock) -> None:
    placed_at = clock.now() - timedelta(days=25)
    customers, orders = bought.customers, bought.pipeline.orders
    for hours, placed, paid in WANTED:
        at = placed_at + timedelta(hours=hours)
        for state, wanted in (("placed", placed), ("paid", paid)):
            held = F.status.held(state, hours=24)
            assert customers.count(F.orders.where(held).any(), as_of=at) == wanted, (hours, state)
            assert customers.count(F.orders.where(held).none(), as_of=at) == (not wanted), (hours, state)
            assert orders.count(held, as_of=at) == wanted, (hours, state)
        lasting = customers.count(F.orders.where(F.status.held(hours=24)).any(), as_of=at)
        assert lasting == (placed or paid), hours


def test_leads_and_backtests_know_them_too(bought: CRM, clock: FrozenClock) -> None:
    begin = clock.now() - timedelta(days=25)
    days = [begin + timedelta(days=n) for n in range(-2, 7)]
    new = [bought.pipeline.leads.count(F.stage.held("new", days=1), as_of=at) for at in days]
    assert new == [0, 0, 1, 1, 1, 1, 1, 0, 0]  # days begin at midnight
    rule = F.orders.where(F.status.held("placed", hours=1)).any()
    tried = bought.customers.segments.backtest(rule, since=date(2026, 3, 3), until=date(2026, 3, 10))
    assert [count for _, count in tried.days] == [0, 1, 1, 1, 1, 1, 0, 0]
