"""One story of orders, money and forecasts on three stores: the same answers, refusals and records on each."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crmkit import F, Line, Money
from crmkit.customers.people import Customer
from crmkit.kernel.rates import RateTable
from crmkit.pipeline.commissions import Section
from crmkit.pipeline.orders import Order
from tests.pipeline.stories import ELSEWHERE, Story, assert_the_same

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
PERIOD: Any = {"since": MARCH, "until": MAY}
RATES = RateTable("USD", {date(2026, 1, 1): {"CNY": "7"}, date(2026, 4, 1): {"CNY": "7.2"}})


def cny(amount: int | str) -> Money:
    return Money(amount, "CNY")


class MoneyStory(Story):
    """What happens, and what everybody is told on the way."""

    def happens(self) -> None:
        wang = self.crm.customers.register(name="Xiao Wang", owner="ann")
        self.assortment()
        self.orders(wang)
        self.returns(wang)
        self.quotes(wang)
        self.commissions()
        self.deals(wang)
        self.later(days=40)
        self.forecast()
        self.funnels()

    def assortment(self) -> None:
        sales = self.sales
        for name, manager in (("boss", None), ("ann", "boss"), ("bob", "boss")):
            sales.salespeople.register(name, manager=manager, team="south")
        self.album = sales.products.add(name="Album", code="A", price=cny(900), cost=cny(300))
        sales.prices.define("wholesale", currency="CNY")
        sales.prices.set("wholesale", self.album, cny("700.50"), from_quantity=10)
        plans = sales.commissions.plans
        plans.define("shop", fixed=cny(5), rule=F.channel == "shop", position=1)
        plans.define("margin", percent="12.5", basis="margin", rule=F.channel == "online", position=2)
        plans.define(
            "steps", sections=[Section(cny(1), cny(99), 5), Section(cny(100), cny(100_000), 10)], people=["ann"]
        )
        plans.define("won", percent=1, source="won")
        self.refused(plans.define, "bad", sections=[Section(cny(1), cny(99), 5), Section(cny(99), cny(100), 10)])
        self.refused(plans.define, "none")
        self.refused(sales.quotas.set, cny(10), team="north", month=MARCH)
        sales.quotas.set(cny(5000), owner="ann", month=MARCH, measure="received")
        sales.quotas.set(cny(9000), team="south", starts_on=MARCH, ends_on=date(2026, 5, 31))
        self.refused(sales.quotas.set, cny(10), team="south", month=MARCH)

    def placed(self, wang: Customer, *lines: Line, **fields: Any) -> Order:
        order: Order = self.tell(self.sales.orders.place(wang, lines=lines, **fields))
        return order

    def orders(self, wang: Customer) -> None:
        sales, pay = self.sales, self.sales.payments
        whole = self.placed(wang, Line(product=self.album, quantity=12, discount="7.5"), prices="wholesale", number="1")
        self.refused(sales.orders.place, wang, lines=[Line("x", unit_price=cny(1))], number="1")
        self.refused(sales.receivables.plan, whole, parts={APRIL: cny(1)})
        self.tell(sales.receivables.spread(whole, parts=3, first=date(2026, 3, 31), remind_days=2))
        self.tell(pay.receive(whole.id, cny(3000), method="card", reference="bank-1"))
        self.refused(pay.receive, whole.id, cny(1), reference="bank-1")
        self.refused(pay.receive, whole.id, cny(99_999))
        self.refused(pay.receive, whole.id, Money(1, "USD"))
        self.tell(sales.receivables.parts(whole.id))
        for days, channel in ((30, "online"), (61, "shop"), (95, "online"), (1, None)):
            at = self.clock.now() - timedelta(days=days)
            order = self.placed(wang, Line("Print", unit_price=cny(days)), channel=channel, placed_at=at)
            if channel:
                pay.receive(order, cny(days))
        dollars = self.placed(wang, Line("Frame", quantity="1.5", unit_price=Money(9, "USD")), owner="bob")
        self.refused(sales.orders.cancel, dollars, reason="")
        cancelled = sales.orders.cancel(self.placed(wang, Line("x", unit_price=cny(1))), reason="moved")
        self.refused(pay.receive, cancelled.id, cny(1))
        self.later(days=35)
        self.tell([sales.receivables.ageing(), sales.receivables.overdue(), sales.orders.channels()])
        self.tell([sales.orders.rhythm(wang), sales.orders.expected(since=MARCH, until=date(2027, 1, 1))])

    def returns(self, wang: Customer) -> None:
        sales = self.sales
        order = self.placed(wang, Line("Print", quantity=3, unit_price=cny(10)), Line("Frame", unit_price=cny("20.01")))
        sales.payments.receive(order, cny(30))
        prints, frame = sales.orders.lines(order)
        self.refused(sales.returns.request, order.id, lines={prints.id: 4}, reason="too many")
        self.refused(sales.payments.refund, order.id, cny(31))
        back = sales.returns.request(order.id, lines={prints.id: 2, frame.id: 1}, reason="scratched")
        self.refused(sales.returns.refund, back)
        back = self.tell(sales.returns.receive(sales.returns.approve(back)))
        self.tell([sales.returns.refund(back, method="card"), sales.orders.get(order.id)])
        other = sales.returns.request(order.id, lines={prints.id: 1}, reason="wrong size", wish="exchange")
        self.tell(sales.returns.exchange(sales.returns.receive(other), lines=[Line("Print L", unit_price=cny(12))]))
        self.tell([sales.returns.find(order_by="id"), sales.payments.of(order.id)])

    def quotes(self, wang: Customer) -> None:
        quotes = self.sales.quotes
        quote = quotes.send(quotes.draft(wang, lines=[Line(product=self.album)], valid_until=date(2026, 4, 20)))
        quote = quotes.send(
            quotes.revise(quote, lines=[Line(product=self.album, discount=5)], valid_until=date(2026, 4, 9))
        )
        self.tell([quotes.lines(quote), quotes.lines(quote, revision=1)])
        order = self.tell(quotes.accept(quote, channel="shop"))
        self.sales.payments.receive(order, order.total)
        left = quotes.send(quotes.draft(wang, lines=[Line("x", unit_price=cny(1))], valid_until=date(2026, 4, 9)))
        self.later(days=5)
        self.refused(quotes.accept, left)
        self.tell(quotes.find(order_by="id"))

    def commissions(self) -> None:
        desk = self.sales.commissions
        lines = self.tell(desk.find(order_by=("earned_at", "id")))
        self.tell(desk.correct(next(line for line in lines if line.kind == "earned"), amount=cny(1), reason="agreed"))
        made = self.tell(desk.settle(until=date(2026, 4, 1)))
        self.tell([desk.settlements.lines(one) for one in made])
        self.tell(desk.settlements.invoice(made[0], reference="pay-1"))
        self.refused(desk.settlements.cancel, made[0].id, reason="late")
        self.tell([desk.open_balance("ann"), desk.open_balance("bob")])

    def deals(self, wang: Customer) -> None:
        desk = self.sales.opportunities
        for n in range(24):
            currency = "USD" if n % 6 == 5 else "CNY"
            deal = desk.open(
                name=f"deal {n}",
                customer=wang,
                amount=None if n % 11 == 10 else Money(100 + 7 * n, currency),
                owner=("ann", "bob", "boss", None)[n % 4],
                source=("fair", "friend", None)[n % 3],
                region="Sichuan" if n % 2 else None,
                close_on=None if n % 7 == 6 else date(2026, 4, 1 + n),
            )
            if n % 5 == 0:
                desk.split(deal, {"ann": "33.3", "bob": "66.7"})
            if n % 8 == 3:
                desk.set_lines(deal.id, [Line(product=self.album, quantity=2), Line("Frame", unit_price=cny(9))])
            if n % 3:
                deal = desk.advance(deal.id, to="proposal" if n % 3 == 1 else "negotiation")
            self.later(days=1)
            if n % 4 == 0:
                desk.win(deal.id)
            elif n % 4 == 1:
                desk.lose(deal.id, reason="price")

    def forecast(self) -> None:
        desk = self.crm.analytics.forecast
        self.refused(desk.of, **PERIOD)
        self.refused(desk.of, **PERIOD, currency="XYZ")
        self.refused(desk.of, **PERIOD, rates=RateTable("EUR", {MARCH: {"CNY": "8"}}))
        for as_of in (None, date(2026, 4, 20)):
            self.tell(desk.of(**PERIOD, rates=RATES, as_of=as_of))
        desk.adjust("ann", category="commit", amount=cny(77), **PERIOD)
        self.refused(
            self.crm.acting_as("bob").pipeline.forecast.adjust, "ann", category="commit", amount=None, **PERIOD
        )
        self.tell(desk.of(**PERIOD, rates=RATES, currency="USD"))
        self.tell([desk.snapshot(**PERIOD, rates=RATES), desk.by_stage(**PERIOD, rates=RATES)])
        self.tell(desk.accuracy(**PERIOD, rates=RATES, seen_on=[date(2026, 4, 12), date(2026, 4, 25)]))
        self.tell(desk.conversions())
        until = self.clock.now().date() + timedelta(days=30)
        self.tell(desk.outlook(until=until, rates=RATES, runs=100))
        self.tell(desk.backtest(seen_on=[date(2026, 4, 20), date(2026, 5, 1)], days=14, rates=RATES))
        self.tell(list(self.sales.quotas.board(date(2026, 4, 20), rates=RATES)))

    def funnels(self) -> None:
        found = self.crm.analytics
        self.refused(found.funnels, "source")
        for by in ("source", "owner", "region", "lost_reason", "month", "product"):
            self.tell(found.funnels(by, currency="CNY"))
        self.tell([found.funnel(currency="CNY"), found.funnel(F.owner == "ann", currency="USD")])
        days = {"since": MARCH, "until": date(2026, 4, 30)}
        self.tell([found.growth(**days, currency="CNY"), found.kpis(**days, currency="CNY")])


@pytest.fixture(scope="module")
def on_dictionaries() -> MoneyStory:
    return MoneyStory.lived("memory://")


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request: pytest.FixtureRequest) -> MoneyStory:
    return MoneyStory.lived_elsewhere(request)


def test_the_story_is_the_same_everywhere(on_dictionaries: MoneyStory, elsewhere: MoneyStory) -> None:
    assert_the_same(on_dictionaries, elsewhere)


def test_the_story_is_worth_comparing(on_dictionaries: MoneyStory) -> None:
    kept = on_dictionaries.kept
    wanted = {"order", "instalment", "payment", "return", "quote", "commission", "settlement", "forecast_snapshot"}
    assert wanted | {"deal_split", "deal_line", "forecast_adjustment", "quota", "price"} <= kept.keys()
    assert {line.kind for line in kept["commission"]} == {"earned", "reversed", "corrected"}
    happened = {event.name.removeprefix("pipeline.") for event in kept["event"]}
    assert {"payment_overdue", "payment_due_soon", "quote_closed", "return_settled", "settlement_made"} <= happened
    assert Decimal(0) < sum(quota.percent for board in on_dictionaries.told for quota in _quotas(board))


def _quotas(board: Any) -> list[Any]:
    return [one for one in board if hasattr(one, "percent")] if isinstance(board, list) else []
