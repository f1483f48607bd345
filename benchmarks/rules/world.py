"""Customers with orders: most have a few, a tenth none and some many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from uuid import UUID

from crmkit import CRM, Money
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Record
from crmkit.kernel.ids import id_of
from crmkit.pipeline.orders import Order

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CITIES = ("Chengdu", "Xi'an", "Shanghai", "Lijiang")
CHUNK = 20_000


def customers(count: int) -> Iterator[Customer]:
    for n in range(count):
        yield Customer(
            id=id_of("cus", UUID(int=n)),
            created_at=NOW - timedelta(days=n % 1000),
            version=1,
            name=f"Guest {n}",
            city=CITIES[n % 4] if n % 50 else None,
            country="CN" if n % 7 else None,
            birthday=date(1970 + n % 40, 1 + n % 12, 1 + n % 28) if n % 10 else None,
            source="import" if n % 3 else "web",
            owner=f"clerk {n % 20}",
        )


def orders(count: int, people: int, *, first: int = 0, at: datetime | None = None) -> Iterator[Order]:
    """Most customers have a few orders, a tenth none and some many."""
    zero = Money("0", "CNY")
    for n in range(first, first + count):
        mine = (n * 7919) % (people * 9 // 10) if n % 4 else n % (people // 20)
        placed = NOW - timedelta(minutes=(n * 104_729) % (3 * 365 * 1440)) if at is None else at
        total = Money.from_minor(1_000 + (n * 31) % 90_000, "CNY")
        yield Order(
            id=id_of("ord", UUID(int=n)),
            created_at=placed,
            version=1,
            customer_id=id_of("cus", UUID(int=mine)),
            status=("paid", "paid", "placed", "cancelled")[n % 4],
            status_since=placed,
            total=total,
            paid=zero,
            credited=zero,
            placed_at=placed,
        )


def fill(crm: CRM, rows: Iterator[Record]) -> None:
    while chunk := list(islice(rows, CHUNK)):
        with crm.work() as work:
            work.session.insert(chunk)
