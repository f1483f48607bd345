"""Values that stores, rules and programs get wrong: the pools that everything else draws from.

Most draws come from a pool, so that two of them are often equal and rules and entities meet; some are wide open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from crmkit.kernel.entity import Attribute, Kind
from crmkit.kernel.money import Money

MOST_MINOR = 10**15  # in an 8-byte column, thousands of such amounts can still be added up
CURRENCIES = ("EUR", "CNY", "JPY", "BHD")  # two, none and three decimal digits

TEXTS = (
    "a",
    "ada",
    "Ada",
    "ADA",
    "Caf\u00e9",
    "Cafe\u0301",  # the same in normalisation form D
    "Stra\u00dfe",
    "STRASSE",
    "\u0130stanbul",  # its folded form is longer
    "istanbul",
    "\u03a3\u0391\u03a3",
    "\u03c3\u03b1\u03c2",  # two small sigmas
    "\ufb01ne",  # a ligature
    "小王",
    "שלום",
    "😀",
    "\ufffd",  # sorts before 😀 by code point, behind it in UTF-16
    "O'Brien",
    '"quoted"',
    "100%",
    "a_b",
    "a\\b",
    "{} $1 ? :x %s",
    "Zo\u00eb 10",
    "zoe 9",
)
WORDS = ("vip", "couple", "VIP", "小", "a,b", '"')
TAGS = (
    frozenset[str](),
    *(frozenset({w}) for w in WORDS),
    frozenset(WORDS[:2]),
    frozenset(WORDS[2:5]),
    frozenset(WORDS),
)
DAYS = (
    date(2026, 3, 2),
    date(2026, 3, 1),
    date(2026, 2, 28),
    date(2024, 2, 29),
    date(2000, 2, 29),
    date(2026, 1, 31),
    date(2026, 3, 31),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(1996, 3, 14),
    date(1970, 1, 1),
    date(1899, 12, 31),
)
INSTANTS = (
    datetime(2026, 3, 2, 9, tzinfo=UTC),
    datetime(2026, 3, 2, 8, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 2, tzinfo=UTC),
    datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 1, 16, tzinfo=UTC),  # midnight in Shanghai
    datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2026, 1, 31, 22, 30, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # clocks go forward in Europe
    datetime(2025, 10, 26, 0, 30, tzinfo=UTC),  # an hour that happens twice in Europe
    datetime(2025, 12, 2, 9, tzinfo=UTC),  # ninety days before the first
    datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
)
AMOUNTS = tuple(
    Money.from_minor(minor, currency)
    for currency in CURRENCIES
    for minor in (100, 0, 1, 50_000, 99_999, -100, 10**12)
    if currency in {"EUR", "CNY"} or minor in {100, 50_000}
)
INTEGERS = (0, 1, 2, 3, 5, 10, 100, -1, 2**31, -(2**31) - 1)
NUMBERS = (0.0, 0.5, 1.0, -1.5, 0.1, 1 / 3, 1e-9, 1e15, 100.0)
DECIMALS = tuple(map(Decimal, ("0", "1", "2", "1.5", "0.000001", "-2.25", "0.1", "999999999999.999999", "10")))
DURATIONS = (
    timedelta(hours=1),
    timedelta(0),
    timedelta(days=1),
    timedelta(microseconds=1),
    timedelta(days=-1, hours=3),
)
DOCUMENTS: tuple[Any, ...] = ({}, {"k": 1}, {"k": [1, "ä", None, {"x": 1.5, "y": True}]}, {"小": {"a": "b"}})

POOLS: dict[Kind, tuple[Any, ...]] = {
    Kind.TEXT: TEXTS,
    Kind.INTEGER: INTEGERS,
    Kind.NUMBER: NUMBERS,
    Kind.DECIMAL: DECIMALS,
    Kind.BOOLEAN: (False, True),
    Kind.DATE: DAYS,
    Kind.INSTANT: INSTANTS,
    Kind.DURATION: DURATIONS,
    Kind.MONEY: AMOUNTS,
    Kind.TAGS: TAGS,
    Kind.JSON: DOCUMENTS,
}

ALPHABET = st.characters(
    exclude_categories=("Cc", "Cs", "Zl", "Zp"),
    exclude_characters="\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)


def texts(*, max_size: int = 30) -> st.SearchStrategy[str]:
    """Text that a field of one line may hold: many scripts, NFC and NFD, mixed case; never empty.

    Args:
        max_size: the most characters, 1 and more.

    Example:
        >>> from hypothesis import given, settings
        >>> @given(texts(max_size=12))
        ... @settings(max_examples=20, deadline=None)
        ... def test_a_name_is_something(name: str) -> None:
        ...     assert 1 <= len(name) <= 12 and name.strip()
        >>> test_a_name_is_something()
    """
    short = [t for t in TEXTS if len(t) <= max_size]
    wide = st.text(ALPHABET, min_size=1, max_size=max_size).filter(lambda text: text.strip() != "")
    return st.sampled_from(short) | wide


def tags() -> st.SearchStrategy[frozenset[str]]:
    """Sets of words, the empty one among them.

    Example:
        >>> from hypothesis import given, settings
        >>> @given(tags(), tags())
        ... @settings(max_examples=20, deadline=None)
        ... def test_united_tags_hold_both(one: frozenset[str], two: frozenset[str]) -> None:
        ...     assert one | two >= one
        >>> test_united_tags_hold_both()
    """
    return st.sampled_from(TAGS) | st.frozensets(texts(max_size=10), max_size=4)


def money(
    *,
    currencies: Sequence[str] = CURRENCIES,
    min_minor: int = -MOST_MINOR,
    max_minor: int = MOST_MINOR,
) -> st.SearchStrategy[Money]:
    """Amounts, in several currencies unless told otherwise.

    Args:
        currencies: ISO 4217 codes.
        min_minor: the smallest amount in minor units.
        max_minor: the largest amount in minor units.

    Example:
        >>> from hypothesis import given, settings
        >>> @given(money(currencies=["JPY", "CNY"], min_minor=1))
        ... @settings(max_examples=20, deadline=None)
        ... def test_a_price_is_above_zero(price: Money) -> None:
        ...     assert price > Money.zero(price.currency)
        >>> test_a_price_is_above_zero()
    """
    known = [m for m in AMOUNTS if m.currency in currencies and min_minor <= m.minor <= max_minor]
    wide = st.builds(
        Money.from_minor, st.integers(min_value=min_minor, max_value=max_minor), st.sampled_from(list(currencies))
    )
    return st.sampled_from(known) | wide if known else wide


def days(*, min_value: date = date(1, 1, 1), max_value: date = date(9999, 12, 31)) -> st.SearchStrategy[date]:
    """Calendar days: month ends, 29 February, and any other.

    Example:
        >>> from hypothesis import given, settings
        >>> @given(days(min_value=date(2026, 1, 1), max_value=date(2030, 12, 31)))
        ... @settings(max_examples=20, deadline=None)
        ... def test_a_day_reads_back(day: date) -> None:
        ...     assert date.fromisoformat(day.isoformat()) == day
        >>> test_a_day_reads_back()
    """
    known = [d for d in DAYS if min_value <= d <= max_value]
    wide = st.dates(min_value=min_value, max_value=max_value)
    return st.sampled_from(known) | wide if known else wide


def instants(
    *,
    min_value: datetime = datetime(1900, 1, 1, tzinfo=UTC),
    max_value: datetime = datetime(2200, 1, 1, tzinfo=UTC),
) -> st.SearchStrategy[datetime]:
    """Moments in UTC: the last microsecond of a month, midnights of several zones, changes of clocks, and any other.

    Args:
        min_value: the earliest, an aware datetime.
        max_value: the latest, an aware datetime.

    Example:
        >>> from hypothesis import given, settings
        >>> @given(instants(min_value=datetime(2026, 1, 1, tzinfo=UTC)))
        ... @settings(max_examples=20, deadline=None)
        ... def test_a_moment_has_a_zone(at: datetime) -> None:
        ...     assert at.tzinfo is UTC and at.year >= 2026
        >>> test_a_moment_has_a_zone()
    """
    known = [i for i in INSTANTS if min_value <= i <= max_value]
    wide = st.datetimes(
        min_value=min_value.astimezone(UTC).replace(tzinfo=None),
        max_value=max_value.astimezone(UTC).replace(tzinfo=None),
        timezones=st.just(UTC),
    )
    return st.sampled_from(known) | wide if known else wide


def pool(a: Attribute) -> list[Any]:
    """Values that the attribute may have, the simplest first."""
    values: list[Any] = list(a.choices or POOLS[a.kind])
    if a.at_least is not None:
        values = [v for v in values if v >= a.at_least] or [a.at_least]
    if a.kind is not Kind.TEXT:
        return values
    codes = ["EUR"] if a.limit == 3 and a.choices is None else []  # three letters are the code of a currency
    return codes + [v for v in values if len(v) <= a.limit]


def wide(a: Attribute) -> st.SearchStrategy[Any]:
    """Any value that the attribute may have."""
    if a.choices is not None:
        return st.sampled_from(a.choices)
    low = a.at_least
    match a.kind:
        case Kind.TEXT:
            return texts(max_size=min(a.limit, 60))
        case Kind.INTEGER:
            return st.integers(min_value=-(2**62) if low is None else low, max_value=2**62)
        case Kind.NUMBER:
            return st.floats(min_value=low, allow_nan=False, allow_infinity=False)
        case Kind.DECIMAL:
            most = 10**18 - 1
            units = st.integers(min_value=-most if low is None else low * 10**6, max_value=most)
            return units.map(lambda n: Decimal(n).scaleb(-6))
        case Kind.DATE:
            return days()
        case Kind.INSTANT:
            return instants()
        case Kind.DURATION:
            return st.timedeltas(min_value=timedelta(days=-1000), max_value=timedelta(days=10_000))
        case Kind.MONEY:
            return money(min_minor=-MOST_MINOR if low is None else low)
        case Kind.TAGS:
            return tags()
    return st.sampled_from(pool(a))
