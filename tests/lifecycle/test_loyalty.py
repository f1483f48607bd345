"""Points: earned, spent by expiry, reversed, and tiers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, InvalidInput, Line, Money, NotFound
from crmkit.errors import DefinitionError
from crmkit.kernel.clock import FrozenClock
from crmkit.lifecycle.loyalty.ledger import LoyaltyAccount, PointBucket, draw

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def bucket(number: int, remaining: int, *, days: int | None) -> PointBucket:
    return PointBucket(
        id=f"pts_{number}",
        created_at=NOW,
        customer_id="cus_1",
        points=max(remaining, 0),
        remaining=remaining,
        earned_at=NOW + timedelta(minutes=number),
        expires_at=None if days is None else NOW + timedelta(days=days),
    )


def test_what_expires_first_is_spent_first() -> None:
    buckets = [bucket(1, 10, days=None), bucket(2, 10, days=20), bucket(3, 10, days=5), bucket(4, 10, days=20)]
    drawn = draw(buckets, 25, now=NOW)
    assert [(b.id, n) for b, n in drawn] == [("pts_3", 10), ("pts_2", 10), ("pts_4", 5)]


def test_what_has_expired_is_not_spent() -> None:
    with pytest.raises(InvalidInput, match="more than the balance of 0"):
        draw([bucket(1, 10, days=0)], 1, now=NOW)


def test_what_is_owed_lowers_the_balance() -> None:
    with pytest.raises(InvalidInput, match="balance of 7"):
        draw([bucket(1, 10, days=None), bucket(2, -3, days=None)], 8, now=NOW)


@given(st.lists(st.tuples(st.integers(-50, 50), st.none() | st.integers(-5, 50)), max_size=8), st.integers(1, 200))
def test_drawing_takes_exactly_what_is_asked_for_in_order(rows: list[tuple[int, int | None]], points: int) -> None:
    buckets = [bucket(n, remaining, days=days) for n, (remaining, days) in enumerate(rows)]
    balance = sum(b.remaining for b in buckets if b.expires_at is None or b.expires_at > NOW)
    if balance < points:
        with pytest.raises(InvalidInput):
            draw(buckets, points, now=NOW)
        return
    drawn = draw(buckets, points, now=NOW)
    assert sum(n for _, n in drawn) == points
    taken = {b.id: n for b, n in drawn}
    assert all(0 < n <= b.remaining for b, n in drawn)
    latest = max((b.expires_at or datetime.max.replace(tzinfo=UTC)) for b, _ in drawn)
    for b in buckets:
        if b.remaining > 0 and b.expires_at is not None and NOW < b.expires_at < latest:
            assert taken.get(b.id) == b.remaining


def begin(crm: CRM, *, shortfall: Literal["owe", "forgive"] = "owe", **more: Any) -> Any:
    crm.lifecycle.loyalty.define(point_for=Money("10", "CNY"), shortfall=shortfall, **more)
    return crm.customers.register(name="Li")


def buy(crm: CRM, customer: Any, amount: str) -> Any:
    order = crm.pipeline.orders.place(customer, lines=[Line("Album", quantity=1, unit_price=Money(amount, "CNY"))])
    crm.pipeline.payments.receive(order, Money(amount, "CNY"))
    return order


def balance(crm: CRM, customer: Any) -> int:
    return crm.lifecycle.loyalty.of(customer).balance


def ledger(crm: CRM, customer: Any) -> int:
    return sum(line.delta for line in crm.lifecycle.loyalty.movements(customer))


def test_paid_orders_earn_full_points(crm: CRM) -> None:
    li = begin(crm)
    buy(crm, li, "99.99")
    buy(crm, li, "9.99")
    assert balance(crm, li) == ledger(crm, li) == 9


def test_without_a_programme_nothing_is_earned(crm: CRM) -> None:
    li = crm.customers.register(name="Li")
    buy(crm, li, "100")
    assert balance(crm, li) == 0
    with pytest.raises(NotFound, match=r"loyalty\.define"):
        crm.lifecycle.loyalty.earn(li, 5)


def test_points_last_until_the_end_of_the_day(crm: CRM, clock: FrozenClock) -> None:
    li = begin(crm, valid_months=12)
    buy(crm, li, "100")
    statement = crm.lifecycle.loyalty.of(li)
    assert (statement.next_expiry, statement.expiring) == (datetime(2027, 3, 2, 16, 0, tzinfo=UTC), 10)
    clock.set(datetime(2027, 3, 2, 15, 59, tzinfo=UTC))
    assert (crm.run_due().ran, balance(crm, li)) == (0, 10)
    clock.advance(minutes=1)
    assert balance(crm, li) == 0  # whether or not the agenda has come to it
    assert crm.run_due().ran == 1
    assert ledger(crm, li) == 0
    assert "lifecycle.points_expired" in [m.name for m in crm.customers.timeline(li)]


def test_a_refund_takes_back_what_the_money_had_earned(crm: CRM) -> None:
    li = begin(crm)
    order = buy(crm, li, "100")
    crm.pipeline.payments.refund(order, Money("35", "CNY"), reason="late")
    assert balance(crm, li) == ledger(crm, li) == 6  # 65 CNY earn 6 points
    crm.pipeline.payments.refund(order, Money("65", "CNY"), reason="late")
    assert balance(crm, li) == ledger(crm, li) == 0


@pytest.mark.parametrize(
    ("price", "moves", "points"),
    [
        (100, [60, -60, 40], 4),
        (100, [60, -60, 40, -40], 0),
        (200, [100, -50, 100], 15),
        (200, [100, 100, -50], 15),
    ],
)
def test_points_are_for_the_money_that_stays(crm: CRM, price: int, moves: list[int], points: int) -> None:
    li = begin(crm, tiers={"gold": points + 1})
    order = crm.pipeline.orders.place(li, lines=[Line("Album", unit_price=Money(price, "CNY"))])
    for amount in moves:
        move = crm.pipeline.payments.receive if amount > 0 else crm.pipeline.payments.refund
        move(order.id, Money(abs(amount), "CNY"))
    assert balance(crm, li) == ledger(crm, li) == points
    assert crm.lifecycle.loyalty.of(li).tier is None


def test_goods_that_came_back_unpaid_earn_nothing(crm: CRM) -> None:
    li = begin(crm)
    order = crm.pipeline.orders.place(li, lines=[Line("Album", quantity=2, unit_price=Money(50, "CNY"))])
    (line,) = crm.pipeline.orders.lines(order)
    crm.pipeline.returns.receive(crm.pipeline.returns.request(order, lines={line.id: 1}, reason="scratched"))
    crm.pipeline.payments.receive(order.id, Money(50, "CNY"))
    assert balance(crm, li) == ledger(crm, li) == 5


def test_refunds_take_points_back_when_the_programme_has_another_currency_by_then(crm: CRM) -> None:
    li = begin(crm)
    order = buy(crm, li, "100")
    crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
    for refund, points in ((35, 6), (65, 0)):
        crm.pipeline.payments.refund(order.id, Money(refund, "CNY"))
        assert balance(crm, li) == ledger(crm, li) == points


def test_a_gift_about_an_order_is_beside_what_its_money_earns(crm: CRM) -> None:
    li = begin(crm)
    order = crm.pipeline.orders.place(li, lines=[Line("Album", unit_price=Money(100, "CNY"))])
    crm.lifecycle.loyalty.earn(li, 3, about=order.id, reason="it came late")
    crm.pipeline.payments.receive(order, Money(100, "CNY"))
    assert balance(crm, li) == 13
    crm.pipeline.payments.refund(order.id, Money(100, "CNY"))
    assert balance(crm, li) == ledger(crm, li) == 3


@pytest.mark.parametrize(("shortfall", "expected"), [("owe", -8), ("forgive", 0)])
def test_points_that_were_spent_before_the_refund(
    crm: CRM, shortfall: Literal["owe", "forgive"], expected: int
) -> None:
    li = begin(crm, shortfall=shortfall)
    order = buy(crm, li, "100")
    crm.lifecycle.loyalty.spend(li, 8, reason="a calendar")
    crm.pipeline.payments.refund(order, Money("100", "CNY"))
    assert balance(crm, li) == ledger(crm, li) == expected


def test_what_is_owed_does_not_expire(crm: CRM, clock: FrozenClock) -> None:
    li = begin(crm, valid_months=1)
    order = buy(crm, li, "100")
    crm.lifecycle.loyalty.spend(li, 8)
    crm.pipeline.payments.refund(order, Money("100", "CNY"))
    clock.advance(days=60)
    crm.run_due()
    buy(crm, li, "100")
    assert balance(crm, li) == ledger(crm, li) == 2


def test_spent_points_go_back_once(crm: CRM) -> None:
    li = begin(crm)
    crm.lifecycle.loyalty.earn(li, 50, reason="welcome")
    crm.lifecycle.loyalty.spend(li, 30, about="gift-1")
    assert crm.lifecycle.loyalty.give_back(about="gift-1") == 30
    assert crm.lifecycle.loyalty.give_back(about="gift-1") == 0
    assert balance(crm, li) == ledger(crm, li) == 50


def test_the_points_of_merged_customers_are_points_of_one(crm: CRM) -> None:
    """Source: odoo/odoo 18.0, addons/loyalty/tests/test_loyalty.py (odoo-loyalty-merge-customers)."""
    loyalty = crm.lifecycle.loyalty
    loyalty.define(point_for=Money("10", "CNY"), tiers={"silver": 20, "gold": 60})
    one, two, goes_on = (crm.customers.register(name=name) for name in ("one", "two", "goes on"))
    for who, points in ((one, 10), (two, 20), (goes_on, 30)):
        loyalty.earn(who, points)
    for who in (one, two):
        crm.customers.merge(goes_on.id, who.id)
    assert (balance(crm, goes_on), loyalty.of(goes_on).tier) == (60, "gold")
    assert ledger(crm, goes_on) == 60
    with crm.read() as work:
        assert work.count(LoyaltyAccount) == 1
    crm.customers.unmerge(two.id)
    assert [(balance(crm, who), loyalty.of(who).tier) for who in (goes_on, two)] == [(40, "silver"), (20, "silver")]


def test_rewards_are_taken_in_whole_steps(crm: CRM) -> None:
    """Source: odoo/odoo 18.0, addons/sale_loyalty/tests/test_loyalty.py (odoo-loyalty-redeem-whole-steps)."""
    li = begin(crm)
    loyalty = crm.lifecycle.loyalty
    assert loyalty.redeem(li, step=3) == 0
    loyalty.earn(li, 10)
    assert loyalty.redeem(li, step=3, about="ord_1", reason="a mug") == 9
    assert balance(crm, li) == ledger(crm, li) == 1
    assert loyalty.give_back(about="ord_1") == 9
    assert loyalty.redeem(li, step=3, most=8) == 6
    assert loyalty.redeem(li, step=5) == 0
    assert balance(crm, li) == 4
    wrong: dict[str, Any]
    for wrong in ({"step": 0}, {"step": 1.5}, {"step": 2, "most": -1}, {"step": True}):
        with pytest.raises(InvalidInput):
            loyalty.redeem(li, **wrong)


@pytest.mark.parametrize("points", [0, -5, 1.5, True, "5"])
def test_points_are_whole_numbers(quick: CRM, points: Any) -> None:
    li = begin(quick)
    with pytest.raises(InvalidInput):
        quick.lifecycle.loyalty.earn(li, points)
    quick.lifecycle.loyalty.earn(li, 10)
    with pytest.raises(InvalidInput):
        quick.lifecycle.loyalty.spend(li, points)
    assert balance(quick, li) == 10


def test_tiers_rise_and_fall(crm: CRM, clock: FrozenClock) -> None:
    li = begin(crm, tiers={"silver": 5, "gold": 20}, tier_months=12, valid_months=12)
    assert crm.lifecycle.loyalty.of(li).tier is None
    order = buy(crm, li, "100")
    assert crm.lifecycle.loyalty.of(li).tier == "silver"
    buy(crm, li, "100")
    assert crm.lifecycle.loyalty.of(li).tier == "gold"
    crm.lifecycle.loyalty.spend(li, 20)
    assert crm.lifecycle.loyalty.of(li).tier == "gold"  # spending costs no tier
    crm.pipeline.payments.refund(order, Money("100", "CNY"))
    assert crm.lifecycle.loyalty.of(li).tier == "silver"
    clock.advance(days=400)
    crm.run_due()
    assert crm.lifecycle.loyalty.of(li).tier is None
    changes = [(m.facts["source"], m.facts["tier"]) for m in crm.customers.timeline(li) if "tier_changed" in m.name]
    assert changes[::-1] == [(None, "silver"), ("silver", "gold"), ("gold", "silver"), ("silver", None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"point_for": Money("0", "CNY")},
        {"point_for": Money("-1", "CNY")},
        {"tiers": {"a": 5, "b": 5}},
        {"tiers": {"a": -5}},
        {"tiers": {"a": "5"}},
    ],
)
def test_programmes_that_make_no_sense(quick: CRM, wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        quick.lifecycle.loyalty.define(**{"point_for": Money("10", "CNY"), **wrong})


def test_orders_in_another_currency_earn_nothing(crm: CRM) -> None:
    li = begin(crm)
    order = crm.pipeline.orders.place(li, lines=[Line("Album", quantity=1, unit_price=Money("100", "EUR"))])
    crm.pipeline.payments.receive(order, Money("100", "EUR"))
    assert balance(crm, li) == 0


def test_the_portrait_shows_stage_and_points(crm: CRM) -> None:
    li = begin(crm, tiers={"gold": 1})
    buy(crm, li, "100")
    crm.lifecycle.record(li, "wedding", on=date(2026, 5, 1))
    portrait = crm.customers.profile(li)
    assert (portrait.stage, portrait.points, portrait.tier) == ("customer", 10, "gold")
    assert "wedding (2026-05-01)" in format(portrait, "md")
