"""Funnel: how far deals have come."""

from __future__ import annotations

from datetime import date

import pytest

from crmkit import CRM, F
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.money import Money
from crmkit.testing import FrozenClock


def test_nothing_decided_means_no_win_rate(crm: CRM) -> None:
    found = crm.analytics.funnel()
    assert (found.won, found.lost, found.open, found.win_rate) == (0, 0, 0, None)
    assert [s.conversion for s in found.stages] == [None, None, None]
    assert "nothing decided" in repr(found)


def test_stages(crm: CRM, clock: FrozenClock) -> None:
    deals = crm.pipeline.opportunities
    ann = crm.customers.register(name="Ann", owner="anna")
    made = [deals.open(name=f"deal {n}", customer=ann, amount=Money(100 * n, "CNY")) for n in range(1, 6)]
    deals.open(name="without amount", customer=ann)
    deals.win(made[0])
    deals.lose(deals.advance(made[1], to="proposal"), reason="price")
    deals.advance(made[2], to="negotiation")
    deals.advance(made[3], to="proposal")
    found = crm.analytics.funnel()
    assert [(s.stage, s.reached, s.here, s.lost) for s in found.stages] == [
        ("qualification", 6, 2, 0),
        ("proposal", 4, 1, 1),
        ("negotiation", 2, 1, 0),
    ]
    assert [s.conversion for s in found.stages] == [None, pytest.approx(4 / 6), 0.5]
    assert [str(s.amount.amount) for s in found.stages] == ["1500.00", "1000.00", "400.00"]
    assert (found.won, found.lost, found.open, found.win_rate) == (1, 1, 4, 0.5)
    assert found.won_amount == Money(100, "CNY")
    assert found.lost_amount == Money(200, "CNY")
    assert found.open_amount == Money(1200, "CNY")
    assert "| proposal | 4 | 1,000.00 CNY | 66.7% | 1 | 1 |" in format(found, "md")
    assert found._repr_html_().count("<rect") == 4
    assert crm.analytics.funnel(F.owner == "bob").open == 0
    assert crm.analytics.funnel(F.owner == "anna").open == 4
    clock.advance(days=40)
    deals.win(deals.open(name="later", customer=ann))
    assert crm.analytics.funnel(until=date(2026, 3, 2)).won == 1
    assert crm.analytics.funnel(since=date(2026, 3, 3)).won == 1


def test_another_pipeline(crm: CRM) -> None:
    ann = crm.customers.register(name="Ann")
    crm.pipeline.opportunities.open(name="a", customer=ann, pipeline="b2c")
    assert [s.stage for s in crm.analytics.funnel(pipeline="b2c").stages] == ["interested", "offer"]
    assert crm.analytics.funnel().open == 0
    with pytest.raises(NotFound, match="did you mean 'b2c'"):
        crm.analytics.funnel(pipeline="b3c")


def test_other_currencies_are_not_left_out_silently(crm: CRM) -> None:
    ann = crm.customers.register(name="Ann")
    crm.pipeline.opportunities.open(name="a", customer=ann, amount=Money(5, "USD"))
    with pytest.raises(InvalidInput, match="USD beside CNY"):
        crm.analytics.funnel()
    assert crm.analytics.funnel(currency="USD").open_amount == Money(5, "USD")
    assert crm.analytics.funnel(currency="CNY").open == 0
