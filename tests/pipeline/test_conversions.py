"""What becomes of deals in each stage, and how soon, with intervals; and the intervals themselves."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, Money
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.intervals import median_between, share_between
from crmkit.pipeline.forecast.conversions import chance_between
from crmkit.pipeline.forecast.experience import Ending, Stay
from crmkit.testing import FrozenClock

ENDINGS: st.SearchStrategy[Ending] = st.sampled_from(["won", "lost", "open"])
STAYS = st.lists(st.builds(Stay, st.integers(0, 90).map(float), ENDINGS), max_size=60)


def test_stages_with_intervals(anywhere: CRM, clock: FrozenClock) -> None:
    """Ten deals: all reach the second stage after a day, six are won 4 days later, two lost, two open."""
    crm = anywhere
    wang = crm.customers.register(name="Xiao Wang")
    opened = [crm.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(100, "CNY")) for _ in range(10)]
    clock.advance(days=1)
    for deal in opened:
        crm.pipeline.opportunities.advance(deal.id, to="proposal")
    clock.advance(days=4)
    for deal in opened[:6]:
        crm.pipeline.opportunities.win(deal.id)
    for deal in opened[6:8]:
        crm.pipeline.opportunities.lose(deal.id, reason="price")
    before = clock.now()
    clock.advance(days=2)
    found = crm.pipeline.forecast.conversions()
    first, second, third = (found.stage(name) for name in ("qualification", "proposal", "negotiation"))
    assert (first.entered, first.won, first.lost, first.open) == (10, 6, 2, 2)
    assert (first.days, second.days) == (5.0, 4.0)
    assert (first.days_low, first.days_high) == (5.0, 5.0)
    assert second.chance == pytest.approx(0.6)  # two were watched longer than the others took, and were not won
    assert second.low is not None
    assert second.high is not None
    assert (second.low, second.high) == pytest.approx((0.313, 0.832), abs=0.001)  # Wilson, 6 of 10
    assert (third.entered, third.chance, third.days) == (0, None, None)
    assert "| 4.0 |" in format(found, "md")
    assert "<table" in found._repr_html_()
    then = crm.pipeline.forecast.conversions(as_of=before - timedelta(days=1))
    assert (then.stage("proposal").open, then.stage("proposal").chance) == (10, None)
    with pytest.raises(InvalidInput, match="has no stage 'closing'; it has qualification"):
        found.stage("closing")
    with pytest.raises(NotFound):
        crm.pipeline.forecast.conversions(pipeline="none")


@given(STAYS)
def test_a_chance_lies_within_its_interval(stays: list[Stay]) -> None:
    chance, low, high = chance_between(stays)
    if all(stay.ending == "open" for stay in stays):
        assert chance is low is high is None
        return
    assert chance is not None
    assert low is not None
    assert high is not None
    assert -1e-9 <= low <= chance + 1e-9
    assert chance - 1e-9 <= high <= 1 + 1e-9


@given(STAYS.map(lambda stays: [stay for stay in stays if stay.ending != "open"]).filter(bool))
def test_without_open_deals_it_is_the_plain_share(stays: list[Stay]) -> None:
    won = sum(stay.ending == "won" for stay in stays)
    chance, low, high = chance_between(stays)
    assert chance == pytest.approx(won / len(stays))
    assert (low, high) == pytest.approx(share_between(won, len(stays)))


def test_the_interval_of_a_chance_keeps_its_promise() -> None:
    """Deals are watched for different times; the true chance is 0.3, and the interval has it about 95 times of 100."""
    chances = random.Random(5)
    kept = 0
    for _ in range(400):
        stays = []
        for _ in range(80):
            ends, watched = chances.expovariate(1 / 20), chances.uniform(60, 400)
            ending: Ending = "open" if ends > watched else "won" if chances.random() < 0.3 else "lost"
            stays.append(Stay(min(ends, watched), ending))
        _, low, high = chance_between(stays)
        assert low is not None
        assert high is not None
        kept += low <= 0.3 <= high
    assert 0.92 <= kept / 400 <= 0.98


def test_the_interval_of_a_median_keeps_its_promise() -> None:
    chances = random.Random(6)
    kept = 0
    for number in range(1000):
        values = sorted(chances.expovariate(1.0) for _ in range(8 + number % 300))
        low, high = median_between(values)
        kept += low <= 0.6931471805599453 <= high
    assert 0.94 <= kept / 1000 <= 0.985


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=400))
def test_a_median_lies_within_its_interval(values: list[float]) -> None:
    low, high = median_between(sorted(values))
    assert low <= median(values) <= high


def test_published_intervals() -> None:
    """R: prop.test(6, 10, correct=FALSE); of ten values the second and the ninth, by the binomial distribution."""
    assert share_between(6, 10) == pytest.approx((0.3126738, 0.8318197), abs=1e-6)
    assert share_between(0, 5) == pytest.approx((0.0, 0.4344825), abs=1e-6)
    assert median_between(list(range(10))) == (1, 8)
    assert median_between([3.0]) == (3.0, 3.0)


def test_a_deal_that_went_back_counts_each_time(anywhere: CRM, clock: FrozenClock) -> None:
    crm = anywhere
    clock.set(datetime(2026, 3, 2, tzinfo=UTC))
    wang = crm.customers.register(name="Xiao Wang")
    deal = crm.pipeline.opportunities.open(name="Album", customer=wang)
    for stage in ("proposal", "qualification", "proposal"):
        clock.advance(days=1)
        crm.pipeline.opportunities.advance(deal.id, to=stage)
    clock.advance(days=1)
    crm.pipeline.opportunities.win(deal.id)
    found = crm.pipeline.forecast.conversions()
    assert (found.stage("proposal").entered, found.stage("proposal").days) == (2, 2.0)
    assert (found.stage("qualification").entered, found.stage("qualification").days) == (2, 3.0)
