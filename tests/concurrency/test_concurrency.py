"""Several processes and threads on the same data: everything happens once, and nothing is overwritten."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM, CrmError, F
from crmkit.kernel.agenda import DueReport
from crmkit.kernel.events import EventRecord
from tests.concurrency.world import (
    Footprint,
    add_tags,
    add_tags_with,
    all_due,
    deliver,
    open_crm,
    race_for,
    refresh,
    register,
    run_due,
    schedule,
    schedule_all,
)
from tests.postgres import fresh_database
from tests.processes import together


@pytest.fixture(scope="module")
def prepared(postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database that has the tables, to be copied."""
    with fresh_database(postgres_url) as url:
        open_crm(url).close()
        yield url.rpartition("?")[0].rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "crm.sqlite3")
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("prepared")
    with fresh_database(server, template=template) as url:
        yield url


@pytest.fixture
def crm(url: str) -> Iterator[CRM]:
    with open_crm(url) as crm:
        yield crm


def footprints(crm: CRM) -> list[Footprint]:
    with crm.read() as work:
        return work.find(Footprint)


# ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
def test_processes_do_a_thousand_due_items_exactly_once(crm: CRM, url: str, workers: int) -> None:
    schedule(crm, 1000)
    reports = together(run_due, [(url, f"worker{n}", 25) for n in range(workers)])
    assert sum(report.ran for report in reports) == 1000
    assert sum(report.failed + report.dead for report in reports) == 0
    done = footprints(crm)
    assert Counter(f.key for f in done) == Counter(f"steps.step {n}" for n in range(1000))
    assert Counter(f.worker for f in done) == Counter({f"worker{n}": r.ran for n, r in enumerate(reports) if r.ran})
    assert crm.agenda.count(F.state != "done") == 0
    assert url.startswith("postgresql") <= (len({f.worker for f in done}) > 1)  # they did share it


@pytest.mark.slow
def test_items_that_change_the_same_customer_all_do(crm: CRM, url: str) -> None:
    """A conflict between two workers is no failure: who comes second does it again on what the first has left."""
    wang = crm.customers.register(name="Xiao Wang")
    schedule(crm, 120, kind="steps.tag", subjects=(wang.id,))
    reports = together(run_due, [(url, f"worker{n}", 10) for n in range(4)])
    assert sum(reports, DueReport()) == DueReport(ran=120)
    now = crm.customers.get(wang.id)
    assert now.tags == {f"steps.tag {n}" for n in range(120)}
    assert now.version == 121


@pytest.mark.slow
def test_items_that_change_two_customers_crosswise_all_do(crm: CRM, url: str) -> None:
    """Two workers that hold what the other one needs: the database refuses one of them, who then does it again."""
    pair = tuple(crm.customers.register(name=name).id for name in ("Xiao Wang", "Xiao Li"))
    schedule(crm, 16, kind="steps.cross", subjects=pair)
    reports = together(run_due, [(url, f"worker{n}", 1) for n in range(2)])
    assert sum(reports, DueReport()) == DueReport(ran=16)
    for customer in pair:
        assert crm.customers.get(customer).tags == {f"steps.cross {n}" for n in range(16)}


@pytest.mark.slow
def test_processes_that_write_the_same_customer_lose_no_update(crm: CRM, url: str) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    together(add_tags, [(url, wang.id, f"worker{n}", 25) for n in range(4)])
    now = crm.customers.get(wang.id)
    assert now.tags == {f"worker{w} {n}" for w in range(4) for n in range(25)}
    assert now.version == 101
    with crm.read() as work:
        told = work.count(EventRecord, (F.subject == wang.id) & (F.name == "customers.customer_updated"))
    assert told == 100


@pytest.mark.slow
def test_four_processes_write_and_none_is_locked_out(crm: CRM, url: str) -> None:
    assert together(register, [(url, f"worker{n}", 60) for n in range(4)]) == [60] * 4
    assert crm.customers.count() == 240
    with crm.read() as work:
        assert work.count(EventRecord) == 240


@pytest.mark.slow
def test_of_processes_that_want_the_same_address_one_gets_it(crm: CRM, url: str) -> None:
    won = together(race_for, [(url, f"worker{n}", 50) for n in range(4)])
    assert sum(won) == 50
    assert sorted(c.email or "" for c in crm.customers.find()) == sorted(f"guest{n}@example.com" for n in range(50))


@pytest.mark.slow
def test_what_several_processes_schedule_is_there_once(crm: CRM, url: str) -> None:
    together(schedule_all, [(url, f"worker{n}", 50) for n in range(4)])
    assert sorted(item.key for item in crm.agenda.due()) == sorted(f"step {n}" for n in range(50))
    assert sorted(message.key for message in crm.outbox.due()) == sorted(f"hello {n}" for n in range(50))


@pytest.mark.slow
def test_processes_share_the_messages(crm: CRM, url: str) -> None:
    with crm.transaction() as tx, tx.work() as work:
        for n in range(200):
            work.post(channel="email", to="guest@example.com", body="Hello", key=f"hello {n}")
    sent = together(deliver, [(url, 10) for _ in range(3)])
    assert sorted(i for some in sent for i in some) == sorted(m.id for m in crm.outbox.find(F.state == "sent"))
    assert crm.outbox.count(F.state == "sent") == 200


@pytest.mark.slow
def test_processes_that_refresh_the_same_segment_let_everybody_enter_once(crm: CRM, url: str) -> None:
    crm.customers.register_many({"name": f"Guest {n}", "city": "Chengdu" if n % 2 else "Xi'an"} for n in range(60))
    crm.customers.segments.define("in Chengdu", rule=F.city == "Chengdu")
    entered = together(refresh, [(url, 8) for _ in range(4)])
    crm.customers.segments.refresh("in Chengdu", everybody=True)
    members = {c.id for c in crm.customers.segments.members("in Chengdu")}
    assert members == {c.id for c in crm.customers.find(F.city == "Chengdu")}
    with crm.read() as work:
        told = work.count(EventRecord, F.name == "customers.segment_entered")
        gone = work.count(EventRecord, F.name == "customers.segment_left")
    assert told - gone == len(members)
    assert sum(entered) <= told


# ── Threads ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(params=["memory", "sqlite in memory", "sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CRM]:
    """One handle for all threads."""
    if request.param != "postgresql":
        urls = {"memory": "memory://", "sqlite in memory": "sqlite://", "sqlite": str(tmp_path / "crm.sqlite3")}
        with open_crm(urls[request.param]) as crm:
            yield crm
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("prepared")
    with fresh_database(server, template=template) as url, open_crm(url) as crm:
        yield crm


def in_threads(body: Callable[[int], Any], number: int) -> list[Any]:
    """What *body* answers in several threads, each given its number."""
    answers: dict[int, Any] = {}
    barrier = threading.Barrier(number)

    def run(n: int) -> None:
        barrier.wait(timeout=30)
        try:
            answers[n] = body(n)
        except Exception as error:  # noqa: BLE001 - the test that waits tells it
            answers[n] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == number, "a thread did not come to its end"
    for answer in answers.values():
        if isinstance(answer, Exception):
            raise answer
    return [answers[n] for n in range(number)]


def test_threads_write_and_read(shared: CRM) -> None:
    def body(number: int) -> int:
        crm = shared.acting_as(f"thread{number}")
        for n in range(15):
            crm.customers.register(name=f"Guest {n}", email=f"{number}.{n}@example.com", source=f"thread{number}")
            crm.customers.find(F.source == f"thread{number}", order_by="-created_at", limit=5)
        return crm.customers.count(F.source == f"thread{number}")

    assert in_threads(body, 6) == [15] * 6
    with shared.read() as work:
        told = work.find(EventRecord)
        assert Counter(e.actor for e in told) == Counter({f"thread{n}": 15 for n in range(6)})


def test_threads_that_write_the_same_customer_lose_no_update(shared: CRM) -> None:
    wang = shared.customers.register(name="Xiao Wang")
    in_threads(lambda number: add_tags_with(shared, wang.id, f"thread{number}", 10), 5)
    now = shared.customers.get(wang.id)
    assert now.tags == {f"thread{t} {n}" for t in range(5) for n in range(10)}
    assert now.version == 51


def test_threads_do_due_items_exactly_once(shared: CRM) -> None:
    schedule(shared, 100)
    reports = in_threads(lambda number: all_due(shared.acting_as(f"thread{number}"), batch=7), 4)
    assert sum(reports, DueReport()) == DueReport(ran=100)
    assert Counter(f.key for f in footprints(shared)) == Counter(f"steps.step {n}" for n in range(100))


def test_threads_in_tenants_of_their_own(shared: CRM) -> None:
    def body(number: int) -> list[str]:
        crm = shared.for_tenant(f"studio{number}")
        for n in range(10):
            crm.customers.register(name=f"Guest {number} {n}", email=f"{n}@example.com")
        return sorted(c.name for c in crm.customers.find())

    assert in_threads(body, 5) == [[f"Guest {number} {n}" for n in range(10)] for number in range(5)]
    assert sorted(shared.tenants()) == [f"studio{n}" for n in range(5)]


def test_a_transaction_is_open_in_its_own_thread_only(shared: CRM) -> None:
    """Another thread with the same handle does not get into it, nor is it refused."""
    with shared.transaction() as tx:
        tx.customers.register(name="Xiao Wang")
        other = threading.Thread(target=lambda: shared.customers.register(name="Xiao Li"), daemon=True)
        other.start()
        other.join(timeout=0.2)
        assert [c.name for c in tx.customers.find()] in (["Xiao Wang"], ["Xiao Wang", "Xiao Li"])
    other.join(timeout=60)
    assert not other.is_alive()
    assert {c.name for c in shared.customers.find()} == {"Xiao Wang", "Xiao Li"}


def test_a_handle_that_is_closed_while_threads_work(shared: CRM) -> None:
    """Whoever is inside of a transaction ends it well or gets a clear error; nothing hangs."""
    closing = threading.Event()

    def body(number: int) -> str:
        if number == 0:
            closing.wait(timeout=30)
            shared.close()
            return "closed"
        try:
            for n in range(10_000):
                shared.customers.register(name=f"Guest {number} {n}")
                closing.set()
        except CrmError as error:
            return str(error)
        return "never closed"

    assert set(in_threads(body, 4)) == {"closed", "this CRM has been closed: open it again with CRM.open(…)"}
