"""Key figures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from crmkit import CRM, BusinessCalendar
from crmkit.analytics import Kpis, velocity
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.pipeline import Line
from crmkit.testing import FrozenClock


def march(crm: CRM, currency: str | None = None) -> Kpis:
    return crm.analytics.kpis(since=date(2026, 3, 1), until=date(2026, 3, 31), currency=currency)


def test_velocity_as_documented() -> None:
    """Case sales-velocity (mavenlb.com)."""
    """Source: mavenlb.com: 40 deals of 25,000, a win rate of 25 % and 90 days give 2,777.78 a day."""
    found = velocity(deals=40, average=Money(25_000, "USD"), win_rate=Fraction(1, 4), cycle=timedelta(days=90))
    assert found == Money("2777.78", "USD")


@pytest.mark.parametrize(
    "changed", [{"deals": -1}, {"win_rate": Fraction(5, 4)}, {"cycle": timedelta(0)}, {"cycle": timedelta(days=-1)}]
)
def test_velocity_out_of_range(changed: dict[str, object]) -> None:
    good = {"deals": 1, "average": Money(1, "USD"), "win_rate": Fraction(1), "cycle": timedelta(days=1)}
    with pytest.raises(InvalidInput, match="velocity needs"):
        velocity(**{**good, **changed})  # type: ignore[arg-type]


def test_nothing_happened(crm: CRM) -> None:
    found = march(crm)
    assert (found.revenue, found.won, found.win_rate, found.velocity) == (Money(0, "CNY"), 0, None, None)
    missing = (found.lead_conversion, found.average_deal, found.cycle, found.acquisition_cost, found.time_to_resolve)
    assert missing == (None,) * 5
    assert "win rate" not in format(found, "md")


def test_a_month(crm: CRM, clock: FrozenClock) -> None:
    pipeline, service = crm.pipeline, crm.service
    spot = crm.marketing.campaigns.plan(name="Spot")
    crm.marketing.campaigns.spend(spot, Money(600, "CNY"))
    leads = [pipeline.leads.capture(name=f"Lead {n}", email=f"lead{n}@example.com") for n in range(4)]
    ann, _, deal = pipeline.leads.convert(pipeline.leads.qualify(leads[0]), amount=Money(1000, "CNY"))
    lost = pipeline.opportunities.open(name="lost", customer=ann, amount=Money(10, "CNY"))
    pipeline.opportunities.open(name="open", customer=ann, amount=Money(400, "CNY"))
    week = {day: [("00:00", "24:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    service.policies.define(
        "any", calendar=BusinessCalendar(timezone="UTC", hours=week), resolution=timedelta(hours=99)
    )
    case = service.cases.open(ann, kind="complaint", subject="Too late", policy="any")
    clock.advance(days=10)
    pipeline.opportunities.win(deal)
    pipeline.opportunities.lose(lost, reason="price")
    order = pipeline.orders.place(ann, lines=[Line("Album", unit_price=Money(1000, "CNY"))])
    pipeline.payments.receive(order, Money(1000, "CNY"))
    service.cases.resolve(case, solution="Sent at once")
    clock.set(datetime(2026, 4, 5, tzinfo=UTC))
    pipeline.leads.capture(name="Later", email="later@example.com")
    found = march(crm)
    assert (found.leads, found.leads_converted, found.lead_conversion) == (4, 1, 0.25)
    assert (found.deals_opened, found.won, found.lost, found.win_rate) == (3, 1, 1, 0.5)
    assert (found.won_amount, found.average_deal, found.cycle) == (
        Money(1000, "CNY"),
        Money(1000, "CNY"),
        timedelta(days=10),
    )
    assert (found.deals_open, found.open_amount) == (1, Money(400, "CNY"))
    assert found.velocity == Money(50, "CNY")  # 1 × 1,000 × 0.5 / 10
    assert (found.revenue, found.new_customers, found.acquisition_cost) == (Money(1000, "CNY"), 1, Money(600, "CNY"))
    assert (found.cases_opened, found.cases_resolved, found.time_to_resolve) == (1, 1, timedelta(days=10))
    assert "| sales cycle | 10.0 days |" in format(found, "md")
    assert "<caption>2026-03-01 to 2026-03-31</caption>" in found._repr_html_()
    assert crm.analytics.kpis(since=date(2026, 4, 1), until=date(2026, 4, 30)).leads == 1


def test_other_currencies_are_not_left_out_silently(crm: CRM) -> None:
    crm.marketing.campaigns.spend(crm.marketing.campaigns.plan(name="Spot"), Money(600, "USD"))
    with pytest.raises(InvalidInput, match="USD beside CNY"):
        march(crm)
    assert march(crm, currency="USD").marketing_cost == Money(600, "USD")
    ann = crm.customers.register(name="Ann")
    crm.pipeline.opportunities.open(name="in yuan", customer=ann, amount=Money(5, "CNY"))
    crm.pipeline.opportunities.open(name="in dollars", customer=ann, amount=Money(7, "USD"))
    crm.pipeline.opportunities.open(name="nobody knows", customer=ann)
    found = march(crm, currency="USD")
    assert (found.deals_open, found.deals_opened, found.open_amount) == (2, 2, Money(7, "USD"))
