"""Ids: TypeIDs, which are UUIDv7 in text form behind a prefix, such as ``cus_01m81vpt3cfchayxjdq8xmpmpk``.

An id is a plain ``str`` at run time; each entity names its own kind (``CustomerId = NewType("CustomerId", str)``).  Ids
sort by the time of their creation, say what they belong to, and are chosen without asking a database.

Definitions: the `TypeID specification 0.3 <https://github.com/jetify-com/typeid>`_ for the text (a prefix of a-z and
``_``, then 26 characters of Crockford's base32 in lower case) and RFC 9562, section 5.7, for UUIDv7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from os import getpid, urandom
from random import Random
from struct import unpack
from threading import Lock
from typing import TypeGuard
from uuid import UUID

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.text import shown

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)  # ten bits at a time are faster than five
_DIGIT = {character: value for value, character in enumerate(_ALPHABET)}
_PREFIX = re.compile(r"[a-z](?:[a-z_]{0,61}[a-z])?")
_SUFFIX = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
_TYPEID = re.compile(rf"(?:{_PREFIX.pattern}_)?({_SUFFIX.pattern})")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The random part of a UUIDv7 has 74 bits.  The last 40 of them, which are eight characters, change with every id; the
# 34 before them, and the time, only when those overflow or the millisecond ends.
_LOW_LIMIT, _HIGH_LIMIT = 1 << 40, 1 << 34
_VERSION_AND_VARIANT = 0x7 << 36 | 0b10 << 22


def _draws(random_bytes: Callable[[int], bytes]) -> Iterator[int]:
    """Random numbers of 32 bits; one call of ``random_bytes`` serves 256 of them."""
    while True:
        yield from unpack(">256I", random_bytes(1024))


class IdSource:
    """Where new ids come from: strictly increasing in the order of creation, whatever the clock does.

    Within one millisecond (and while the clock stands still or goes back) the random part of the last id is increased
    by a random step of 1 to 2³², which is RFC 9562, section 6.2, method 2.  A source may be shared by threads, and goes
    on with fresh random bits after a fork.

    Args:
        random_bytes: gives the asked number of random bytes; the operating system's source by default.
        seed: makes the ids reproducible, for tests and demonstrations.  Such ids can be guessed.

    Example:
        >>> from datetime import UTC, datetime
        >>> source = IdSource(seed=1)
        >>> now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
        >>> source.new("cus", now) < source.new("cus", now)
        True
    """

    def __init__(self, random_bytes: Callable[[int], bytes] = urandom, *, seed: int | None = None) -> None:
        self._draws = _draws(random_bytes if seed is None else Random(seed).randbytes)  # noqa: S311 - asked for by seed
        self._random_bytes = random_bytes
        self._seeded = seed is not None
        self._lock = Lock()
        self._process = getpid()
        self._now: datetime | None = None
        self._milliseconds = -1
        self._high = self._low = 0
        self._stem = ""  # the text of all but the low bits

    def new(self, prefix: str, now: datetime) -> str:
        """Give the next id.

        Args:
            prefix: 1 to 63 characters a-z and ``_``, beginning and ending with a letter.
            now: the instant of creation, aware, from 1970 to the year 9999; kept to the millisecond.

        Raises:
            DefinitionError: the prefix is malformed.
            InvalidInput: ``now`` is naive or before 1970.

        Example:
            >>> from datetime import UTC, datetime
            >>> IdSource(seed=1).new("cus", datetime(2026, 3, 2, 1, 0, tzinfo=UTC))[:14]
            'cus_01kjp0y9m0'
        """
        head = _head(prefix)
        with self._lock:
            if now is self._now and getpid() == self._process:
                self._step()
            else:
                self._move_to(now)
            low = self._low
            tail = _PAIRS[low >> 30] + _PAIRS[low >> 20 & 1023] + _PAIRS[low >> 10 & 1023] + _PAIRS[low & 1023]
            return f"{head}{self._stem}{tail}"

    def _move_to(self, now: datetime) -> None:
        """Begin a new millisecond, or go on in the last one when the clock has not passed it."""
        milliseconds = _milliseconds(now)
        self._now = now
        if getpid() != self._process:
            self._process = getpid()
            if not self._seeded:
                self._draws = _draws(self._random_bytes)
            milliseconds = max(milliseconds, self._milliseconds + 1)
        if milliseconds > self._milliseconds:
            self._begin(milliseconds)
        else:
            self._step()

    def _begin(self, milliseconds: int) -> None:
        """Draw fresh random bits; the highest starts at zero, so that there is room for 2⁴¹ steps."""
        draws = self._draws
        self._milliseconds = milliseconds
        self._low = next(draws) << 8 | next(draws) >> 24
        self._set_high(next(draws) << 1 | next(draws) >> 31)

    def _step(self) -> None:
        self._low += next(self._draws) + 1
        if self._low >= _LOW_LIMIT:
            self._low -= _LOW_LIMIT
            self._set_high(self._high + 1)

    def _set_high(self, high: int) -> None:
        if high >= _HIGH_LIMIT:
            self._begin(self._milliseconds + 1)
            return
        self._high = high
        marked = (high >> 22) << 24 | high & 0x3FFFFF | _VERSION_AND_VARIANT
        self._stem = _base32(self._milliseconds << 40 | marked, 18)


def is_id(value: object, prefix: str) -> TypeGuard[str]:
    """Whether the value is a well-formed id with this prefix.

    Example:
        >>> is_id("cus_01kjp0y9m00000000000000000", "cus"), is_id("cus_vip", "cus")
        (True, False)
    """
    return isinstance(value, str) and value[:-26] == f"{prefix}_" and bool(_SUFFIX.fullmatch(value, len(prefix) + 1))


def check_id(value: object, prefix: str, *, what: str) -> str:
    """Give the id back if it is a well-formed id with this prefix.

    Args:
        value: what a caller handed over.
        prefix: the prefix that it must have.
        what: the kind in words, for the message: ``customer``.

    Raises:
        InvalidInput: ``value`` is no such id; the message says what was expected and what came.

    Example:
        >>> check_id("cus_01kjp0y9m00000000000000000", "cus", what="customer")
        'cus_01kjp0y9m00000000000000000'
        >>> check_id("lead_01kjp0y9m00000000000000000", "cus", what="customer")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: expected a customer id (cus_…), got 'lead_01kjp0y9m00000000000000000': \
its prefix is 'lead'
    """
    if is_id(value, prefix):
        return value
    article = "an" if what[:1] in "aeiou" else "a"
    raise InvalidInput(f"expected {article} {what} id ({prefix}_…), got {_why_not(value, prefix)}")


def id_time(value: str) -> datetime:
    """Tell when an id was created, to the millisecond, in UTC.

    Raises:
        InvalidInput: the text is no TypeID, or its UUID is not of version 7 and holds no time.

    Example:
        >>> id_time("cus_01kjp0y9m0e000000000000000")
        datetime.datetime(2026, 3, 2, 1, 0, tzinfo=datetime.timezone.utc)
    """
    number = _number(value)
    if number >> 76 & 0xF != 7:
        raise InvalidInput(f"{shown(value)} holds no time: its UUID is of version {number >> 76 & 0xF}, not 7")
    try:
        return _EPOCH + timedelta(milliseconds=number >> 80)
    except OverflowError:
        raise InvalidInput(f"{shown(value)} holds a time after the year 9999") from None


def uuid_of(value: str) -> UUID:
    """Give the UUID inside an id, for systems and columns that keep UUIDs.

    Raises:
        InvalidInput: the text is no TypeID.

    Example:
        >>> uuid_of("prefix_0123456789abcdefghjkmnpqrs")
        UUID('0110c853-1d09-52d8-d73e-1194e95b5f19')
    """
    return UUID(int=_number(value))


def id_of(prefix: str, uuid: UUID) -> str:
    """Give the id that holds a UUID, for rows that come from another system; the opposite of :func:`uuid_of`.

    Raises:
        DefinitionError: the prefix is malformed.

    Example:
        >>> id_of("prefix", UUID("0110c853-1d09-52d8-d73e-1194e95b5f19"))
        'prefix_0123456789abcdefghjkmnpqrs'
    """
    return _head(prefix) + _base32(uuid.int, 26)


@lru_cache(maxsize=1024)
def _head(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise DefinitionError(
            f"{prefix!r} cannot be the prefix of ids: use 1 to 63 characters a-z and '_', "
            "beginning and ending with a letter"
        )
    return f"{prefix}_"


def _milliseconds(now: datetime) -> int:
    if now.tzinfo is None:
        raise InvalidInput(f"an id needs an aware time, got the naive {now!r}: add tzinfo=UTC")
    since = now - _EPOCH
    if since.days < 0:
        raise InvalidInput(f"an id cannot be created in {now.isoformat()}: UUIDv7 begins at 1970-01-01")
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _base32(number: int, length: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * (length - 2), -1, -10)])


def _number(value: str) -> int:
    try:
        parts = _TYPEID.fullmatch(value)
    except TypeError:
        parts = None
    if parts is None:
        raise InvalidInput(f"{shown(value)} is no id: expected a prefix, '_' and 26 characters of base32")
    number = 0
    for character in parts[1]:
        number = number << 5 | _DIGIT[character]
    return number


def _why_not(value: object, prefix: str) -> str:
    if not isinstance(value, str):
        return "None" if value is None else f"{shown(value)} ({type(value).__name__})"
    found, underscore, suffix = value.rpartition("_")
    if underscore and found != prefix and _PREFIX.fullmatch(found) and _SUFFIX.fullmatch(suffix):
        return f"{shown(value)}: its prefix is {found!r}"
    if found == prefix:
        return f"{shown(value)}: 26 characters 0-9 and a-z (without i, l, o, u) must follow the prefix"
    return shown(value)
