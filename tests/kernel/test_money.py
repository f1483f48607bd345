"""Money: exact, in one currency at a time."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import iso4217
import pydantic
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput
from crmkit.kernel.currencies import _CURRENT, EXPONENTS, exponent_of
from crmkit.kernel.money import LARGEST_MINOR, Money, exact_ratio, round_ratio

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(-(10**12), 10**12)
monies = st.builds(Money.from_minor, minors, currencies)
cents = st.builds(Money.from_minor, minors, st.just("CNY"))
numbers = st.integers(-(10**6), 10**6) | st.decimals(-(10**6), 10**6, allow_nan=False, allow_infinity=False)
roundings = st.sampled_from(
    ["ROUND_UP", "ROUND_DOWN", "ROUND_CEILING", "ROUND_FLOOR", "ROUND_HALF_UP", "ROUND_HALF_DOWN", "ROUND_HALF_EVEN"]
)


def test_the_table_is_that_of_iso_4217() -> None:
    published = {unit.code: unit.exponent for unit in iso4217.Currency if unit.exponent is not None}
    current = {code for codes in _CURRENT.values() for code in codes.split()}
    assert {code: EXPONENTS[code] for code in current} == published
    assert EXPONENTS["BGN"] == EXPONENTS["DEM"] == 2
    assert EXPONENTS["ITL"] == 0


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("cny", "did you mean 'CNY'"),
        ("CNYY", "did you mean 'CNY'"),
        ("€", "use a code such as"),
        ("XAU", "no ISO 4217 code of a currency with an amount"),
        ("", "use a code such as"),
        (None, "use a code such as"),
        (["CNY"], "no ISO 4217 code"),
    ],
)
def test_unknown_currencies(code: Any, hint: str) -> None:
    for make in (exponent_of, Money.zero, lambda code: Money(1, code)):
        with pytest.raises(InvalidInput, match=hint):
            make(code)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("8000", "CNY", 800_000),
        ("12.5", "CNY", 1250),
        ("-0.01", "CNY", -1),
        ("-0.00", "CNY", 0),
        ("+7", "CNY", 700),
        ("007.50", "CNY", 750),
        ("12.50000", "CNY", 1250),
        ("1250", "JPY", 1250),
        ("1250.00", "JPY", 1250),
        ("1.234", "BHD", 1234),
        (8001, "CNY", 800_100),
        (Decimal("12.50"), "CNY", 1250),
        (Decimal("1E+3"), "CNY", 100_000),
        (Decimal("0E+5000"), "CNY", 0),
        ("92233720368547758.07", "CNY", LARGEST_MINOR),
    ],
)
def test_amounts(amount: Any, currency: str, minor: int) -> None:
    money = Money(amount, currency)
    assert (money.minor, money.currency) == (minor, currency)
    assert money == Money.from_minor(minor, currency) == Money.rounded(amount, currency)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (8000.0, "floats are not exact"),
        (True, "no exact number"),
        (None, "no exact number"),
        (Fraction(1, 2), "no exact number"),
        (Decimal("NaN"), "no exact number"),
        (Decimal("-Infinity"), "no exact number"),
        (Decimal("1E+999999999"), "too large or too small"),
        (Decimal("1E-999999999"), "too large or too small"),
        (2**63, "too large for an amount"),
        (10**100, "too large for an amount"),
        ("92233720368547758.08", "too large for an amount"),
        ("1" * 5000, "is no amount"),
        ("8,000", "without separators"),
        ("1_000", "is no amount"),
        ("1e3", "is no amount"),
        ("NaN", "is no amount"),
        (" 8000", "is no amount"),
        ("8000\n", "is no amount"),
        ("٣", "is no amount"),
        (".5", "is no amount"),
        ("5.", "is no amount"),
        ("", "is no amount"),
    ],
)
def test_what_is_no_amount(amount: Any, reason: str) -> None:
    for make in (Money, Money.rounded):
        with pytest.raises(InvalidInput, match=reason):
            make(amount, "CNY")


def test_amounts_that_python_does_not_even_write() -> None:
    with pytest.raises(InvalidInput, match="<int> CNY is too large"):
        Money(10**5000, "CNY")


@pytest.mark.parametrize("amount", ["0.125", Decimal("0.125"), "0.001", Decimal("-1E-20")])
def test_digits_that_the_currency_has_not(amount: Any) -> None:
    with pytest.raises(InvalidInput, match=r"CNY has 2 decimal digits, got .* use Money.rounded\("):
        Money(amount, "CNY")


def test_rounding_is_asked_for() -> None:
    assert Money.rounded("0.125", "CNY").minor == 13
    assert Money.rounded("-0.125", "CNY").minor == -13
    assert Money.rounded("0.125", "CNY", rounding=ROUND_HALF_EVEN).minor == 12
    assert Money.rounded(Decimal(1) / Decimal(3), "JPY", rounding=ROUND_UP) == Money(1, "JPY")
    with pytest.raises(InvalidInput, match="unknown rounding mode 'up'"):
        Money.rounded("0.125", "CNY", rounding="up")


@given(monies)
def test_text_and_amount_lead_back(money: Money) -> None:
    assert Money(money.amount, money.currency) == money
    assert Money(f"{money.amount}", money.currency) == money
    assert eval(repr(money), {"Money": Money}) == money  # noqa: S307 - that is what a repr promises
    assert -money.amount.as_tuple().exponent == exponent_of(money.currency)  # type: ignore[operator]  # never NaN


def test_how_money_reads() -> None:
    assert str(Money("-8000", "CNY")) == "-8,000.00 CNY"
    assert str(Money("1234567", "JPY")) == "1,234,567 JPY"
    assert repr(Money("0.5", "BHD")) == "Money('0.500', 'BHD')"
    assert repr(Money("92233720368547758.07", "CNY")) == "Money('92233720368547758.07', 'CNY')"


def test_money_does_not_change() -> None:
    money = Money(1, "CNY")
    with pytest.raises(FrozenInstanceError):
        money.minor = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        money.note = "x"  # type: ignore[attr-defined]
    assert not hasattr(money, "__dict__")


@given(monies)
def test_copies_and_pickles_are_equal(money: Money) -> None:
    for other in (copy.copy(money), copy.deepcopy(money), pickle.loads(pickle.dumps(money))):  # noqa: S301
        assert other == money
        assert hash(other) == hash(money)


@given(cents, cents, cents)
def test_sums_are_those_of_decimals(one: Money, two: Money, three: Money) -> None:
    assert (one + two).amount == one.amount + two.amount
    assert one - two == one + -two
    assert (one + two) + three == one + (two + three) == Money.total([one, two, three], currency="CNY")
    assert one + Money.zero("CNY") == +one == one
    assert abs(one).amount == abs(one.amount)
    assert bool(one) == (one.minor != 0)
    assert (one < two, one <= two, one > two, one >= two) == (
        one.minor < two.minor,
        one.minor <= two.minor,
        one.minor > two.minor,
        one.minor >= two.minor,
    )


def test_tenths_add_up_exactly() -> None:
    """Source: espocrm/espocrm@2cde9d98, CurrencyTest.php testDecimal1 (espo-decimal-money), with 4 places there."""
    assert Money("10.1", "USD") + Money("0.1", "USD") == Money("10.2", "USD")
    assert str((Money("10.1", "USD") + Money("0.1", "USD")).amount) == "10.20"


def test_a_total_of_nothing() -> None:
    assert Money.total([], currency="JPY") == Money.zero("JPY")
    assert Money.total(iter([Money(1, "JPY")]), currency="JPY") == Money(1, "JPY")
    with pytest.raises(InvalidInput, match="expected money in JPY, got 1"):
        Money.total([1], currency="JPY")  # type: ignore[list-item]


MIXES: dict[str, Callable[[Money, Money], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "below": lambda a, b: a < b,
    "not below": lambda a, b: a >= b,
    "divide": lambda a, b: a / b,
    "total": lambda a, b: Money.total([a, b], currency=a.currency),
}


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_currencies_do_not_mix(mix: Callable[[Money, Money], Any]) -> None:
    with pytest.raises(InvalidInput, match=r"\d.00 CNY and 1.00 EUR have two currencies: .* RateTable"):
        mix(Money(1, "CNY"), Money(1, "EUR"))
    assert Money(0, "CNY") != Money(0, "EUR")


@pytest.mark.parametrize("other", [1, 0, "one", None, 1.5, Decimal(1)])
def test_money_is_no_number(other: Any) -> None:
    money = Money(1, "CNY")
    assert money != other
    mixes: list[Callable[[], Any]] = [
        lambda: money + other,
        lambda: other + money,
        lambda: money - other,
        lambda: money < other,
    ]
    for mix in mixes:
        with pytest.raises(TypeError):
            mix()


@given(cents, numbers, roundings)
def test_products_round_once(money: Money, factor: int | Decimal, rounding: str) -> None:
    exact = Fraction(money.minor) * Fraction(factor)
    minor = money.times(factor, rounding=rounding).minor
    assert abs(minor - exact) < 1
    assert Fraction(minor) == exact or exact.denominator > 1
    assert money * factor == factor * money == money.times(factor, rounding=ROUND_HALF_UP)
    assert money.percent(factor, rounding=rounding).minor == round_ratio(
        exact.numerator, exact.denominator * 100, rounding=rounding
    )


@given(cents, st.integers(1, 10**6) | st.decimals("0.001", 10**6), st.sampled_from([1, -1]))
def test_quotients_round_once(money: Money, size: int | Decimal, sign: int) -> None:
    divisor = sign * size
    assert abs((money / divisor).minor - Fraction(money.minor) / Fraction(divisor)) <= Fraction(1, 2)


@given(cents, cents.filter(bool))
def test_a_ratio_of_money_is_a_number_whatever_the_context(one: Money, other: Money) -> None:
    with localcontext(Context(prec=3)):
        ratio = one / other
    assert ratio == Context(prec=28).divide(Decimal(one.minor), Decimal(other.minor))


@given(st.integers(), st.integers().filter(bool), roundings)
def test_rounding_is_that_of_decimal(numerator: int, denominator: int, rounding: str) -> None:
    context = Context(prec=200)
    expected = context.divide(Decimal(numerator), Decimal(denominator)).to_integral_value(rounding)
    assert round_ratio(numerator, denominator, rounding=rounding) == expected


def test_long_numbers_round_exactly() -> None:
    digits = int("1" * 60)
    assert round_ratio(2 * digits + 1, 2) == digits + 1
    assert round_ratio(10**40 * digits + 1, 10**40, rounding=ROUND_UP) == digits + 1


@pytest.mark.parametrize("factor", [0.5, "2", None, True, Decimal("NaN"), Fraction(1, 2), Money(1, "CNY")])
def test_factors_that_are_no_exact_numbers(factor: Any) -> None:
    money = Money(1, "CNY")
    for calculate in (money.times, money.percent, lambda f: money * f, lambda f: money.allocate([f])):
        with pytest.raises(InvalidInput, match="no exact number"):
            calculate(factor)


def test_calculations_that_cannot_be() -> None:
    money = Money(1, "CNY")
    for zero in (0, Decimal("0.0"), Money.zero("CNY")):
        with pytest.raises(InvalidInput, match=r"cannot divide 1.00 CNY by 0"):
            money / zero
    with pytest.raises(InvalidInput, match="no exact number"):
        money / 0.5  # type: ignore[operator]
    with pytest.raises(InvalidInput, match="too large"):
        money * 10**18
    with pytest.raises(InvalidInput, match="too large or too small"):
        money * Decimal("1E+100")
    assert exact_ratio(Decimal("-2.50")) == (-5, 2)


@given(monies, st.lists(st.integers(0, 10**6) | st.decimals(0, 1000, places=3), min_size=1, max_size=20))
def test_allocation_loses_nothing_and_is_fair(money: Money, weights: list[int | Decimal]) -> None:
    whole = sum(map(Fraction, weights))
    if not whole:
        with pytest.raises(InvalidInput, match="not all 0"):
            money.allocate(weights)
        return
    parts = money.allocate(weights)
    assert Money.total(parts, currency=money.currency) == money
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor - money.minor * Fraction(weight) / whole) < 1
    assert parts == money.allocate(weights)
    assert tuple(-part for part in parts) == (-money).allocate(weights)


def test_allocation_serves_the_first_first() -> None:
    assert [part.minor for part in Money.from_minor(5, "CNY").allocate([1, 1, 1])] == [2, 2, 1]
    assert [part.minor for part in Money.from_minor(5, "CNY").allocate([0, 1, 0])] == [0, 5, 0]
    assert [part.minor for part in Money.from_minor(100, "CNY").allocate([Decimal("0.5"), Decimal("0.25")])] == [67, 33]


@pytest.mark.parametrize("weights", [[], [0], [1, -1], [3, -1], [Decimal(-1)]])
def test_weights_that_divide_nothing(weights: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="use weights of 0 and more, not all 0"):
        Money(1, "CNY").allocate(weights)


class Quote(pydantic.BaseModel):
    """A model of a host."""

    price: Money


@given(monies)
def test_pydantic_there_and_back(money: Money) -> None:
    quote = Quote(price=money)
    assert quote.model_dump() == {"price": money}
    assert quote.model_dump(mode="json") == {
        "price": {"amount": f"{money.amount:f}", "currency": money.currency},
    }
    assert Quote.model_validate_json(quote.model_dump_json()) == quote
    assert Quote.model_validate({"price": {"amount": money.amount, "currency": money.currency}}) == quote


@pytest.mark.parametrize(
    "given",
    [
        '{"amount": 12.5, "currency": "CNY"}',
        '{"amount": "0.125", "currency": "CNY"}',
        '{"amount": "12.50", "currency": "cny"}',
        '{"amount": "12.50", "currency": "CNX"}',
        '{"amount": "12.50"}',
        '{"amount": "12.50", "currency": "CNY", "note": ""}',
        '"12.50 CNY"',
        "null",
    ],
)
def test_pydantic_refuses(given: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        Quote.model_validate_json(f'{{"price": {given}}}')


def test_pydantic_describes_money() -> None:
    schema = Quote.model_json_schema()["properties"]["price"]
    assert schema["required"] == ["amount", "currency"]
    assert schema["properties"]["amount"]["type"] == "string"
    assert schema == Quote.model_json_schema(mode="serialization")["properties"]["price"]
