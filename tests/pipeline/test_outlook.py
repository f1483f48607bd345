"""The outlook's parts: passages through stages, the chances that follow, and what new deals bring."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Money
from crmkit.pipeline.forecast.arrivals import arrivals
from crmkit.pipeline.forecast.outlook import Lens, outlook
from crmkit.pipeline.forecast.passages import Chances, Leaving, Passage, Where, leaving, passages_of
from crmkit.pipeline.opportunities.deal import DealState

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
WON, LOST, TALK, OFFER = ("p", "won"), ("p", "lost"), ("p", "talk"), ("p", "offer")

PASSAGES = st.lists(
    st.builds(Passage, st.integers(1, 40), st.sampled_from([WON, LOST, TALK, OFFER, None])), min_size=1, max_size=40
)


def state(stage: str, *, at: float, since: float, deal: str = "opp_1", **more: Any) -> DealState:
    return DealState(
        id=f"dst_{stage}{at}",
        created_at=NOW + at * DAY,
        opportunity_id=deal,
        pipeline="p",
        stage=stage,
        stage_since=NOW + since * DAY,
        probability=Decimal(10),
        category="pipeline",
        **more,
    )


def learned(stages: dict[Where, list[Passage]], *, days: int) -> Chances:
    return Chances({where: leaving(those) for where, those in stages.items()}, days=days)


# ── Passages ──


def test_passages_are_read_from_states() -> None:
    """Three days of talk, talk again after an offer; an offer that lasts; another amount is no passage."""
    gone = [
        state("talk", at=0, since=0),
        state("talk", at=1, since=0),
        state("offer", at=2.5, since=2.5),
        state("talk", at=4, since=4),
        state("won", at=5, since=5),
    ]
    here = [state("offer", at=0, since=0, deal="opp_2")]
    found = passages_of([gone, here], at=NOW + 7 * DAY)
    assert found == {
        TALK: [Passage(3, OFFER), Passage(1, WON)],
        OFFER: [Passage(2, TALK), Passage(7, None)],
    }


@given(PASSAGES)
def test_all_deals_are_somewhere(passages: list[Passage]) -> None:
    """Who left, and who is still there after the last one left, are all of them."""
    found = leaving(passages)
    left = sum(sum(shares.values()) for shares in found.shares)
    assert left <= 1 + 1e-9
    if all(passage.to is not None for passage in passages):
        assert left == pytest.approx(1)
    for alive, shares in zip(found.alive, found.shares, strict=True):
        assert sum(shares.values()) <= alive + 1e-9


# ── Chances ──


def test_a_deal_is_compared_with_those_that_stayed_as_long_in_the_same_stage() -> None:
    """Whoever comes through the talk, comes after two days and wins; who still talks on the fifth day is lost."""
    stages = {
        TALK: [Passage(2, OFFER)] * 5 + [Passage(9, LOST)] * 5,
        OFFER: [Passage(10, WON)] * 5,
    }
    found = learned(stages, days=30)
    assert found.learned(TALK, age=0) == pytest.approx(0.5)
    assert found.learned(TALK, age=5) == 0.0
    assert found.learned(OFFER, age=5) == pytest.approx(1.0)
    assert learned(stages, days=11).learned(TALK, age=0) == 0.0  # it takes twelve days
    assert learned(stages, days=12).learned(TALK, age=0) == pytest.approx(0.5)
    assert learned(stages, days=11).learned(TALK, age=1) == pytest.approx(0.5)


def test_little_experience_says_little() -> None:
    found = learned({TALK: [Passage(2, WON)] * 5}, days=30)
    deal = state("talk", at=0, since=0)
    assert found.of(deal, at=NOW, prior=0.2) == pytest.approx((5 * 1.0 + 5 * 0.2) / 10)
    assert found.of(deal, at=NOW + 3 * DAY, prior=0.2) == pytest.approx(0.2)  # nobody has stayed so long
    assert found.of(state("offer", at=0, since=0), at=NOW, prior=0.3) == 0.3


def test_a_deal_that_was_opened_today_is_no_evidence() -> None:
    """Who is watched for a short time only tells nothing of the days to come."""
    waiting = [Passage(1, None)] * 50
    deal = state("talk", at=0, since=0)
    assert learned({TALK: waiting}, days=30).of(deal, at=NOW, prior=0.2) == 0.2
    watched = [Passage(30, None)] * 5
    assert learned({TALK: waiting + watched}, days=30).of(deal, at=NOW, prior=0.2) == pytest.approx(0.1)


@given(st.fixed_dictionaries({TALK: PASSAGES, OFFER: PASSAGES}), st.integers(0, 40), st.integers(1, 60))
def test_chances_are_chances_and_grow_with_time(stages: dict[Where, list[Passage]], age: int, days: int) -> None:
    soon, later = learned(stages, days=days), learned(stages, days=days + 7)
    for where in stages:
        assert -1e-9 <= soon.learned(where, age=age) <= later.learned(where, age=age) + 1e-12
        assert later.learned(where, age=age) <= 1 + 1e-9


@given(st.fixed_dictionaries({TALK: PASSAGES, OFFER: PASSAGES}), st.integers(0, 20), st.integers(1, 30))
def test_chances_are_what_a_simulation_counts(stages: dict[Where, list[Passage]], age: int, days: int) -> None:
    estimates = {where: leaving(those) for where, those in stages.items()}
    chances = random.Random(3)
    runs = 400
    count = sum(_wins(estimates, TALK, age, days, chances) for _ in range(runs))
    expected = Chances(estimates, days=days).learned(TALK, age=age)
    assert count / runs == pytest.approx(expected, abs=5 * (0.25 / runs) ** 0.5)


def _wins(stages: dict[Where, Leaving], where: Where, age: int, days: int, chances: random.Random) -> bool:
    while True:
        later = [
            (t, to, p) for t, ps in zip(stages[where].times, stages[where].shares, strict=True) for to, p in ps.items()
        ]
        later = [row for row in later if row[0] > age]
        first = next((n for n, t in enumerate(stages[where].times) if t > age), None)
        if first is None:
            return False
        draw = chances.random() * stages[where].alive[first]
        for time, to, share in later:  # noqa: B007 - where it went
            draw -= share
            if draw < 0:
                days -= time - age
                break
        else:
            return False
        if days < 0 or to == LOST:
            return False
        if to == WON:
            return True
        where, age = to, 0


# ── Arrivals ──

FIRST = date(2020, 1, 1)


def months(amount: dict[int, int], *, years: int) -> list[tuple[date, date, int]]:
    """On the tenth of each month so many deals of 100, won two days later."""
    return [
        (day := date(2020 + n // 12, 1 + n % 12, 10), day + 2 * DAY, 100)
        for n in range(12 * years)
        for _ in range(amount.get(1 + n % 12, 4))
    ]


def test_without_two_years_the_latest_windows_count_most() -> None:
    rising = [(date(2020, m, 10), date(2020, m, 12), 100) for m in range(1, 11) for _ in range(m)]
    found = arrivals(rising, first=FIRST, today=date(2020, 11, 1), days=30)
    assert not found.seasonal
    assert 700 < found.expected < 1000  # there were 9 and 10 of them lately, 5.5 on average
    assert found.count == pytest.approx(found.expected / 100)


def test_with_two_years_the_season_counts() -> None:
    deals = months({12: 20}, years=3)
    december = arrivals(deals, first=FIRST, today=date(2022, 12, 1), days=30)
    march = arrivals(deals, first=FIRST, today=date(2023, 1, 1), days=30)
    assert december.seasonal
    assert march.seasonal
    assert december.expected == pytest.approx(2000, rel=0.25)
    assert march.expected == pytest.approx(400, rel=0.25)


def test_only_deals_that_begin_and_end_in_the_window_count() -> None:
    slow = [(date(2020, m, 1), date(2020, m, 1) + 40 * DAY, 100) for m in range(1, 10)]
    assert arrivals(slow, first=FIRST, today=date(2020, 12, 1), days=30).expected == 0
    assert arrivals([], first=FIRST, today=date(2020, 1, 11), days=30).draw(random.Random(1)) == 0.0


def test_what_is_drawn_is_on_average_what_is_expected() -> None:
    for each in (2, 60):
        found = arrivals(
            months(dict.fromkeys(range(1, 13), each), years=1), first=FIRST, today=date(2021, 1, 1), days=30
        )
        chances = random.Random(9)
        assert fmean(found.draw(chances) for _ in range(3000)) == pytest.approx(found.expected, rel=0.06)


def test_it_looks_as_many_days_ahead_as_are_left() -> None:
    """From the end of the first to the fourth there are three days, not four: what takes four days comes too late."""
    stages = [[state("talk", at=0, since=0, deal=f"opp_{n}"), state("won", at=3.5, since=3.5)] for n in range(30)]
    stages.append([state("talk", at=9, since=9, deal="opp_x")])
    lens = Lens(
        currency="EUR",
        worth=lambda money, _: money,
        day_of=lambda instant: instant.date(),
        start_of=lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC),
    )
    now = NOW + 9 * DAY
    for until, chance in ((now + 4 * DAY, True), (now + 3 * DAY, False)):
        bets = outlook([*stages, *_paid()], at=now - timedelta(microseconds=1), until=until.date(), lens=lens)
        assert (bets.open_deals.minor > 0) is chance


def _paid() -> list[list[DealState]]:
    """One won deal, so that deals without an amount have a usual one."""
    begun = state("offer", at=0, since=0, deal="opp_p")
    return [[begun, state("won", at=1, since=1, deal="opp_p", amount=Money(100, "EUR"), closed_at=NOW + DAY)]]
