"""BG/NBD and Gamma-Gamma, held against the published numbers.

Sources: Fader, Hardie and Lee (2005), tables and figures for CDNOW; Fader and Hardie, notes 004 and 025; the manual of
the R package BTYD.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.analytics import BuyingModel, History, Purchase, SpendingModel, histories, lifetime_value
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money

PUBLISHED = BuyingModel(r=0.243, alpha=4.414, a=0.793, b=2.426)
NOTE = History(repeats=2, recency=30.43, age=38.86, spent=22.35)


@pytest.fixture(scope="session")
def calibration(cdnow: list[Purchase]) -> dict[str, History]:
    """The first 39 weeks."""
    return histories(cdnow, until=date(1997, 9, 30))


def test_histories_are_those_of_the_note(calibration: dict[str, History]) -> None:
    assert len(calibration) == 2357
    first = calibration["0001"]
    assert (first.repeats, round(first.recency, 2), round(first.age, 2)) == (2, 30.43, 38.86)
    assert first.spent == pytest.approx(22.35, abs=0.006)  # (29.73 + 14.96) / 2: the first purchase plays no part


def test_buying_model_fits_as_published(calibration: dict[str, History]) -> None:
    model = BuyingModel.fit(calibration.values())
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert model.r == pytest.approx(0.243, abs=0.001)
    assert model.alpha == pytest.approx(4.414, abs=0.005)
    assert model.a == pytest.approx(0.793, abs=0.002)
    assert model.b == pytest.approx(2.426, abs=0.006)


def test_spending_model_fits_as_published(calibration: dict[str, History]) -> None:
    model = SpendingModel.fit(calibration.values())
    assert model.p == pytest.approx(6.25, abs=0.01)
    assert model.q == pytest.approx(3.74, abs=0.01)
    assert model.v == pytest.approx(15.44, abs=0.02)
    assert model.mean() == pytest.approx(35.2, abs=0.1)


def test_expected_purchases_as_in_the_note() -> None:
    assert PUBLISHED.expected(NOTE, weeks=39) == pytest.approx(1.226, abs=0.001)


def test_probability_of_a_count_as_in_the_manual_of_btyd() -> None:
    assert PUBLISHED.probability(10, weeks=2) == pytest.approx(1.07869e-07, rel=1e-4)
    assert PUBLISHED.probability(0, weeks=39) == pytest.approx(0.5737864, abs=1e-5)


def test_probabilities_of_all_counts_add_up() -> None:
    assert sum(PUBLISHED.probability(n, weeks=39) for n in range(400)) == pytest.approx(1, abs=1e-3)


def test_expectation_is_the_mean_of_the_probabilities() -> None:
    mean = sum(n * PUBLISHED.probability(n, weeks=10) for n in range(400))
    assert PUBLISHED.expected_of_new(weeks=10) == pytest.approx(mean, rel=1e-3)


@given(
    repeats=st.integers(1, 50),
    recency=st.floats(0.2, 100),
    silence=st.floats(0, 200),
    weeks=st.floats(0.1, 500),
)
def test_silence_makes_leaving_likelier_and_time_brings_purchases(
    repeats: int, recency: float, silence: float, weeks: float
) -> None:
    history = History(repeats, recency, recency + silence)
    later = History(repeats, recency, recency + silence + 10)
    assert 0 < PUBLISHED.alive(later) < PUBLISHED.alive(history) <= 1
    assert 0 < PUBLISHED.expected(history, weeks=weeks) < PUBLISHED.expected(history, weeks=weeks * 2)


def test_a_parameter_of_exactly_one_is_no_hole() -> None:
    beside = [BuyingModel(0.243, 4.414, a, 2.426).expected(NOTE, weeks=39) for a in (0.9999, 1.0, 1.0001)]
    assert beside[0] == pytest.approx(beside[1], rel=1e-3)
    assert beside[1] == pytest.approx(beside[2], rel=1e-3)


def test_customers_who_leave_as_likely_as_each_other() -> None:
    """Where nothing tells customers apart, a and b grow without end; the expectations stay what they are."""
    history = History(3, 10.0, 20.0)
    found = [
        BuyingModel(0.9, 1.5, 0.4 * size, 0.6 * size).expected(history, weeks=26) for size in (100, 140, 1e3, 1e4, 1e5)
    ]
    assert all(0 < expected < 5 for expected in found)
    assert found[0] == pytest.approx(found[1], rel=0.02)  # one on either side of the change of the formula
    assert found == sorted(found) or found == sorted(found, reverse=True)
    assert found[-2] == pytest.approx(found[-1], rel=0.001)


def test_a_small_shop_of_regular_habits_is_told() -> None:
    rows = [
        (f"guest {number}", date(2026, 1, 6) + timedelta(days=n * (5 + number % 9)), Money(50 + number, "CNY"))
        for number in range(30)
        for n in range(1 + number % 5)
    ]
    found = lifetime_value(rows, until=date(2026, 5, 5), months=6)
    assert all(0 <= prospect.purchases < 30 for prospect in found.prospects)
    assert found.total > Money(0, "CNY")


def test_value_of_all_customers_comes_near_to_what_they_did(cdnow: list[Purchase]) -> None:
    """Fitted to 39 weeks, the models foretell the repeat purchases of the next 39 weeks within a seventh."""
    fitted = lifetime_value(cdnow, until=date(1997, 9, 30), months=9)
    later = {(c, on) for c, on, _ in cdnow if date(1997, 9, 30) < on <= date(1998, 6, 30)}
    assert sum(p.purchases for p in fitted.prospects) == pytest.approx(len(later), rel=1 / 7)
    assert fitted.total == Money.total((p.value for p in fitted.prospects), currency="USD")
    assert all(one.value >= other.value for one, other in pairwise(fitted.prospects))


def test_discount_makes_the_same_purchases_worth_less(cdnow: list[Purchase]) -> None:
    rows = cdnow[:1500]
    plain = lifetime_value(rows, until=date(1998, 6, 30), months=6)
    discounted = lifetime_value(rows, until=date(1998, 6, 30), months=6, discount=Decimal("0.02"))
    assert discounted.of("0001").purchases == pytest.approx(plain.of("0001").purchases)
    assert plain.total.times(Decimal("0.88")) < discounted.total < plain.total.times(Decimal("0.99"))


def test_too_few_customers_are_refused() -> None:
    rows = [Purchase("ann", date(2026, 1, 1), Money(1, "EUR")), Purchase("ann", date(2026, 2, 1), Money(1, "EUR"))]
    with pytest.raises(InvalidInput, match="at least 10 customers"):
        lifetime_value(rows, until=date(2026, 3, 1))


def test_two_currencies_are_refused() -> None:
    rows = [Purchase("ann", date(2026, 1, 1), Money(1, "EUR")), Purchase("ann", date(2026, 2, 1), Money(1, "USD"))]
    with pytest.raises(InvalidInput, match="USD beside EUR"):
        lifetime_value(rows, until=date(2026, 3, 1))


@pytest.mark.parametrize("months", [0, -1, 121, 1.5])
def test_months_out_of_range_are_refused(months: int, cdnow: list[Purchase]) -> None:
    with pytest.raises(InvalidInput, match="months"):
        lifetime_value(cdnow[:10], until=date(1998, 6, 30), months=months)


def test_a_history_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no history"):
        History(repeats=2, recency=40, age=39)
