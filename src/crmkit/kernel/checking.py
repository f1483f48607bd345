"""One generated check for each entity class: written out once as source, so that creating an entity stays cheap."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import utc
from crmkit.kernel.money import Money
from crmkit.kernel.text import clean_text

if TYPE_CHECKING:
    from crmkit.kernel.entity import Attribute, Schema

DECIMAL_PLACES = 6
DECIMAL_LIMIT = 10**12
INTEGER_LIMIT = 2**63
DURATION_LIMIT = timedelta(microseconds=INTEGER_LIMIT - 1)


def checker(schema: Schema, converters: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], None]:
    """A function that checks and normalises every field of one entity of *schema*."""
    names: dict[str, Any] = {
        "put": object.__setattr__,
        "UTC": UTC,
        "datetime": datetime,
        "date": date,
        "Money": Money,
        "NO_TAGS": NO_TAGS,
        "Plain": Plain,
    }
    lines = ["def check(self):"]
    for n, a in enumerate(schema):
        fast = FAST[a.kind.value].format(limit=a.limit)
        if a.choices is not None:
            names[f"choices_{n}"] = frozenset(a.choices)
            fast = f"v in choices_{n}"
        if a.at_least is not None:
            fast = f"({fast}) and v >= {a.at_least}"
        if not a.required:
            fast = f"v is None or ({fast})"
        names[f"slow_{n}"] = converters[a.name]
        lines += [f"    v = self.{a.name}", f"    if not ({fast}): put(self, {a.name!r}, slow_{n}(v))"]
    lines.append("    self.check()")
    return _made("check", lines, names)


def converters(schema: Schema) -> Mapping[str, Callable[[Any], Any]]:
    """By field, a function that checks and normalises one value."""
    return {a.name: _slow(schema, a) for a in schema}


def copier(schema: Schema) -> Callable[[Any], Any]:
    """A function that makes an equal entity without checking it again."""
    names: dict[str, Any] = {"new": schema.cls.__new__, "cls": schema.cls}
    lines = ["def copy(self):", "    e = new(cls)"]
    for a in schema:
        names[f"set_{a.name}"] = getattr(schema.cls, a.name).__set__
        lines.append(f"    set_{a.name}(e, self.{a.name})")
    lines.append("    return e")
    return _made("copy", lines, names)


def _made(name: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[[Any], Any]:
    exec(compile("\n".join(lines), f"<{name}>", "exec"), names)  # noqa: S102 - our own source, from declared names
    made: Callable[[Any], Any] = names[name]
    return made


FAST: Mapping[str, str] = {
    "text": "v.__class__ is str and len(v) <= {limit} and v.isascii() and v.isprintable() and v and v.strip() == v",
    "integer": "v.__class__ is int and -9223372036854775808 <= v < 9223372036854775808",
    "number": "v.__class__ is float and v - v == 0",
    "decimal": "False",
    "boolean": "v is True or v is False",
    "date": "v.__class__ is date",
    "instant": "v.__class__ is datetime and v.tzinfo is UTC",
    "duration": "False",
    "money": "v.__class__ is Money",
    "tags": "v is NO_TAGS",
    "json": "v.__class__ is Plain or v.__class__ is dict and not v or v == ()",
}


def _slow(schema: Schema, a: Attribute) -> Callable[[Any], Any]:
    what = f"{schema.name}.{a.name}"
    convert = SLOW[a.kind.value]

    def slow(value: Any) -> Any:
        if value is None:
            if a.required:
                raise InvalidInput(f"{what} is required")
            return None
        made = convert(value, a, what)
        if a.choices is not None and made not in a.choices:
            raise InvalidInput(f"{what}: {value!r} is not one of {', '.join(a.choices)}")
        if a.at_least is not None and made < a.at_least:
            raise InvalidInput(f"{what} must be at least {a.at_least}, got {value!r}")
        return made

    return slow


def _text(value: Any, a: Attribute, what: str) -> str | None:
    return clean_text(value, what=what, limit=a.limit, multiline=a.multiline, required=a.required) or None


def _integer(value: Any, _: Attribute, what: str) -> int:
    if type(value) is not int or not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise InvalidInput(f"{what} must be a whole number of at most 64 bits, got {value!r}")
    return value


def _number(value: Any, _: Attribute, what: str) -> float:
    if type(value) not in {int, float} or value - value != 0:
        raise InvalidInput(f"{what} must be a finite number, got {value!r}")
    return float(value)


def decimal(value: Any, *, what: str) -> Decimal:
    """A finite decimal with at most six places; floats are refused."""
    if type(value) not in {int, str, Decimal}:
        raise InvalidInput(f"{what} must be a Decimal, an int or a str, got {value!r}; floats are not exact")
    try:
        made = Decimal(value)
    except ArithmeticError:
        raise InvalidInput(f"{what}: {value!r} is not a number") from None
    if not made.is_finite() or abs(made) >= DECIMAL_LIMIT:
        raise InvalidInput(f"{what} must be finite and below 10^12, got {value!r}")
    exact = made.quantize(Decimal(1).scaleb(-DECIMAL_PLACES))
    if exact != made:
        raise InvalidInput(f"{what}: {value!r} has more than {DECIMAL_PLACES} decimal places; round it first")
    return unscaled(int(exact.scaleb(DECIMAL_PLACES)))


def unscaled(millionths: int) -> Decimal:
    """Millionths as the decimal that they are, without trailing zeros."""
    whole, rest = divmod(millionths, 10**DECIMAL_PLACES)
    return Decimal(whole) if not rest else Decimal(millionths).scaleb(-DECIMAL_PLACES).normalize()


def _decimal(value: Any, _: Attribute, what: str) -> Decimal:
    return decimal(value, what=what)


def _boolean(value: Any, _: Attribute, what: str) -> bool:
    if value is not True and value is not False:
        raise InvalidInput(f"{what} must be True or False, got {value!r}")
    return value


def day(value: Any, *, what: str) -> date:
    """A calendar day; an instant is none."""
    if type(value) is not date:
        raise InvalidInput(f"{what} must be a date (a calendar day without a time), got {value!r}")
    return value


def _date(value: Any, _: Attribute, what: str) -> date:
    return day(value, what=what)


def _instant(value: Any, _: Attribute, what: str) -> datetime:
    return utc(value, what=what)


def _duration(value: Any, _: Attribute, what: str) -> timedelta:
    if not isinstance(value, timedelta):
        raise InvalidInput(f"{what} must be a timedelta, got {value!r}")
    if abs(value) > DURATION_LIMIT:
        raise InvalidInput(f"{what} must be below {DURATION_LIMIT.days:,} days, got {value!r}")
    return value


def money(value: Any, *, what: str) -> Money:
    """An amount with its currency; a bare number is none."""
    if not isinstance(value, Money):
        raise InvalidInput(f'{what} must be Money, as in Money("12.50", "EUR"), got {value!r}')
    return value


def _money(value: Any, _: Attribute, what: str) -> Money:
    return money(value, what=what)


NO_TAGS: frozenset[str] = frozenset()


def _tags(value: Any, a: Attribute, what: str) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, (set, frozenset, list, tuple)):
        raise InvalidInput(f"{what} must be a set of texts, got {value!r}")
    if not value:
        return NO_TAGS
    return frozenset(clean_text(tag, what=f"a tag of {what}", limit=a.limit, required=True) for tag in value)


def _json(value: Any, _: Attribute, what: str) -> Any:
    return tuple(plain(v, what) for v in value) if isinstance(value, (tuple, list)) else plain(value, what)


class Plain(dict[str, Any]):
    """A dict of which whoever made it knows that JSON can keep it: it is not looked through a second time."""


def plain(value: Any, what: str) -> Any:
    """*value* as JSON keeps it: dicts with text keys, lists, texts, whole numbers, finite floats, booleans, None."""
    if isinstance(value, str):
        return unbroken(value, what)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return {unbroken(k, what): plain(v, what) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, what) for v in value]
    raise InvalidInput(f"{what}: JSON cannot keep {value!r}")


BROKEN = re.compile("[\x00\ud800-\udfff]")


def unbroken(text: str, what: str) -> str:
    """*text*, if every store can keep it."""
    if not text.isprintable() and BROKEN.search(text):
        raise InvalidInput(f"{what}: {text[:40]!r} holds NUL or half a character; remove it")
    return text


SLOW: Mapping[str, Callable[[Any, Attribute, str], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "instant": _instant,
    "duration": _duration,
    "money": _money,
    "tags": _tags,
    "json": _json,
}
