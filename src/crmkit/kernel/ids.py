"""Ids: TypeIDs, which are UUIDv7 in text form behind a prefix, such as ``cus_01m81vpt3cfchayxjdq8xmpmpk``.

An id is a plain ``str`` at run time; each entity names its own kind (``CustomerId = NewType("CustomerId", str)``).  Ids
sort by the time of their creation, say what they belong to, and are chosen without asking a database.

Definitions: the `TypeID specification 0.3 <https://github.com/jetify-com/typeid>`_ for the text (a prefix of a-z and
``_``, then 26 characters of Crockford's base32 in lower case) and RFC 9562, section 5.7, for UUIDv7.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from struct import unpack
from threading import Lock
from uuid import UUID

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.text import shown

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGIT = {character: value for value, character in enumerate(_ALPHABET)}
_PREFIX = re.compile(r"[a-z](?:[a-z_]{0,61}[a-z])?")
_SUFFIX = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
_TYPEID = re.compile(rf"(?:{_PREFIX.pattern}_)?({_SUFFIX.pattern})")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAIL_BITS = 74  # the bits of a UUIDv7 that are neither time, version nor variant
_TAIL_LIMIT = 1 << _TAIL_BITS
_LOW_BITS = 62
_LOW_MASK = (1 << _LOW_BITS) - 1
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << _LOW_BITS


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

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom, *, seed: int | None = None) -> None:
        self._draws = _draws(random_bytes if seed is None else Random(seed).randbytes)  # noqa: S311 - asked for by seed
        self._random_bytes = random_bytes
        self._seeded = seed is not None
        self._lock = Lock()
        self._process = os.getpid()
        self._now: datetime | None = None
        self._milliseconds = -1
        self._time_text = ""
        self._tail = 0

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
            if now is not self._now or os.getpid() != self._process:
                self._move_to(now)
            else:
                self._step()
            high, low = self._tail >> _LOW_BITS, self._tail & _LOW_MASK
            return head + self._time_text + _text16(high << 64 | low | _VERSION_AND_VARIANT)

    def _move_to(self, now: datetime) -> None:
        """Begin a new millisecond, or go on in the last one when the clock has not passed it."""
        milliseconds = _milliseconds(now)
        self._now = now
        if os.getpid() != self._process:
            self._process = os.getpid()
            if not self._seeded:
                self._draws = _draws(self._random_bytes)
            milliseconds = max(milliseconds, self._milliseconds + 1)
        if milliseconds > self._milliseconds:
            self._begin(milliseconds)
        else:
            self._step()

    def _begin(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds
        self._time_text = _base32(milliseconds, 10)
        draw = self._draws
        # The highest bit starts at zero, so that there is room for 2⁷³ / 2³² steps.
        self._tail = (next(draw) << 64 | next(draw) << 32 | next(draw)) >> (96 - _TAIL_BITS + 1)

    def _step(self) -> None:
        self._tail += next(self._draws) + 1
        if self._tail >= _TAIL_LIMIT:
            self._begin(self._milliseconds + 1)


_SOURCE = IdSource()


def new_id(prefix: str, *, now: datetime) -> str:
    """Give an id from the source of this process; see :meth:`IdSource.new`.

    Example:
        >>> from datetime import UTC, datetime
        >>> len(new_id("cus", now=datetime(2026, 3, 2, 1, 0, tzinfo=UTC)))
        30
    """
    return _SOURCE.new(prefix, now)


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
    if isinstance(value, str) and value[:-26] == f"{prefix}_" and _SUFFIX.fullmatch(value, len(prefix) + 1):
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


@lru_cache(maxsize=1)
def _pairs() -> tuple[str, ...]:
    """Ten bits at a time are five times faster than one digit at a time."""
    return tuple(high + low for high in _ALPHABET for low in _ALPHABET)


def _text16(number: int) -> str:
    """The 80 low bits of an id."""
    pairs = _pairs()
    return (
        pairs[number >> 70]
        + pairs[number >> 60 & 1023]
        + pairs[number >> 50 & 1023]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (length - 1), -1, -5))


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
