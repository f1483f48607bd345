"""The funnel side by side, by every dimension; pages of answers; and a dashboard of another CRM."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, F, Line
from crmkit.analytics import Page, page
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.money import Money
from crmkit.kernel.render import escape_md
from crmkit.testing import FrozenClock


def cny(amount: int | str) -> Money:
    return Money(amount, "CNY")


@pytest.fixture
def ann(crm: CRM) -> Customer:
    return crm.customers.register(name="Ann")


def test_side_by_side(crm: CRM, ann: Customer, clock: FrozenClock) -> None:
    deals = crm.pipeline.opportunities
    fair = [deals.open(name=f"f{n}", customer=ann, amount=cny(100), source="fair") for n in range(4)]
    web = [deals.open(name=f"w{n}", customer=ann, amount=cny(50), source="website") for n in range(2)]
    deals.open(name="?", customer=ann)
    clock.advance(days=10)
    deals.win(fair[0])
    deals.win(deals.advance(fair[1], to="proposal"))
    deals.lose(fair[2], reason="price")
    deals.lose(web[0], reason="price")
    found = crm.analytics.funnels("source")
    assert [(s.label, s.deals, s.funnel.open) for s in found] == [("fair", 4, 1), ("website", 2, 1), ("(none)", 1, 1)]
    at_fair = found["fair"]
    assert at_fair.funnel.win_rate == pytest.approx(2 / 3)
    assert at_fair.win_rate_between == pytest.approx((0.208, 0.939), abs=0.001)
    assert at_fair.average == cny(100)
    assert at_fair.cycle is not None
    assert at_fair.cycle.days == 10
    assert at_fair.velocity == cny("6.67")  # one open deal of 100, two of three won, ten days
    assert (found["website"].funnel.win_rate, found["website"].velocity) == (0.0, None)
    assert found[None].value is None
    assert "| fair | 4 | 2 | 2 | 2 | 67% | 21% – 94% | 100.00 CNY | 10.0 | 6.67 CNY |" in format(found, "md")
    assert found._repr_html_().count("<rect") == 3 * 4  # three values, three stages and the win
    assert len(crm.analytics.funnels("source", F.source == "fair")) == 1
    with pytest.raises(InvalidInput, match="there are fair, website"):
        found["fairs"]


def test_by_owner_team_channel_region_reason_and_campaign(crm: CRM, ann: Customer) -> None:
    campaign = crm.marketing.campaigns.plan(name="Spring")
    facts: dict[str, Any] = {"owner": "xu", "team": "north", "channel": "shop", "region": "Sichuan"}
    deal = crm.pipeline.opportunities.open(name="a", customer=ann, amount=cny(10), campaign=campaign, **facts)
    crm.pipeline.opportunities.lose(deal, reason="price")
    for by, value in {**facts, "lost_reason": "price"}.items():
        assert [(s.value, s.funnel.lost) for s in crm.analytics.funnels(by)] == [(value, 1)]
    assert [(s.value, s.label) for s in crm.analytics.funnels("campaign")] == [(campaign.id, "Spring")]


def test_by_product_a_deal_counts_under_each_with_what_its_lines_are_worth(crm: CRM, ann: Customer) -> None:
    album = crm.pipeline.products.add(name="Album", price=cny(900))
    lines = [Line(product=album), Line(product=album, discount=10), Line("Frame", unit_price=cny(50))]
    both = crm.pipeline.opportunities.open(name="both", customer=ann)
    crm.pipeline.opportunities.set_lines(both, lines)
    crm.pipeline.opportunities.win(both.id)
    crm.pipeline.opportunities.open(name="none", customer=ann, amount=cny(7))
    found = crm.analytics.funnels("product")
    assert found["Album"].value == album.id
    assert found["Album"].funnel.won_amount == cny(1710)
    assert found["Frame"].funnel.won_amount == cny(50)
    assert found[None].funnel.open_amount == cny(7)


def test_cohorts_of_deals_by_the_month_in_which_they_were_opened(crm: CRM, ann: Customer, clock: FrozenClock) -> None:
    """Months are those of the calendar in Shanghai."""
    deals = crm.pipeline.opportunities
    for at in (
        datetime(2026, 1, 31, 15, 59, tzinfo=UTC),
        datetime(2026, 1, 31, 16, 0, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    ):
        clock.set(at)
        deals.win(deals.open(name="x", customer=ann, amount=cny(1)))
    found = crm.analytics.funnels("month")
    assert [(s.label, s.funnel.won) for s in found] == [("2026-01", 1), ("2026-02", 1), ("2026-04", 1)]
    assert [s.label for s in crm.analytics.funnels("month", since=date(2026, 2, 1), until=date(2026, 3, 1))] == [
        "2026-02"
    ]


def test_nothing_and_nonsense(crm: CRM, ann: Customer) -> None:
    for by in ("source", "month", "product"):
        assert len(crm.analytics.funnels(by)) == 0
    assert "<svg" in crm.analytics.funnels("source")._repr_html_()
    with pytest.raises(InvalidInput, match="did you mean 'source'"):
        crm.analytics.funnels("sauce")
    with pytest.raises(InvalidInput, match="there is no dimension 7"):
        crm.analytics.funnels(7)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        crm.analytics.funnels("source", pipeline="none")
    crm.pipeline.opportunities.open(name="a", customer=ann, amount=Money(5, "USD"), source="fair")
    for by in ("source", "month", "product"):
        with pytest.raises(InvalidInput, match="USD beside CNY"):
            crm.analytics.funnels(by)
        assert crm.analytics.funnels(by, currency="USD").slices[0].funnel.open_amount == Money(5, "USD")


DEALS = st.lists(
    st.tuples(
        st.sampled_from(["fair", "website", None]),
        st.sampled_from(["xu", None]),
        st.sampled_from(["qualification", "proposal", "negotiation"]),
        st.sampled_from(["open", "won", "lost"]),
        st.integers(0, 500),
        st.integers(0, 45),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=25)
@given(DEALS)
def test_the_slices_add_up_to_the_whole(deals: list[tuple[str | None, str | None, str, str, int, int]]) -> None:
    clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    with CRM.open("memory://", currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        ann, desk = crm.customers.register(name="Ann"), crm.pipeline.opportunities
        for source, owner, stage, end, amount, days in deals:
            clock.advance(days=days)
            deal = desk.open(name="x", customer=ann, amount=cny(amount), source=source, owner=owner, stage=stage)
            if end == "won":
                desk.win(deal)
            elif end == "lost":
                desk.lose(deal, reason="price")
        whole = crm.analytics.funnel()
        for by in ("source", "owner", "month", "product"):
            parts = [s.funnel for s in crm.analytics.funnels(by)]
            assert sum(p.won for p in parts) == whole.won
            assert sum(p.lost for p in parts) == whole.lost
            assert Money.total((p.open_amount for p in parts), currency="CNY") == whole.open_amount
            reached = [sum(p.stages[n].reached for p in parts) for n in range(3)]
            assert reached == [stage.reached for stage in whole.stages]


# ── One truth ──


def test_the_forecast_of_analytics_is_that_of_sales(crm: CRM, ann: Customer) -> None:
    crm.pipeline.opportunities.open(name="a", customer=ann, amount=cny(10), close_on=date(2026, 3, 9))
    days: Any = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
    assert type(crm.analytics.forecast) is type(crm.pipeline.forecast)
    assert crm.analytics.forecast.of(**days) == crm.pipeline.forecast.of(**days)
    with crm.transaction() as tx:
        tx.pipeline.opportunities.open(name="b", customer=ann, amount=cny(10), close_on=date(2026, 3, 9))
        assert tx.analytics.forecast.of(**days).total.deals == 2


# ── Pages ──


def test_a_page_and_its_twin(crm: CRM, ann: Customer, tmp_path: Path) -> None:
    crm.pipeline.opportunities.open(name="a", customer=ann, amount=cny(10), source="<fair>")
    days: Any = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}
    made = page(
        "March & April",
        {
            "Funnel": crm.analytics.funnel(),
            "By source": crm.analytics.funnels("source"),
            "Forecast": crm.analytics.forecast.of(**days),
            "What becomes of deals": crm.analytics.forecast.conversions(),
            "Targets": crm.pipeline.quotas.board(),
            "Receivables": crm.pipeline.receivables.ageing(),
        },
    )
    html = made.html()
    assert html.count("<svg") == 2
    assert html.count("<table") == 6
    assert "<title>March &amp; April</title>" in html
    assert "<fair>" not in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")  # nothing from elsewhere
    twin = format(made, "md")
    assert [line for line in twin.splitlines() if line.startswith("#")] == [
        "# March & April",
        *(f"## {heading}" for heading in made.answers),
    ]
    assert f"| {escape_md('<fair>')} | 1 |" in twin
    assert made.save(tmp_path / "march.html").read_text("utf-8") == html
    assert made.save(tmp_path / "march.md").read_text("utf-8") == twin
    assert repr(made).startswith("<Page 'March & April': Funnel, By source")
    assert made._repr_html_().count("<h3>") == 6


def test_what_is_no_page() -> None:
    with pytest.raises(InvalidInput, match="needs an answer"):
        page("x", {})
    with pytest.raises(InvalidInput, match="'a' is no answer that prints: int"):
        page("x", {"a": 7})  # type: ignore[dict-item]
    assert isinstance(Page(title="x", answers={}), Page)


# ── Frappe CRM's dashboard ──

USER = "crm.user1@example.com"
SOURCES = ("Website", "Referral", "Cold Call", "Email Campaign", "Social Media")
QUALIFICATION = [
    *((50, 30, 0, "A"), (75, 40, 1, "A"), (100, 25, 2, None), (25, 35, 3, "A"), (80, 30, 4, None), (60, 40, 0, "A")),
    *((90, 35, 1, USER), (45, 30, 2, "A"), (70, 25, 3, USER), (55, 40, 4, "A"), (85, 35, 0, None), (65, 30, 1, "A")),
    (95, 25, 2, None),
]
NEGOTIATION = [
    *((120, 60, 3, "A"), (110, 55, 4, None), (130, 65, 0, "A"), (105, 60, 1, None), (115, 70, 2, "A")),
    *((125, 55, 3, None), (140, 65, 4, "A"), (135, 60, 0, None)),
]
WON = [
    *((150, 100, 1, "A"), (160, 100, 2, None), (145, 100, 3, "A"), (170, 100, 4, None), (155, 100, 0, "A")),
    *((165, 100, 1, None), (175, 100, 2, "A"), (180, 100, 3, None)),
]
LOST = [(200, 0, 4, "A"), (190, 0, 0, None), (210, 0, 1, "A")]


def test_the_figures_of_frappes_dashboard(crm: CRM, ann: Customer) -> None:
    """Source: frappe/crm@8b7dfdde, crm/tests/test_dashboard.py with its records (frappe-dashboard-kpis)."""
    deals = crm.pipeline.opportunities
    rows = [("qualification", row) for row in QUALIFICATION] + [("negotiation", row) for row in NEGOTIATION]
    rows += [("won", row) for row in WON] + [("lost", row) for row in LOST]
    for stage, (thousands, probability, source, owner) in rows:
        facts: dict[str, Any] = {"source": SOURCES[source], "owner": owner, "close_on": date(2026, 3, 20)}
        opened = stage if stage in {"qualification", "negotiation"} else "qualification"
        chance: dict[str, Any] = {"probability": probability} if opened == stage else {}
        deal = deals.open(name="x", customer=ann, amount=cny(thousands * 1000), stage=opened, **facts, **chance)
        if stage == "won":
            deals.win(deal)
        elif stage == "lost":
            deals.lose(deal, reason="price")
    for number in range(35):
        crm.pipeline.leads.capture(
            name=f"lead {number}", source=SOURCES[number % 5], owner=USER if number < 3 else None
        )
    assert (crm.pipeline.leads.count(), crm.pipeline.leads.count(F.owner == USER)) == (35, 3)
    every, mine = crm.analytics.funnel(), crm.analytics.funnel(F.owner == USER)
    assert (every.open, mine.open, every.won, mine.won, every.lost) == (21, 2, 8, 0, 3)
    assert every.open_amount / every.open == cny("89285.71")
    assert mine.open_amount / mine.open == cny(80000)
    assert every.won_amount / every.won == cny(162500)
    assert (every.open_amount + every.won_amount) / (every.open + every.won) == cny("109482.76")
    total = crm.analytics.forecast.of(since=date(2026, 3, 1), until=date(2026, 4, 1)).total
    assert total.weighted == cny(885500)
    by_source = crm.analytics.funnels("source")
    assert sum(s.deals for s in by_source) == 32
    assert {s.label for s in by_source} == set(SOURCES)


def test_a_weighted_stage(crm: CRM, ann: Customer) -> None:
    """Source: support.affinity.co 360012578051 (affinity-weighted-list)."""
    for amount in (100_000, 50_000):
        facts: dict[str, Any] = {"probability": Decimal(50), "close_on": date(2026, 3, 20)}
        crm.pipeline.opportunities.open(name="x", customer=ann, amount=cny(amount), **facts)
    found = crm.analytics.forecast.of(since=date(2026, 3, 1), until=date(2026, 4, 1))
    assert found.total.weighted == cny(75_000)
