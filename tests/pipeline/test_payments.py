"""Payments and refunds: money that comes in parts and goes back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, Money
from crmkit.customers.people import Customer
from crmkit.errors import Duplicate, InvalidInput, Refused
from crmkit.pipeline import Line
from crmkit.pipeline.orders import ORDER, Order
from crmkit.testing import FrozenClock

CNY = "CNY"


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


@pytest.fixture
def order(crm: CRM, wang: Customer) -> Order:
    return crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, CNY))])


def cny(amount: int | str) -> Money:
    return Money(amount, CNY)


def test_parts_add_up_to_a_paid_order(crm: CRM, wang: Customer, order: Order) -> None:
    for amount, status, left in ((60, "placed", 40), (39, "placed", 1), (1, "paid", 0)):
        crm.pipeline.payments.receive(order, cny(amount), method="cash")
        now = crm.pipeline.orders.get(order.id)
        assert (now.status, now.outstanding) == (status, cny(left))
    assert crm.customers.profile(wang).revenue == cny(100)
    names = [m.name for m in crm.customers.timeline(wang)]
    assert names.count("pipeline.order_paid") == 1
    assert [p.amount for p in crm.pipeline.payments.of(order)] == [cny(60), cny(39), cny(1)]


@pytest.mark.parametrize(
    ("amount", "error", "message"),
    [
        (Money("100.01", CNY), Refused, "is more than the 100.00 CNY"),
        (Money(0, CNY), InvalidInput, "above 0"),
        (Money(-1, CNY), InvalidInput, "above 0"),
        (Money(1, "USD"), InvalidInput, "to be paid in CNY"),
    ],
)
def test_wrong_payments_change_nothing(crm: CRM, order: Order, amount: Money, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        crm.pipeline.payments.receive(order, amount)
    assert crm.pipeline.payments.count() == 0
    assert crm.pipeline.orders.get(order.id) == order


def test_a_bank_line_is_noted_once(crm: CRM, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(10), reference="bank-1")
    with pytest.raises(Duplicate):
        crm.pipeline.payments.receive(order, cny(10), reference="bank-1")
    assert crm.pipeline.orders.get(order.id).paid == cny(10)
    with pytest.raises(InvalidInput, match="future"):
        crm.pipeline.payments.receive(order, cny(10), received_at=datetime(2027, 1, 1, tzinfo=UTC))


def test_refunds_never_open_a_debt(crm: CRM, wang: Customer, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    crm.pipeline.payments.refund(order, cny(30), reason="scratched")
    now = crm.pipeline.orders.get(order.id)
    assert (now.status, now.paid, now.outstanding) == ("paid", cny(70), cny(0))
    assert crm.customers.profile(wang).revenue == cny(70)
    with pytest.raises(Refused, match=r"more than the 70\.00 CNY"):
        crm.pipeline.payments.refund(order, cny(71))
    crm.pipeline.payments.refund(order, cny(70))
    assert crm.pipeline.orders.get(order.id).status == "refunded"
    with pytest.raises(Refused, match="refunded"):
        crm.pipeline.payments.receive(order, cny(1))


@pytest.mark.parametrize("amount", [Money(0, CNY), Money(-5, CNY), Money(5, "USD")])
def test_wrong_refunds(crm: CRM, order: Order, amount: Money) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    with pytest.raises(InvalidInput):
        crm.pipeline.payments.refund(order, amount)
    assert crm.pipeline.orders.get(order.id).paid == cny(100)


def test_a_cancelled_order_owes_its_money_back(crm: CRM, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(40))
    cancelled = crm.pipeline.orders.cancel(order.id, reason="rain")
    assert (cancelled.owed_back, cancelled.outstanding) == (cny(40), cny(0))
    crm.pipeline.payments.refund(order)
    assert crm.pipeline.orders.get(order.id).owed_back == cny(0)
    with pytest.raises(InvalidInput, match="above 0"):
        crm.pipeline.payments.refund(order)


def test_the_portrait_keeps_currencies_apart(crm: CRM, wang: Customer, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    other = crm.pipeline.orders.place(wang, lines=[Line("x", unit_price=Money(5, "USD"))])
    crm.pipeline.payments.receive(other, Money(5, "USD"))
    portrait = crm.customers.profile(wang)
    assert (portrait.revenue, portrait.revenue_usd, portrait.orders) == (cny(100), Money(5, "USD"), 2)
    assert str(portrait.last_order) == "2026-03-02"
    assert portrait.open_opportunities == 0
    assert crm.customers.profile(crm.customers.register(name="Li")).revenue == cny(0)


moves = st.lists(st.tuples(st.sampled_from(["pay", "back", "return"]), st.integers(1, 12_000)), max_size=12)


@given(total=st.integers(1, 10_000), moves=moves)
def test_the_books_of_an_order_always_agree(total: int, moves: list[tuple[str, int]]) -> None:
    """Whatever happens: never more paid than owed and received, and the status says what the amounts say."""
    clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
    now, zero = clock.now(), Money.zero(CNY)
    order = Order(
        id="ord_1",
        created_at=now,
        customer_id="cus_1",
        status="placed",
        status_since=now,
        total=Money.from_minor(total, CNY),
        paid=zero,
        credited=zero,
        placed_at=now,
    )
    received = returned = 0
    for move, minor in moves:
        amount = Money.from_minor(minor, CNY)
        try:
            if move == "pay":
                order = order.received(amount, machine=ORDER, now=now).after
                received += minor
            elif move == "back":
                over = amount - order.owed_back
                credit = over if over.minor > 0 else zero
                order = order.paid_back(amount, credit=credit, machine=ORDER, now=now).after
                received -= minor
            elif returned + minor <= total and order.credited.minor + minor <= total:
                order = order.evolve(credited=order.credited + amount).settled(machine=ORDER, now=now).after
                returned += minor
        except (Refused, InvalidInput):
            continue
        assert order.paid == Money.from_minor(received, CNY)
        assert order.paid.minor >= 0
        assert not (order.outstanding and order.owed_back)
        assert order.total == order.paid + order.credited + order.outstanding - order.owed_back
        if order.status == "paid":
            assert not order.outstanding
        if order.status == "refunded":
            assert not order.paid


def test_what_is_no_money_moves_nothing(anywhere: CRM) -> None:
    crm: Any = anywhere
    wang = crm.customers.register(name="Xiao Wang")
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "CNY"))])
    with pytest.raises(InvalidInput, match="nothing is owed back"):
        crm.pipeline.payments.refund(order)
    crm.pipeline.payments.receive(order, Money(100, "CNY"))
    for amount in (10, "10", 10.0):
        for verb in (crm.pipeline.payments.receive, crm.pipeline.payments.refund):
            with pytest.raises(InvalidInput, match="must be Money"):
                verb(order.id, amount)
    with pytest.raises(InvalidInput, match="unknown period 'week'"):
        crm.pipeline.commissions.settle(until=date(2026, 3, 1), period="week")
    with pytest.raises(InvalidInput, match="until must be a date"):
        crm.pipeline.commissions.settle(until="2026-03-01")
    assert crm.pipeline.payments.count() == 1
