"""Growth: revenue, its algebra, its months, and the span before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM
from crmkit.analytics import growth
from crmkit.analytics.growth import days_before, factors
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.pipeline.orders import Line, Order
from crmkit.testing import FrozenClock

NEW_YEAR = date(2026, 1, 1)
receipts = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cat"]),
        st.sampled_from(["o1", "o2", "o3", "o4"]),
        st.dates(date(2025, 10, 1), date(2026, 4, 30)),
        st.integers(-5000, 5000).map(lambda m: Money.from_minor(m, "CNY")),
    )
)


@given(receipts)
def test_revenue_is_customers_times_orders_times_value_and_months_add_up(
    rows: list[tuple[str, str, date, Money]],
) -> None:
    found = growth(rows, since=NEW_YEAR, until=date(2026, 3, 31), currency="CNY")
    inside = [r for r in rows if NEW_YEAR <= r[2] <= date(2026, 3, 31)]
    assert found.revenue == Money.total((r[3] for r in inside), currency="CNY")
    assert Money.total((m.revenue for m in found.months), currency="CNY") == found.revenue
    assert sum(m.new_customers for m in found.months) == found.new_customers
    product = Fraction(1)
    for factor in factors(found, beside=found).values():
        product *= factor
    if found.orders:
        assert product == found.revenue.minor
    assert found.bridge.before + Money.total(found.bridge.effects.values(), currency="CNY") == found.revenue
    assert found.bridge.before == found.previous.revenue


def test_the_span_before_is_as_long() -> None:
    assert days_before(date(2026, 1, 1), date(2026, 1, 31)) == date(2025, 12, 1)
    assert days_before(date(2026, 1, 1), date(2026, 1, 1)) == date(2025, 12, 31)


def test_rate_and_bridge() -> None:
    rows = [
        ("ann", "o1", date(2025, 12, 5), Money(100, "CNY")),
        ("ann", "o2", date(2026, 1, 5), Money(100, "CNY")),
        ("bob", "o3", date(2026, 1, 6), Money(200, "CNY")),
    ]
    found = growth(rows, since=NEW_YEAR, until=date(2026, 1, 31), currency="CNY")
    assert (found.previous.revenue, found.rate) == (Money(100, "CNY"), 2.0)
    assert (found.customers, found.new_customers) == (2, 1)
    assert found.average_order_value == Money(150, "CNY")
    # 1 × 1 × 100 became 2 × 1 × 150: Shapley gives customers (100 + 150) / 2 and the value (50 + 100) / 2.
    assert {n: e.amount for n, e in found.bridge.effects.items()} == {
        "customers": Decimal("125.00"),
        "orders per customer": Decimal("0.00"),
        "average order": Decimal("75.00"),
    }


def test_nothing_before_means_no_rate_and_customers_explain_everything() -> None:
    found = growth([("ann", "o1", NEW_YEAR, Money(10, "CNY"))], since=NEW_YEAR, until=NEW_YEAR, currency="CNY")
    assert found.rate is None
    assert {n: e for n, e in found.bridge.effects.items() if e} == {"customers": Money(10, "CNY")}


def sell(crm: CRM, customer: Customer, amount: str) -> Order:
    order = crm.pipeline.orders.place(customer, lines=[Line("Print", unit_price=Money(amount, "CNY"))])
    crm.pipeline.payments.receive(order, Money(amount, "CNY"))
    return order


def test_over_payments(crm: CRM, clock: FrozenClock) -> None:
    ann, bob = crm.customers.register(name="Ann"), crm.customers.register(name="Bob")
    clock.set(datetime(2025, 11, 3, tzinfo=UTC))
    sell(crm, ann, "70")
    clock.set(datetime(2025, 12, 31, 15, 59, tzinfo=UTC))  # a minute before the new year in Shanghai
    sell(crm, ann, "50")
    clock.set(datetime(2025, 12, 31, 16, 0, tzinfo=UTC))  # the new year
    order = sell(crm, ann, "100")
    clock.set(datetime(2026, 2, 10, tzinfo=UTC))
    sell(crm, bob, "30")
    crm.pipeline.payments.refund(order, Money(40, "CNY"))
    found = crm.analytics.growth(since=NEW_YEAR, until=date(2026, 2, 28))
    assert found.revenue == Money(90, "CNY")
    assert (found.customers, found.orders, found.new_customers) == (2, 2, 1)
    assert [str(m.revenue.amount) for m in found.months] == ["100.00", "-10.00"]
    assert found.previous.revenue == Money(120, "CNY")
    assert found.average_order_value == Money(45, "CNY")
    assert "| 2026-02 | -10.00 CNY | 1 | 1 | 1 | -10.00 CNY |" in format(found, "md").replace("\\", "")
    assert "<svg" in found._repr_html_()


def test_other_currencies_are_not_left_out_silently(crm: CRM) -> None:
    ann = crm.customers.register(name="Ann")
    order = crm.pipeline.orders.place(ann, lines=[Line("Print", unit_price=Money(5, "USD"))])
    crm.pipeline.payments.receive(order, Money(5, "USD"))
    with pytest.raises(InvalidInput, match="USD beside CNY"):
        crm.analytics.growth(since=NEW_YEAR, until=date(2026, 12, 31))
    with pytest.raises(InvalidInput, match="USD beside CNY"):
        crm.analytics.rfm()
    found = crm.analytics.growth(since=NEW_YEAR, until=date(2026, 12, 31), currency="USD")
    assert found.revenue == Money(5, "USD")
    assert crm.analytics.rfm(currency="USD").rows[0].revenue == Money(5, "USD")


def test_days_out_of_order_and_instants_are_refused(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="comes before"):
        crm.analytics.growth(since=date(2026, 2, 1), until=date(2026, 1, 1))
    with pytest.raises(InvalidInput, match="since must be a date"):
        crm.analytics.growth(since=datetime(2026, 2, 1, tzinfo=UTC), until=date(2026, 3, 1))


def test_bridge_by_customer_and_product(crm: CRM, clock: FrozenClock) -> None:
    ann, bob = crm.customers.register(name="Ann"), crm.customers.register(name="Bob")
    sell(crm, ann, "100")
    clock.advance(days=31)
    sell(crm, ann, "60")
    sell(crm, ann, "60")
    sell(crm, bob, "10")
    march, april = (date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 30))
    by_customer = crm.analytics.bridge(before=march, after=april)
    assert {n: str(e.amount) for n, e in by_customer.effects.items()} == {
        "new": "10.00",
        "lost": "0.00",
        "volume": "100.00",
        "price": "-80.00",
    }
    by_product = crm.analytics.bridge(before=march, after=april, by="product")
    assert by_product.effects["volume"] == Money(200, "CNY")
    with pytest.raises(InvalidInput, match="'weather'"):
        crm.analytics.bridge(before=march, after=april, by="weather")


def test_a_purchase_counts_on_the_day_it_was_placed_with_what_was_paid(crm: CRM, clock: FrozenClock) -> None:
    ann = crm.customers.register(name="Ann")
    order = crm.pipeline.orders.place(ann, lines=[Line("Print", unit_price=Money(100, "CNY"))])
    unpaid = crm.pipeline.orders.place(ann, lines=[Line("Print", unit_price=Money(5, "CNY"))])
    clock.advance(days=3)
    crm.pipeline.payments.receive(order, Money(60, "CNY"))
    clock.advance(days=7)
    row = crm.analytics.rfm().of(ann)
    assert unpaid.paid == Money(0, "CNY")
    assert (row.days, row.purchases, row.revenue) == (10, 1, Money(60, "CNY"))
    assert crm.analytics.cohorts().cohorts[0].revenue == (Money(60, "CNY"),)
    assert crm.analytics.rfm(until=date(2026, 3, 1)).rows == ()
    assert timedelta(days=row.days) == timedelta(days=10)
