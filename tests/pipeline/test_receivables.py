"""Receivables: the parts in which an order is paid, what is due, and what should have been paid."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, Line, Money
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.pipeline.orders import Order
from crmkit.pipeline.receivables.instalments import Instalment, parts_of
from crmkit.testing import FrozenClock

CNY = "CNY"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
APRIL, MAY, JUNE = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


def cny(amount: int | str) -> Money:
    return Money(amount, CNY)


def placed(crm: CRM, wang: Customer, price: int = 900) -> Order:
    return crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=cny(price))])


def told(crm: CRM, wang: Customer, name: str) -> list[dict[str, Any]]:
    return [dict(m.facts) for m in reversed(crm.customers.timeline(wang)) if m.name == f"pipeline.{name}"]


def left(crm: CRM, order: Order) -> list[int]:
    return [int(part.outstanding.amount) for part in crm.pipeline.receivables.parts(order)]


def test_payments_settle_the_oldest_part_first(crm: CRM, wang: Customer) -> None:
    order = placed(crm, wang)
    assert crm.pipeline.receivables.parts(order) == []
    plan = crm.pipeline.receivables.plan(order, parts={MAY: cny(300), APRIL: cny(200), JUNE: cny(400)})
    assert [(part.position, part.due_on, part.amount) for part in plan] == [
        (1, APRIL, cny(200)),
        (2, MAY, cny(300)),
        (3, JUNE, cny(400)),
    ]
    for amount, rest in ((50, [150, 300, 400]), (250, [0, 200, 400]), (300, [0, 0, 300])):
        crm.pipeline.payments.receive(order.id, cny(amount))
        assert left(crm, order) == rest
    with pytest.raises(Refused, match=r"more than the 300\.00 CNY"):
        crm.pipeline.payments.receive(order.id, cny("300.01"))
    crm.pipeline.payments.receive(order.id, cny(300))
    assert left(crm, order) == [0, 0, 0]
    assert crm.pipeline.orders.get(order.id).status == "paid"


def test_returned_goods_and_refunds_take_from_the_last_part(crm: CRM, wang: Customer) -> None:
    lines = [Line("Album", unit_price=cny(600)), Line("Frame", unit_price=cny(300))]
    order = crm.pipeline.orders.place(wang, lines=lines)
    crm.pipeline.receivables.spread(order, parts=3, first=APRIL)
    crm.pipeline.payments.receive(order.id, cny(350))
    frame = crm.pipeline.orders.lines(order)[1]
    back = crm.pipeline.returns.request(order.id, lines={frame.id: 1}, reason="scratched")
    crm.pipeline.returns.receive(back)
    assert left(crm, order) == [0, 250, 0]
    crm.pipeline.payments.refund(order.id, cny(100), reason="kindness")
    assert left(crm, order) == [50, 200, 0]  # it also lowers what is owed
    crm.pipeline.orders.cancel(order.id, reason="moved away")
    assert left(crm, order) == [0, 0, 0]


def test_equal_parts_lose_no_cent_and_keep_the_day_of_the_month(crm: CRM, wang: Customer) -> None:
    plan = crm.pipeline.receivables.spread(placed(crm, wang, 100), parts=3, first=date(2026, 3, 31))
    assert [str(part.amount) for part in plan] == ["33.34 CNY", "33.33 CNY", "33.33 CNY"]
    assert [part.due_on for part in plan] == [date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]
    quarters = crm.pipeline.receivables.spread(placed(crm, wang), parts=2, first=APRIL, months=3)
    assert [part.due_on for part in quarters] == [APRIL, date(2026, 7, 1)]


def test_each_part_ages_by_its_own_day(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    order = placed(crm, wang)
    crm.pipeline.receivables.plan(order, parts={APRIL: cny(200), MAY: cny(300), JUNE: cny(400)})
    crm.pipeline.payments.receive(order.id, cny(50))
    clock.set(datetime(2026, 5, 11, 1, 0, tzinfo=UTC))
    ageing = crm.pipeline.receivables.ageing()
    assert [(i.instalment, i.days, int(i.outstanding.amount)) for i in ageing.items] == [
        (1, 40, 150),
        (2, 10, 300),
        (3, -21, 400),
    ]
    row = {name: int(money.amount) for name, money in ageing.totals()[CNY].items()}
    assert row == {"not due": 400, "1–30": 300, "31–60": 150, "61–90": 0, "91+": 0}
    assert [i.instalment for i in crm.pipeline.receivables.overdue()] == [1, 2]


def test_the_agenda_tells_what_was_not_paid_in_time(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    order = placed(crm, wang)
    crm.pipeline.receivables.plan(order, parts={APRIL: cny(200), MAY: cny(300), JUNE: cny(400)}, remind_days=3)
    clock.set(datetime(2026, 3, 28, 16, 0, tzinfo=UTC))  # midnight before the 29th in Shanghai
    crm.run_due()
    assert [(e["instalment"], e["due_on"]) for e in told(crm, wang, "payment_due_soon")] == [(1, "2026-04-01")]
    crm.pipeline.payments.receive(order.id, cny(150))
    clock.set(datetime(2026, 4, 1, 15, 59, tzinfo=UTC))  # still the first of April
    crm.run_due()
    assert told(crm, wang, "payment_overdue") == []
    clock.advance(minutes=1)
    crm.run_due()
    crm.run_due()
    late = told(crm, wang, "payment_overdue")
    assert [(e["instalment"], e["outstanding"]) for e in late] == [(1, [5000, "CNY"])]
    crm.pipeline.payments.receive(order.id, cny(350))  # the first two are paid
    clock.set(datetime(2026, 6, 3, 0, 0, tzinfo=UTC))
    crm.run_due()
    assert [e["instalment"] for e in told(crm, wang, "payment_overdue")] == [1, 3]
    assert [e["instalment"] for e in told(crm, wang, "payment_due_soon")] == [1, 3]


def test_a_new_plan_takes_the_place_of_the_old_one(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    order = crm.pipeline.orders.place(
        wang, lines=[Line("Album", unit_price=cny(900))], due_at=clock.now() + timedelta(days=7)
    )
    crm.pipeline.receivables.spread(order, parts=9, first=date(2026, 3, 10))
    crm.pipeline.receivables.spread(order.id, parts=2, first=APRIL)
    clock.set(datetime(2026, 3, 20, 0, 0, tzinfo=UTC))
    crm.run_due()
    assert told(crm, wang, "payment_overdue") == []
    after = crm.pipeline.receivables.unplan(order.id)
    assert crm.pipeline.receivables.parts(order) == []
    assert after.due_at == datetime(2026, 5, 1, 16, 0, tzinfo=UTC)  # the end of the last day
    clock.set(datetime(2026, 5, 3, 0, 0, tzinfo=UTC))
    crm.run_due()
    assert [e["instalment"] for e in told(crm, wang, "payment_overdue")] == [None]
    with pytest.raises(InvalidInput, match="not paid in parts"):
        crm.pipeline.receivables.unplan(order.id)


def test_who_was_late_and_got_a_new_day_can_be_late_again(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    order = crm.pipeline.orders.place(
        wang, lines=[Line("Album", unit_price=cny(900))], due_at=clock.now() + timedelta(days=7)
    )
    clock.advance(days=8)
    crm.run_due()
    crm.pipeline.receivables.spread(order.id, parts=2, first=APRIL)
    crm.pipeline.receivables.unplan(order.id)
    clock.set(datetime(2026, 5, 3, 0, 0, tzinfo=UTC))
    crm.run_due()
    assert len(told(crm, wang, "payment_overdue")) == 2


def test_parts_are_agreed_of_what_is_still_to_be_paid(crm: CRM, wang: Customer) -> None:
    order = crm.pipeline.orders.place(wang, lines=[Line("Album", quantity=2, unit_price=cny(50))])
    album = crm.pipeline.orders.lines(order)[0].id
    crm.pipeline.returns.receive(crm.pipeline.returns.request(order, lines={album: 1}, reason="scratched"))
    with pytest.raises(InvalidInput, match=r"the order to 50\.00 CNY"):
        crm.pipeline.receivables.plan(order.id, parts={APRIL: cny(50), MAY: cny(50)})
    crm.pipeline.receivables.plan(order.id, parts={APRIL: cny(25), MAY: cny(25)})
    made = crm.pipeline.receivables.spread(order.id, parts=2, first=APRIL)
    assert [part.amount for part in made] == [cny(25), cny(25)]
    assert [part.outstanding for part in crm.pipeline.receivables.parts(order.id)] == [cny(25), cny(25)]
    crm.pipeline.payments.receive(order.id, cny(30))
    crm.pipeline.returns.receive(crm.pipeline.returns.request(order.id, lines={album: 1}, reason="scratched"))
    assert [part.amount for part in crm.pipeline.receivables.parts(order.id)] == [cny(0), cny(0)]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "1 to 120 parts"),
        ({APRIL: cny(899)}, r"come to 899\.00 CNY, the order to 900\.00 CNY"),
        ({APRIL: cny(900), MAY: cny(0)}, "above 0"),
        ({APRIL: cny(1000), MAY: cny(-100)}, "above 0"),
        ({APRIL: Money(900, "USD")}, "in CNY"),
        ({date(2026, 3, 1): cny(900)}, "from 2026-03-02 on"),
        ({datetime(2026, 4, 1, tzinfo=UTC): cny(900)}, "a date from"),
    ],
)
def test_bad_plans_plan_nothing(crm: CRM, wang: Customer, parts: Any, message: str) -> None:
    order = placed(crm, wang)
    crm.pipeline.receivables.spread(order, parts=2, first=APRIL)
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.receivables.plan(order.id, parts=parts)
    assert left(crm, order) == [450, 450]


def test_nothing_is_planned_for_what_is_paid(crm: CRM, wang: Customer) -> None:
    order = placed(crm, wang)
    for wrong in ({"parts": 0}, {"parts": 2.5}, {"parts": 2, "months": 0}, {"parts": 2, "remind_days": 0}):
        with pytest.raises(InvalidInput):
            crm.pipeline.receivables.spread(order, first=APRIL, **wrong)
    crm.pipeline.payments.receive(order.id, cny(900))
    with pytest.raises(Refused, match="nothing to be paid in parts"):
        crm.pipeline.receivables.spread(order.id, parts=2, first=APRIL)


@given(
    amounts=st.lists(st.integers(1, 500), min_size=1, max_size=6),
    paid=st.integers(0, 3000),
    credited=st.integers(0, 3000),
    cancelled=st.booleans(),
)
def test_the_parts_add_up_to_the_order(amounts: list[int], paid: int, credited: int, *, cancelled: bool) -> None:
    total = Money.from_minor(sum(amounts), CNY)
    order = Order(
        id="ord_1",
        created_at=NOW,
        customer_id="cus_1",
        status="cancelled" if cancelled else "placed",
        status_since=NOW,
        total=total,
        paid=Money.from_minor(paid, CNY),
        credited=Money.from_minor(min(credited, total.minor), CNY),
        placed_at=NOW,
    )
    plan = [
        Instalment(
            id=f"inst_{n}",
            created_at=NOW,
            order_id="ord_1",
            customer_id="cus_1",
            position=n,
            amount=Money.from_minor(minor, CNY),
            due_on=APRIL + timedelta(days=n),
        )
        for n, minor in enumerate(amounts, start=1)
    ]
    parts = parts_of(order, plan)
    assert Money.total((p.outstanding for p in parts), currency=CNY) == order.outstanding
    assert all(p.amount.minor >= p.paid.minor >= 0 for p in parts)
    begun = [p for p in parts if p.outstanding]
    assert all(not p.paid for p in begun[1:])  # nothing is paid of a part before the one in front of it is


def test_a_journey_may_begin_on_what_is_overdue(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    """A reminder that the host words: on the day after the part was due, and only for what is not paid."""
    crm.lifecycle.journeys.define(
        "dunning", on="pipeline.payment_overdue", steps=[{"wait": {"days": 7}}, {"exit": "x"}]
    )
    late, paid = placed(crm, wang), placed(crm, wang)
    for order in (late, paid):
        crm.pipeline.receivables.spread(order, parts=1, first=APRIL)
    crm.pipeline.payments.receive(paid.id, cny(900))
    clock.set(datetime(2026, 4, 3, tzinfo=UTC))
    crm.run_due()
    assert [run.about for run in crm.lifecycle.journeys.runs("dunning")] == [late.id]
