"""Events: facts in the past tense, stored for ever under a stable name.

>>> from crmkit.kernel.events import Event, event
>>> @event("pets.pet_adopted", schema=1)
... class PetAdopted(Event):
...     pet_id: str
...     customer_id: str
>>> adopted = PetAdopted(pet_id="pet_1", customer_id="cus_1")
>>> adopted.subject, adopted.payload()
('pet_1', {'pet_id': 'pet_1', 'customer_id': 'cus_1'})
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.checking import Plain, plain, unbroken
from crmkit.kernel.entity import Record, attribute, entity
from crmkit.kernel.money import Money

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


class Event:
    """The root of all events.  The first field that ends in ``_id`` names the subject."""

    __slots__ = ()
    event_name: ClassVar[str]
    event_schema: ClassVar[int]
    upcasts: ClassVar[Mapping[int, Upcast]]
    readers: ClassVar[Mapping[str, Callable[[Any], Any]]]
    subject_field: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of the entity that the event is about."""
        subject: str = getattr(self, self.subject_field)
        return subject

    @property
    def customer(self) -> str | None:
        """The customer whose timeline the event belongs to."""
        customer: str | None = getattr(self, "customer_id", None)
        return customer

    def payload(self) -> dict[str, Any]:
        """The fields as JSON keeps them."""
        return Plain({field: dump(getattr(self, field)) for field in self.readers})

    @classmethod
    def load(cls, payload: Mapping[str, Any], *, schema: int) -> Self:
        """An event from its stored payload, which may have been written by an older *schema*."""
        values = dict(payload)
        for number in range(schema, cls.event_schema):
            values = cls.upcasts[number](values)
        return cls(**{field: read(values.get(field)) for field, read in cls.readers.items()})


K = TypeVar("K", bound=Event)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(name: str, *, schema: int = 1, upcasts: Mapping[int, Upcast] | None = None) -> Callable[[type[K]], type[K]]:
    """Make the decorated class an event.

    Args:
        name: the stable name, ``room.past_tense``; stored rows refer to it, so it never changes.
        schema: the number of the payload's form; raise it when fields change.
        upcasts: for every older schema number, a function from its payload to that of the next number.

    Raises:
        DefinitionError: an older schema has no upcast, or no field names the subject.
    """
    upcasts = upcasts or {}
    missing = sorted(set(range(1, schema)) - upcasts.keys())
    if missing:
        raise DefinitionError(f"event {name}: schema {schema} needs an upcast from schema {missing[0]}")

    def decorate(cls: type[K]) -> type[K]:
        made = attrs.frozen(kw_only=True)(cls)
        hints = typing.get_type_hints(cls)
        fields = [f.name for f in attrs.fields(made)]  # type: ignore[arg-type]
        subjects = [f for f in fields if f.endswith("_id")]
        if not subjects:
            raise DefinitionError(f"event {name}: name its subject by a field that ends in _id")
        made.event_name, made.event_schema = name, schema
        made.upcasts, made.subject_field = upcasts, subjects[0]
        made.readers = {f: _reader(hints[f]) for f in fields}
        return made

    return decorate


WHAT = "a stored value"


def dump(value: Any) -> Any:
    """*value* as JSON keeps it; :func:`_reader` of the field's type reads it back.

    Raises:
        InvalidInput: JSON cannot keep it.
    """
    if isinstance(value, str):
        return unbroken(value, WHAT)
    if value is None or isinstance(value, (bool, int, float)):
        return plain(value, WHAT)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Money):
        return [value.minor, value.currency]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, (frozenset, set)):
        return sorted(dump(v) for v in value)
    if isinstance(value, Mapping):
        return {_key(k): dump(v) for k, v in value.items()}
    if isinstance(value, Iterable):
        return [dump(v) for v in value]
    raise InvalidInput(f"{WHAT}: JSON cannot keep {value!r}")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise InvalidInput(f"{WHAT}: JSON cannot keep the key {key!r}")
    return unbroken(key, WHAT)


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        options = [part for part in parts if part is not types.NoneType]
        return _reader(options[0]) if len(options) == 1 else _same
    read = _reader_of_many(origin, parts) if origin in {tuple, frozenset} else READERS.get(hint)
    if read is None:
        return _same
    return lambda value: None if value is None else read(value)


def _reader_of_many(origin: Any, parts: tuple[Any, ...]) -> Callable[[Any], Any]:
    if origin is tuple and parts[-1:] != (...,):
        each = [_reader(part) for part in parts]
        return lambda values: tuple(read(value) for read, value in zip(each, values, strict=True))
    one = _reader(parts[0])
    if one is _same:
        return READERS[origin]
    return lambda values: origin(one(value) for value in values)


def _same(value: Any) -> Any:
    return value


READERS: Mapping[Any, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Money: lambda pair: Money.from_minor(*pair),
    Decimal: Decimal,
    timedelta: lambda micros: timedelta(microseconds=micros),
    tuple: tuple,
    frozenset: frozenset,
}


@entity("event", prefix="evt", append_only=True)
class EventRecord(Record):
    """An event as it is stored: the append-only trail of everything that ever happened.

    Attributes:
        actor: who did it (``crm.acting_as``); missing when the system did.
        cause: the id of the event that this one followed from.
    """

    name: str = attribute(index=True)
    schema: int = attribute()
    subject: str = attribute(index=True)
    customer_id: str | None = attribute(default=None, index=True)
    actor: str | None = attribute(default=None)
    cause: str | None = attribute(default=None)
    payload: Mapping[str, Any] = attribute(factory=dict)
