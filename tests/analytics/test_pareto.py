"""The Pareto/NBD model of repeat buying, on the customers of CDNOW."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.analytics import History, ParetoModel, Purchase, histories
from crmkit.errors import InvalidInput

END = date(1997, 9, 30)
SHAPES = st.floats(0.2, 5)
SCALES = st.floats(1, 30)


@pytest.fixture(scope="module")
def fitted(cdnow: list[Purchase]) -> ParetoModel:
    return ParetoModel.fit(histories([row for row in cdnow if row.on <= END], until=END).values())


@pytest.mark.slow
def test_it_fits_as_published(fitted: ParetoModel) -> None:
    """Source: the manual of BTYD, which fits the same 39 weeks."""
    assert (fitted.r, fitted.alpha) == pytest.approx((0.553, 10.578), rel=0.001)
    assert (fitted.s, fitted.beta) == pytest.approx((0.606, 11.67), rel=0.003)
    assert fitted.log_likelihood == pytest.approx(-9595.0, abs=0.1)


@pytest.mark.slow
def test_what_a_good_customer_will_buy(fitted: ParetoModel) -> None:
    """Source: the walk-through of BTYD, by way of the tests of lifetimes (clv-paretonbd-conditional)."""
    history = History(26, 30.86, 31.0)
    assert fitted.expected(history, weeks=52) == pytest.approx(25.46, abs=0.01)
    assert fitted.alive(history) == pytest.approx(0.9979, abs=0.0001)
    assert fitted.expected_of_new(weeks=52) == pytest.approx(1.473, abs=0.001)


def test_the_expectation_is_what_a_simulation_counts() -> None:
    """Customers who buy and leave at rates of their own: what new ones buy, and what those buy who never came back."""
    model, chances = ParetoModel(r=1.2, alpha=4.0, s=0.9, beta=9.0), Random(4)
    first, quiet, afterwards, there = 0, 0, 0, 0
    for _ in range(40_000):
        rate, gone = chances.gammavariate(1.2, 1 / 4), chances.expovariate(chances.gammavariate(0.9, 1 / 9))
        days = list(_purchases(chances, rate, min(gone, 20.0)))
        bought = sum(day < 10 for day in days)
        first += bought
        if bought == 0:
            quiet, afterwards, there = quiet + 1, afterwards + len(days), there + (gone > 10)
    silent = History(0, 0.0, 10.0)
    assert first / 40_000 == pytest.approx(model.expected_of_new(weeks=10), rel=0.03)
    assert there / quiet == pytest.approx(model.alive(silent), rel=0.03)
    assert afterwards / quiet == pytest.approx(model.expected(silent, weeks=10), rel=0.08)


def _purchases(chances: Random, rate: float, until: float) -> Iterator[float]:
    day = chances.expovariate(rate)
    while day < until:
        yield day
        day += chances.expovariate(rate)


@given(SHAPES, SCALES, SHAPES, SCALES, st.integers(0, 30), st.floats(0.1, 40), st.floats(0, 40))
def test_silence_makes_leaving_likelier_and_time_brings_purchases(  # noqa: PLR0917 - the model and a history
    r: float, alpha: float, s: float, beta: float, repeats: int, recency: float, silence: float
) -> None:
    model, last = ParetoModel(r, alpha, s, beta), recency if repeats else 0.0
    soon, later = History(repeats, last, last + silence), History(repeats, last, last + silence + 5)
    assert 0 <= model.alive(later) <= model.alive(soon) + 1e-9 <= 1 + 2e-9
    assert 0 <= model.expected(soon, weeks=10) <= model.expected(soon, weeks=20) + 1e-9
    assert model.expected(soon, weeks=1e-9) == pytest.approx(0, abs=1e-6)


def test_equal_scales_are_no_hole() -> None:
    history = History(3, 10.0, 15.0)
    left, same, right = (ParetoModel(0.6, 10.0, 0.7, beta).expected(history, weeks=10) for beta in (9.999, 10, 10.001))
    assert left == pytest.approx(same, rel=1e-3)
    assert right == pytest.approx(same, rel=1e-3)


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 10"):
        ParetoModel.fit([History(1, 1.0, 2.0)] * 9)
