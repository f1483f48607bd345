"""What rules compare with: texts normalised, instants in UTC, whole measures of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypedDict
from unicodedata import normalize

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import utc
from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import Bucket, Window
from crmkit.kernel.text import shown

WINDOW_LIMIT = 100_000
SECONDS_LIMIT = 3_600 * WINDOW_LIMIT
HOURS_LIMIT = 24 * WINDOW_LIMIT
BUCKET_LIMIT = 1_000_000
PATH_LIMIT = 500
TEXT_LIMIT = 1_000_000
DIGITS_LIMIT = 1_000
LARGEST = 10**DIGITS_LIMIT


class Lasting(TypedDict, total=False):
    """How long a stretch of time is: calendar days and months, exact hours and seconds."""

    days: int | None
    months: int | None
    hours: int | None
    seconds: int | None


def window(**bounds: Any) -> Window:
    """A window of at least one measure.

    Raises:
        InvalidInput: none is given, or one is not a whole number from 0 to 100,000 (seconds: of as many hours).
    """
    side = bounds.pop("side", "last")
    seconds = whole_of(bounds.pop("seconds", None), most=SECONDS_LIMIT)
    days, hours, months = (whole_of(bounds.pop(name, None)) for name in ("days", "hours", "months"))
    if bounds or days is hours is months is seconds is None:
        raise InvalidInput(
            f"a window is given in days=, months=, hours= or seconds=, got {', '.join(bounds) or 'nothing'}"
        )
    return Window(days, hours, months, side=side, seconds=seconds)


def constant(value: Any) -> Any:
    """*value* as a rule keeps it: texts normalised, instants in UTC; NaN and naive datetimes are refused."""
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, datetime):
        return utc(value, what="a value in a rule")
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal):
        _check_digits(value)
    elif isinstance(value, int) and not -LARGEST < value < LARGEST:
        raise InvalidInput(f"a number in a rule has at most {DIGITS_LIMIT:,} digits")
    if isinstance(value, (bool, int, Decimal, date, timedelta, Money)):
        return value
    raise InvalidInput(f"a rule cannot compare with {shown(value)}; use text, a number, a date, an instant or Money")


def _check_digits(number: Decimal) -> None:
    if not number.is_finite():
        raise InvalidInput(f"a rule cannot compare with {shown(number)}; use is_missing() to ask for missing values")
    _, digits, exponent = number.as_tuple()
    if max(len(digits), number.adjusted(), -int(exponent)) > DIGITS_LIMIT:
        raise InvalidInput(f"a number in a rule has at most {DIGITS_LIMIT:,} digits before and after the point")


def values_of(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values of a list, each once; missing ones are none."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        hint = f"; write in_([{shown(values)}])" if isinstance(values, str) else ""
        raise InvalidInput(f"in_ takes a list of values, got {shown(values)}{hint}")
    return tuple(dict.fromkeys(constant(v) for v in values if v is not None))


def normal(text: Any) -> str:
    """A text, normalised."""
    if not isinstance(text, str):
        raise InvalidInput(f"a rule compares text with text here, got {shown(text)}")
    if len(text) > TEXT_LIMIT:
        raise InvalidInput(f"a text in a rule has at most {TEXT_LIMIT:,} characters, this one has {len(text):,}")
    if "\0" in text or not (text.isascii() or _writable(text)):
        raise InvalidInput("a text in a rule holds NUL or half a character; no stored text does")
    return normalize("NFC", text)


def _writable(text: str) -> bool:
    """Whether the text is whole: half a character has no bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_of(number: Any, *, most: int = WINDOW_LIMIT) -> int | None:
    """A number of units."""
    if number is not None and (type(number) is not int or not 0 <= number <= most):
        raise InvalidInput(
            f"a window is a whole number of days, months, hours or seconds, 0 to {most:,}; got {shown(number)}"
        )
    return number


def moment_of(value: Any) -> Any:
    """A date or an instant."""
    if not isinstance(value, date):
        raise InvalidInput(f"since and until take a date or a datetime, got {shown(value)}")
    return constant(value)


def names_of(path: Any) -> tuple[str, ...]:
    """The names in a path such as ``company.industry``."""
    text = normal(path)
    names = tuple(text.split("."))
    if len(text) > PATH_LIMIT or not all(names) or "`" in text:
        raise InvalidInput(f"a field is named as in 'city' or 'company.industry', not {shown(path)}")
    return names


def bucket_of(size: Any, salt: Any) -> Bucket:
    """A bucket out of *size* ones."""
    if type(size) is not int or not 1 <= size <= BUCKET_LIMIT:
        raise InvalidInput(f"a bucket is drawn from 1 to {BUCKET_LIMIT:,}, not from {shown(size)}")
    return Bucket(size, normal(salt))


def year_of(days: Any) -> int:
    """A number of days within a year."""
    if type(days) is not int or not 0 <= days <= 366:
        raise InvalidInput(f"an anniversary is looked for on 0 to 366 days, not {shown(days)}")
    return days


def sequence_of(hours: Any) -> int:
    """How long after one thing another one may happen."""
    if type(hours) is not int or not 1 <= hours <= HOURS_LIMIT:
        raise InvalidInput(
            f"say within which time, as in then(…, days=30): 1 to {HOURS_LIMIT:,} hours, not {shown(hours)}"
        )
    return hours
