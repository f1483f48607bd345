"""Entities: declared once, and everything else is derived from the declaration.

An entity is a frozen, slotted attrs class.  ``attribute(...)`` says what a store, a rule, a log line and a privacy
request need to know about a field; the SQL table, its indexes and keys, the row mapper, the rule fields, masking and
erasure are read from there.  A host declares an entity of its own in the same way:

>>> from crmkit.kernel.entity import Entity, attribute, entity
>>> @entity("pet", prefix="pet")
... class Pet(Entity):
...     name: str = attribute(personal=True, search=True)
...     owner_id: str = attribute(references="customer")
>>> Pet.__schema__.plural, Pet.__schema__["owner_id"].references
('pets', 'customer')
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.checking import checker, converters, copier
from crmkit.kernel.extras import Extra
from crmkit.kernel.money import Money
from crmkit.kernel.render import mask

NAME_LIMIT = 200
TEXT_LIMIT = 100_000
META = "crmkit"
WHEN_DECLARED: list[Callable[[type[Any]], None]] = []  # who wants to know of every class that is declared
EMPTY: tuple[Any, ...] = (None, (), {}, frozenset())


class Kind(Enum):
    """What a field holds: the types that every store keeps exactly."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"  # a float: scores and shares, never money
    DECIMAL = "decimal"  # six places, kept as an integer: quantities and percentages
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"  # a moment in UTC
    DURATION = "duration"
    MONEY = "money"
    TAGS = "tags"  # a set of short texts
    JSON = "json"


KINDS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    Decimal: Kind.DECIMAL,
    bool: Kind.BOOLEAN,
    date: Kind.DATE,
    datetime: Kind.INSTANT,
    timedelta: Kind.DURATION,
    Money: Kind.MONEY,
    frozenset: Kind.TAGS,
    Mapping: Kind.JSON,
    dict: Kind.JSON,
    tuple: Kind.JSON,
}


@attrs.frozen(kw_only=True)
class Attribute:
    """One field of a schema, as the stores and the rules see it."""

    name: str
    kind: Kind
    required: bool
    choices: tuple[str, ...] | None = None
    limit: int = NAME_LIMIT
    multiline: bool = False
    index: bool = False
    unique: bool = False
    references: str | None = None
    reverse: str | None = None
    personal: bool = False
    search: bool = False
    at_least: int | None = None


@attrs.frozen(kw_only=True)
class Index:
    """An index over several attributes, or over the rows that satisfy ``where`` only (a partial index).

    The tenant always comes first and is not named.
    """

    attributes: tuple[str, ...]
    where: Mapping[str, str] | None = None
    unique: bool = False


@attrs.frozen(kw_only=True, eq=False)
class Schema:
    """What a record class declares: its name, its id prefix, its attributes and its indexes."""

    name: str
    plural: str
    prefix: str
    cls: type[Record]
    attributes: tuple[Attribute, ...]
    indexes: tuple[Index, ...]
    when: str
    append_only: bool
    by_name: Mapping[str, Attribute] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "by_name", {a.name: a for a in self.attributes})

    def __getitem__(self, name: str) -> Attribute:
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)


def attribute(
    *,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    index: bool = False,
    unique: bool = False,
    references: str | None = None,
    reverse: str | None = None,
    personal: bool = False,
    search: bool = False,
    limit: int | None = None,
    multiline: bool = False,
    at_least: int | None = None,
) -> Any:
    """Declare a field of an entity.

    Args:
        default: the value when none is given; a field without a default is required.
        factory: makes the default, for values that must not be shared.
        index: the field is searched for: the stores index it.
        unique: at most one entity of a tenant has the value (a missing value is never a duplicate).
        references: the name of the entity whose id the field holds; the stores check it, rules can walk it both ways.
        reverse: what the referenced entity calls the relation back; the plural of this entity unless told otherwise.
        personal: the field tells something about a person: masked in logs, listed by exports, blanked by erasure.
        search: the field can be compared without regard to case; the stores keep its folded form.
        limit: the longest text, in characters (200 by default, 100,000 for multi-line text).
        multiline: the text may have several lines.
        at_least: the smallest number allowed.
    """
    meta = {
        "index": index,
        "unique": unique,
        "references": references,
        "reverse": reverse,
        "personal": personal,
        "search": search,
        "limit": limit if limit is not None else (TEXT_LIMIT if multiline else NAME_LIMIT),
        "multiline": multiline,
        "at_least": at_least,
    }
    return attrs.field(default=default, factory=factory, kw_only=True, metadata={META: meta})


C = TypeVar("C", bound="Record")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attribute,))
def _bare(cls: type[C]) -> type[C]:
    made = attrs.frozen(kw_only=True, repr=False)(cls)
    made.__hash__ = _by_id  # type: ignore[method-assign]
    return made


def _by_id(self: Any) -> int:
    """What is equal has the same id; other fields may hold what has no hash."""
    return hash(self.id)


@_bare
class Record:
    """A frozen row that a store keeps: an id of its own kind, and the moment when it came into being."""

    __schema__: ClassVar[Schema]
    __crmkit_check__: ClassVar[Callable[[Any], None]]
    __crmkit_copy__: ClassVar[Callable[[Any], Any]]
    __crmkit_converts__: ClassVar[Mapping[str, Callable[[Any], Any]]]

    id: str = attribute()
    created_at: datetime = attribute()

    def __attrs_post_init__(self) -> None:
        type(self).__crmkit_check__(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={text}" for name, text in self._shown())
        return f"<{type(self).__name__} {shown}>"

    def _shown(self) -> Iterator[tuple[str, str]]:
        for a in self.__schema__:
            value = getattr(self, a.name)
            if a.name == "id":
                yield a.name, value
            elif a.name not in {"created_at", "updated_at"} and value not in EMPTY:
                yield a.name, mask(value) if a.personal else repr(value)

    def evolve(self, **changes: Any) -> Self:
        """A copy with *changes*; what changes is checked like a new value."""
        unknown = changes.keys() - self.__schema__.by_name.keys()
        if unknown:
            raise InvalidInput(f"a {self.__schema__.name} has no field {min(unknown)!r}")
        made: Self = self.__crmkit_copy__()
        for name, value in changes.items():
            object.__setattr__(made, name, self.__crmkit_converts__[name](value))
        made.check()
        return made

    def check(self) -> None:
        """Refuse fields that don't go together; override it in the class that knows."""

    @classmethod
    def whereabouts(cls, identifier: str, *, work: Any) -> str | None:  # noqa: ARG003 - for the class that knows
        """What to say of one that is not there any more; override it in the class that knows where it went."""
        return None


@_bare
class Entity(Record):
    """A thing of the domain that lives and changes: every change has a version.

    Attributes:
        version: 0 until saved; a change is refused as stale when the stored version is another one.
        extras: what the host keeps on the entity, by key; read it with :meth:`extra`.
    """

    version: int = attribute(default=0)
    updated_at: datetime = attribute(default=attrs.Factory(lambda self: self.created_at, takes_self=True), index=True)
    extras: Mapping[str, Any] = attribute(factory=dict)

    def stored(self, *, version: int, at: datetime) -> Self:
        """A copy as the store keeps it; what was checked when it was made is not checked again."""
        made: Self = self.__crmkit_copy__()
        object.__setattr__(made, "version", version)
        object.__setattr__(made, "updated_at", at)
        return made

    def extra(self, cls: type[X]) -> X:
        """The custom fields of *cls*; its defaults when none were stored.

        Raises:
            InvalidInput: the stored values don't fit the class any more.
        """
        return cls.load(self.extras.get(cls.key))

    def with_extra(self, extra: Extra) -> Self:
        """A copy that carries *extra*."""
        return self.evolve(extras={**self.extras, type(extra).key: extra.dump()})


X = TypeVar("X", bound=Extra)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attribute,))
def entity(
    name: str,
    *,
    prefix: str,
    plural: str | None = None,
    when: str = "created_at",
    indexes: Sequence[Index] = (),
    append_only: bool = False,
) -> Callable[[type[C]], type[C]]:
    """Make the decorated class an entity (or, on a plain :class:`Record`, an append-only record).

    Args:
        name: the domain word in the singular, in snake case; references use it.
        prefix: the prefix of its ids, 2 to 8 lower-case letters.
        plural: the name of the table and of relations to it; *name* + "s" unless told otherwise.
        when: the attribute that tells when it happened; relative windows (``within(days=90)``) look at it.
        indexes: indexes over several attributes, and partial ones.
        append_only: rows are written and never changed.

    Raises:
        DefinitionError: a field has a type that no store can keep, or *prefix*, *when* or an index is none.
    """

    def decorate(cls: type[C]) -> type[C]:
        made = _bare(cls)
        made.__schema__ = schema = Schema(
            name=name,
            plural=plural or name + "s",
            prefix=prefix,
            cls=made,
            attributes=tuple(_attributes(made)),
            indexes=tuple(indexes),
            when=when,
            append_only=append_only,
        )
        _refuse_wrong(schema)
        made.__crmkit_check__ = _written_at_first_use("__crmkit_check__")
        made.__crmkit_copy__ = _written_at_first_use("__crmkit_copy__")
        for told in WHEN_DECLARED:
            told(made)
        return made

    return decorate


def _refuse_wrong(schema: Schema) -> None:
    if re.fullmatch("[a-z]{2,8}", schema.prefix) is None:
        raise DefinitionError(f"{schema.name}: the prefix of ids is 2 to 8 letters a-z, not {schema.prefix!r}")
    if schema.when not in schema or schema[schema.when].kind not in {Kind.INSTANT, Kind.DATE}:
        raise DefinitionError(f"{schema.name}: when= names a field that holds a moment or a day, not {schema.when!r}")
    for index in schema.indexes:
        unknown = sorted({*index.attributes, *(index.where or {})} - schema.by_name.keys())
        if unknown:
            raise DefinitionError(f"{schema.name}: there is no field {unknown[0]!r} to be indexed")
    for a in schema:
        if a.at_least is not None and a.kind not in {Kind.INTEGER, Kind.DECIMAL, Kind.NUMBER}:
            raise DefinitionError(f"{schema.name}.{a.name}: at_least= is for numbers, not for a {a.kind.value}")


def _written_at_first_use(name: str) -> Callable[[Any], Any]:
    """Stand in for a generated function, so that declaring many entities costs little when few are used."""

    def write(self: Record) -> Any:
        cls = type(self)
        cls.__crmkit_converts__ = converters(cls.__schema__)
        cls.__crmkit_check__ = checker(cls.__schema__, cls.__crmkit_converts__)
        cls.__crmkit_copy__ = copier(cls.__schema__)
        return getattr(cls, name)(self)

    return write


def _attributes(cls: type[Record]) -> Iterator[Attribute]:
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):  # type: ignore[arg-type]
        if META not in field.metadata:
            raise DefinitionError(f"declare {cls.__name__}.{field.name} with attribute(...)")
        kind, required, choices = _kind(hints[field.name], where=f"{cls.__name__}.{field.name}")
        yield Attribute(name=field.name, kind=kind, required=required, choices=choices, **field.metadata[META])


def _kind(hint: Any, *, where: str) -> tuple[Kind, bool, tuple[str, ...] | None]:
    required = True
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        options = [o for o in typing.get_args(hint) if o is not types.NoneType]
        required = len(options) == len(typing.get_args(hint))
        if len(options) != 1:
            raise DefinitionError(f"{where}: {hint} mixes types; give the field one type, or None beside it")
        hint = options[0]
    if typing.get_origin(hint) is Literal:
        return Kind.TEXT, required, typing.get_args(hint)
    plain = getattr(hint, "__supertype__", typing.get_origin(hint) or hint)
    if plain not in KINDS:
        known = ", ".join(k.__name__ for k in KINDS)
        raise DefinitionError(f"{where}: no store can keep a {hint}; use one of {known}")
    return KINDS[plain], required, None


def kind_of(hint: Any, *, where: str) -> Kind:
    """The kind of a field annotated *hint*.

    Raises:
        DefinitionError: no store can keep such values; *where* names the field.
    """
    return _kind(hint, where=where)[0]
