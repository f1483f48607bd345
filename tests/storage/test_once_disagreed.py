"""Rules on which the engines once disagreed, or that one of them could not answer at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Store
from crmkit.kernel.rules import F, Rule
from crmkit.testing.suites import Book, Shelf
from crmkit.testing.suites.storage.bench import book, found, new_tenant, put, query, shelf

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
HUGE = 10**30


@pytest.fixture(params=["memory_store", "sqlite_store", "postgres_store"])
def store(request: pytest.FixtureRequest) -> Store:
    chosen: Store = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def tenant(store: Store) -> str:
    """An empty shelf, and one with a EUR book before one that costs as many fen."""
    made = new_tenant()
    empty, full = shelf(name="empty"), shelf(name="full")
    first = book(full, title="first", price=Money(1, "EUR"), pages=3, weight=Decimal(3), printed_at=EARLY)
    last = book(full, title="last", price=Money(1, "CNY"), pages=5, weight=Decimal("4.5"), printed_at=LATE)
    put(store, made, empty, full, first, last)
    return made


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (F.books.last("price") == Money(1, "CNY"), ["full"]),
        (F.books.last("price") == Money(1, "EUR"), []),
        (F.books.first("price") < Money(2, "EUR"), ["full"]),
        (F.books.distinct("price") == 2, ["full"]),
        (F.books.min("price") < Money(2, "EUR"), ["full"]),
        (F.books.min("price").is_missing(), ["empty"]),
        (F.books.sum("price").is_missing(), []),
        (F.books.avg("price").is_missing(), ["empty"]),
        (F.books.avg("pages").is_missing(), ["empty"]),
        (F.books.avg("pages") == 4, ["full"]),
        (F.books.avg("weight") == Decimal("3.75"), ["full"]),
        (F.books.avg("weight") < HUGE, ["full"]),
        (F.books.avg("weight") > -HUGE, ["full"]),
        (F.books.avg("weight") <= Decimal("-22550097.065988"), []),
        (F.books.count() < 0.5, ["empty"]),
        (F.books.count() == 1.5, []),
        (F.created_at.age.is_missing(), []),
        (F.created_at.age.in_([0, 3000]), ["empty", "full"]),
        (F.created_at.age >= 3000, []),
        (F.created_at.age < 3000, ["empty", "full"]),
        (F.created_at.age > -HUGE, ["empty", "full"]),
    ],
    ids=str,
)
def test_of_shelves(store: Store, tenant: str, rule: Rule, names: list[str]) -> None:
    assert [s.name for s in found(store, tenant, Shelf, rule, "name")] == names
    others = [n for n in ["empty", "full"] if n not in names]
    assert [s.name for s in found(store, tenant, Shelf, ~rule, "name")] == others


@pytest.mark.parametrize(
    ("rule", "titles"),
    [
        (F.pages == F.weight, ["first"]),
        (F.pages > F.weight, ["last"]),
        (F.weight <= F.pages, ["first", "last"]),
        (F.place < F.weight, []),
        (F.pages != F.thickness, ["first", "last"]),
        (F.pages == 4.5, []),
        (F.pages < 4.5, ["first"]),
        (F.pages >= Decimal("3.000001"), ["last"]),
        (F.pages.in_([3, 4.5, HUGE]), ["first"]),
        (F.pages < HUGE, ["first", "last"]),
        (F.pages > HUGE, []),
        (F.place < HUGE, []),
        (F.weight < HUGE, ["first", "last"]),
        (F.reading_time < timedelta.max, []),
        (F.notes.is_missing(), []),
    ],
    ids=str,
)
def test_of_books(store: Store, tenant: str, rule: Rule, titles: list[str]) -> None:
    assert [b.title for b in found(store, tenant, Book, rule, "title")] == titles
    others = [t for t in ["first", "last"] if t not in titles]
    assert [b.title for b in found(store, tenant, Book, ~rule, "title")] == others


@pytest.mark.parametrize(
    "rule",
    [
        F.books.sum("price") > F.books.max("price"),
        F.books.min("price") == F.books.max("price"),
        F.created_at.age > F.version,
        F.books.any() & (F.books.sum("rating") > 1),
    ],
    ids=str,
)
def test_what_has_no_answer_is_refused_before_anything_is_asked(memory_store: Store, rule: Rule) -> None:
    with pytest.raises(DefinitionError):
        query(memory_store, Shelf, rule)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_json_that_no_database_keeps_is_refused(text: str) -> None:
    for notes in ({"k": text}, {text: 1}, {"k": [{"x": text}]}):
        with pytest.raises(InvalidInput, match=r"book\.notes"):
            book(shelf(), notes=notes)


def test_a_duration_that_no_database_keeps_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"book\.reading_time"):
        book(shelf(), reading_time=timedelta.max)


def test_decimals_have_one_form() -> None:
    assert [str(book(shelf(), weight=Decimal(w)).weight) for w in ("1", "1.50", "10", "0.000001", "-0", "1E+2")] == [
        "1",
        "1.5",
        "10",
        "0.000001",
        "0",
        "100",
    ]
