"""Campaigns: budget, expenses and results from documents."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from crmkit import CRM, Duplicate, InvalidInput, Line, Money, NotFound, TransitionRefused


def cny(amount: str) -> Money:
    return Money(amount, "CNY")


def buy(crm: CRM, customer: Any, amount: str, campaign: Any = None, *, pay: str | None = None) -> Any:
    line = Line("Album", quantity=1, unit_price=cny(amount))
    order = crm.pipeline.orders.place(customer, lines=[line], campaign=campaign)
    crm.pipeline.payments.receive(order, cny(pay or amount))
    return order


def test_results_come_from_payments_and_expenses(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="TV spot", network="tv", budget=cny("8000"))
    other = crm.marketing.campaigns.plan(name="Fair")
    crm.marketing.campaigns.spend(spot, cny("5000"), note="air time")
    crm.marketing.campaigns.spend(spot, cny("1500"))
    crm.marketing.campaigns.spend(spot, cny("-500"), note="discount")
    crm.marketing.campaigns.spend(other, cny("77"))
    li = crm.customers.register(name="Li")
    order = buy(crm, li, "10000", spot)
    buy(crm, li, "3000", spot, pay="1000")  # only what was really received counts
    buy(crm, li, "500")
    crm.pipeline.payments.refund(order, cny("2000"), reason="late")
    for number in range(3):
        crm.pipeline.leads.capture(name=f"Lead {number}", campaign=spot)
    results = crm.marketing.campaigns.results("TV spot")
    assert (results.income, results.refunded, results.cost) == (cny("9000"), cny("2000"), cny("6000"))
    assert (results.exact_roi, results.roi, results.profit) == (Fraction(1, 2), 0.5, cny("3000"))
    assert (results.leads, results.conversions, results.orders) == (3, 0, 2)
    assert (results.cost_per_lead, results.cost_per_conversion) == (cny("2000"), None)
    assert results.budget_left == cny("2000")


def test_without_cost_there_is_no_return_on_it(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="Word of mouth")
    buy(crm, crm.customers.register(name="Li"), "100", spot)
    results = crm.marketing.campaigns.results(spot)
    assert (results.roi, results.income, results.cost) == (None, cny("100"), cny("0"))
    assert "return on investment" not in format(results, "md")


def test_results_print(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="TV <spot>")
    crm.marketing.campaigns.spend(spot, cny("100"))
    results = crm.marketing.campaigns.results(spot)
    assert "-100.0%" in format(results, "md")
    assert "TV &lt;spot&gt;" in results._repr_html_()


def test_several_currencies_are_not_added_up(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="TV spot", budget=cny("10"))
    with pytest.raises(InvalidInput, match="budget in CNY"):
        crm.marketing.campaigns.spend(spot, Money("5", "EUR"))
    free = crm.marketing.campaigns.plan(name="Free")
    crm.marketing.campaigns.spend(free, Money("5", "EUR"))
    with pytest.raises(InvalidInput, match="EUR"):
        crm.marketing.campaigns.results(free)


def test_the_budget_is_watched(crm: CRM) -> None:
    from crmkit.kernel.events import EventRecord

    spot = crm.marketing.campaigns.plan(name="TV spot", budget=cny("100"))
    for amount in ("100", "1", "1"):
        crm.marketing.campaigns.spend(spot, cny(amount))
    with crm.read() as work:
        names = [e.name for e in work.find(EventRecord) if e.name == "marketing.budget_exceeded"]
    assert len(names) == 1
    assert crm.marketing.campaigns.results(spot).budget_left == cny("-2")


def test_a_campaign_runs_and_ends(crm: CRM) -> None:
    spot = crm.marketing.campaigns.plan(name="TV spot", starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31))
    assert crm.marketing.campaigns.start(spot).status == "running"
    with pytest.raises(TransitionRefused, match="needs a reason"):
        crm.marketing.campaigns.cancel("TV spot", reason="")
    assert crm.marketing.campaigns.finish("TV spot").status == "finished"
    with pytest.raises(TransitionRefused):
        crm.marketing.campaigns.start("TV spot")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "budget": 8000}, "Money"),
        ({"name": "x", "budget": Money("-1", "CNY")}, "below zero"),
        ({"name": "x", "starts_on": date(2026, 3, 2), "ends_on": date(2026, 3, 1)}, "before it starts"),
        ({"name": "x", "budgt": cny("1")}, "did you mean 'budget'"),
    ],
)
def test_campaigns_that_make_no_sense(quick: CRM, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        quick.marketing.campaigns.plan(**fields)
    assert quick.marketing.campaigns.count() == 0


@pytest.mark.parametrize("amount", [cny("0"), 5, 5.0, Decimal(5), None])
def test_expenses_that_make_no_sense(quick: CRM, amount: Any) -> None:
    spot = quick.marketing.campaigns.plan(name="TV spot", budget=cny("10"))
    with pytest.raises(InvalidInput):
        quick.marketing.campaigns.spend(spot, amount)
    assert quick.marketing.campaigns.expenses(spot) == []


def test_names_are_taken_once_and_unknown_ones_are_told_with_the_nearest(crm: CRM) -> None:
    crm.marketing.campaigns.plan(name="TV spot")
    with pytest.raises(Duplicate):
        crm.marketing.campaigns.plan(name="TV spot")
    with pytest.raises(NotFound, match="did you mean 'TV spot'"):
        crm.marketing.campaigns.results("TV sport")
