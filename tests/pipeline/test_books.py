"""The books of orders, whatever happens to them: money, goods, points, commissions and parts agree to the cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.pipeline import Line
from crmkit.pipeline.orders import Order
from crmkit.testing import FrozenClock

CNY = "CNY"
MOVES = (
    "pay",
    "goodwill",
    "bring back",
    "pay back",
    "request",
    "reject",
    "receive",
    "refund",
    "exchange",
    "settle",
    "spread",
)
SHARES = {"ann": "33.33", "bob": "33.33", "chen": "33.34"}

lines_of_orders = st.lists(
    st.builds(
        Line,
        st.just("Print"),
        quantity=st.integers(1, 5),
        unit_price=st.integers(1, 6_000).map(lambda minor: Money.from_minor(minor, CNY)),
        discount=st.sampled_from([Decimal(0), Decimal("33.333333"), Decimal("66.666667")]),
    ),
    min_size=1,
    max_size=2,
)
moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 10_000)), max_size=14)


class Books:
    """A house whose customer buys once, and all that is noted about it."""

    def __init__(self, crm: CRM, wang: Customer) -> None:
        self.crm, self.sales, self.wang, self.number = crm, crm.pipeline, wang, 0

    @property
    def orders(self) -> list[Order]:
        return self.sales.orders.find(order_by="id")

    def returns(self, order: Order, *status: str) -> list[Any]:
        return self.sales.returns.find((F.order_id == order.id) & F.status.in_(status), order_by="id")

    def move(self, name: str, number: int) -> None:
        """Do what is possible; nothing of it may be refused."""
        order = self.orders[number % len(self.orders)]
        self.number = number
        getattr(self, name.replace(" ", "_"))(order)

    def pay(self, order: Order) -> None:
        if order.outstanding and order.status == "placed":
            self.sales.payments.receive(order, part(order.outstanding, self.number))

    def goodwill(self, order: Order) -> None:
        if order.paid:
            self.sales.payments.refund(order, part(order.paid, self.number))

    def pay_back(self, order: Order) -> None:
        if order.owed_back:
            self.sales.payments.refund(order)

    def request(self, order: Order) -> None:
        line = self.sales.orders.lines(order)[self.number % 2 - 1]
        left = line.quantity - sum(back.quantity for back in self.alive(line.id))
        if left:
            self.sales.returns.request(order, lines={line.id: 1 + self.number % int(left)}, reason="scratched")

    def bring_back(self, order: Order) -> None:
        self.request(order)
        self.receive(order)

    def reject(self, order: Order) -> None:
        for ret in self.returns(order, "requested")[:1]:
            self.sales.returns.reject(ret, reason="used")

    def receive(self, order: Order) -> None:
        for ret in self.returns(order, "requested")[:1]:
            self.sales.returns.receive(ret)

    def refund(self, order: Order) -> None:
        for ret in self.returns(order, "received")[:1]:
            if order.owed_back and ret.amount:
                self.sales.returns.refund(ret)

    def exchange(self, order: Order) -> None:
        for ret in self.returns(order, "received")[:1]:
            self.sales.returns.exchange(ret, lines=[Line("Other", unit_price=Money.from_minor(1 + self.number, CNY))])

    def settle(self, order: Order) -> None:
        for ret in self.returns(order, "received")[:1]:
            if not (order.owed_back and ret.amount):
                self.sales.returns.settle(ret)

    def spread(self, order: Order) -> None:
        parts = 1 + self.number % 4
        if order.status == "placed" and (order.total - order.credited).minor >= parts:
            made = self.sales.receivables.spread(order, parts=parts, first=date(2026, 4, 1))
            now = [part.amount for part in self.sales.receivables.parts(order)]
            assert now == [one.amount for one in made]
            assert max(now).minor - min(now).minor <= 1

    def ends(self) -> None:
        """Whatever is left comes back, and all money with it."""
        for order in self.orders:
            for line in self.sales.orders.lines(order):
                left = line.quantity - sum(back.quantity for back in self.alive(line.id))
                if left:
                    self.sales.returns.request(order, lines={line.id: left}, reason="the end")
            for ret in self.returns(order, "requested"):
                self.sales.returns.receive(ret)
            for ret in self.returns(order, "received"):
                owed = bool(self.sales.orders.get(order.id).owed_back and ret.amount)
                (self.sales.returns.refund if owed else self.sales.returns.settle)(ret)
            self.pay_back(self.sales.orders.get(order.id))  # what an exchange has left over

    def alive(self, line_id: str) -> list[Any]:
        """What comes or came back of a line."""
        found = [ret for ret in self.sales.returns.find() if ret.status != "rejected"]
        return [back for ret in found for back in self.sales.returns.lines(ret) if back.order_line_id == line_id]

    def agree(self) -> None:
        """What must be true at every moment."""
        points = 0
        for order in self.orders:
            assert order.credited <= order.total
            assert order.owed_back <= order.paid
            assert order.total == order.paid + order.credited + order.outstanding - order.owed_back
            parts = self.sales.receivables.parts(order)
            if parts:
                assert added(p.amount for p in parts) == order.total - order.credited
                assert added(p.outstanding for p in parts) == order.outstanding
            for line in self.sales.orders.lines(order):
                back = self.alive(line.id)
                assert all(part.amount.minor >= 0 for part in back)
                if sum(part.quantity for part in back) == line.quantity:
                    assert added(part.amount for part in back) == line.amount
            if order.status in {"paid", "refunded"}:
                points += order.paid.minor // 1_000
        assert self.crm.lifecycle.loyalty.of(self.wang).balance == points


def part(of: Money, number: int) -> Money:
    return of if number % 2 else Money.from_minor(1 + number % of.minor, CNY)


def added(amounts: Iterator[Money] | Sequence[Money]) -> Money:
    return Money.total(amounts, currency=CNY)


@contextmanager
def opened(lines: Sequence[Line]) -> Iterator[Books]:
    """One order, sold by three people, in a house with points and commissions."""
    clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    with CRM.open("memory://", currency=CNY, clock=clock) as crm:
        wang = crm.customers.register(name="Xiao Wang")
        crm.lifecycle.loyalty.define(point_for=Money(10, CNY))
        crm.pipeline.commissions.plans.define("all", percent=10)
        deal = crm.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(1, CNY))
        crm.pipeline.opportunities.split(deal, SHARES)
        crm.pipeline.orders.place(wang, lines=lines, opportunity=deal)
        yield Books(crm, wang)


PRINTS = [Line("Print", quantity=2, unit_price=Money(50, CNY))]
THIRDS = [Line("Print", quantity=3, unit_price=Money(100, CNY), discount=Decimal("66.666667"))]


@given(lines=lines_of_orders, moves=moves)
@example(PRINTS, [("pay", 1), ("goodwill", 3_000), ("bring back", 1), ("refund", 0)])
@example(PRINTS, [("pay", 6_000), ("goodwill", 1), ("pay", 1)])
@example(PRINTS, [("bring back", 0), ("spread", 1), ("pay", 0)])
@example(THIRDS, [*[("request", 0)] * 2, ("reject", 0), ("request", 0), ("request", 0), ("pay", 1)])
def test_the_books_agree_at_every_moment_and_come_to_nothing(lines: list[Line], moves: list[tuple[str, int]]) -> None:
    with opened(lines) as books:
        for name, number in moves:
            books.move(name, number)
            books.agree()
        books.ends()
        books.agree()
        for order in books.orders:
            assert (order.paid, order.outstanding, order.owed_back) == (added([]),) * 3
            assert order.status == ("refunded" if order.total else "paid")
            assert added([line.amount for line in books.sales.commissions.of(order)]) == added([])
        assert {ret.status for ret in books.sales.returns.find()} <= {"settled", "rejected"}


@given(lines=lines_of_orders, instalments=st.lists(st.integers(0, 10_000), max_size=4))
def test_the_commissions_of_those_who_share_a_sale_add_up(lines: list[Line], instalments: list[int]) -> None:
    with opened(lines) as books:
        for number in instalments:
            books.move("pay", number)
        books.move("pay", 1)
        (order,) = books.orders
        earned = books.sales.commissions.of(order)
        assert added([line.amount for line in earned]) == order.total.percent(10)
        assert all(line.amount.minor > 0 for line in earned)
