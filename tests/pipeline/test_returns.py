"""Returns and exchanges."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, Money, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.pipeline import Line
from crmkit.pipeline.orders import Order

CNY = "CNY"


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


@pytest.fixture
def order(crm: CRM, wang: Customer) -> Order:
    """Three prints for 10.00 in all, and an album for 90.00."""
    prints = Line("Print", quantity=3, unit_price=Money("3.70", CNY), discount=Decimal("9.91"))
    order = crm.pipeline.orders.place(wang, lines=[prints, Line("Album", unit_price=Money(90, CNY))])
    assert order.total == cny(100)
    return order


def cny(amount: int | str) -> Money:
    return Money(amount, CNY)


def test_a_return_is_refunded(crm: CRM, wang: Customer, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    _, album = crm.pipeline.orders.lines(order)
    back = crm.pipeline.returns.request(order, lines={album.id: 1}, reason="scratched")
    with pytest.raises(TransitionRefused):
        crm.pipeline.returns.refund(back)  # the goods are not here yet
    back = crm.pipeline.returns.receive(crm.pipeline.returns.approve(back))
    assert crm.pipeline.orders.get(order.id).owed_back == cny(90)
    assert crm.pipeline.returns.refund(back, method="card").amount == cny(90)
    now = crm.pipeline.orders.get(order.id)
    assert (now.status, now.paid, now.owed_back, now.outstanding) == ("paid", cny(10), cny(0), cny(0))
    assert crm.pipeline.returns.get(back.id).status == "settled"
    assert crm.pipeline.orders.lines(order)[1].returned == 1
    assert crm.customers.profile(wang).revenue == cny(10)
    with pytest.raises(TransitionRefused):
        crm.pipeline.returns.refund(back.id)


@pytest.mark.parametrize("favour", [30, 100])
def test_a_favour_before_the_return_is_not_owed_twice(crm: CRM, wang: Customer, favour: int) -> None:
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=cny(100))])
    crm.pipeline.payments.receive(order, cny(100))
    crm.pipeline.payments.refund(order.id, cny(favour), reason="it came late")
    (line,) = crm.pipeline.orders.lines(order)
    back = crm.pipeline.returns.receive(crm.pipeline.returns.request(order.id, lines={line.id: 1}, reason="x"))
    now = crm.pipeline.orders.get(order.id)
    assert (now.credited, now.owed_back) == (cny(100), cny(100 - favour))
    if now.owed_back:
        assert crm.pipeline.returns.refund(back).amount == cny(100 - favour)
    now = crm.pipeline.orders.get(order.id)
    assert (now.status, now.paid, now.owed_back) == ("refunded", cny(0), cny(0))


def test_parts_of_a_line_lose_no_cent(crm: CRM, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    prints = crm.pipeline.orders.lines(order)[0]
    amounts = []
    for _ in range(3):
        back = crm.pipeline.returns.receive(crm.pipeline.returns.request(order, lines={prints.id: 1}, reason="colour"))
        amounts.append(crm.pipeline.returns.refund(back).amount)
    assert amounts == [cny("3.33"), cny("3.34"), cny("3.33")]
    with pytest.raises(Refused, match="only 0 are left"):
        crm.pipeline.returns.request(order, lines={prints.id: 1}, reason="colour")


@pytest.mark.parametrize(("discount", "total"), [("66.666667", 100), ("33.333333", 200)])
def test_a_part_that_was_rejected_and_asked_for_again_loses_no_cent(
    crm: CRM, wang: Customer, discount: str, total: int
) -> None:
    prints = Line("Print", quantity=3, unit_price=cny(100), discount=Decimal(discount))
    order = crm.pipeline.orders.place(wang, lines=[prints])
    crm.pipeline.payments.receive(order, cny(total))
    line = {crm.pipeline.orders.lines(order)[0].id: 1}
    first, second, third = (crm.pipeline.returns.request(order, lines=line, reason="colour") for _ in range(3))
    crm.pipeline.returns.reject(second, reason="used")
    again = crm.pipeline.returns.request(order, lines=line, reason="colour")
    amounts = [crm.pipeline.returns.refund(crm.pipeline.returns.receive(r)).amount for r in (third, first, again)]
    assert Money.total(amounts, currency=CNY) == cny(total)
    now = crm.pipeline.orders.get(order.id)
    assert (now.status, now.paid, now.credited) == ("refunded", cny(0), cny(total))


def test_what_is_on_its_way_back_counts(crm: CRM, order: Order) -> None:
    prints = crm.pipeline.orders.lines(order)[0]
    first = crm.pipeline.returns.request(order, lines={prints.id: 2}, reason="colour")
    with pytest.raises(Refused, match="only 1 are left"):
        crm.pipeline.returns.request(order, lines={prints.id: 2}, reason="colour")
    crm.pipeline.returns.reject(first, reason="used")
    second = crm.pipeline.returns.request(order, lines={prints.id: 3}, reason="colour")
    assert second.amount == cny(10)


def test_unpaid_goods_are_not_refunded(crm: CRM, order: Order) -> None:
    album = crm.pipeline.orders.lines(order)[1]
    back = crm.pipeline.returns.receive(crm.pipeline.returns.request(order, lines={album.id: 1}, reason="x"))
    assert crm.pipeline.orders.get(order.id).outstanding == cny(10)
    with pytest.raises(Refused, match="nothing was paid"):
        crm.pipeline.returns.refund(back)
    assert crm.pipeline.returns.settle(back).status == "settled"
    with pytest.raises(TransitionRefused):
        crm.pipeline.returns.settle(back.id)
    crm.pipeline.payments.receive(order, cny(10))
    assert crm.pipeline.orders.get(order.id).status == "paid"


@pytest.mark.parametrize("fulfilled", [False, True])
def test_when_all_comes_back_that_was_never_paid_nothing_is_left_open(
    crm: CRM, order: Order, *, fulfilled: bool
) -> None:
    if fulfilled:
        crm.pipeline.orders.fulfil(order)
    everything = {line.id: line.quantity for line in crm.pipeline.orders.lines(order)}
    back = crm.pipeline.returns.request(order.id, lines=everything, reason="colour")
    with pytest.raises(TransitionRefused):
        crm.pipeline.returns.settle(back)  # the goods are not here yet
    crm.pipeline.returns.settle(crm.pipeline.returns.receive(back))
    assert crm.pipeline.orders.get(order.id).status == "refunded"
    with pytest.raises(Refused, match="nothing is to be paid"):
        crm.pipeline.payments.receive(order.id, cny(1))


def test_what_is_owed_back_is_not_settled_without_it(crm: CRM, order: Order) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    album = crm.pipeline.orders.lines(order)[1]
    back = crm.pipeline.returns.receive(crm.pipeline.returns.request(order, lines={album.id: 1}, reason="x"))
    with pytest.raises(Refused, match=r"90\.00 CNY are owed back"):
        crm.pipeline.returns.settle(back)
    crm.pipeline.payments.refund(order.id)
    with pytest.raises(Refused, match="all of it went back"):
        crm.pipeline.returns.refund(back)
    assert crm.pipeline.returns.settle(back).status == "settled"


@pytest.mark.parametrize(("price", "left", "owed"), [(90, 0, 0), (120, 30, 0), (50, 0, 40)])
def test_an_exchange_keeps_the_books_whole(  # noqa: PLR0917 - a row
    crm: CRM, wang: Customer, order: Order, price: int, left: int, owed: int
) -> None:
    crm.pipeline.payments.receive(order, cny(100))
    album = crm.pipeline.orders.lines(order)[1]
    back = crm.pipeline.returns.request(order, lines={album.id: 1}, reason="colour", wish="exchange")
    crm.pipeline.returns.receive(back)
    fresh = crm.pipeline.returns.exchange(back.id, lines=[Line("Blue album", unit_price=cny(price))])
    assert fresh.outstanding == cny(left)
    assert crm.pipeline.orders.get(order.id).owed_back == cny(owed)
    assert crm.customers.profile(wang).revenue == cny(100)
    assert crm.pipeline.returns.get(back.id).exchange_order_id == fresh.id


def test_bad_returns(crm: CRM, wang: Customer, order: Order) -> None:
    returns = crm.pipeline.returns
    prints = crm.pipeline.orders.lines(order)[0]
    other = crm.pipeline.orders.place(wang, lines=[Line("x", unit_price=cny(1))])
    with pytest.raises(InvalidInput, match="say what comes back"):
        returns.request(order, lines={}, reason="x")
    with pytest.raises(InvalidInput, match="above 0"):
        returns.request(order, lines={prints.id: 0}, reason="x")
    with pytest.raises(InvalidInput, match="line of another order"):
        returns.request(other, lines={prints.id: 1}, reason="x")
    with pytest.raises(InvalidInput, match="is not one of"):
        returns.request(order, lines={prints.id: 1}, reason="x", wish="gift")  # type: ignore[arg-type]
    crm.pipeline.orders.cancel(other, reason="x")
    with pytest.raises(Refused, match="cancelled"):
        returns.request(other, lines={crm.pipeline.orders.lines(other)[0].id: 1}, reason="x")
    assert returns.count() == 0


@settings(max_examples=30)
@given(
    price=st.integers(1, 10_000),
    quantity=st.integers(1, 8),
    discount=st.integers(0, 99),
    data=st.data(),
)
def test_all_that_comes_back_is_all_that_was_paid(
    price: int, quantity: int, discount: int, data: st.DataObject
) -> None:
    with CRM.open("memory://", currency=CNY) as crm:
        wang = crm.customers.register(name="Wang")
        line = Line("x", quantity=quantity, unit_price=Money.from_minor(price, CNY), discount=discount)
        order = crm.pipeline.orders.place(wang, lines=[line])
        if order.total:
            crm.pipeline.payments.receive(order, order.total)
        line_id = crm.pipeline.orders.lines(order)[0].id
        left, amounts = quantity, []
        while left:
            many = data.draw(st.integers(1, left))
            back = crm.pipeline.returns.request(order, lines={line_id: many}, reason="x")
            amounts.append(crm.pipeline.returns.receive(back).amount)
            left -= many
        assert Money.total(amounts, currency=CNY) == order.total
        assert crm.pipeline.orders.get(order.id).owed_back == order.total
