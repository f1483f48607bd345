"""Asking: rules, order, pages, counts, sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from crmkit.errors import Duplicate, InvalidInput
from crmkit.kernel.entity import Kind, Record
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Store, Tally, ordering, sort_key
from crmkit.kernel.ranking import Ranking, in_order
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.plugins.storage.memory import MemoryStore
from crmkit.testing.strategies import extras, rules, worlds
from crmkit.testing.suites.library import Book, Lending, Loan, Shelf
from crmkit.testing.suites.storage.bench import (
    Bench,
    book,
    found,
    loan,
    new_id,
    new_tenant,
    put,
    query,
    shelf,
    transaction,
)
from crmkit.testing.suites.storage.records import REGISTRY

SORTABLE = [a.name for a in Book.__schema__ if a.kind not in {Kind.TAGS, Kind.JSON}]
GROUPING = [
    "state",
    "author",
    "bound",
    "signed",
    "published_on",
    "place",
    "weight",
    "price",
    "shelf_id",
    "reading_time",
]
RANKING = ["pages", "place", "rating", "weight", "published_on", "printed_at", "reading_time"]
ADDING = ["pages", "place", "weight", "thickness", "price", "worth", "reading_time"]


LENT = st.none() | extras(Lending)
LIBRARY: dict[type[Record], int] = {Shelf: 3, Book: 8, Loan: 3}


def libraries() -> st.SearchStrategy[list[Record]]:
    """Shelves, books and loans that fit together."""
    custom = LENT.map(lambda lent: {} if lent is None else {lent.key: lent.dump()})
    return worlds(LIBRARY, fixed={Book: {"extras": custom}})


class Queries(Bench):
    """``find``, ``count``, ``columns`` and ``tally``."""

    @pytest.mark.parametrize("cls", [Shelf, Book, Loan])
    def test_rules_mean_what_they_mean_in_memory(self, store: Store, cls: type[Record]) -> None:
        """The memory store, which evaluates rules in Python, is the reference."""

        @self.tries()
        @given(libraries(), st.lists(rules(cls, REGISTRY), min_size=1, max_size=6))
        def check(library: list[Record], asked: list[Rule]) -> None:
            tenant = new_tenant()
            reference = MemoryStore(store.registry)
            put(store, tenant, *library)
            put(reference, tenant, *library)
            for rule in asked:
                wanted = found(reference, tenant, cls, rule)
                assert found(store, tenant, cls, rule) == wanted, str(rule)
                assert found(store, tenant, cls, ~rule) == found(reference, tenant, cls, ~rule), str(~rule)
                with transaction(store, tenant, write=False) as session:
                    assert session.count(query(store, cls, rule)) == len(wanted)

        check()

    def test_order_and_pages(self, store: Store) -> None:
        """Missing values come last in both directions, and pages put together are the whole."""

        @self.tries()
        @given(
            libraries(),
            st.lists(st.sampled_from(SORTABLE), max_size=3, unique=True),
            st.lists(st.booleans(), min_size=3, max_size=3),
            st.integers(1, 4),
        )
        def check(library: list[Record], names: list[str], down: list[bool], size: int) -> None:
            tenant = new_tenant()
            put(store, tenant, *library)
            order = [f"-{n}" if d else n for n, d in zip(names, down, strict=False)]
            books = [r for r in library if isinstance(r, Book)]
            wanted = sorted(books, key=lambda b: _position(b, order))
            assert found(store, tenant, Book, None, *order) == wanted
            assert found(store, tenant, Book, None, *order, limit=size) == wanted[:size]
            seen: list[Book] = []
            after: tuple[Any, ...] | None = None
            while page := found(store, tenant, Book, None, *order, limit=size, after=after):
                seen += page
                after = tuple(getattr(page[-1], o.attribute) for o in ordering(Book.__schema__, order))
            assert seen == wanted

        check()

    def test_a_page_stays_in_place_when_its_last_row_has_gone(self, store: Store, tenant: str) -> None:
        """``after`` are values, not a row."""
        stand = shelf()
        books = [book(stand, pages=n) for n in range(1, 5)]
        put(store, tenant, stand, *books)
        with transaction(store, tenant) as session:
            session.delete(Book, [books[1].id])
        assert found(store, tenant, Book, None, "pages", after=(2, books[1].id)) == books[2:]

    def test_no_row_is_a_limit_too(self, store: Store, tenant: str) -> None:
        """And gives nothing."""
        put(store, tenant, shelf())
        assert found(store, tenant, Shelf, None, limit=0) == []

    @pytest.mark.parametrize("name", ["words", "notes", "colour"])
    def test_what_has_no_order_is_refused(self, name: str) -> None:
        """Before anything is asked."""
        with pytest.raises(InvalidInput, match=name):
            ordering(Book.__schema__, [name])

    def test_counts_ignore_order_limit_and_page(self, store: Store, tenant: str) -> None:
        """They play no part."""
        put(store, tenant, *[shelf(name=n) for n in "abc"])
        with transaction(store, tenant, write=False) as session:
            wanted = query(store, Shelf, F.name > "a", "-name", limit=1, after=("b", new_id("shelf")))
            assert session.count(wanted) == 2

    def test_groups_and_sums(self, store: Store) -> None:
        """Exact in every kind; of money one sum a currency; groups sorted with missing values last."""

        @self.tries()
        @given(
            libraries(),
            st.lists(st.sampled_from(GROUPING), max_size=2, unique=True),
            st.lists(st.sampled_from(ADDING), max_size=3, unique=True),
        )
        def check(library: list[Record], by: list[str], sums: list[str]) -> None:
            tenant = new_tenant()
            books = [r for r in library if isinstance(r, Book)]
            try:
                put(store, tenant, *library)
            except Duplicate:
                reject()
            with transaction(store, tenant, write=False) as session:
                groups = session.tally(Tally(cls=Book, by=tuple(by), sums=tuple(sums)))
            assert {g.key: g.count for g in groups} == _counted(books, by)
            assert {(g.key, name): g.sums[name] for g in groups for name in sums} == _added(books, by, sums)
            assert [g.key for g in groups] == sorted(_counted(books, by), key=lambda key: [_rank(v) for v in key])

        check()

    def test_sums_have_the_kind_of_what_is_added(self, store: Store, tenant: str) -> None:
        """Nothing at all is zero of its kind, and no money at all is no currency."""
        stand = shelf()
        put(store, tenant, stand, book(stand, weight=Decimal("0.1")), book(stand, weight=Decimal("0.2"), pages=2))
        with transaction(store, tenant, write=False) as session:
            names = ("pages", "place", "weight", "thickness", "price", "reading_time")
            (group,) = session.tally(Tally(cls=Book, sums=names))
        assert group.sums == {
            "pages": 3,
            "place": 0,
            "weight": Decimal("0.3"),
            "thickness": Decimal(0),
            "price": {},
            "reading_time": timedelta(0),
        }
        assert group.money("price", "EUR") == Money.zero("EUR")
        with pytest.raises(InvalidInput, match="CNY"):
            _mixed(store, tenant, stand).money("price", "EUR")

    def test_places(self, store: Store) -> None:
        """The same as when all values are sorted by hand, in every kind that has an order."""

        @self.tries()
        @given(
            libraries(),
            st.lists(st.sampled_from([name for name in GROUPING if name != "price"]), max_size=2, unique=True),
            st.sampled_from(RANKING),
        )
        def check(library: list[Record], by: list[str], of: str) -> None:
            tenant, places = new_tenant(), {1: (1,), 2: (2,), 3: (1, 2), 5: (3, 5), 6: (6, 1), 7: (), 8: (4,)}
            try:
                put(store, tenant, *library)
            except Duplicate:
                reject()
            ranking = Ranking(cls=Book, of=of, by=tuple(by), places=places)
            with transaction(store, tenant, write=False) as session:
                found = session.ranked(ranking)
            books = [r for r in library if isinstance(r, Book) and getattr(r, of) is not None]
            wanted = {
                (key, place): sorted(getattr(b, of) for b in books if tuple(getattr(b, n) for n in by) == key)[
                    place - 1
                ]
                for key, count in _counted(books, by).items()
                for place in places.get(count, ())
            }
            assert {(key, place): value for key, place, value in found} == wanted
            assert len(found) == len(wanted)
            assert found == in_order(found)

        check()

    def test_of_nothing_there_are_no_groups(self, store: Store, tenant: str) -> None:
        """Not even one without a key."""
        with transaction(store, tenant, write=False) as session:
            assert session.tally(Tally(cls=Book)) == []
            assert session.tally(Tally(cls=Book, by=("state",), sums=("pages", "price"))) == []

    def test_columns_are_what_the_records_hold(self, store: Store, tenant: str) -> None:
        """In the order of the query, under its limit."""
        stand = shelf()
        books = [book(stand, title=t, price=Money(1, "EUR") if t == "a" else None) for t in "abc"]
        put(store, tenant, stand, *books, loan(books[0]))
        with transaction(store, tenant, write=False) as session:
            wanted = query(store, Book, F.loans.none() | F.loans.any(), "-title", limit=2)
            assert session.columns(wanted, ["title", "price", "words"]) == [
                ("c", None, frozenset()),
                ("b", None, frozenset()),
            ]
            assert session.columns(query(store, Book, F.title == "a"), ["price"]) == [(Money(1, "EUR"),)]


def _mixed(store: Store, tenant: str, stand: Shelf) -> Any:
    put(store, tenant, book(stand, price=Money(1, "EUR")), book(stand, price=Money(1, "CNY")))
    with transaction(store, tenant, write=False) as session:
        return session.tally(Tally(cls=Book, sums=("price",)))[0]


def _position(record: Book, order: Sequence[str]) -> tuple[Any, ...]:
    orders = ordering(Book.__schema__, order)
    return sort_key(orders, [getattr(record, o.attribute) for o in orders])


def _rank(value: Any) -> Any:
    plain = (value.currency, value.minor) if isinstance(value, Money) else value
    return (value is None, () if value is None else (plain,))


def _counted(books: Sequence[Book], by: Sequence[str]) -> dict[tuple[Any, ...], int]:
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for b in books:
        counts[tuple(getattr(b, n) for n in by)] += 1
    return dict(counts)


def _added(books: Sequence[Book], by: Sequence[str], sums: Sequence[str]) -> dict[tuple[Any, str], Any]:
    totals: dict[tuple[Any, str], Any] = {}
    for b in books:
        key = tuple(getattr(b, n) for n in by)
        for name in sums:
            value, kind = getattr(b, name), Book.__schema__[name].kind
            zero: Any = {Kind.MONEY: {}, Kind.DURATION: timedelta(0), Kind.DECIMAL: Decimal(0)}.get(kind, 0)
            total = totals.setdefault((key, name), zero)
            if value is None:
                continue
            if isinstance(value, Money):
                total[value.currency] = total.get(value.currency, Money.zero(value.currency)) + value
            else:
                totals[key, name] = total + value
    return totals
