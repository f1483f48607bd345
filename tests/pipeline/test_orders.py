"""Orders, quotes, receivables, rhythms and channels."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, Money, TransitionRefused
from crmkit.customers.people import Customer
from crmkit.errors import Duplicate, InvalidInput, NotFound, Refused
from crmkit.pipeline import Line
from crmkit.pipeline.orders import Order
from crmkit.pipeline.orders.rhythm import rhythm_of
from crmkit.testing import FrozenClock

CNY = "CNY"


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang", email="wang@example.com", owner="ann")


def album(price: int = 100, **fields: Any) -> Line:
    return Line("Album", unit_price=Money(price, CNY), **fields)


def happened(crm: CRM, customer: Customer, name: str) -> int:
    return [moment.name for moment in crm.customers.timeline(customer)].count(name)


# ── Lines ──


def test_the_discount_comes_before_everything() -> None:
    """Django-CRM's invoice of 10 at 100 with 10 per cent off; its tax of 5 per cent is not the business of a CRM."""
    line = Line("Print", quantity=10, unit_price=Money(100, CNY), discount=10)
    assert (line.gross, line.reduction, line.amount) == (Money(1000, CNY), Money(100, CNY), Money(900, CNY))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": 0}, "above 0"),
        ({"quantity": -1}, "above 0"),
        ({"quantity": 1.5}, "floats are not exact"),
        ({"quantity": "NaN"}, "finite"),
        ({"discount": 101}, "0 to 100"),
        ({"discount": -1}, "0 to 100"),
        ({"unit_price": 100}, "is Money"),
        ({"unit_price": Money(-1, CNY)}, "0 or more"),
    ],
)
def test_bad_lines(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Line("Album", **fields)
    with pytest.raises(InvalidInput, match="name or a product"):
        Line()


@given(
    minor=st.integers(0, 10**9),
    quantity=st.decimals("0.000001", "10000", places=6),
    discount=st.decimals("0", "100", places=2),
)
def test_a_line_costs_between_nothing_and_its_gross(minor: int, quantity: Decimal, discount: Decimal) -> None:
    line = Line("x", quantity=quantity, unit_price=Money.from_minor(minor, CNY), discount=discount)
    assert Money.zero(CNY) <= line.amount <= line.gross
    assert line.amount + line.reduction == line.gross


# ── Orders ──


def test_an_order_inherits_from_its_deal(crm: CRM, wang: Customer) -> None:
    spot = crm.marketing.campaigns.plan(name="TV spot")
    firm = crm.customers.companies.register(name="Planet Express")
    deal = crm.pipeline.opportunities.open(
        name="Album", customer=wang, campaign=spot, company=firm, owner="bob", channel="field"
    )
    order = crm.pipeline.orders.place(wang, lines=[album(), album(50, quantity=2)], opportunity=deal)
    assert (order.campaign_id, order.company_id, order.owner, order.channel) == (spot.id, firm.id, "bob", "field")
    assert order.total == Money(200, CNY)
    assert [line.amount for line in crm.pipeline.orders.lines(order)] == [Money(100, CNY), Money(100, CNY)]
    assert crm.pipeline.orders.place(wang, lines=[album()]).owner == "ann"
    assert crm.customers.count(F.orders.where(F.lines.where(F.name == "Album").any()).any()) == 1


def test_orders_and_quotes_are_of_a_deal_with_which_the_customer_has_to_do(crm: CRM, wang: Customer) -> None:
    firm = crm.customers.companies.register(name="Planet Express")
    leela, amy = (crm.customers.register(name=name, company_id=firm.id) for name in ("Leela", "Amy"))
    deal = crm.pipeline.opportunities.open(name="Album", customer=leela)
    for verb in (crm.pipeline.orders.place, crm.pipeline.quotes.draft):
        with pytest.raises(InvalidInput, match="has no part in it"):
            verb(wang, lines=[album()], opportunity=deal)
        assert verb(amy, lines=[album()], opportunity=deal.id).opportunity_id == deal.id
    assert (crm.pipeline.orders.count(), crm.pipeline.quotes.count()) == (1, 1)
    crm.pipeline.opportunities.involve(deal, wang, role="buyer")
    assert crm.pipeline.orders.place(wang, lines=[album()], opportunity=deal).opportunity_id == deal.id


def test_products_give_price_cost_and_category(crm: CRM, wang: Customer) -> None:
    noodles = crm.pipeline.products.add(name="Noodles", price=Money(18, CNY), cost=Money(5, CNY), category="food")
    crm.pipeline.prices.define("staff", currency=CNY)
    crm.pipeline.prices.set("staff", noodles, Money(9, CNY))
    order = crm.pipeline.orders.place(wang, lines=[Line(product=noodles, quantity=2)], prices="staff")
    line = crm.pipeline.orders.lines(order)[0]
    assert (line.name, line.amount, line.cost, line.category) == ("Noodles", Money(18, CNY), Money(10, CNY), "food")
    crm.pipeline.products.update(noodles, price=Money(99, CNY))
    assert crm.pipeline.orders.lines(order)[0].unit_price == Money(9, CNY)
    crm.pipeline.products.retire(noodles.id)
    with pytest.raises(InvalidInput, match="not sold any more"):
        crm.pipeline.orders.place(wang, lines=[Line(product=noodles)])


def test_bad_orders_place_nothing(crm: CRM, wang: Customer) -> None:
    place = crm.pipeline.orders.place
    free = crm.pipeline.products.add(name="Free")
    with pytest.raises(InvalidInput, match="there is no line"):
        place(wang, lines=[])
    with pytest.raises(InvalidInput, match="two currencies"):
        place(wang, lines=[album(), Line("x", unit_price=Money(1, "USD"))])
    with pytest.raises(InvalidInput, match="has no price"):
        place(wang, lines=[Line(product=free)])
    with pytest.raises(InvalidInput, match="has no price"):
        place(wang, lines=[Line("thing")])
    with pytest.raises(InvalidInput, match="lies in the future"):
        place(wang, lines=[album()], placed_at=datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="no 'status' to set"):
        place(wang, lines=[album()], status="paid")
    with pytest.raises(InvalidInput, match="made of Line"):
        place(wang, lines=["album"])  # type: ignore[list-item]
    with pytest.raises(NotFound):
        place("cus_01kjp0y9m0eh4986bx3sqwmaxg", lines=[album()])
    place(wang, lines=[album()], number="A-1")
    with pytest.raises(Duplicate):
        place(wang, lines=[album()], number="A-1")
    assert crm.pipeline.orders.count() == 1


def test_a_free_order_is_paid_at_once(crm: CRM, wang: Customer) -> None:
    order = crm.pipeline.orders.place(wang, lines=[album(discount=100)])
    assert order.status == "paid"
    assert happened(crm, wang, "pipeline.order_paid") == 1


def test_delivery_is_a_fact_of_its_own(crm: CRM, wang: Customer) -> None:
    order = crm.pipeline.orders.fulfil(crm.pipeline.orders.place(wang, lines=[album()]))
    assert (order.status, order.fulfilled_at) == ("placed", order.placed_at)
    with pytest.raises(Refused, match="fulfilled since"):
        crm.pipeline.orders.fulfil(order)
    with pytest.raises(TransitionRefused, match="take it back"):
        crm.pipeline.orders.cancel(order, reason="no")
    other = crm.pipeline.orders.place(wang, lines=[album()])
    with pytest.raises(TransitionRefused, match="it needs a reason"):
        crm.pipeline.orders.cancel(other, reason="")
    cancelled = crm.pipeline.orders.cancel(other, reason="changed their mind")
    with pytest.raises(Refused, match="nothing to deliver"):
        crm.pipeline.orders.fulfil(cancelled)


# ── Quotes ──


def test_a_quote_becomes_an_order_with_its_lines(crm: CRM, wang: Customer) -> None:
    quotes = crm.pipeline.quotes
    deal = crm.pipeline.opportunities.open(name="Album", customer=wang)
    quote = quotes.draft(wang, lines=[album(discount=10), album(5, quantity=3)], opportunity=deal)
    with pytest.raises(TransitionRefused):
        quotes.accept(quote)
    order = quotes.accept(quotes.send(quote), channel="online")
    assert (order.total, order.opportunity_id, order.channel) == (Money(105, CNY), deal.id, "online")
    done = quotes.get(quote.id)
    assert (done.status, done.order_id) == ("accepted", order.id)
    with pytest.raises(TransitionRefused):
        quotes.accept(done)
    assert crm.pipeline.orders.count() == 1


def test_a_quote_expires_by_itself_unless_it_was_revised(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    quotes = crm.pipeline.quotes
    kept = quotes.send(quotes.draft(wang, lines=[album()], valid_until=date(2026, 3, 3)))
    left = quotes.send(quotes.draft(wang, lines=[album()], valid_until=date(2026, 3, 3)))
    kept = quotes.revise(kept, lines=[album(80)], valid_until=date(2026, 3, 31))
    kept = quotes.send(kept)
    assert (kept.revision, kept.total) == (2, Money(80, CNY))
    clock.set(datetime(2026, 3, 3, 16, 0, tzinfo=UTC))  # midnight in Shanghai
    crm.run_due()
    assert (quotes.get(kept.id).status, quotes.get(left.id).status) == ("sent", "expired")
    with pytest.raises(TransitionRefused):
        quotes.accept(left.id)
    late = quotes.draft(wang, lines=[album()], valid_until=date(2026, 3, 3))
    with pytest.raises(InvalidInput, match="revise it"):
        quotes.send(late)
    assert quotes.decline(kept, reason="too dear").reason == "too dear"


def test_every_version_of_a_quote_can_be_read(crm: CRM, wang: Customer) -> None:
    quotes = crm.pipeline.quotes
    quote = quotes.send(quotes.draft(wang, lines=[album(100), album(5)]))
    quote = quotes.send(quotes.revise(quote, lines=[album(80)]))
    quote = quotes.revise(quotes.decline(quote, reason="too dear"), lines=[album(70), album(4)])
    assert (quote.revision, quote.status, quote.total) == (3, "draft", Money(74, CNY))
    prices = [[int(li.amount.amount) for li in quotes.lines(quote, revision=n)] for n in (1, 2, 3)]
    assert prices == [[100, 5], [80], [70, 4]]
    assert quotes.lines(quote) == quotes.lines(quote, revision=3)
    with pytest.raises(NotFound, match="the revisions 1 to 3, not 4"):
        quotes.lines(quote, revision=4)
    assert happened(crm, wang, "pipeline.quote_revised") == 2
    order = quotes.accept(quotes.send(quote))
    assert [int(li.amount.amount) for li in crm.pipeline.orders.lines(order)] == [70, 4]


def test_a_quote_is_not_accepted_after_its_last_day(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    quote = crm.pipeline.quotes.draft(wang, lines=[album()], valid_until=date(2026, 3, 3))
    quote = crm.pipeline.quotes.send(quote)
    clock.set(datetime(2026, 3, 3, 16, 0, tzinfo=UTC))  # midnight in Shanghai; the agenda has not run yet
    with pytest.raises(Refused, match="valid until 2026-03-03"):
        crm.pipeline.quotes.accept(quote)
    assert crm.pipeline.orders.count() == 0


# ── Receivables ──


def test_receivables_by_age(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    now = clock.now()
    for days, price in ((-5, 1), (0, 2), (1, 4), (30, 8), (31, 16), (90, 32), (91, 64)):
        order = crm.pipeline.orders.place(
            wang, lines=[album(price)], due_at=now - timedelta(days=days), placed_at=now - timedelta(days=120)
        )
        if price == 64:
            crm.pipeline.payments.receive(order, Money(4, CNY))
    crm.pipeline.orders.place(wang, lines=[Line("x", unit_price=Money(7, "USD"))])
    cancelled = crm.pipeline.orders.place(wang, lines=[album(1000)])
    crm.pipeline.orders.cancel(cancelled, reason="x")
    ageing = crm.pipeline.receivables.ageing()
    row = {name: int(money.amount) for name, money in ageing.totals()[CNY].items()}
    assert row == {"not due": 3, "1–30": 12, "31–60": 16, "61–90": 32, "91+": 60}
    assert ageing.totals(customer_id=wang.id)["USD"]["not due"] == Money(7, "USD")
    assert [item.days for item in crm.pipeline.receivables.overdue()] == [91, 90, 31, 30, 1]
    assert "31–60" in format(ageing, "md")
    with pytest.raises(InvalidInput, match="ascend"):
        crm.pipeline.receivables.ageing(bounds=[60, 30])


def test_an_overdue_payment_is_told_once(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    soon = clock.now() + timedelta(days=14)
    order = crm.pipeline.orders.place(wang, lines=[album()], due_at=soon)
    other = crm.pipeline.orders.place(wang, lines=[album()], due_at=soon)
    crm.pipeline.payments.receive(other, other.total)
    clock.advance(days=14)
    crm.run_due()
    crm.run_due()
    told = [m for m in crm.customers.timeline(wang) if m.name == "pipeline.payment_overdue"]
    assert [m.subject for m in told] == [order.id]


# ── Rhythm and channels ──


def test_the_next_order_follows_the_customers_own_rhythm(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    days = [date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1), date(2026, 2, 15)]
    noodles = crm.pipeline.products.add(name="Noodles", price=Money(18, CNY))
    for day in days[:2]:
        crm.pipeline.orders.place(wang, lines=[album()], placed_at=datetime(day.year, day.month, day.day, tzinfo=UTC))
    assert crm.pipeline.orders.rhythm(wang) is None
    for day in days[2:]:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        crm.pipeline.orders.place(wang, lines=[Line(product=noodles)], placed_at=at)
    rhythm = crm.pipeline.orders.rhythm(wang)
    assert rhythm is not None
    assert (rhythm.every_days, rhythm.next_on) == (31.0, date(2026, 3, 18))
    assert not rhythm.is_late(on=clock.now().date())
    found = crm.pipeline.orders.expected(since=date(2026, 3, 1), until=date(2026, 4, 1))
    assert [r.customer_id for r in found] == [wang.id]
    assert crm.pipeline.orders.expected(since=date(2026, 3, 1), until=date(2026, 3, 18)) == []
    assert crm.pipeline.orders.rhythm(wang, product=noodles) is None
    with pytest.raises(InvalidInput):
        crm.pipeline.orders.expected(since=date(2026, 3, 2), until=date(2026, 3, 2))


@given(st.lists(st.dates(date(2020, 1, 1), date(2026, 1, 1)), min_size=3, unique=True))
def test_the_next_order_comes_after_the_last(days: list[date]) -> None:
    rhythm = rhythm_of("cus_1", days)
    assert rhythm is not None
    assert max(days) < rhythm.next_on <= rhythm.late_on
    assert rhythm_of("cus_1", days[::-1]) == rhythm


def test_channels(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    li = crm.customers.register(name="Xiao Li")
    paid = crm.pipeline.orders.place(wang, lines=[album(10)], channel="online")
    crm.pipeline.payments.receive(paid, Money(10, CNY))
    crm.pipeline.orders.place(wang, lines=[album(20)], channel="online")
    crm.pipeline.orders.place(li, lines=[album(40)], channel="shop")
    crm.pipeline.orders.place(li, lines=[album(80)])
    gone = crm.pipeline.orders.place(li, lines=[album(160)], channel="shop")
    crm.pipeline.orders.cancel(gone, reason="x")
    found = {r.channel: (r.orders, r.customers, r.total[CNY].amount, r.paid[CNY].amount) for r in _channels(crm)}
    assert found == {"online": (2, 1, 30, 10), "shop": (1, 1, 40, 0), None: (1, 1, 80, 0)}
    assert crm.pipeline.orders.channels(since=clock.now().date() + timedelta(days=1)) == []
    with pytest.raises(InvalidInput, match="must lie after"):
        crm.pipeline.orders.channels(since=date(2026, 3, 2), until=date(2026, 3, 2))
    with pytest.raises(InvalidInput, match="until must be a date"):
        crm.pipeline.orders.channels(until=clock.now())


def _channels(crm: CRM) -> Any:
    return crm.pipeline.orders.channels(since=date(2026, 3, 2), until=date(2026, 3, 3))


def test_another_tenants_order_cannot_be_touched(crm: CRM, wang: Customer) -> None:
    order: Order = crm.pipeline.orders.place(wang, lines=[album()])
    other = crm.for_tenant("other")
    with pytest.raises(NotFound):
        other.pipeline.orders.cancel(order, reason="x")
    with pytest.raises(NotFound):
        other.pipeline.payments.receive(order, order.total)


def test_an_order_of_a_cancelled_kind_takes_no_money(crm: CRM, wang: Customer) -> None:
    order = crm.pipeline.orders.cancel(crm.pipeline.orders.place(wang, lines=[album()]), reason="x")
    with pytest.raises(Refused, match="cancelled"):
        crm.pipeline.payments.receive(order, order.total)
