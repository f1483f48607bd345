"""What a store is: anything that keeps records by tenant, in transactions, and can answer rules.

Two stores ship with crmkit (memory and SQL); both pass :class:`crmkit.testing.StorageSuite`, which is the exact meaning
of every method below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Kind, Record, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules.planned import Plan, Truth

if TYPE_CHECKING:
    from crmkit.kernel.ranking import Placed, Ranking

R = TypeVar("R", bound=Record)
TELLING: Final = ("event", "agenda_item", "message")  # entities that tell of a tenant: whatever happens leaves one


@attrs.frozen
class Order:
    """One attribute to sort by.  Missing values come last in both directions; texts sort by code point."""

    attribute: str
    descending: bool = False


@attrs.frozen(kw_only=True)
class Query(Generic[R]):
    """Which records of one class are wanted, and in what order.

    Attributes:
        plan: the condition, planned for the schema of *cls*.
        order: what to sort by; the id always breaks ties.
        limit: at most so many, 0 and more; all unless given.
        after: the values of *order* (and the id) of the last record seen: only later ones are wanted.

    Raises:
        InvalidInput: the limit is no such number; stores would understand it differently.
    """

    cls: type[R]
    plan: Plan = Truth(value=True)
    order: tuple[Order, ...] = ()
    limit: int | None = None
    after: tuple[Any, ...] | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and (type(self.limit) is not int or self.limit < 0):
            raise InvalidInput(f"a limit is a whole number, 0 or more; got {self.limit!r}")


@attrs.frozen(kw_only=True)
class Tally(Generic[R]):
    """Count records in groups, and add up some of their attributes.

    Attributes:
        by: the attributes whose values make the groups.
        sums: whole numbers, decimals, durations and money to add up.
    """

    cls: type[R]
    plan: Plan = Truth(value=True)
    by: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Group:
    """One group of a :class:`Tally`.

    Attributes:
        key: the values of the attributes that make the group.
        count: how many records there are.
        sums: by attribute, the sum (zero if all values are missing); of money, one sum a currency.
    """

    key: tuple[Any, ...]
    count: int
    sums: Mapping[str, Any]

    def money(self, attribute: str, currency: str) -> Money:
        """The sum of *attribute* in *currency*.

        Raises:
            InvalidInput: there are amounts in another currency too; they are never left out silently.
        """
        sums: Mapping[str, Money] = self.sums[attribute]
        others = sorted(sums.keys() - {currency})
        if others:
            raise InvalidInput(f"{attribute} has amounts in {', '.join(others)} beside {currency}: ask by currency")
        return sums.get(currency, Money.zero(currency))


class Session(Protocol):
    """One transaction of one tenant.

    A refusal may leave a part of the call behind: undo the transaction then, or the savepoint in which it happened.
    When several things are wrong with one call, any one of them is named.
    """

    def get(self, cls: type[R], identifier: str, *, hold: bool = False) -> R | None:
        """The record with this id, if there is one.

        Args:
            cls: what kind of record.
            identifier: its id.
            hold: wait until nobody else is changing it, and keep it from others until this transaction ends.
        """
        ...

    def find(self, query: Query[R]) -> list[R]:
        """The records that satisfy."""
        ...

    def count(self, query: Query[R]) -> int:
        """How many satisfy; order, limit and after play no part."""
        ...

    def tally(self, tally: Tally[R]) -> list[Group]:
        """The groups, sorted by key with missing values last."""
        ...

    def ranked(self, ranking: Ranking[R]) -> list[Placed]:
        """The values at some places of each group, as key, place and value, sorted by both; missing keys come last."""
        ...

    def columns(self, query: Query[R], names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Some attributes of the records that satisfy, without making the records."""
        ...

    def portions(self, query: Query[R], names: Sequence[str], *, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The same in lists of *size*, one after the other: however many there are, no more are kept in memory."""
        ...

    def insert(self, records: Sequence[R], *, skip_known: bool = False) -> int:
        """Add records of one class; how many were added.

        Args:
            records: any number, written in bulk; they may refer to earlier ones of the same call.
            skip_known: leave out records whose unique values are taken, instead of refusing them.

        Raises:
            Duplicate: a unique value is taken.
            NotFound: a reference leads nowhere.
        """
        ...

    def update(self, entities: Sequence[Entity], *, fields: Sequence[str] | None = None) -> None:
        """Replace entities of one class; each has the version it was read with plus one.

        Args:
            entities: any number, written in bulk.
            fields: what has changed, beside the version and the time of the change; everything unless given.

        Raises:
            StaleEntity: a stored version is another one.
            Duplicate: a unique value is taken.
            NotFound: a reference leads nowhere.
        """
        ...

    def delete(self, cls: type[R], identifiers: Sequence[str]) -> int:
        """Remove records; how many there were.

        Raises:
            Refused: something else refers to one of them.
        """
        ...

    def claim(self, query: Query[R]) -> list[R]:
        """Like :meth:`find`, and nobody else claims the same rows until this transaction ends.

        Rows that another transaction has claimed are passed over, not waited for.
        """
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """What happens inside is undone alone when it fails."""
        ...

    def commit(self) -> None:
        """Make everything durable."""
        ...

    def rollback(self) -> None:
        """Undo everything; after a commit, only give the connection back."""
        ...

    def told(self, error: BaseException) -> BaseException:
        """*error* in words of the domain, if it is the database's: a Conflict when somebody else was faster."""
        ...


@attrs.frozen(kw_only=True)
class StoreStatus:
    """How a store is, for ``crmkit doctor``."""

    kind: str
    schema_version: str
    wanted_version: str
    missing_indexes: tuple[str, ...]
    server_time: datetime | None


class Store(Protocol):
    """Keeps the records of every tenant."""

    @property
    def registry(self) -> Registry:
        """What it keeps."""
        ...

    def session(self, tenant: str, *, write: bool) -> Session:
        """Begin a transaction."""
        ...

    def join(self, connection: Any, tenant: str) -> Session:
        """Take part in a transaction of the host; commit and rollback of it do nothing."""
        ...

    def tenants(self) -> list[str]:
        """Every tenant of whom there is an event, an item of the agenda or a message; sorted."""
        ...

    def tenants_with_work(self, now: datetime) -> list[str]:
        """Every tenant for whom something is to be done or sent by *now*; the cost follows what is due."""
        ...

    def migrate(self) -> None:
        """Bring the schema up to date."""
        ...

    def status(self) -> StoreStatus:
        """How it is."""
        ...

    def close(self) -> None:
        """Let go of connections that the store opened itself."""
        ...


def sort_key(order: Sequence[Order], values: Sequence[Any]) -> tuple[Any, ...]:
    """*values* of one record as a key that sorts like every store does."""
    return tuple(_Key(v, descending=o.descending) for o, v in zip(order, values, strict=True))


class _Key:
    __slots__ = ("descending", "value")

    def __init__(self, value: Any, *, descending: bool) -> None:
        self.value = (value.currency, value.minor) if isinstance(value, Money) else value
        self.descending = descending

    def __lt__(self, other: _Key) -> bool:
        if self.value is None or other.value is None:
            return self.value is not None and other.value is None
        smaller: bool = other.value < self.value if self.descending else self.value < other.value
        return smaller

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def ordering(schema: Schema, order: Sequence[str]) -> tuple[Order, ...]:
    """``("-created_at", "name")`` as sort orders, with the id at the end.

    Raises:
        InvalidInput: there is no such attribute, or it has no order.
    """
    orders = []
    for name in order:
        plain = name.removeprefix("-")
        if plain not in schema or schema[plain].kind in {Kind.JSON, Kind.TAGS}:
            raise InvalidInput(f"{schema.plural} cannot be sorted by {plain!r}")
        orders.append(Order(plain, descending=name.startswith("-")))
    if all(o.attribute != "id" for o in orders):
        orders.append(Order("id", descending=bool(orders) and orders[-1].descending))
    return tuple(orders)


SUMMABLE: Mapping[Kind, Any] = {
    Kind.INTEGER: 0,
    Kind.DECIMAL: Decimal(0),
    Kind.DURATION: timedelta(0),
    Kind.MONEY: None,
}


def tallied(schema: Schema, by: Sequence[str], sums: Sequence[str]) -> None:
    """Check that records of *schema* can be grouped and added up like this.

    Raises:
        InvalidInput: there is no such attribute, or it makes no groups or no sum.
    """
    for name in by:
        if name not in schema or schema[name].kind in {Kind.JSON, Kind.TAGS}:
            raise InvalidInput(f"{schema.plural} cannot be grouped by {name!r}")
    for name in sums:
        if name not in schema or schema[name].kind not in SUMMABLE:
            known = ", ".join(a.name for a in schema if a.kind in SUMMABLE)
            raise InvalidInput(f"{schema.plural} have no {name!r} that could be added up exactly; they have {known}")


def groups(
    rows: Iterator[tuple[tuple[Any, ...], int, Mapping[str, Any]]], schema: Schema, sums: Sequence[str]
) -> list[Group]:
    """Merge partial groups (one a currency) with the same key, sorted by key."""
    zeros = {name: SUMMABLE[schema[name].kind] for name in sums}
    counts: dict[tuple[Any, ...], int] = {}
    totals: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, count, values in rows:
        counts[key] = counts.get(key, 0) + count
        total = totals.setdefault(key, {name: {} if zero is None else zero for name, zero in zeros.items()})
        for name, value in values.items():
            if isinstance(value, Money):
                total[name][value.currency] = total[name].get(value.currency, Money.zero(value.currency)) + value
            elif value is not None:
                total[name] += value
    made = [Group(key=key, count=count, sums=totals[key]) for key, count in counts.items()]
    return sorted(made, key=lambda g: sort_key([Order("")] * len(g.key), g.key))
