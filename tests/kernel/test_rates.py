"""Exchange rates by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.money import Money
from crmkit.kernel.rates import RateTable

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
TABLE = RateTable(
    "EUR", {TUESDAY: {"CNY": Decimal("8.00")}, MONDAY: {"CNY": "7.80", "USD": Decimal("1.04"), "JPY": "170.55"}}
)
rates = st.decimals("0.001", "10000", places=4).filter(bool)


def test_a_rate_holds_until_the_next_one() -> None:
    assert TABLE.rate("EUR", "CNY", on=MONDAY) == Decimal("7.80")
    assert TABLE.rate("EUR", "CNY", on=TUESDAY) == Decimal(8)
    assert TABLE.rate("EUR", "CNY", on=date(2030, 1, 1)) == Decimal(8)
    assert TABLE.rate("EUR", "USD", on=TUESDAY) == Decimal("1.04")


def test_inverse_and_cross_rates() -> None:
    assert TABLE.rate("CNY", "EUR", on=TUESDAY) == Decimal("0.125")
    assert TABLE.rate("USD", "CNY", on=MONDAY) == Decimal("7.5")
    assert TABLE.rate("GBP", "GBP", on=MONDAY) == 1
    assert TABLE.convert(Money("1.04", "USD"), to="JPY", on=MONDAY) == Money("171", "JPY")
    assert TABLE.convert(Money("5", "GBP"), to="GBP", on=MONDAY) == Money("5", "GBP")


def test_rates_do_not_depend_on_the_context_of_the_host() -> None:
    with localcontext(Context(prec=3)):
        assert TABLE.convert(Money("12345.67", "EUR"), to="CNY", on=TUESDAY) == Money("98765.36", "CNY")
        assert len(str(TABLE.rate("JPY", "USD", on=MONDAY))) > 25


def test_the_rounding_can_be_chosen() -> None:
    money = Money("0.99", "EUR")
    assert TABLE.convert(money, to="JPY", on=MONDAY) == Money(169, "JPY")
    assert TABLE.convert(money, to="JPY", on=MONDAY, rounding="ROUND_DOWN") == Money(168, "JPY")


@given(st.integers(-(10**10), 10**10), rates, rates, st.sampled_from(["JPY", "CNY", "BHD"]))
def test_a_conversion_rounds_once(minor: int, paid: Decimal, price: Decimal, to: str) -> None:
    table = RateTable("EUR", {MONDAY: {"USD": paid, to: price}})
    money = Money.from_minor(minor, "USD")
    result = table.convert(money, to=to, on=MONDAY)
    exact = Fraction(money.amount) * Fraction(price) / Fraction(paid)
    smallest = Fraction(Money.from_minor(1, to).amount)
    assert abs(Fraction(result.amount) - exact) <= smallest / 2


@pytest.mark.parametrize(
    ("base", "quote", "on", "reason"),
    [
        (
            "EUR",
            "CNY",
            date(2026, 3, 1),
            "no rate for EUR/CNY on 2026-03-01: the table has CNY from 2026-03-02 to 2026",
        ),
        ("GBP", "EUR", MONDAY, "no rate for GBP/EUR on 2026-03-02: the table has no GBP"),
        ("CNY", "GBP", MONDAY, "the table has no GBP; add the rate of that day"),
    ],
)
def test_missing_rates(base: str, quote: str, on: date, reason: str) -> None:
    with pytest.raises(NotFound, match=reason):
        TABLE.rate(base, quote, on=on)
    with pytest.raises(NotFound, match=reason):
        TABLE.convert(Money(1, base), to=quote, on=on)


def test_rates_can_grow_too_old() -> None:
    table = RateTable("EUR", {MONDAY: {"CNY": "7.80"}}, valid_for=timedelta(days=7))
    assert table.rate("EUR", "CNY", on=MONDAY + timedelta(days=7)) == Decimal("7.80")
    with pytest.raises(NotFound, match="EUR/CNY on 2026-03-10"):
        table.rate("EUR", "CNY", on=MONDAY + timedelta(days=8))


@pytest.mark.parametrize("rate", [7.8, 0, "-1", "0.0", "NaN", "Infinity", "seven", "", None, True, Decimal("sNaN")])
def test_what_is_no_rate(rate: Any) -> None:
    with pytest.raises(InvalidInput, match="the rate of CNY on 2026-03-02"):
        RateTable("EUR", {MONDAY: {"CNY": rate}})


def test_what_is_no_table() -> None:
    with pytest.raises(InvalidInput, match="'EURO' is no ISO 4217 code"):
        RateTable("EURO", {})
    with pytest.raises(InvalidInput, match="did you mean 'CNY'"):
        RateTable("EUR", {MONDAY: {"CNYY": 1}})
    with pytest.raises(InvalidInput, match="the base and always 1"):
        RateTable("EUR", {MONDAY: {"EUR": 1}})
    days: list[Any] = [datetime(2026, 3, 2, tzinfo=UTC), "2026-03-02", None]
    for day in days:
        with pytest.raises(InvalidInput, match="a rate belongs to a calendar day"):
            RateTable("EUR", {day: {"CNY": 1}})
        with pytest.raises(InvalidInput, match="a rate belongs to a calendar day"):
            TABLE.rate("EUR", "CNY", on=day)
    with pytest.raises(InvalidInput, match="no ISO 4217 code"):
        TABLE.rate("EUR", "???", on=MONDAY)


def test_how_a_table_reads() -> None:
    assert repr(RateTable("EUR", {})) == "RateTable('EUR': no rates)"
    assert repr(RateTable("EUR", {MONDAY: {"CNY": 8}, TUESDAY: {"CNY": 8}})) == (
        "RateTable('EUR': CNY from 2026-03-02 to 2026-03-03)"
    )
