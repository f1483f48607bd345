"""Quotas: what is to be sold, and how far it has come."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crmkit import CRM, Line, Money
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.rates import RateTable
from crmkit.testing import FrozenClock

MARCH = date(2026, 3, 1)


def cny(amount: int | str) -> Money:
    return Money(str(amount), "CNY")


@pytest.fixture
def team(anywhere: CRM) -> CRM:
    for name in ("Li", "Xu"):
        anywhere.pipeline.salespeople.register(name, team="south")
    anywhere.pipeline.salespeople.register("Zhou", team="north")
    return anywhere


def won(crm: CRM, owner: str, amount: Money) -> None:
    customer = crm.customers.register(name="x")
    deal = crm.pipeline.opportunities.open(name="x", customer=customer, amount=amount, owner=owner)
    crm.pipeline.opportunities.win(deal)


def test_per_person_team_and_everybody(team: CRM) -> None:
    quotas = team.pipeline.quotas
    made = [
        quotas.set(cny(1000), owner="Xu", month=MARCH),
        quotas.set(cny(3000), team="south", month=MARCH),
        quotas.set(cny(6000), month=MARCH),
    ]
    for owner, amount in (("Xu", 700), ("Li", 500), ("Zhou", 100), ("Nobody", 1)):
        won(team, owner, cny(amount))
    results = [quotas.achievement(quota) for quota in made]
    assert [r.achieved for r in results] == [cny(700), cny(1200), cny(1301)]
    assert [r.percent for r in results] == [Decimal("70.00"), Decimal("40.00"), Decimal("21.68")]
    assert [r.missing for r in results] == [cny(300), cny(1800), cny(4699)]
    board = quotas.board()
    assert [a.quota.whose for a in board] == ["Xu", "south", "everybody"]
    assert "70.00 %" in format(board, "md")
    assert "<table" in board._repr_html_()
    assert len(quotas.board(date(2026, 4, 1))) == 0


def test_the_period_begins_and_ends_at_midnight_where_the_business_is(team: CRM, clock: FrozenClock) -> None:
    quota = team.pipeline.quotas.set(cny(100), owner="Xu", month=date(2026, 3, 31))
    for moment in (
        datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC),
        datetime(2026, 2, 28, 16, 0, tzinfo=UTC),
        datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 31, 16, 0, tzinfo=UTC),
    ):
        clock.set(moment)
        won(team, "Xu", cny(1))
    result = team.pipeline.quotas.achievement(quota)
    assert (result.achieved, result.elapsed) == (cny(2), Decimal(1))
    assert result.pace == "behind"


# Django-CRM: at the pace or above is on track, at four fifths of it at risk, below behind.
@pytest.mark.parametrize(("sold", "pace"), [(50, "on track"), (49, "at risk"), (40, "at risk"), (39, "behind")])
def test_pace(team: CRM, clock: FrozenClock, sold: int, pace: str) -> None:
    quota = team.pipeline.quotas.set(cny(100), owner="Xu", starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 20))
    clock.set(datetime(2026, 3, 10, 16, 0, tzinfo=UTC))  # ten of twenty days are over in Shanghai
    won(team, "Xu", cny(sold))
    result = team.pipeline.quotas.achievement(quota)
    assert (result.elapsed, result.pace) == (Decimal("0.5"), pace)


def test_more_than_the_target_is_more_than_a_hundred_per_cent(team: CRM) -> None:
    quota = team.pipeline.quotas.set(cny(30), owner="Xu", month=MARCH)
    won(team, "Xu", cny(100))
    result = team.pipeline.quotas.achievement(quota)
    assert (result.percent, result.missing, result.pace) == (Decimal("333.33"), cny(0), "on track")


def test_shared_deals_count_for_each_by_the_split(team: CRM) -> None:
    quotas, deals = team.pipeline.quotas, team.pipeline.opportunities
    made = [quotas.set(cny(1000), owner=name, month=MARCH) for name in ("Xu", "Li", "Zhou")]
    made += [quotas.set(cny(1000), team="south", month=MARCH), quotas.set(cny(1000), month=MARCH)]
    won(team, "Xu", cny(100))
    customer = team.customers.register(name="y")
    deal = deals.open(name="y", customer=customer, amount=cny(200), owner="Xu")
    deals.split(deal, {"Li": "33.33", "Zhou": "66.67"})
    deals.split(deal, {"Xu": 50}, kind="overlay")
    deals.win(deal.id)
    achieved = [quotas.achievement(quota).achieved for quota in made]
    assert achieved == [cny(100), cny("66.66"), cny("133.34"), cny("166.66"), cny(300)]
    foreign = deals.open(name="z", customer=customer, amount=Money(10, "USD"), owner="Zhou")
    deals.split(foreign, {"Li": 50, "Zhou": 50})
    deals.win(foreign.id)
    with pytest.raises(InvalidInput, match="USD beside CNY"):
        quotas.achievement(made[1])
    rates = RateTable("USD", {MARCH: {"CNY": "7"}})
    assert quotas.achievement(made[1], rates=rates).achieved == cny("101.66")


def test_ordered_and_received(team: CRM) -> None:
    ordered = team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH, measure="ordered")
    received = team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH, measure="received")
    wang = team.customers.register(name="Wang")
    orders = [
        team.pipeline.orders.place(wang, lines=[Line("Album", quantity=1, unit_price=cny(price))], owner=owner)
        for price, owner in ((400, "Xu"), (300, "Xu"), (50, "Li"))
    ]
    team.pipeline.payments.receive(orders[0], cny(400), method="card")
    team.pipeline.payments.refund(orders[0], cny(150), reason="Two pictures")
    team.pipeline.payments.receive(orders[2], cny(50), method="card")
    team.pipeline.orders.cancel(orders[1], reason="no")
    assert team.pipeline.quotas.achievement(ordered).achieved == cny(400)
    assert team.pipeline.quotas.achievement(received).achieved == cny(250)


def test_what_is_counted(team: CRM) -> None:
    quotas = team.pipeline.quotas
    calls = quotas.set(4, owner="Xu", month=MARCH, measure="calls")
    conversions = quotas.set(2, team="south", month=MARCH, measure="conversions")
    deals = quotas.set(2, month=MARCH, measure="deals")
    for kind, owner in (("call", "Xu"), ("call", "Li"), ("visit", "Xu")):
        team.pipeline.activities.log(kind, subject="x", owner=owner)  # type: ignore[arg-type]
    team.pipeline.activities.schedule("call", subject="planned", owner="Xu")
    lead = team.pipeline.leads.qualify(team.pipeline.leads.capture(name="x", email="a@b.example", owner="Li"))
    team.pipeline.opportunities.win(team.pipeline.leads.convert(lead).opportunity or "")
    results = [quotas.achievement(quota) for quota in (calls, conversions, deals)]
    assert [(r.achieved, r.percent, r.missing) for r in results] == [
        (1, Decimal("25.00"), 3),
        (1, Decimal("50.00"), 1),
        (1, Decimal("50.00"), 1),
    ]


def test_currencies_are_never_mixed_silently(team: CRM) -> None:
    quota = team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH)
    won(team, "Xu", cny(100))
    won(team, "Xu", Money("10", "EUR"))
    with pytest.raises(InvalidInput, match="EUR"):
        team.pipeline.quotas.achievement(quota)
    rates = RateTable("EUR", {date(2026, 3, 1): {"CNY": "8"}})
    assert team.pipeline.quotas.achievement(quota, rates=rates).achieved == cny(180)


def test_the_same_period_again_is_a_new_target(team: CRM) -> None:
    first = team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH)
    again = team.pipeline.quotas.set(cny(1200), owner="Xu", starts_on=MARCH, ends_on=date(2026, 3, 31))
    assert (again.id, again.amount) == (first.id, cny(1200))
    team.pipeline.quotas.remove(again)
    assert team.pipeline.quotas.count() == 0


@pytest.mark.parametrize(
    ("target", "given", "error", "message"),
    [
        (
            cny(1),
            {"owner": "Xu", "starts_on": date(2026, 3, 15), "ends_on": date(2026, 4, 15)},
            InvalidInput,
            "overlaps",
        ),
        (cny(1), {"owner": "Nobody", "month": MARCH}, NotFound, "Nobody"),
        (cny(1), {"team": "east", "month": MARCH}, NotFound, "nobody is in the team 'east'"),
        (cny(1), {"owner": "Xu", "team": "south", "month": MARCH}, InvalidInput, "not for both"),
        (cny(1), {"owner": "Li"}, InvalidInput, "month="),
        (cny(1), {"owner": "Li", "month": MARCH, "ends_on": MARCH}, InvalidInput, "month="),
        (cny(1), {"owner": "Li", "starts_on": date(2026, 3, 2), "ends_on": MARCH}, InvalidInput, "before it starts"),
        (cny(0), {"owner": "Li", "month": MARCH}, InvalidInput, "above 0"),
        (cny(-5), {"owner": "Li", "month": MARCH}, InvalidInput, "above 0"),
        (0, {"owner": "Li", "month": MARCH, "measure": "calls"}, InvalidInput, "above 0"),
        (5, {"owner": "Li", "month": MARCH}, InvalidInput, "Money"),
        (cny(5), {"owner": "Li", "month": MARCH, "measure": "calls"}, InvalidInput, "whole number"),
        (5, {"owner": "Li", "month": MARCH, "measure": "smiles"}, InvalidInput, "smiles"),
        (cny(1), {"owner": "Li", "month": "2026-03"}, InvalidInput, "month must be a date"),
        (
            cny(1),
            {"owner": "Li", "starts_on": "2026-03-01", "ends_on": MARCH},
            InvalidInput,
            "starts_on must be a date",
        ),
    ],
)
def test_bad_quotas_are_refused(
    team: CRM, target: Any, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH)
    with pytest.raises(error, match=message):
        team.pipeline.quotas.set(target, **given)
    assert team.pipeline.quotas.count() == 1


def test_moments_and_days_are_told_apart(team: CRM) -> None:
    quota = team.pipeline.quotas.set(cny(1000), owner="Xu", month=MARCH)
    with pytest.raises(InvalidInput, match="as_of must be an aware datetime"):
        team.pipeline.quotas.achievement(quota, as_of=MARCH)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="day must be a date"):
        team.pipeline.quotas.board("2026-03-01")  # type: ignore[arg-type]
