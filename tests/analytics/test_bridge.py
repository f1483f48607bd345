"""Bridges: the effects add up to the change, to the last cent."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.analytics import decompose, revenue_bridge
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money

numbers = st.fractions(-1000, 1000)
amounts = st.integers(0, 10**6).map(lambda minor: Money.from_minor(minor, "EUR"))
rows = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.integers(0, 50), st.integers(0, 10**6).map(lambda m: Money.from_minor(m, "EUR"))
    )
)


def test_price_and_volume_as_controllers_do_it() -> None:
    """Source: investmentguide.co.uk, price-volume bridge: 1,000 to 1,200 pounds, volume 100 to 105."""
    bridge = revenue_bridge([("goods", 100, Money(1000, "GBP"))], [("goods", 105, Money(1200, "GBP"))], currency="GBP")
    assert bridge.effects["volume"] == Money(50, "GBP")
    assert bridge.effects["price"] == Money(150, "GBP")


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4), st.sampled_from(["shapley", "sequential"]))
def test_effects_of_factors_add_up_exactly(pairs: list[tuple[Fraction, Fraction]], method: str) -> None:
    old = {str(n): pair[0] for n, pair in enumerate(pairs)}
    new = {str(n): pair[1] for n, pair in enumerate(pairs)}
    effects = decompose(old, new, method=method)  # type: ignore[arg-type]
    assert sum(effects.values()) == prod(new.values()) - prod(old.values())
    assert all(effects[name] == 0 for name in old if old[name] == new[name])


def test_shapley_does_not_depend_on_the_order_of_the_factors() -> None:
    old, new = {"x": 2, "y": 3, "z": 5}, {"x": 7, "y": 11, "z": 13}
    turned = decompose(dict(reversed(old.items())), dict(reversed(new.items())))
    assert decompose(old, new) == turned
    assert decompose(old, new, method="sequential") != dict(
        reversed(decompose(dict(reversed(old.items())), dict(reversed(new.items())), method="sequential").items())
    )


@given(rows, rows)
def test_a_revenue_bridge_adds_up_to_the_cent(
    before: list[tuple[str, int, Money]], after: list[tuple[str, int, Money]]
) -> None:
    bridge = revenue_bridge(before, after, currency="EUR")
    assert bridge.before + Money.total(bridge.effects.values(), currency="EUR") == bridge.after
    assert bridge.before == Money.total((m for *_, m in before), currency="EUR")
    assert bridge.change == bridge.after - bridge.before


def test_what_appears_and_vanishes_has_its_own_line() -> None:
    bridge = revenue_bridge(
        [("gone", 1, Money(5, "EUR")), ("stays", Decimal("1.5"), Money(3, "EUR"))],
        [("stays", 3, Money(6, "EUR")), ("new", 1, Money(8, "EUR"))],
        currency="EUR",
    )
    assert {name: str(effect.amount) for name, effect in bridge.effects.items()} == {
        "new": "8.00",
        "lost": "-5.00",
        "volume": "3.00",
        "price": "0.00",
    }
    assert "+8.00 EUR" in format(bridge, "md")
    assert bridge._repr_html_().count("<rect") == 6


def test_other_factors_and_methods_are_refused() -> None:
    with pytest.raises(InvalidInput, match="factors differ"):
        decompose({"x": 1}, {"y": 1})
    with pytest.raises(InvalidInput, match="'lmdi'"):
        decompose({"x": 1}, {"x": 1}, method="lmdi")  # type: ignore[arg-type]


def test_another_currency_is_refused() -> None:
    with pytest.raises(InvalidInput, match="two currencies"):
        revenue_bridge([("a", 1, Money(1, "USD"))], [], currency="EUR")
