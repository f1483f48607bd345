"""Transactions: all or nothing, savepoints, and claims that two workers never share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from crmkit.errors import Duplicate, NotFound, StaleEntity
from crmkit.kernel.ports import Session, Store
from crmkit.kernel.rules import F
from crmkit.testing.suites.library import Book, Shelf
from crmkit.testing.suites.storage.bench import Bench, book, found, got, put, query, shelf, transaction

WORKERS = 4
BATCH = 7
ROWS = 100


class Transactions(Bench):
    """``commit``, ``rollback``, ``savepoint`` and ``claim``."""

    def test_what_is_undone_leaves_nothing(self, store: Store, tenant: str) -> None:
        """Neither rows nor the unique values that they had taken; changed and deleted rows are back."""
        kept, gone = shelf(code="A1"), shelf(code="A2")
        put(store, tenant, kept, gone)
        session = store.session(tenant, write=True)
        session.insert([shelf(code=f"B{n}") for n in range(150)])
        session.update([kept.evolve(code="A3", version=2)])
        session.delete(Shelf, [gone.id])
        session.insert([shelf(code="A2")])
        session.rollback()
        assert found(store, tenant, Shelf) == [kept, gone]
        put(store, tenant, shelf(code="A3"), shelf(code="B0"))
        with pytest.raises(Duplicate):
            put(store, tenant, shelf(code="A1"))

    def test_after_a_commit_a_rollback_changes_nothing(self, store: Store, tenant: str) -> None:
        """It only gives the connection back, so it may always be called at the end."""
        stand = shelf()
        session = store.session(tenant, write=True)
        session.insert([stand])
        session.commit()
        session.rollback()
        assert got(store, tenant, stand) == stand

    def test_what_is_not_the_stores_own_error_is_told_as_it_is(self, store: Store, tenant: str) -> None:
        """A refusal and an error of the host are in words of the domain already."""
        session = store.session(tenant, write=False)
        for error in (Duplicate("taken"), KeyError("host")):
            assert session.told(error) is error
        session.rollback()

    def test_a_savepoint_that_succeeds_is_part_of_the_rest(self, store: Store, tenant: str) -> None:
        """And is undone with it."""
        stand = shelf()
        session = store.session(tenant, write=True)
        with session.savepoint():
            session.insert([stand])
        assert session.get(Shelf, stand.id) == stand
        session.rollback()
        assert got(store, tenant, stand) is None

    def test_a_savepoint_that_fails_is_undone_alone(self, store: Store, tenant: str) -> None:
        """Whatever went on in it, and however deep."""
        first, inner, deep, last = (shelf(code=c) for c in "abcd")

        def go_wrong(session: Session) -> None:
            with session.savepoint():
                session.insert([inner])
                with session.savepoint():
                    session.update([first.evolve(name="changed", version=2)])
                with pytest.raises(KeyError):
                    go_wrong_deep_inside(session)
                assert session.get(Shelf, deep.id) is None
                assert session.get(Shelf, inner.id) == inner
                raise RuntimeError

        def go_wrong_deep_inside(session: Session) -> None:
            with session.savepoint():
                session.insert([deep])
                raise KeyError

        with transaction(store, tenant) as session:
            session.insert([first])
            with pytest.raises(RuntimeError):
                go_wrong(session)
            session.insert([last, shelf(code="b")])
        assert [s.code for s in found(store, tenant, Shelf, None, "code")] == ["a", "b", "d"]
        assert got(store, tenant, first) == first

    @pytest.mark.parametrize(
        ("error", "wrong"),
        [
            (Duplicate, lambda session, stand: session.insert([shelf(), shelf(code=stand.code)])),
            (NotFound, lambda session, stand: session.insert([book(stand), book(shelf())])),
            (StaleEntity, lambda session, stand: session.update([stand.evolve(name="late")])),
            (Exception, lambda session, stand: session.delete(Shelf, [stand.id])),
        ],
    )
    def test_after_a_refusal_in_a_savepoint_the_transaction_goes_on(
        self, store: Store, tenant: str, error: type[Exception], wrong: Callable[..., None]
    ) -> None:
        """What was refused has left nothing."""
        stand = shelf(code="A1")
        volume = book(stand)
        put(store, tenant, stand, volume)
        late = shelf()
        with transaction(store, tenant) as session:
            with pytest.raises(error), session.savepoint():
                wrong(session, stand)
            session.insert([late])
        assert found(store, tenant, Shelf) == [stand, late]
        assert found(store, tenant, Book) == [volume]

    def test_claims_are_found_in_order_and_under_the_limit(self, store: Store, tenant: str) -> None:
        """Like :meth:`find`."""
        stands = [shelf(name=n) for n in "cab"]
        put(store, tenant, *stands)
        with transaction(store, tenant) as session:
            claimed = session.claim(query(store, Shelf, F.room.is_missing(), "name", limit=2))
        assert [s.name for s in claimed] == ["a", "b"]

    def test_two_workers_never_claim_the_same_row(self, store: Store, tenant: str) -> None:
        """Every row is worked on exactly once, whatever the number of workers."""
        put(store, tenant, *[shelf(name=f"{n:03}") for n in range(ROWS)])
        done: list[str] = []
        failures: list[BaseException] = []
        start = threading.Barrier(WORKERS)

        def work() -> None:
            start.wait()
            while True:
                with transaction(store, tenant) as session:
                    claimed = session.claim(query(store, Shelf, F.room.is_missing(), "name", limit=BATCH))
                    session.update([s.evolve(room="done", version=s.version + 1) for s in claimed])
                done.extend(s.id for s in claimed)
                if not claimed and not found(store, tenant, Shelf, F.room.is_missing(), limit=1):
                    return

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - shown by the test
                failures.append(error)

        threads = [threading.Thread(target=guarded) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert Counter(Counter(done).values()) == {1: ROWS}
        assert {s.version for s in found(store, tenant, Shelf)} == {2}

    def test_writers_in_many_threads_lose_nothing(self, store: Store, tenant: str) -> None:
        """Each retries when it was late; every change is there at the end."""
        stand = shelf()
        volume = book(stand, pages=0)
        put(store, tenant, stand, volume)
        late: list[int] = []

        def turn_pages() -> None:
            turned = 0
            while turned < 10:
                try:
                    with transaction(store, tenant) as session:
                        present = session.get(Book, volume.id)
                        assert present is not None
                        session.update([present.evolve(pages=present.pages + 1, version=present.version + 1)])
                    turned += 1
                except StaleEntity:
                    late.append(1)

        threads = [threading.Thread(target=turn_pages) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        final = got(store, tenant, volume)
        assert final is not None
        assert (final.pages, final.version) == (10 * WORKERS, 10 * WORKERS + 1)
