"""RFM: scores by quantiles, and groups by grids."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM
from crmkit.analytics import Band, Grid, Purchase, rfm
from crmkit.analytics.rfm import GRID, quantile_scores
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.money import Money

DAY = date(2026, 3, 31)
BANDS = [
    Band("Champions", (3, 3), (3, 3), (3, 3)),
    Band("Loyal Users", (2, 3), (2, 3), (2, 3)),
    Band("New Customer", (3, 3), (0, 0), (0, 0)),
    Band("Promising", (3, 3), (0, 3), (0, 3)),
    Band("Needing Attention", (2, 2), (0, 3), (0, 3)),
    Band("Cannot lose them", (1, 1), (2, 3), (2, 3)),
    Band("About to Sleep", (1, 1), (0, 0), (0, 3)),
    Band("At Risk", (0, 1), (1, 3), (1, 3)),
    Band("Hibernating", (0, 1), (0, 2), (0, 3)),
]
# Documented examples of Braze's RFM groups: scores from 0 to 3, the first band that has them gives the name.
BRAZE = {
    "Hibernating": ["002", "020"],
    "At Risk": ["021", "031", "111", "112", "113", "121", "131"],
    "About to Sleep": ["102", "103"],
    "Cannot lose them": ["122"],
    "Needing Attention": ["200", "201", "203", "230"],
    "Loyal Users": ["223", "232", "233"],
    "New Customer": ["300"],
    "Promising": ["301", "302"],
}


@pytest.mark.parametrize(("group", "cell"), [(g, c) for g, cells in BRAZE.items() for c in cells])
def test_a_grid_can_say_what_braze_documents(group: str, cell: str) -> None:
    grid = Grid(BANDS, scores=(0, 3), otherwise="nobody")
    assert grid.name(*map(int, cell)) == group


def test_a_hole_in_a_grid_is_found() -> None:
    """In the documented table of Braze nobody names the customers with scores 0, 3 and 0."""
    with pytest.raises(DefinitionError, match="recency 0, frequency 3 and money 0"):
        Grid(BANDS, scores=(0, 3))


def test_a_hidden_band_is_found() -> None:
    everybody = Band("everybody", (1, 5), (1, 5), (1, 5))
    with pytest.raises(DefinitionError, match="'best'"):
        Grid([everybody, Band("best", (5, 5), (5, 5), (5, 5))])


def test_the_grid_that_ships_names_every_combination_and_uses_every_name() -> None:
    assert {GRID.name(*cell) for cell in product(range(1, 6), repeat=3)} == set(GRID.names())


def test_scores_outside_of_the_grid_are_refused() -> None:
    with pytest.raises(InvalidInput, match="from 1 to 5"):
        GRID.name(0, 1, 1)


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(2, 10))
def test_scores_keep_the_order_and_ties_are_equal(values: list[int], levels: int) -> None:
    scores = quantile_scores(values, levels)
    assert all(1 <= score <= levels for score in scores)
    by_value = sorted(zip(values, scores, strict=True))
    assert [score for _, score in by_value] == sorted(scores)
    assert len(dict(by_value)) == len(set(by_value))


def test_different_values_are_divided_evenly() -> None:
    assert Counter(quantile_scores(list(range(100)), 5)) == dict.fromkeys(range(1, 6), 20)


def test_scores_of_three_customers() -> None:
    rows = [
        *(Purchase("often", DAY - timedelta(days=n), Money(10, "EUR")) for n in range(5)),
        *(Purchase("large", DAY - timedelta(days=30 + n), Money(500, "EUR")) for n in range(2)),
        Purchase("gone", DAY - timedelta(days=300), Money(5, "EUR")),
        Purchase("often", DAY + timedelta(days=1), Money(9999, "EUR")),  # has not happened yet
    ]
    found = rfm(rows, until=DAY)
    assert [(s.customer, s.days, s.purchases, str(s.revenue)) for s in found.rows] == [
        ("often", 0, 5, "50.00 EUR"),
        ("large", 30, 2, "1,000.00 EUR"),
        ("gone", 300, 1, "5.00 EUR"),
    ]
    assert [(s.r, s.f, s.m) for s in found.rows] == [(5, 5, 3), (3, 3, 5), (1, 1, 1)]
    assert [s.group for s in found.rows] == ["loyal", "loyal", "lost"]
    assert found.of("gone").group == "lost"
    assert found.members("loyal") == ("often", "large")
    with pytest.raises(InvalidInput, match="bought nothing"):
        found.of("nobody")


def test_groups_add_up(cdnow: list[Purchase]) -> None:
    found = rfm(cdnow, until=date(1998, 6, 30))
    assert sum(g.customers for g in found.groups) == 2357
    assert sum(g.share for g in found.groups) == pytest.approx(1)
    assert Money.total((g.revenue for g in found.groups), currency="USD") == Money.total(
        (p.amount for p in cdnow), currency="USD"
    )


def test_nobody_has_bought() -> None:
    found = rfm([], until=DAY)
    assert found.rows == ()
    assert "champions" in format(found, "md")


def test_it_prints() -> None:
    found = rfm([Purchase("<ann>", DAY, Money(1, "EUR"))], until=DAY)
    assert format(found, "md").startswith("| group | customers |")
    assert "<svg" in found._repr_html_()
    assert "<ann>" not in found._repr_html_()


def test_nothing_is_given_in_the_currency_of_the_house() -> None:
    with CRM.open("memory://", currency="CNY") as crm:
        assert {str(share.revenue) for share in crm.analytics.rfm().groups} == {"0.00 CNY"}
        assert {str(share.revenue) for share in crm.analytics.rfm(currency="JPY").groups} == {"0 JPY"}
