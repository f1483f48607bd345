"""The forecast: columns, roll-up, adjustments, currencies, past days, accuracy, outlook."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, Money
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.rates import RateTable
from crmkit.pipeline import Stage
from crmkit.pipeline.forecast.columns import Columns, Share, by_person, rolled_up
from crmkit.pipeline.opportunities import Opportunity
from crmkit.testing import FrozenClock

EUR = "EUR"
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
PERIOD: Any = {"since": MARCH, "until": APRIL}


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang")


def eur(amount: int | str) -> Money:
    return Money(amount, EUR)


def opened(crm: CRM, customer: Customer, amount: Money | None, **fields: Any) -> Opportunity:
    fields = {"name": "x", "close_on": date(2026, 3, 20), **fields}
    return crm.pipeline.opportunities.open(customer=customer, amount=amount, **fields)


def seen(crm: CRM, **fields: Any) -> Any:
    return crm.pipeline.forecast.of(**{**PERIOD, "currency": EUR, **fields})


def salesforce(crm: CRM, wang: Customer, owner: str | None = None) -> None:
    opened(crm, wang, eur(150), stage="negotiation", owner=owner)
    opened(crm, wang, eur(100), stage="proposal", owner=owner)
    opened(crm, wang, eur(200), owner=owner)
    crm.pipeline.opportunities.win(opened(crm, wang, eur(50), owner=owner))


def test_cumulative_columns(crm: CRM, wang: Customer) -> None:
    """Case salesforce-forecast-rollup: closed is part of every forecast and never of the open pipeline."""
    salesforce(crm, wang)
    total = seen(crm).total
    assert (total.closed, total.commit, total.best_case, total.pipeline) == (eur(50), eur(150), eur(100), eur(200))
    assert (total.closed_only, total.commit_forecast, total.best_case_forecast) == (eur(50), eur(200), eur(300))
    assert total.open_pipeline == eur(450)
    assert total.weighted == eur(120) + eur(50) + eur(20)
    assert total.deals == 4
    assert "450.00 EUR" in format(seen(crm), "md")


def test_what_is_lost_omitted_or_of_another_period_is_out(crm: CRM, wang: Customer) -> None:
    crm.pipeline.opportunities.lose(opened(crm, wang, eur(1)), reason="price")
    opened(crm, wang, eur(2), category="omitted")
    opened(crm, wang, eur(4), close_on=APRIL)
    opened(crm, wang, eur(8), close_on=None)
    opened(crm, wang, eur(16), close_on=MARCH)
    opened(crm, wang, None)
    forecast = seen(crm)
    assert (forecast.total.open_pipeline, forecast.total.deals) == (eur(16), 2)
    assert (forecast.undated, forecast.late) == (1, 1)
    with pytest.raises(InvalidInput, match="must lie after"):
        seen(crm, until=MARCH)


def test_the_pipeline_by_stage(crm: CRM, wang: Customer) -> None:
    """Case espo-pipeline-report: unweighted, lost left out, every stage listed, the end day is out."""
    names = ("Prospecting", "Qualification", "Proposal", "Negotiation")
    crm.pipeline.stages.define("espo", stages=[Stage(name) for name in names])
    at = {"pipeline": "espo", "stage": "Proposal"}
    for amount, day in ((100, date(2026, 1, 1)), (50, date(2026, 3, 31)), (70, date(2026, 4, 1))):
        opened(crm, wang, eur(amount), close_on=day, **at)
    crm.pipeline.opportunities.lose(opened(crm, wang, eur(999), close_on=date(2026, 2, 1), **at), reason="x")
    crm.pipeline.opportunities.win(opened(crm, wang, eur(10), **at))
    sums = crm.pipeline.forecast.by_stage(since=date(2026, 1, 1), until=date(2026, 4, 1), pipeline="espo", currency=EUR)
    assert {stage: int(money.amount) for stage, money in sums.items()} == {
        "Prospecting": 0,
        "Qualification": 0,
        "Proposal": 150,
        "Negotiation": 0,
        "won": 10,
    }


# ── Currencies ──


@pytest.mark.parametrize("as_of", [None, MARCH])
def test_a_pipeline_that_is_not_there_has_no_forecast(crm: CRM, as_of: date | None) -> None:
    with pytest.raises(NotFound, match="there is no pipeline 'zz'"):
        crm.pipeline.forecast.of(since=MARCH, until=MAY, pipeline="zz", as_of=as_of)


def test_currencies_are_refused_or_converted(crm: CRM, wang: Customer) -> None:
    """Case oca-sum-two-currencies: 50 at 1.5 and 50 at 2 are 175."""
    opened(crm, wang, Money(50, "USD"))
    opened(crm, wang, Money(50, EUR))
    with pytest.raises(InvalidInput, match="give rates"):
        seen(crm, currency="BRL")
    rates = RateTable("BRL", {MARCH: {"USD": Decimal(1) / Decimal("1.5"), "EUR": "0.5"}})
    assert seen(crm, currency="BRL", rates=rates).total.open_pipeline == Money(175, "BRL")
    with pytest.raises(NotFound):
        seen(crm, currency="BRL", rates=RateTable("BRL", {APRIL: {"USD": 1, "EUR": 1}}))


@pytest.mark.parametrize(
    ("base", "rates", "money", "to", "expected"),
    [
        ("EUR", {"CHF": "1.0038"}, Money(1000, "EUR"), "CHF", Money("1003.80", "CHF")),
        ("EUR", {"CHF": "1.0038"}, Money(1230, "EUR"), "EUR", Money(1230, "EUR")),
    ],
)
def test_reporting_currencies(  # noqa: PLR0917 - a row
    crm: CRM, wang: Customer, base: str, rates: dict[str, str], money: Money, to: str, expected: Money
) -> None:
    """Case oca-reporting-currency."""
    opened(crm, wang, money)
    table = RateTable(base, {MARCH: rates})
    assert seen(crm, currency=to, rates=table).total.open_pipeline == expected


def test_espo_rates_the_other_way_round(crm: CRM, wang: Customer) -> None:
    """Case espo-currency-base-and-default: 10 USD are 10 and 10 EUR are 20 in the default currency.

    Espo's rate of 0.5 is what one unit costs in the base; a crmkit rate is what one unit of the base buys, which is 2.
    """
    table = RateTable("EUR", {MARCH: {"USD": 1 / Decimal("0.5")}})
    opened(crm, wang, Money(10, "USD"))
    opened(crm, wang, Money(10, "EUR"))
    assert seen(crm, currency="USD", rates=table).total.open_pipeline == Money(30, "USD")


def test_won_deals_keep_the_rate_of_their_day(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    rates = RateTable(EUR, {MARCH: {"USD": 1}, date(2026, 3, 10): {"USD": 2}})
    crm.pipeline.opportunities.win(opened(crm, wang, Money(10, "USD")))
    opened(crm, wang, Money(10, "USD"))
    clock.advance(days=20)
    total = seen(crm, rates=rates).total
    assert (total.closed, total.open_pipeline) == (eur(10), eur(5))
    assert seen(crm, rates=rates, as_of=date(2026, 3, 5)).total.open_pipeline == eur(10)


# ── Roll-up and judgement ──


def team(crm: CRM) -> None:
    crm.pipeline.salespeople.register("boss")
    crm.pipeline.salespeople.register("ann", manager="boss")
    crm.pipeline.salespeople.register("bob", manager="ann")


def test_managers_see_their_teams_and_adjust_them(crm: CRM, wang: Customer) -> None:
    team(crm)
    opened(crm, wang, eur(100), owner="bob", stage="negotiation")
    opened(crm, wang, eur(10), owner="ann", stage="negotiation")
    opened(crm, wang, eur(1), stage="negotiation")
    before = seen(crm)
    assert [(row.person, row.depth) for row in before.rows] == [("boss", 0), ("ann", 1), ("bob", 2), (None, 0)]
    assert [row.team.commit for row in before.rows] == [eur(110), eur(110), eur(100), eur(1)]
    assert before.total.commit == eur(111)
    deals = crm.pipeline.opportunities.find(order_by="id")

    crm.acting_as("ann").pipeline.forecast.adjust("bob", category="commit", amount=eur(60), **PERIOD)
    with pytest.raises(Refused, match="reports to ann"):
        crm.acting_as("boss").pipeline.forecast.adjust("bob", category="commit", amount=eur(1), **PERIOD)
    after = seen(crm)
    assert after.row("boss").adjusted.commit == eur(70)
    assert after.row("boss").team.commit == eur(110)  # without adjustment it stays visible
    assert (after.adjusted.commit, after.total.commit) == (eur(71), eur(111))

    crm.acting_as("boss").pipeline.forecast.adjust("ann", category="commit", amount=eur(90), **PERIOD)
    assert seen(crm).row("boss").adjusted.commit == eur(90)
    assert crm.pipeline.opportunities.find(order_by="id") == deals  # no deal has changed

    crm.acting_as("boss").pipeline.forecast.adjust("ann", category="commit", amount=None, **PERIOD)
    assert seen(crm).row("boss").adjusted.commit == eur(70)
    assert seen(crm, until=MAY).adjusted.commit == eur(111)  # another period, no adjustments
    with pytest.raises(InvalidInput, match="0 or more"):
        crm.pipeline.forecast.adjust("bob", category="commit", amount=eur(-1), **PERIOD)
    with pytest.raises(InvalidInput, match="no row of 'zoe'"):
        seen(crm).row("zoe")


def test_shared_deals_count_for_each_by_the_split(crm: CRM, wang: Customer) -> None:
    deal = opened(crm, wang, eur("100.01"), owner="ann")
    crm.pipeline.opportunities.split(deal, {"ann": 50, "bob": 50})
    crm.pipeline.opportunities.split(deal, {"engineer": 100}, kind="overlay")
    forecast = seen(crm)
    assert [(row.person, row.own.pipeline) for row in forecast.rows] == [("ann", eur("50.01")), ("bob", eur(50))]
    assert (forecast.total.pipeline, forecast.total.deals) == (eur("100.01"), 1)
    assert seen(crm, as_of=date(2026, 3, 2)).total == forecast.total


people = st.sampled_from(["a", "b", "c", "d", None])
shares = st.lists(
    st.builds(
        Share,
        person=people,
        category=st.sampled_from(["closed", "commit", "best_case", "pipeline", "omitted"]),
        amount=st.integers(0, 10**6).map(lambda m: Money.from_minor(m, EUR)),
        weighted=st.integers(0, 10**6).map(lambda m: Money.from_minor(m, EUR)),
    )
)
orders = st.permutations(["a", "b", "c", "d"])


@given(shares=shares, order=orders, bosses=st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_the_roll_up_loses_nothing(shares: list[Share], order: list[str], bosses: list[int]) -> None:
    managers = {person: (order[bosses[n] % n] if n and bosses[n] else None) for n, person in enumerate(order)}
    rows = rolled_up(by_person(shares, currency=EUR), managers, {}, currency=EUR)
    top = sum((row.team for row in rows if row.depth == 0), Columns.zero(EUR))
    counted = [share for share in shares if share.category != "omitted"]
    assert top.closed + top.open_pipeline == Money.total((s.amount for s in counted), currency=EUR)
    assert top.deals == len(counted)
    assert all(row.team == row.adjusted for row in rows)
    places = {row.person: n for n, row in enumerate(rows)}
    assert all(boss is None or places[boss] < places[person] for person, boss in managers.items())


def test_people_who_report_in_a_circle() -> None:
    with pytest.raises(InvalidInput, match="to himself"):
        rolled_up({}, {"a": "b", "b": "a"}, {}, currency=EUR)


# ── Past days ──


def test_the_forecast_of_a_past_day(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    first = opened(crm, wang, eur(100))
    before = seen(crm)
    clock.advance(days=5)
    first = crm.pipeline.opportunities.advance(first, to="negotiation", amount=eur(150))
    opened(crm, wang, eur(40), stage="proposal")
    clock.advance(days=5)
    crm.pipeline.opportunities.win(first)
    clock.advance(days=5)
    assert seen(crm, as_of=date(2026, 3, 2)) == before
    days = [date(2026, 3, day) for day in (1, 2, 8, 13)]
    found = crm.pipeline.forecast.accuracy(**PERIOD, seen_on=days, currency=EUR)
    assert [a.expected for a in found] == [eur(0), eur(10), eur(140), eur(170)]
    assert [a.commit for a in found] == [eur(0), eur(0), eur(150), eur(150)]
    assert {a.actual for a in found} == {eur(150)}
    assert found[2].error == eur(-10)
    assert found[0].error_share == -1.0


def test_now_and_then_agree(crm: CRM, wang: Customer) -> None:
    """What the store adds up, and what the states say, are the same."""
    team(crm)
    chances = random.Random(7)
    for number in range(40):
        owner = chances.choice(["boss", "ann", "bob", None])
        stage = chances.choice(["qualification", "proposal", "negotiation"])
        deal = opened(crm, wang, eur(number), owner=owner, stage=stage, probability=chances.randrange(101))
        end = chances.random()
        if end < 0.2:
            crm.pipeline.opportunities.win(deal)
        elif end < 0.4:
            crm.pipeline.opportunities.lose(deal, reason="price")
        elif end < 0.6:
            crm.pipeline.opportunities.update(deal, close_on=APRIL)
        elif end < 0.7:
            crm.pipeline.opportunities.split(deal, {"ann": 30, "bob": 70})
    assert seen(crm) == seen(crm, as_of=date(2026, 3, 2))


def test_snapshots_stay_as_they_were_handed_in(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    deal = opened(crm, wang, eur(100), stage="negotiation", owner="ann")
    crm.pipeline.forecast.adjust("ann", category="commit", amount=eur(90), **PERIOD)
    kept = crm.acting_as("boss").pipeline.forecast.snapshot(**PERIOD, currency=EUR)
    clock.advance(days=1)
    crm.pipeline.opportunities.update(deal, amount=eur(1))
    found = crm.pipeline.forecast.snapshots(**PERIOD)
    assert [(s.money("commit"), s.money("adjusted_commit"), s.actor) for s in found] == [(eur(100), eur(90), "boss")]
    assert kept == found[0]
    with pytest.raises(InvalidInput, match="no 'hope'"):
        kept.money("hope")


# ── The outlook ──


def past(crm: CRM, wang: Customer, clock: FrozenClock, *, months: int, share: float) -> None:
    """Every month ten deals of 100 that are decided twenty days later; *share* of them is won."""
    clock.set(datetime(2025, 1, 1, tzinfo=UTC))
    start = clock.now()
    deals: list[tuple[datetime, Opportunity, int]] = []
    end = start + timedelta(days=30 * months)
    while clock.now() < end:
        day = (clock.now() - start).days
        if day % 30 == 0:
            deals += [(clock.now(), opened(crm, wang, eur(100), close_on=None), n) for n in range(10)]
        for since, deal, n in [d for d in deals if (clock.now() - d[0]).days == 20]:
            if n < share * 10:
                crm.pipeline.opportunities.win(deal)
            else:
                crm.pipeline.opportunities.lose(deal, reason="price")
            deals.remove((since, deal, n))
        clock.advance(days=5)


def test_the_outlook_learns_what_really_happens(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    past(crm, wang, clock, months=6, share=0.4)
    today = clock.now().date()
    for _ in range(10):
        opened(crm, wang, eur(100), close_on=today + timedelta(days=25), probability=90)
    plain = crm.pipeline.forecast.of(since=today, until=today + timedelta(days=31), currency=EUR).total.expected
    assert plain == eur(900)
    ahead = crm.pipeline.forecast.outlook(until=today + timedelta(days=31), currency=EUR)
    assert eur(400) <= ahead.open_deals <= eur(500)  # 4 of 10 are won, whatever their owners say
    assert ahead.new_deals == eur(400)
    assert ahead.low <= ahead.expected <= ahead.high
    assert (ahead.deals, ahead.closed, ahead.seasonal) == (10, 60, False)
    assert crm.pipeline.forecast.outlook(until=today + timedelta(days=31), currency=EUR) == ahead
    soon = crm.pipeline.forecast.outlook(until=today + timedelta(days=10), currency=EUR)
    assert soon.open_deals < eur(100)  # nobody has ever decided within ten days
    assert "8 times of 10" in format(ahead, "md")
    with pytest.raises(InvalidInput):
        crm.pipeline.forecast.outlook(until=today)


def test_an_outlook_from_a_past_day_knows_only_what_was_known(crm: CRM, wang: Customer, clock: FrozenClock) -> None:
    deal = opened(crm, wang, eur(100))
    then = crm.pipeline.forecast.outlook(until=APRIL, currency=EUR)
    clock.advance(days=3)
    crm.pipeline.opportunities.win(deal)
    again = crm.pipeline.forecast.outlook(until=APRIL, currency=EUR, as_of=datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    assert again == then


def test_the_outlook_does_better_than_probabilities_that_nobody_checks(
    crm: CRM, wang: Customer, clock: FrozenClock
) -> None:
    """A year in which four of ten deals are won; the weighted forecast believes in one of ten and in hoped-for days."""
    past(crm, wang, clock, months=12, share=0.4)
    today = clock.now().date()
    days = [today - timedelta(days=back) for back in (181, 151, 121, 91, 61, 31)]
    trial = crm.pipeline.forecast.backtest(seen_on=days, days=30, currency=EUR)
    assert {t.actual for t in trial.trials} == {eur(400)}
    assert trial.outlook_error < trial.weighted_error
    assert trial.outlook_error <= eur(120)
    assert trial.covered >= 0.8
    assert "400.00 EUR" in format(trial, "md")
    with pytest.raises(InvalidInput, match="were over by"):
        crm.pipeline.forecast.backtest(seen_on=[today], days=30)


# ── Bad input ──


def test_what_is_no_day_no_amount_and_no_category_is_refused(crm: CRM) -> None:
    desk: Any = crm.pipeline.forecast
    wrong: list[Any] = [
        lambda: desk.of(since="2026-04-01", until=MAY),
        lambda: desk.of(since=APRIL, until=datetime(2026, 5, 1, tzinfo=UTC)),
        lambda: desk.of(since=APRIL, until=APRIL),
        lambda: desk.by_stage(since=APRIL, until=MARCH),
        lambda: desk.outlook(until="2026-05-01"),
        lambda: desk.outlook(until=MAY, runs=99),
        lambda: desk.backtest(seen_on=["2026-01-01"]),
        lambda: desk.backtest(seen_on=[]),
        lambda: desk.adjust("ann", category="hope", amount=eur(1), **PERIOD),
        lambda: desk.adjust("ann", category="commit", amount=5, **PERIOD),
        lambda: desk.adjust("ann", category="commit", amount=eur(-1), **PERIOD),
        lambda: desk.of(**PERIOD, currency="EURO"),
    ]
    for call in wrong:
        with pytest.raises(InvalidInput):
            call()
    assert crm.pipeline.forecast.of(**PERIOD).adjusted == Columns.zero("CNY")
