"""Two tenants never see each other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import NotFound, StaleEntity
from crmkit.kernel.events import EventRecord
from crmkit.kernel.outbox import Message
from crmkit.kernel.ports import Store, Tally
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.testing.strategies import rules
from crmkit.testing.suites.library import Book, Shelf
from crmkit.testing.suites.storage.bench import (
    NOW,
    Bench,
    book,
    found,
    got,
    new_id,
    new_tenant,
    put,
    query,
    shelf,
    transaction,
)
from crmkit.testing.suites.storage.records import REGISTRY


class Tenants(Bench):
    """What one tenant does changes no answer that another one gets."""

    def test_the_same_ids_and_unique_values_live_side_by_side(self, store: Store) -> None:
        """Each tenant has its own."""
        one, two = new_tenant(), new_tenant()
        mine = shelf(code="A1", name="mine")
        yours = mine.evolve(name="yours")
        put(store, one, mine)
        put(store, two, yours)
        assert (got(store, one, mine), got(store, two, mine)) == (mine, yours)
        with transaction(store, one) as session:
            session.update([mine.evolve(name="changed", version=2)])
        assert got(store, two, yours) == yours
        with transaction(store, one) as session:
            assert session.delete(Shelf, [mine.id]) == 1
        assert got(store, two, yours) == yours

    def test_nothing_of_another_tenant_can_be_read_changed_deleted_or_referred_to(self, store: Store) -> None:
        """As if it did not exist."""
        one, two = new_tenant(), new_tenant()
        stand = shelf(code="A1")
        volume = book(stand)
        put(store, one, stand, volume)
        assert got(store, two, stand) is None
        assert found(store, two, Book) == []
        with pytest.raises(StaleEntity), transaction(store, two) as session:
            session.update([stand.evolve(name="stolen", version=2)])
        with transaction(store, two) as session:
            assert session.delete(Book, [volume.id]) == 0
        with pytest.raises(NotFound), transaction(store, two) as session:
            session.insert([book(stand)])
        assert got(store, one, volume) == volume

    def test_whatever_is_asked(self, store: Store) -> None:
        """Every rule gives the same answer with and without a second tenant that has the same ids."""
        one, two, alone = new_tenant(), new_tenant(), new_tenant()
        stands = [shelf(name="a", room="x"), shelf(name="b", room="x")]
        volumes = [book(stands[0], pages=3), book(stands[1], pages=5), book(stands[1], sequel_to_id=None)]
        for tenant in (one, alone):
            put(store, tenant, *stands, *volumes[:2])
        others = [s.evolve(name="z", room="y", within_id=stands[0].id) for s in stands]
        put(store, two, others[0].evolve(within_id=None), others[1], *[v.evolve(pages=99) for v in volumes])

        @self.tries()
        @given(rules(Shelf, REGISTRY), rules(Book, REGISTRY), st.sampled_from(["shelf_id", "state"]))
        def check(of_shelves: Rule, of_books: Rule, by: str) -> None:
            assert found(store, one, Shelf, of_shelves) == found(store, alone, Shelf, of_shelves)
            assert found(store, one, Book, of_books) == found(store, alone, Book, of_books)
            answers, wanted = [], found(store, alone, Book, of_books)
            for tenant in (one, alone):
                with transaction(store, tenant, write=False) as session:
                    planned = query(store, Book, of_books).plan
                    groups = session.tally(Tally(cls=Book, plan=planned, by=(by,), sums=("pages",)))
                    answers.append((groups, session.count(query(store, Book, of_books))))
                    assert session.claim(query(store, Book, of_books)) == wanted
            assert answers[0] == answers[1]

        check()

    def test_a_tenant_with_an_event_is_known(self, store: Store, tenant: str) -> None:
        """Whatever happens in a CRM leaves an event."""
        assert tenant not in store.tenants()
        happened = EventRecord(id=new_id("evt"), created_at=NOW, name="library.opened", schema=1, subject="x")
        put(store, tenant, happened)
        assert tenant in store.tenants()
        assert store.tenants() == sorted(set(store.tenants()))
        assert found(store, tenant, EventRecord, F.name == "library.opened") == [happened]

    def test_a_tenant_with_work_is_known(self, store: Store, tenant: str) -> None:
        """Also when nothing has happened in it yet."""
        waiting = Message(
            id=new_id("msg"), created_at=NOW, version=1, channel="sms", to="+86", body="Hello", key="1", due_at=NOW
        )
        put(store, tenant, waiting)
        assert tenant in store.tenants()
        assert tenant in store.tenants_with_work(NOW)
        assert tenant not in store.tenants_with_work(NOW - timedelta(seconds=1))
