"""Commissions: plans, the ledger, settlements."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput, NotFound
from crmkit.pipeline import Line
from crmkit.pipeline.commissions import CommissionPlan, Section
from crmkit.pipeline.commissions.plans import margin, ordered
from crmkit.pipeline.commissions.settlements import period_of
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.orders import Order
from crmkit.testing import FrozenClock

CNY = "CNY"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


def cny(amount: int | str) -> Money:
    return Money(amount, CNY)


def placed(crm: CRM, customer: Customer, amount: int = 100, **fields: Any) -> Order:
    lines = [Line("Album", unit_price=fields.pop("price", cny(amount)), unit_cost=fields.pop("cost", None))]
    return crm.pipeline.orders.place(customer, lines=lines, **{"owner": "ann", **fields})


def sold(crm: CRM, customer: Customer, amount: int = 100, **fields: Any) -> Order:
    order = placed(crm, customer, amount, **fields)
    crm.pipeline.payments.receive(order, order.total)
    return order


def earned(crm: CRM) -> dict[str, Money]:
    lines = crm.pipeline.commissions.find()
    people = sorted({line.person for line in lines})
    return {p: Money.total((line.amount for line in lines if line.person == p), currency=CNY) for p in people}


def shared(crm: CRM, wang: Customer, shares: dict[str, str], amount: str) -> Opportunity:
    deal = crm.pipeline.opportunities.open(name="x", customer=wang, owner="ann", amount=cny(amount))
    crm.pipeline.opportunities.split(deal, shares)
    return deal


# ── Plans ──


@pytest.mark.parametrize(
    ("sections", "percent", "amount", "cost", "expected"),
    [
        ([(1, 100, 10)], None, 100, None, 10),
        ([(1, 100, 10)], None, 101, None, 0),
        ([(15_000, 16_000, 20)], None, 15_100, None, 3_020),
        ([], 10, 1000, 0, 100),
        ([], 20, 100, 60, 8),
        ([], 20, 50, 60, 0),
    ],
)
def test_what_a_plan_gives(
    sections: list[tuple[int, int, int]], percent: int | None, amount: int, cost: int | None, expected: int
) -> None:
    """Case oca-commission-rules: the whole base takes the percentage of its section; a margin is never below 0."""
    rungs = [Section(cny(low), cny(high), Decimal(share)) for low, high, share in sections]
    plan = CommissionPlan(
        id="cplan_1",
        created_at=NOW,
        name="x",
        percent=None if percent is None else Decimal(percent),
        sections=tuple(ordered(rungs)),
    )
    assert plan.commission(margin(cny(amount), None if cost is None else cny(cost))) == cny(expected)


def test_sections_are_checked() -> None:
    """Case oca-commission-rules, last line: a lower limit above the upper one; gaps are allowed, overlaps not."""
    with pytest.raises(DefinitionError, match="above its upper limit"):
        Section(cny(5), cny(1), Decimal(20))
    with pytest.raises(DefinitionError, match="one currency"):
        Section(cny(1), Money(5, "USD"), Decimal(20))
    up = [Section(cny(200), cny(300), Decimal(2)), Section(cny(1), cny(100), Decimal(1))]
    assert [low for low, *_ in ordered(up)] == [100, 20_000]
    with pytest.raises(DefinitionError, match="overlap"):
        ordered([*up, Section(cny(100), cny(150), Decimal(3))])


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"percent": 10, "fixed": Money(1, CNY)},
        {"percent": -1},
        {"percent": 1001},
        {"fixed": Money(-1, CNY)},
        {"percent": 10, "basis": "profit"},
        {"percent": 10, "source": "won", "basis": "margin"},
        {"percent": 10, "rule": F.chanel == "shop"},
    ],
)
def test_bad_plans_are_refused(crm: CRM, bad: dict[str, Any]) -> None:
    with pytest.raises((InvalidInput, DefinitionError)):
        crm.pipeline.commissions.plans.define("x", **bad)
    assert crm.pipeline.commissions.plans.count() == 0
    with pytest.raises(NotFound):
        crm.pipeline.commissions.plans.stop("x")
    with pytest.raises(InvalidInput, match="expected an order id"):
        crm.pipeline.commissions.of("ord_17")


def test_the_first_plan_that_fits_counts_alone(crm: CRM, wang: Customer) -> None:
    plans = crm.pipeline.commissions.plans
    plans.define("shop", percent=20, rule=F.channel == "shop", position=1)
    plans.define("bob", fixed=cny(7), people=["bob"], position=2)
    plans.define("all", percent=10, position=3)
    sold(crm, wang, channel="shop")
    sold(crm, wang, owner="bob")
    sold(crm, wang, owner="zoe")
    assert earned(crm) == {"ann": cny(20), "bob": cny(7), "zoe": cny(10)}
    plans.stop("all")
    sold(crm, wang, owner="zoe")
    sold(crm, wang, owner=None)
    assert earned(crm)["zoe"] == cny(10)
    assert {line.plan for line in crm.pipeline.commissions.find()} == {"shop", "bob", "all"}


def test_a_plan_in_another_currency_is_passed_over(crm: CRM, wang: Customer) -> None:
    plans = crm.pipeline.commissions.plans
    plans.define("dollars", fixed=Money(7, "USD"), position=1)
    plans.define("all", percent=10)
    sold(crm, wang)
    sold(crm, wang, price=Money(50, "USD"))
    assert sorted(str(line.amount) for line in crm.pipeline.commissions.find()) == ["10.00 CNY", "7.00 USD"]


def test_margins(crm: CRM, wang: Customer) -> None:
    crm.pipeline.commissions.plans.define("margin", percent=20, basis="margin")
    sold(crm, wang, 100, cost=cny(60))
    assert earned(crm) == {"ann": cny(8)}


# ── The ledger ──


def test_nothing_is_earned_before_the_money_comes(crm: CRM, wang: Customer) -> None:
    crm.pipeline.commissions.plans.define("ten", percent=10)
    order = placed(crm, wang)
    assert crm.pipeline.commissions.count() == 0
    for amount in (33, 33, 34):
        crm.pipeline.payments.receive(order, cny(amount))
    lines = crm.pipeline.commissions.of(order)
    assert [line.amount for line in lines] == [cny("3.30"), cny("3.30"), cny("3.40")]
    names = [m.name for m in crm.customers.timeline(wang)]
    assert names.index("pipeline.order_paid") < names.index("pipeline.payment_received")  # the latest stands first


def test_shared_deals_share_the_commission(crm: CRM, wang: Customer) -> None:
    crm.pipeline.commissions.plans.define("ten", percent=10)
    deal = crm.pipeline.opportunities.open(name="x", customer=wang, owner="ann")
    crm.pipeline.opportunities.split(deal, {"ann": 70, "bob": 30})
    crm.pipeline.opportunities.split(deal, {"engineer": 100}, kind="overlay")
    sold(crm, wang, opportunity=deal)
    assert earned(crm) == {"ann": cny(7), "bob": cny(3)}


def test_refunds_take_it_back(crm: CRM, wang: Customer) -> None:
    crm.pipeline.commissions.plans.define("ten", percent=10)
    order = sold(crm, wang)
    crm.pipeline.commissions.plans.define(
        "ten", percent=50
    )  # what was earned by the old one is taken back by the old one
    crm.pipeline.payments.refund(order, cny(25), reason="scratched")
    assert earned(crm) == {"ann": cny("7.50")}
    crm.pipeline.payments.refund(order, cny(75))
    assert earned(crm) == {"ann": cny(0)}
    assert [line.kind for line in crm.pipeline.commissions.of(order)] == ["earned", "reversed", "reversed"]


def test_won_deals_earn_and_reopened_ones_do_not(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    crm.pipeline.commissions.plans.define("closer", percent=5, source="won", rule=F.amount >= cny(100))
    small = crm.pipeline.opportunities.open(name="x", customer=wang, owner="ann", amount=cny(99))
    crm.pipeline.opportunities.win(small)
    deal = crm.pipeline.opportunities.open(name="x", customer=wang, owner="ann", amount=cny(200))
    deal = crm.pipeline.opportunities.win(deal)
    assert earned(crm) == {"ann": cny(10)}
    clock.advance(days=1)
    deal = crm.pipeline.opportunities.reopen(deal)
    assert earned(crm) == {"ann": cny(0)}
    clock.advance(days=1)
    crm.pipeline.opportunities.win(deal, amount=cny(300))
    assert earned(crm) == {"ann": cny(15)}
    sold(crm, wang)  # this plan is for won deals only
    assert earned(crm) == {"ann": cny(15)}


def test_corrections_are_lines_of_their_own(crm: CRM, wang: Customer) -> None:
    commissions = crm.pipeline.commissions
    commissions.plans.define("ten", percent=10)
    order = placed(crm, wang)
    crm.pipeline.payments.receive(order, cny(50))
    line = commissions.of(order)[0]
    assert [c.amount for c in commissions.correct(line, amount=cny(3), reason="agreed")] == [cny(-2)]
    assert commissions.correct(line, amount=cny(3), reason="agreed") == []
    assert [c.amount for c in commissions.correct(line, amount=cny(4), reason="agreed again")] == [cny(1)]
    crm.pipeline.payments.receive(order, cny(50))  # does not undo the correction
    assert earned(crm) == {"ann": cny(9)}
    assert commissions.get(line.id).amount == cny(5)
    for bad in ({"amount": cny(1), "reason": ""}, {"amount": Money(1, "USD"), "reason": "x"}):
        with pytest.raises(InvalidInput):
            commissions.correct(line, **bad)  # type: ignore[arg-type]
    crm.pipeline.payments.refund(order, cny(100))
    assert earned(crm) == {"ann": cny(0)}


@settings(max_examples=30)
@given(
    total=st.integers(1, 100_000),
    cuts=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    backs=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    percent=st.decimals("0.01", "50", places=2),
)
def test_payments_and_refunds_add_up(total: int, cuts: list[int], backs: list[int], percent: Decimal) -> None:
    with CRM.open("memory://", currency=CNY) as crm:
        plan = crm.pipeline.commissions.plans.define("p", percent=percent)
        wang = crm.customers.register(name="Wang")
        money = Money.from_minor(total, CNY)
        order = placed(crm, wang, price=money)
        for part in filter(None, money.allocate(cuts)):
            crm.pipeline.payments.receive(order, part)
        assert earned(crm).get("ann", cny(0)) == plan.commission(money)
        for part in filter(None, money.allocate(backs)):
            crm.pipeline.payments.refund(order, part)
        assert earned(crm).get("ann", cny(0)) == cny(0)


# ── Settlements ──


def at(clock: FrozenClock, day: date) -> None:
    clock.set(datetime(day.year, day.month, day.day, 4, tzinfo=UTC))


def test_half_months(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    """Case oca-commission-settlement-periods: sales on the 1st, 16th and 31st make two settlements."""
    crm.pipeline.commissions.plans.define("ten", percent=10)
    for day in (1, 16, 31):
        at(clock, date(2022, 1, day))
        sold(crm, wang)
    made = crm.pipeline.commissions.settle(until=date(2022, 2, 1), period="half_month")
    assert [(s.starts_on.day, s.ends_on, s.total) for s in made] == [
        (1, date(2022, 1, 16), cny(10)),
        (16, date(2022, 2, 1), cny(20)),
    ]
    assert crm.pipeline.commissions.settle(until=date(2022, 2, 1), period="half_month") == []


def test_one_settlement_a_currency_and_period(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    """Case oca-commission-settlement-periods, multi_currency."""
    commissions = crm.pipeline.commissions
    commissions.plans.define("ten", percent=10)
    euros: Any = {"price": Money(100, "EUR")}
    at(clock, date(2022, 2, 1))
    late = [placed(crm, wang, **euros) for _ in range(2)]  # paid last month, noted later
    at(clock, date(2022, 3, 10))
    sold(crm, wang)
    sold(crm, wang, **euros)
    assert len(commissions.settle(until=date(2022, 4, 1))) == 2
    sold(crm, wang, **euros)
    for order in late:
        crm.pipeline.payments.receive(order, order.total, received_at=datetime(2022, 2, 3, tzinfo=UTC))
    commissions.settle(until=date(2022, 4, 1))
    found = commissions.settlements.find(order_by=("starts_on", "currency"))
    assert [(s.starts_on.month, s.total) for s in found] == [
        (2, Money(20, "EUR")),
        (3, cny(10)),
        (3, Money(20, "EUR")),
    ]
    for settlement in found:
        commissions.settlements.invoice(settlement, reference="INV")
    sold(crm, wang)
    sold(crm, wang, **euros)
    commissions.settle(until=date(2022, 4, 1))
    assert commissions.settlements.count(F.status == "settled") == 2


def test_what_is_settled_is_frozen(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    commissions = crm.pipeline.commissions
    commissions.plans.define("ten", percent=10)
    order = sold(crm, wang)
    at(clock, date(2026, 4, 2))
    assert commissions.settle(until=date(2026, 3, 31)) == []  # March is not over by then
    settlement = commissions.settle(until=date(2026, 4, 1))[0]
    line = commissions.settlements.lines(settlement)[0]
    commissions.correct(line, amount=cny(5), reason="agreed")
    crm.pipeline.payments.refund(order, cny(50))
    assert commissions.settlements.lines(settlement) == [line]
    assert commissions.settlements.get(settlement.id).total == cny(10)
    assert commissions.open_balance("ann") == {CNY: cny("-7.50")}
    done = commissions.settlements.invoice(settlement, reference="INV-1")
    with pytest.raises(TransitionRefused):
        commissions.settlements.cancel(done, reason="x")
    with pytest.raises(TransitionRefused):
        commissions.settlements.invoice(done)
    back = commissions.settlements.withdraw_invoice(done, reason="wrong account")
    assert (back.status, back.reference) == ("settled", None)
    commissions.settlements.cancel(back, reason="anew")
    assert commissions.open_balance("ann") == {CNY: cny("2.50")}
    made = commissions.settle(until=date(2026, 5, 1))
    assert [(s.starts_on.month, s.total) for s in made] == [(3, cny(10)), (4, cny("-7.50"))]


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.sampled_from(["half_month", "month", "quarter", "half_year", "year"]),
)
def test_periods_tile_the_calendar(day: date, period: Any) -> None:
    start, end = period_of(day, period)
    assert start <= day < end
    assert period_of(end, period)[0] == end
    assert period_of(start, period) == (start, end)


THIRDS = {"u1": "33.33", "u2": "33.33", "u3": "33.34"}


@pytest.mark.parametrize(("shares", "price"), [(THIRDS, "100.01"), ({"u1": "50", "u2": "50"}, "100.10")])
@pytest.mark.parametrize("source", ["payment", "won"])
def test_those_who_share_a_sale_earn_what_it_earns(
    crm: CRM, wang: Customer, shares: dict[str, str], price: str, source: Any
) -> None:
    crm.pipeline.commissions.plans.define("all", percent=10, source=source)
    deal = shared(crm, wang, shares, price)
    if source == "won":
        crm.pipeline.opportunities.win(deal)
    else:
        sold(crm, wang, price=cny(price), opportunity=deal)
    assert Money.total(earned(crm).values(), currency=CNY) == cny(price).percent(10)
    assert Money.total((line.base for line in crm.pipeline.commissions.find()), currency=CNY) == cny(price)


def test_a_sale_of_nobody_earns_nothing(crm: CRM, wang: Customer) -> None:
    for source in ("payment", "won"):
        crm.pipeline.commissions.plans.define(source, percent=10, source=source)
    sold(crm, wang, owner=None)
    crm.pipeline.opportunities.win(crm.pipeline.opportunities.open(name="x", customer=wang, amount=cny(1)))
    assert crm.pipeline.commissions.count() == 0
