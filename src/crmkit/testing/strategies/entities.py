"""Entities of any class, derived from what the class declares."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import prod
from typing import Any, TypeVar
from uuid import UUID

import attrs
from hypothesis import reject
from hypothesis import strategies as st

from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.entity import WHEN_DECLARED, Attribute, Entity, Kind, Record, Schema
from crmkit.kernel.extras import Extra
from crmkit.kernel.ids import id_of
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry
from crmkit.testing.strategies.values import CURRENCIES, days, instants, money, pool, texts, wide

R = TypeVar("R", bound=Record)
X = TypeVar("X", bound=Extra)
PACKED = 5
NOTHING_ODD = 16  # so many entities out of so many plus the number of fields have pooled values only
IDS = 2**40
FACTORY: Any = attrs.Factory  # a class that attrs describes as a function


def entities(cls: type[R], **fixed: Any) -> st.SearchStrategy[R]:
    """Entities of *cls*, as they stand in a store.

    Text comes in several scripts, in NFC and NFD and in mixed case; every field that may be missing is sometimes
    missing; days are month ends and 29 February more often than not; money has several currencies.  A field that
    refers to another entity is missing when it may be, and holds a well-formed id of the right kind when it may not:
    give the ids that exist as ``customer_id=st.sampled_from(ids)``.

    Args:
        cls: a class made by ``@entity``.
        fixed: fields that are not left to chance; a strategy, or the value itself.

    Raises:
        InvalidInput: *cls* has no such field.

    Example:
        >>> from hypothesis import given, settings
        >>> from crmkit.customers.people import Customer
        >>> @given(entities(Customer, city="Chengdu"))
        ... @settings(max_examples=10, deadline=None)
        ... def test_what_is_given_is_not_left_to_chance(customer: Customer) -> None:
        ...     assert customer.city == "Chengdu" and customer.name
        >>> test_what_is_given_is_not_left_to_chance()
    """
    unknown = sorted(fixed.keys() - cls.__schema__.by_name.keys())
    if unknown:
        raise InvalidInput(f"a {cls.__schema__.name} has no field {unknown[0]!r}")
    given = {n: v if isinstance(v, st.SearchStrategy) else st.just(v) for n, v in fixed.items()}
    return _entities(cls, given)


@st.composite
def _entities(draw: st.DrawFn, cls: type[R], given: Mapping[str, st.SearchStrategy[Any]]) -> R:
    fields = _fields(cls.__schema__)
    values: dict[str, Any] = {}
    for pack in fields.packs:
        pack.unpack(draw(pack.numbers), values)
    chosen = draw(fields.choice)
    if chosen is not None and chosen not in given:
        values[chosen] = draw(fields.odd[chosen])
    for name, strategy in {**fields.ids, **given}.items():
        values[name] = draw(strategy)
    return _made(cls, values, given)


def _made(cls: type[R], values: dict[str, Any], given: Mapping[str, Any]) -> R:
    """The entity; where the class refuses how its values go together, more and more of them give way to plain ones.

    Where it refuses the plain ones as well (one of two fields is needed), one of the values is kept.
    """
    plain = {name: value for name, value in _plainest(cls.__schema__).items() if name not in given}
    names, giving_way = list(plain), 0
    while giving_way <= 2 * len(names):
        try:
            return cls(**{**values, **{name: plain[name] for name in names[:giving_way]}})
        except CrmError:
            giving_way = max(1, 2 * giving_way)
    for name in names:
        for value in (values[name], *_some(cls.__schema__[name])):
            with suppress(CrmError):
                return cls(**{**values, **plain, name: value})
    return reject()


def _some(a: Attribute) -> list[Any]:
    """Values that say something."""
    return [value for value in pool(a) if value][:2]


Strategies = dict[str, st.SearchStrategy[Any]]


@attrs.frozen
class _Pack:
    """A few fields that one number decides, because Hypothesis takes its time over every draw."""

    fields: tuple[tuple[str, Sequence[Any]], ...]
    numbers: st.SearchStrategy[int]

    @classmethod
    def of(cls, *fields: tuple[str, Sequence[Any]]) -> _Pack:
        most = prod(len(values) for _, values in fields) - 1
        return cls(fields, st.integers(min_value=0, max_value=most))

    def unpack(self, number: int, values: dict[str, Any]) -> None:
        for name, known in self.fields:
            number, place = divmod(number, len(known))
            values[name] = known[place]


@attrs.frozen
class _Fields:
    """How the fields of one class are drawn.

    Attributes:
        packs: the usual values of most fields.
        ids: of the others, the id and the references.
        odd: any value whatever of a field.
        choice: the field (if any) that is odd this time.
    """

    packs: tuple[_Pack, ...]
    ids: Strategies
    odd: Strategies
    choice: st.SearchStrategy[str | None]


@cache
def _fields(schema: Schema) -> _Fields:
    usual: dict[str, Sequence[Any]] = {}
    ids: Strategies = {}
    odd: Strategies = {}
    for a in schema:
        if a.name == "id":
            ids[a.name] = _ids(schema.prefix)
        elif a.references is not None and a.required:
            ids[a.name] = _ids(prefix_of(a.references))
        elif a.references is not None:
            usual[a.name] = [None]
        else:
            known = _pool_of(schema, a)
            usual[a.name] = known if a.required else [None, *known]
            if a.kind is not Kind.JSON and a.name != "version":
                odd[a.name] = wide(a)
    items = list(usual.items())
    packs = tuple(_Pack.of(*items[n : n + PACKED]) for n in range(0, len(items), PACKED))
    return _Fields(packs, ids, odd, st.sampled_from([None] * NOTHING_ODD + list(odd)))


def _ids(prefix: str) -> st.SearchStrategy[str]:
    return st.integers(min_value=0, max_value=IDS).map(lambda n: id_of(prefix, UUID(int=n)))


def _pool_of(schema: Schema, a: Attribute) -> list[Any]:
    if a.name == "version":
        return [1]
    if a.kind is Kind.JSON:
        return _documents(schema, a)
    return pool(a)


def _documents(schema: Schema, a: Attribute) -> list[Any]:
    """JSON values: those of the pool where any mapping will do, else the default alone."""
    hint = typing.get_type_hints(schema.cls)[a.name]
    if typing.get_origin(hint) is tuple:
        return [()]
    return [{}] if a.name == "extras" else pool(a)


@cache
def _plainest(schema: Schema) -> dict[str, Any]:
    """For each field the value that is least likely to be refused."""
    plain: dict[str, Any] = {}
    made_by_attrs: Any = schema.cls
    for field in attrs.fields(made_by_attrs):
        a = schema[field.name]
        if field.name in {"id", "created_at"} or a.references is not None:
            continue
        if field.default is attrs.NOTHING or isinstance(field.default, FACTORY):
            plain[field.name] = _pool_of(schema, a)[0] if a.required else None
        else:
            plain[field.name] = field.default
    return {name: value for name, value in plain.items() if name != "version"}


def prefix_of(name: str | None) -> str:
    """The id prefix of the entity called *name*, among all classes that have been declared."""
    for cls in declared():
        if cls.__schema__.name == name:
            return cls.__schema__.prefix
    raise InvalidInput(f"no entity is called {name!r}: import the module that declares it first")


def declared() -> Iterator[type[Record]]:
    """Every record and entity class that has been declared so far."""
    waiting = list(Record.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if "__schema__" in vars(cls) and cls.__schema__.cls is cls:
            yield cls


@st.composite
def families(draw: st.DrawFn, cls: type[Record], registry: Registry, *, depth: int = 2) -> list[Record]:
    """An entity of *cls* behind everything that it refers to, in an order in which a store takes them.

    Args:
        draw: given by Hypothesis.
        cls: the class of the last one.
        registry: where the classes that it refers to are found.
        depth: how far references are followed that may be missing.
    """
    before: list[Record] = []
    references: dict[str, str] = {}
    for a in cls.__schema__:
        if a.references is None or not (a.required or (depth and draw(st.booleans()))):
            continue
        target = registry.schema(a.references).cls
        for record in draw(families(target, registry, depth=depth - 1 if depth else 0)):
            before.append(_distinct(record, before))
        references[a.name] = before[-1].id
    made = draw(entities(cls, **references))
    return [*before, _distinct(made, before)]


def _distinct(record: R, others: Sequence[Record]) -> R:
    """*record*, without the unique values that one of *others* has already."""
    schema = record.__schema__
    same = [o for o in others if type(o) is type(record)]
    if any(o.id == record.id for o in same):
        reject()
    for a in schema:
        value = getattr(record, a.name)
        if a.unique and a.name != "id" and value is not None and any(getattr(o, a.name) == value for o in same):
            if a.required:
                reject()
            record = record.evolve(**{a.name: None})
    return record


def extras(cls: type[X]) -> st.SearchStrategy[X]:
    """Custom fields of *cls* with any values that it accepts.

    Example:
        >>> from hypothesis import given, settings
        >>> from crmkit import Extra
        >>> class Style(Extra, key="style"):
        ...     mood: str = "classic"
        ...     albums: int = 0
        >>> @given(extras(Style))
        ... @settings(max_examples=20, deadline=None)
        ... def test_custom_fields_read_back(style: Style) -> None:
        ...     assert Style.load(style.dump()) == style
        >>> test_custom_fields_read_back()
    """
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{name: _of_hint(hints[name]) for name in cls.model_fields})


def _of_hint(hint: Any) -> st.SearchStrategy[Any]:
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return st.one_of(*(_of_hint(option) for option in typing.get_args(hint)))
    made = OF_TYPE.get(hint)
    return st.from_type(hint) if made is None else made()


OF_TYPE: Mapping[Any, Callable[[], st.SearchStrategy[Any]]] = {
    str: texts,
    float: lambda: st.floats(allow_nan=False, allow_infinity=False),
    int: lambda: st.integers(min_value=-(2**62), max_value=2**62),
    Decimal: lambda: st.integers(min_value=-(10**18), max_value=10**18).map(lambda n: Decimal(n).scaleb(-6)),
    date: days,
    datetime: instants,
    timedelta: lambda: st.timedeltas(min_value=timedelta(days=-1000), max_value=timedelta(days=10_000)),
    Money: money,
}


def register_types(*classes: type[Entity]) -> None:
    """Tell Hypothesis how money and entities are made: *classes*, or all, those of the future among them."""
    st.register_type_strategy(Money, money(currencies=CURRENCIES))
    for cls in classes or declared():
        _register(cls)
    if _register not in WHEN_DECLARED:
        WHEN_DECLARED.append(_register)


def _register(cls: type[Record]) -> None:
    st.register_type_strategy(cls, entities(cls))
