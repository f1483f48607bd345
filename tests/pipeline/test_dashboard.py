"""Counts and averages over deals and leads: sales.json frappe-dashboard-kpis (frappe/crm crm/tests/test_dashboard.py).

"For one user" is here what that user may see: totals are counted over the same scope as lists.  Where there is nothing
to take the mean of, Frappe's 0 is declined: the mean is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from crmkit import CRM, F, Money
from crmkit.analytics import Kpis
from crmkit.kernel.rules import Rule
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.opportunities import Opportunity
from crmkit.testing import FrozenClock

ADMIN, USER = "Administrator", "crm.user1@example.com"
SOURCES = ("Website", "Referral", "Cold Call", "Email Campaign", "Social Media")
# amount in thousands, probability and owner, as they stand in Frappe's test records; sources take turns
QUALIFICATION = [
    (50, 30, ADMIN),
    (75, 40, ADMIN),
    (100, 25, None),
    (25, 35, ADMIN),
    (80, 30, None),
    (60, 40, ADMIN),
    (90, 35, USER),
    (45, 30, ADMIN),
    (70, 25, USER),
    (55, 40, ADMIN),
    (85, 35, None),
    (65, 30, ADMIN),
    (95, 25, None),
]
NEGOTIATION = [
    (120, 60, ADMIN),
    (110, 55, None),
    (130, 65, ADMIN),
    (105, 60, None),
    (115, 70, ADMIN),
    (125, 55, None),
    (140, 65, ADMIN),
    (135, 60, None),
]
WON = [150, 160, 145, 170, 155, 165, 175, 180]
LOST = [200, 190, 210]


def usd(amount: float) -> Money:
    return Money(str(amount), "USD")


def only_own(actor: str, cls: type[Any]) -> Rule | None:
    return F.owner == actor if actor == USER and cls in {Lead, Opportunity} else None


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="USD", clock=clock, access=only_own) as opened:
        deals, whom = opened.pipeline.opportunities, opened.customers.register(name="Somebody")
        rows = [(*row, "qualification", "") for row in QUALIFICATION] + [
            (*row, "negotiation", "") for row in NEGOTIATION
        ]
        for end, amounts in (("won", WON), ("lost", LOST)):
            rows += [(amount, 50, (ADMIN, None)[n % 2], "qualification", end) for n, amount in enumerate(amounts)]
        for n, (amount, probability, owner, stage, end) in enumerate(rows):
            fields: dict[str, Any] = {
                "amount": usd(1000 * amount),
                "probability": probability,
                "owner": owner,
                "stage": stage,
            }
            more: dict[str, Any] = {"source": SOURCES[n % 5], "close_on": date(2026, 3, 20)}
            deal = deals.open(name=f"Deal {n}", customer=whom, **fields, **more)
            if end == "won":
                deals.win(deal)
            elif end == "lost":
                deals.lose(deal, reason="price")
        owners = [USER if n < 3 else ADMIN for n in range(35)]
        opened.pipeline.leads.capture_many(
            {"name": f"Lead {n}", "source": SOURCES[n % 5], "owner": owner} for n, owner in enumerate(owners)
        )
        yield opened


def kpis(crm: CRM) -> Kpis:
    return crm.analytics.kpis(since=date(2026, 3, 1), until=date(2026, 3, 31))


def test_for_everybody(crm: CRM) -> None:
    found = kpis(crm)
    assert (found.leads, found.deals_open, found.won, found.lost) == (35, 21, 8, 3)
    assert found.open_amount / found.deals_open == usd(89285.71)
    assert found.average_deal == usd(162500)
    assert (found.open_amount + found.won_amount) / (found.deals_open + found.won) == usd(109482.76)
    for source in SOURCES:
        assert crm.pipeline.leads.count(F.source == source) == 7
    forecast = crm.pipeline.forecast.of(since=date(2026, 3, 1), until=date(2026, 4, 1))
    assert forecast.total.weighted == usd(885500)


def test_for_one_user(crm: CRM) -> None:
    found = kpis(crm.acting_as(USER))
    assert (found.leads, found.deals_open, found.won) == (3, 2, 0)
    assert found.open_amount / found.deals_open == usd(80000)
    assert found.average_deal is None
    assert (found.open_amount + found.won_amount) / (found.deals_open + found.won) == usd(80000)
