"""What a store refuses, in which words, and that nothing has changed afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from crmkit.errors import Duplicate, InvalidInput, NotFound, Refused, StaleEntity
from crmkit.kernel.ports import Store
from crmkit.testing.suites.library import Book, Shelf
from crmkit.testing.suites.storage.bench import Bench, book, found, got, loan, new_id, put, shelf, transaction

MANY = 150


class Refusals(Bench):
    """``Duplicate``, ``NotFound``, ``StaleEntity`` and ``Refused``."""

    def test_an_id_is_given_once(self, store: Store, tenant: str) -> None:
        """Also when everything else differs; what was there first stays."""
        first = shelf(name="first")
        put(store, tenant, first)
        with pytest.raises(Duplicate, match=first.id), transaction(store, tenant) as session:
            session.insert([shelf(id=first.id, name="second")])
        with pytest.raises(Duplicate, match=first.id), transaction(store, tenant) as session:
            session.insert([shelf(), shelf(id=first.id, name="second"), shelf()])
        assert found(store, tenant, Shelf) == [first]

    def test_a_unique_value_is_given_once(self, store: Store, tenant: str) -> None:
        """The message names the attribute and the value; missing values are never the same."""
        put(store, tenant, shelf(code="A1"), shelf(), shelf())
        with pytest.raises(Duplicate, match="code 'A1'"), transaction(store, tenant) as session:
            session.insert([shelf(code="A1")])
        assert len(found(store, tenant, Shelf)) == 3

    def test_unique_values_are_compared_exactly(self, store: Store, tenant: str) -> None:
        """Another case is another value."""
        put(store, tenant, shelf(code="straße"), shelf(code="STRASSE"), shelf(code="strasse"), shelf(code="a"))
        put(store, tenant, shelf(code="A"), shelf(code="é"), shelf(code="e"))

    def test_several_attributes_may_be_unique_together(self, store: Store, tenant: str) -> None:
        """Here only while the book stands: the rest of the rows play no part."""
        one, two = shelf(), shelf()
        put(store, tenant, one, two, book(one, place=1), book(two, place=1), book(one, place=2))
        put(store, tenant, book(one), book(one), book(one, place=1, state="lent"), book(one, place=1, state="lent"))
        with pytest.raises(Duplicate, match="place 1"), transaction(store, tenant) as session:
            session.insert([book(one, place=1)])

    def test_a_change_may_not_take_what_somebody_has(self, store: Store, tenant: str) -> None:
        """But an entity may keep what is its own."""
        one, two = shelf(code="A1"), shelf(code="A2")
        put(store, tenant, one, two)
        with pytest.raises(Duplicate, match="code 'A1'"), transaction(store, tenant) as session:
            session.update([two.evolve(code="A1", version=2)])
        put_back = two.evolve(name="renamed", version=2)
        with transaction(store, tenant) as session:
            session.update([put_back])
        assert got(store, tenant, two) == put_back

    @pytest.mark.parametrize("number", [2, MANY])
    def test_one_duplicate_refuses_all_of_the_call(self, store: Store, tenant: str, number: int) -> None:
        """Whether the twin is in the store or in the same call."""
        put(store, tenant, shelf(code="A1"))
        many = [shelf(code=f"B{n}") for n in range(number)]
        for twin in (shelf(code="A1"), shelf(code="B1")):
            with pytest.raises(Duplicate, match=f"code '{twin.code}'"), transaction(store, tenant) as session:
                session.insert([*many, twin])
        assert len(found(store, tenant, Shelf)) == 1

    @pytest.mark.parametrize("number", [1, MANY])
    def test_known_ones_can_be_left_out(self, store: Store, tenant: str, number: int) -> None:
        """The answer says how many were new; what was there stays as it is."""
        known = shelf(code="A1", name="first")
        put(store, tenant, known)
        fresh = [shelf(code=f"B{n}") for n in range(number)]
        again = [shelf(code="A1", name="second"), shelf(id=known.id, name="third"), shelf(code="B0")]
        with transaction(store, tenant) as session:
            assert session.insert([*again[:2], *fresh, again[2]], skip_known=True) == number
            assert session.insert([shelf(code="A1")], skip_known=True) == 0
        assert got(store, tenant, known) == known
        assert len(found(store, tenant, Shelf)) == number + 1

    @pytest.mark.parametrize("skip_known", [False, True])
    @pytest.mark.parametrize("number", [0, MANY])
    def test_a_reference_leads_somewhere(self, store: Store, tenant: str, number: int, *, skip_known: bool) -> None:
        """The message names the attribute and the id; nothing of the call is stored."""
        stand = shelf()
        put(store, tenant, stand)
        nowhere = shelf()
        others = [book(stand, place=n) for n in range(number)]
        for lost, name in (
            (book(nowhere), "book.shelf_id"),
            (book(stand, sequel_to_id=new_id("book")), "book.sequel_to_id"),
        ):
            with pytest.raises(NotFound, match=name), transaction(store, tenant) as session:
                session.insert([*others, lost], skip_known=skip_known)
        assert found(store, tenant, Book) == []

    def test_a_changed_reference_leads_somewhere(self, store: Store, tenant: str) -> None:
        """As a new one does."""
        stand = shelf()
        volume = book(stand)
        put(store, tenant, stand, volume)
        with pytest.raises(NotFound, match=r"book\.shelf_id"), transaction(store, tenant) as session:
            session.update([volume.evolve(shelf_id=shelf().id, version=2)])
        assert got(store, tenant, volume) == volume

    def test_what_is_referred_to_stays(self, store: Store, tenant: str) -> None:
        """Until nothing refers to it any more."""
        stand = shelf()
        volume = book(stand)
        put(store, tenant, stand, volume, loan(volume))
        for record in (stand, volume):
            with pytest.raises(Refused, match=record.id), transaction(store, tenant) as session:
                session.delete(type(record), [record.id])
            assert got(store, tenant, record) == record

    @pytest.mark.parametrize("stored", [1, 2, 3, 9])
    def test_a_stale_change_is_refused(self, store: Store, tenant: str, stored: int) -> None:
        """The stored version must be the one before: not an older one, not the same one, not a newer one."""
        volume = shelf(version=stored)
        put(store, tenant, volume)
        for version in (1, 2, 3, 4, 8, 9, 11):
            if version == stored + 1:
                continue
            with pytest.raises(StaleEntity, match=volume.id), transaction(store, tenant) as session:
                session.update([volume.evolve(name="late", version=version)])
        assert got(store, tenant, volume) == volume

    def test_a_change_of_something_deleted_is_stale(self, store: Store, tenant: str) -> None:
        """And says that it is gone."""
        with pytest.raises(StaleEntity, match="gone"), transaction(store, tenant) as session:
            session.update([shelf(version=2)])

    @pytest.mark.parametrize("number", [1, MANY])
    def test_one_stale_entity_refuses_all_of_the_call(self, store: Store, tenant: str, number: int) -> None:
        """And is named."""
        fresh = [shelf() for _ in range(number)]
        late = shelf()
        with transaction(store, tenant) as session:
            session.insert([*fresh, late])
            session.update([late.evolve(name="faster", version=2)])
        changed: list[Any] = [s.evolve(name="changed", version=2) for s in [*fresh, late]]
        with pytest.raises(StaleEntity, match=late.id), transaction(store, tenant) as session:
            session.update(changed)
        assert {s.name for s in found(store, tenant, Shelf)} == {"Poetry", "faster"}

    def test_only_a_connection_of_its_own_kind_can_be_joined(self, store: Store, tenant: str) -> None:
        """Whatever else is given is bad input."""
        with pytest.raises(InvalidInput):
            store.join(object(), tenant)
