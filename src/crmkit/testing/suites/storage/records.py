"""Storing and reading: what goes in comes out, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from crmkit.errors import Conflict, Duplicate
from crmkit.kernel.entity import Entity, Record
from crmkit.kernel.ports import Store
from crmkit.kernel.rules import F
from crmkit.testing.strategies import entities, families
from crmkit.testing.suites.library import Book, suite_registry
from crmkit.testing.suites.storage.bench import (
    Bench,
    book,
    found,
    got,
    loan,
    new_id,
    new_tenant,
    put,
    query,
    same,
    shelf,
    transaction,
    values,
)

REGISTRY = suite_registry()
CLASSES = [schema.cls for schema in REGISTRY.schemas.values()]
BULK = 250  # more than any store writes row by row


class Records(Bench):
    """``get``, ``insert``, ``update`` and ``delete``."""

    @pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
    def test_every_entity_survives_the_way_there_and_back(self, store: Store, cls: type[Record]) -> None:
        """Equal to the last type and digit, by ``get``, by ``find`` and by ``columns``; and so after every change."""

        @self.tries()
        @given(families(cls, REGISTRY), st.data())
        def check(family: list[Record], data: st.DataObject) -> None:
            tenant = new_tenant()
            record = family[-1]
            try:
                put(store, tenant, *family)
            except Duplicate:
                reject()  # two of the family have the same unique values
            assert same(got(store, tenant, record), record)
            assert found(store, tenant, cls, F.id == record.id) == [record]
            with transaction(store, tenant, write=False) as session:
                wanted = query(store, cls, F.id == record.id)
                row = session.columns(wanted, [a.name for a in cls.__schema__])
            assert row == [tuple(values(record))]
            if isinstance(record, Entity):
                kept = {a.name: getattr(record, a.name) for a in cls.__schema__ if a.references is not None}
                after: Any = data.draw(entities(cls, id=record.id, version=2, **kept))
                try:
                    with transaction(store, tenant) as session:
                        session.update([after])
                except Duplicate:
                    reject()
                assert same(got(store, tenant, record), after)

        check()

    def test_many_are_written_in_one_call(self, store: Store, tenant: str) -> None:
        """Also as the first thing in a transaction, and all of it is there afterwards."""
        stand = shelf()
        put(store, tenant, stand)
        books = [book(stand, title=f"No. {n}", place=n) for n in range(BULK)]
        with transaction(store, tenant) as session:
            assert session.insert(books) == BULK
        assert found(store, tenant, Book, None, "place") == books
        newer = [b.evolve(title=b.title + "!", version=2) for b in books]
        with transaction(store, tenant) as session:
            session.update(newer)
        assert found(store, tenant, Book, None, "place") == newer
        with transaction(store, tenant) as session:
            assert session.delete(Book, [b.id for b in books] + [new_id("book")]) == BULK
        assert found(store, tenant, Book) == []

    def test_only_some_fields_are_written(self, store: Store, tenant: str) -> None:
        """One or many; what is not named stays as it is stored, and a stale one is still refused."""
        stand = shelf()
        put(store, tenant, stand)
        books = [book(stand, title=f"No. {n}", place=n) for n in range(BULK)]
        put(store, tenant, *books)
        for some in (books[:1], books[1:]):
            newer = [b.evolve(title=b.title + "!", place=None, version=2) for b in some]
            with transaction(store, tenant) as session:
                session.update(newer, fields=["title"])
        wanted = [b.evolve(title=b.title + "!", version=2) for b in books]
        assert found(store, tenant, Book, None, "place") == wanted
        with pytest.raises(Conflict), transaction(store, tenant) as session:
            session.update([*(b.evolve(version=3) for b in wanted[1:]), books[0].evolve(version=2)], fields=["title"])
        assert found(store, tenant, Book, None, "place") == wanted

    def test_nothing_is_a_number_too(self, store: Store, tenant: str) -> None:
        """Empty calls do nothing."""
        with transaction(store, tenant) as session:
            assert session.insert([]) == 0
            assert session.insert([], skip_known=True) == 0
            session.update([])
            assert session.delete(Book, []) == 0
            assert session.get(Book, new_id("book")) is None

    def test_a_transaction_reads_what_it_has_written(self, store: Store, tenant: str) -> None:
        """Before anything is committed."""
        stand = shelf()
        with transaction(store, tenant) as session:
            session.insert([stand])
            assert session.get(type(stand), stand.id) == stand
            moved = stand.evolve(room="attic", version=2)
            session.update([moved])
            assert session.find(query(store, type(stand), F.room == "attic")) == [moved]
            assert session.delete(type(stand), [stand.id]) == 1
            assert session.get(type(stand), stand.id) is None

    def test_deleting_twice_finds_nothing_and_frees_what_was_taken(self, store: Store, tenant: str) -> None:
        """A unique value may be given again after its holder has gone."""
        stand = shelf(code="A1")
        put(store, tenant, stand)
        with transaction(store, tenant) as session:
            assert session.delete(type(stand), [stand.id, stand.id]) == 1
            assert session.delete(type(stand), [stand.id]) == 0
            session.insert([shelf(code="A1")])
        assert got(store, tenant, stand) is None

    def test_a_record_may_refer_to_an_earlier_one_of_the_same_call_and_to_itself(
        self, store: Store, tenant: str
    ) -> None:
        """A reference leads to what is there by then."""
        whole = shelf()
        part = shelf(within_id=whole.id)
        identifier = new_id("shelf")
        knot = shelf(id=identifier, within_id=identifier)
        with transaction(store, tenant) as session:
            assert session.insert([whole, part, knot]) == 3
        assert got(store, tenant, part) == part
        assert got(store, tenant, knot) == knot
        with transaction(store, tenant) as session:
            assert session.delete(type(knot), [knot.id]) == 1
            assert session.delete(type(whole), [whole.id, part.id]) == 2

    def test_append_only_records_are_stored_like_any_other(self, store: Store, tenant: str) -> None:
        """They have no version."""
        stand = shelf()
        volume = book(stand)
        lent = loan(volume)
        put(store, tenant, stand, volume, lent)
        assert got(store, tenant, lent) == lent
