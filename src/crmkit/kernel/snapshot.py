"""Snapshots: a record as JSON keeps it, and back again: for exports, and for what can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from crmkit.kernel.entity import Kind, Record
from crmkit.kernel.events import READERS, dump
from crmkit.kernel.money import Money

R = TypeVar("R", bound=Record)
READ: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    Kind.MONEY: READERS[Money],
    Kind.DATE: READERS[date],
    Kind.INSTANT: READERS[datetime],
    Kind.DECIMAL: READERS[Decimal],
    Kind.DURATION: READERS[timedelta],
    Kind.TAGS: frozenset,
}


def taken(record: Record) -> dict[str, Any]:
    """All fields of *record*, ready for JSON."""
    return {a.name: dump(getattr(record, a.name)) for a in record.__schema__}


def value(cls: type[Record], name: str, stored: Any) -> Any:
    """The value of one field out of a snapshot."""
    read = READ.get(cls.__schema__[name].kind)
    return stored if stored is None or read is None else read(stored)


def restored(cls: type[R], snapshot: Mapping[str, Any], **changes: Any) -> R:
    """The record of a snapshot, with *changes*; fields that the class no longer has are left out.

    >>> from crmkit.customers.companies import Company
    >>> from datetime import UTC, datetime
    >>> ours = Company(id="com_01jq0000000000000000000000", created_at=datetime(2026, 3, 2, tzinfo=UTC), name="Studio")
    >>> restored(Company, taken(ours)) == ours
    True
    """
    values = {n: value(cls, n, stored) for n, stored in snapshot.items() if n in cls.__schema__}
    return cls(**{**values, **changes})
