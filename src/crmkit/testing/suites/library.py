"""What the suites keep in a store: a small library with one attribute of every kind, besides all that crmkit keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from crmkit.crm import CRM
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.extras import Extra
from crmkit.kernel.money import Money
from crmkit.kernel.registry import Registry


class Lending(Extra, key="lending"):
    """Custom fields, for rules to ask for."""

    notice: str | None = None
    days: int = 30
    abroad: bool = False


@entity("shelf", prefix="shelf", plural="shelves")
class Shelf(Entity):
    """Where books stand; a shelf may be part of another one."""

    code: str | None = attribute(default=None, unique=True)
    name: str = attribute(search=True)
    room: str | None = attribute(default=None, index=True)
    within_id: str | None = attribute(default=None, references="shelf", reverse="parts")


@entity(
    "book",
    prefix="book",
    when="printed_at",
    indexes=[
        Index(attributes=("shelf_id", "place"), where={"state": "standing"}, unique=True),
        Index(attributes=("shelf_id", "printed_at")),
    ],
)
class Book(Entity):
    """One attribute of every kind, required and not."""

    shelf_id: str = attribute(references="shelf")
    sequel_to_id: str | None = attribute(default=None, references="book", reverse="sequels")
    title: str = attribute(search=True, limit=300)
    author: str | None = attribute(default=None, index=True, search=True)
    abstract: str | None = attribute(default=None, multiline=True)
    isbn: str | None = attribute(default=None, unique=True)
    state: Literal["standing", "lent", "lost"] = attribute(default="standing")
    state_since: datetime | None = attribute(default=None)
    place: int | None = attribute(default=None)
    pages: int = attribute(default=1)
    rating: float | None = attribute(default=None)
    weight: Decimal = attribute(default=Decimal(1))
    thickness: Decimal | None = attribute(default=None)
    price: Money | None = attribute(default=None)
    worth: Money | None = attribute(default=None)
    bound: bool = attribute(default=False)
    signed: bool | None = attribute(default=None)
    published_on: date | None = attribute(default=None)
    printed_at: datetime | None = attribute(default=None)
    reading_time: timedelta | None = attribute(default=None)
    words: frozenset[str] = attribute(default=frozenset())
    notes: Mapping[str, Any] = attribute(factory=dict)
    chapters: tuple[Any, ...] = attribute(default=())


@entity("loan", prefix="loan", append_only=True)
class Loan(Record):
    """Written once and never changed."""

    book_id: str = attribute(references="book")
    reader: str = attribute(index=True, personal=True)
    days: int = attribute(default=30)


def suite_registry(*, entities: Iterable[type[Record]] = (), extras: Iterable[type[Extra]] = ()) -> Registry:
    """Everything that crmkit keeps, the library of the suite, and what else you want to see kept.

    Args:
        entities: entities of your own.
        extras: custom fields of your own.

    Example:
        >>> from crmkit.customers.people import Customer
        >>> registry = suite_registry()
        >>> registry.schema("loan").cls is Loan, registry.schema("customer").cls is Customer
        (True, True)
    """
    with CRM.open("memory://") as crm:
        own = crm.storage.registry
    records = [schema.cls for schema in own.schemas.values()]
    return Registry([*records, Shelf, Book, Loan, *entities], own.events.values(), [Lending, *extras])
