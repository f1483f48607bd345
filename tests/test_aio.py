"""The same CRM in an event loop, which goes on while the database or a channel takes its time."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from crmkit import CRM, FrozenClock
from crmkit.aio import AsyncCRM
from crmkit.crm import Transaction
from crmkit.errors import CrmError, Duplicate, InvalidInput, PluginError, StaleEntity
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.outbox import LEASE, Message
from crmkit.kernel.room import Room
from crmkit.kernel.work import Work
from crmkit.plugins.channels.memory import MemoryChannel
from crmkit.plugins.channels.port import NO_LIMITS, Limits
from crmkit.plugins.hookspecs import hookimpl
from tests.postgres import fresh_database


@pytest.fixture(scope="module")
def prepared(postgres_url: str) -> Iterator[str]:
    with fresh_database(postgres_url) as url:
        CRM.open(url, migrate=True).close()
        yield url


@pytest.fixture(params=["memory", "sqlite", "sqlite file", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: object) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("prepared")
        return url
    return {"memory": "memory://", "sqlite": "sqlite://", "sqlite file": f"{tmp_path}/crm.sqlite3"}[request.param]


@pytest.fixture(params=["sqlite file", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: object) -> str:
    """One that others can use at the same time."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("prepared")
        return url
    return f"{tmp_path}/crm.sqlite3"


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """The tests share one PostgreSQL database, each as a tenant of its own."""
    name: str = request.node.name
    return name[-60:]


def register(name: str, **fields: Any) -> Callable[[Transaction], Any]:
    return lambda crm: crm.customers.register(name=name, **fields)


def count(crm: Transaction) -> int:
    return crm.customers.count()


def test_the_same_code_runs(target: str, tenant: str) -> None:
    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant) as acrm:
            lead = await acrm.run(lambda crm: crm.pipeline.leads.capture(name="Xiao Wang", email="Wang@Example.com"))
            assert (await acrm.run(lambda crm: crm.pipeline.leads.qualify(lead))).stage == "qualified"
            assert lead.email == "wang@example.com"
            rows = [{"name": f"Guest {n}"} for n in range(250)]
            assert len(await acrm.run(lambda crm: crm.customers.register_many(rows))) == 250
            assert await acrm.run(count) == 250

    asyncio.run(main())


def test_it_can_be_awaited_and_closed(target: str, tenant: str) -> None:
    async def main() -> None:
        acrm = await AsyncCRM.open(target, tenant=tenant)
        await acrm.run(register("Xiao Wang"))
        assert repr(acrm) == f"<AsyncCRM of tenant {tenant!r}>"
        await acrm.aclose()
        for attempt in (acrm.run(count), acrm.run_due(), acrm.deliver(), acrm.tenants()):
            with pytest.raises(CrmError, match="has been closed"):
                await attempt

    asyncio.run(main())


def test_one_body_is_one_transaction(target: str, tenant: str) -> None:
    def fails(crm: Transaction) -> None:
        crm.customers.register(name="Xiao Wang")
        with pytest.raises(InvalidInput):
            crm.customers.register(name="")
        assert crm.customers.count() == 1
        raise ZeroDivisionError

    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant) as acrm:
            with pytest.raises(ZeroDivisionError):
                await acrm.run(fails)
            assert await acrm.run(count) == 0
            await acrm.run(register("Xiao Wang", email="wang@example.com"))
            with pytest.raises(Duplicate):
                await acrm.run(register("Xiao Li", email="wang@example.com"))
            assert await acrm.run(count) == 1

    asyncio.run(main())


def test_a_coroutine_function_is_refused_and_changes_nothing(target: str, tenant: str) -> None:
    async def body(crm: Transaction) -> None:
        raise AssertionError(crm)

    def half(crm: Transaction) -> Awaitable[None]:
        crm.customers.register(name="Xiao Wang")
        return body(crm)

    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant) as acrm:
            for wrong in (body, half):
                with pytest.raises(InvalidInput, match="not a coroutine function"):
                    await acrm.run(wrong)
            assert await acrm.run(count) == 0

    asyncio.run(main())


def test_handles_for_actors_and_tenants(target: str, tenant: str) -> None:
    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant, currency="CNY") as acrm:
            other = acrm.for_tenant(f"{tenant[-50:]} other").acting_as("xu")
            wang = await other.run(register("Xiao Wang"))
            assert await acrm.run(count) == 0
            assert other.tenant in await acrm.tenants()
            moments = await other.run(lambda crm: crm.customers.timeline(wang))
            assert [moment.actor for moment in moments] == ["xu"]
            assert other.settings.currency == "CNY"
            assert other.plugins is acrm.plugins

    asyncio.run(main())


def test_many_tasks_share_a_handle_and_no_update_is_lost(target: str, tenant: str) -> None:
    async def add_tag(acrm: AsyncCRM, customer: str, tag: str) -> None:
        def body(crm: Transaction) -> None:
            current = crm.customers.get(customer)
            crm.customers.update(current, tags=current.tags | {tag})

        while True:
            with contextlib.suppress(StaleEntity):
                return await acrm.run(body)

    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant) as acrm:
            wang = await acrm.run(register("Xiao Wang"))
            await asyncio.gather(*(add_tag(acrm, wang.id, f"tag{n}") for n in range(20)))
            now = await acrm.run(lambda crm: crm.customers.get(wang.id))
            assert now.tags == {f"tag{n}" for n in range(20)}
            assert now.version == 21

    asyncio.run(main())


# ── The loop goes on ─────────────────────────────────────────────────────────────────────────────────────────────────
async def longest_pause(body: Awaitable[Any]) -> float:
    """How long the event loop did nothing else while it waited for *body*, in seconds."""
    longest, last = 0.0, time.perf_counter()

    async def heart() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()

    beating = asyncio.create_task(heart())
    await body
    beating.cancel()
    return max(longest, time.perf_counter() - last)


def test_waiting_for_a_lock_of_somebody_else_does_not_block_the_loop(database: str, tenant: str) -> None:
    held = 1.0

    def hold(crm: CRM, customer: str, has_it: threading.Event) -> None:
        with crm.transaction() as tx:
            tx.customers.update(customer, city="Chengdu")
            has_it.set()
            time.sleep(held)

    async def main() -> None:
        with CRM.open(database, tenant=tenant) as crm:
            wang = crm.customers.register(name="Xiao Wang")
            async with AsyncCRM.open(database, tenant=tenant) as acrm:
                has_it = threading.Event()
                holder = threading.Thread(target=hold, args=(crm, wang.id, has_it))
                holder.start()
                has_it.wait()
                begin = time.perf_counter()

                async def update() -> None:
                    with contextlib.suppress(StaleEntity):
                        await acrm.run(lambda crm: crm.customers.update(wang.id, city="Xi'an"))

                pause = await longest_pause(update())
                waited = time.perf_counter() - begin
                holder.join()
        assert waited > held / 2  # it did have to wait
        assert pause < held / 2  # and the loop did not

    asyncio.run(main())


def test_a_cancelled_task_leaves_nothing_behind(database: str, tenant: str) -> None:
    async def main() -> None:
        with CRM.open(database, tenant=tenant) as crm:
            wang = crm.customers.register(name="Xiao Wang")
            async with AsyncCRM.open(database, tenant=tenant) as acrm:
                with crm.transaction() as tx:
                    tx.customers.update(wang, city="Chengdu")
                    waiting = [
                        asyncio.create_task(acrm.run(lambda crm: crm.customers.update(wang.id, city="Xi'an")))
                        for _ in range(3)
                    ]
                    await asyncio.sleep(0.1)
                    for task in waiting:
                        task.cancel()
                answers = await asyncio.gather(*waiting, return_exceptions=True)
                assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
                assert (await acrm.run(lambda crm: crm.customers.get(wang.id))).city == "Chengdu"
                await acrm.run(lambda crm: crm.customers.update(wang.id, city="Xi'an"))  # and the lock is free

    asyncio.run(main())


# ── What is due, and what is to be sent ──────────────────────────────────────────────────────────────────────────────
def greet(work: Work, item: AgendaItem) -> None:
    work.post(channel="email", to=f"{item.subject}@example.com", body="Good morning", key=item.key)


class Greetings:
    """A plugin: a handler that posts a message."""

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        return [Room(name="greetings", handlers={"greetings.greet": greet})]


@attrs.frozen(eq=False)
class AsyncMemory:
    """A channel for the event loop."""

    name: str = "async"
    carries: frozenset[str] = frozenset({"*"})
    limits: Limits = NO_LIMITS
    sent: list[Message] = attrs.field(factory=list)

    async def send(self, message: Message) -> str | None:
        await asyncio.sleep(0)
        self.sent.append(message)
        return message.id


def schedule(crm: Transaction, number: int) -> None:
    with crm.work() as work:
        for n in range(number):
            work.schedule("greetings.greet", due_at=work.now, subject=f"guest{n}", key=f"greeting {n}")


@pytest.mark.parametrize("kind", [MemoryChannel, AsyncMemory])
def test_due_work_and_messages(target: str, tenant: str, kind: type[Any]) -> None:
    channel = kind()

    async def main() -> None:
        async with AsyncCRM.open(target, tenant=tenant, plugins=[Greetings()], channels=[channel]) as acrm:
            await acrm.run(lambda crm: schedule(crm, 30))
            assert (await acrm.run_due(batch=7)).ran == 30
            assert (await acrm.run_due()).ran == 0
            receipts = await acrm.deliver(batch=7)
            assert [r.to for r in receipts] == [f"guest{n}@example.com" for n in range(30)]
            assert all(r.sent for r in receipts)
            assert await acrm.deliver() == []
        assert [m.id for m in channel.sent] == [r.message_id for r in receipts]

    asyncio.run(main())


def test_tasks_share_the_due_work_and_the_messages(database: str, tenant: str) -> None:
    channel = AsyncMemory()

    async def main() -> None:
        async with AsyncCRM.open(database, tenant=tenant, plugins=[Greetings()], channels=[channel]) as acrm:
            await acrm.run(lambda crm: schedule(crm, 60))
            reports = await asyncio.gather(*(acrm.run_due(batch=5) for _ in range(4)))
            assert sum(report.ran for report in reports) == 60
            assert not any(report.failed for report in reports)
            receipts = await asyncio.gather(*(acrm.deliver(batch=5) for _ in range(4)))
            assert sorted(r.message_id for some in receipts for r in some) == sorted({m.id for m in channel.sent})
        assert len(channel.sent) == 60

    asyncio.run(main())


@attrs.frozen(eq=False)
class Slow(MemoryChannel):
    def send(self, message: Message) -> str | None:
        time.sleep(0.3)
        return super().send(message)


def test_a_channel_that_blocks_does_not_block_the_loop(tmp_path: object) -> None:
    channel = Slow()

    async def main() -> None:
        async with AsyncCRM.open(f"{tmp_path}/crm.sqlite3", plugins=[Greetings()], channels=[channel]) as acrm:
            await acrm.run(lambda crm: schedule(crm, 2))
            await acrm.run_due()
            assert await longest_pause(acrm.deliver()) < 0.25
        assert len(channel.sent) == 2

    asyncio.run(main())


def test_a_channel_that_breaks_is_noted_and_tried_again(target: str, tenant: str) -> None:
    clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))

    @attrs.frozen(eq=False)
    class Broken(AsyncMemory):
        async def send(self, message: Message) -> str | None:
            if message.attempts == 1:
                raise ConnectionError
            return await super().send(message)

    channel = Broken()

    async def main() -> None:
        options: dict[str, Any] = {"plugins": [Greetings()], "channels": [channel], "clock": clock}
        async with AsyncCRM.open(target, tenant=tenant, **options) as acrm:
            await acrm.run(lambda crm: schedule(crm, 1))
            await acrm.run_due()
            (receipt,) = await acrm.deliver()
            assert not receipt.sent
            assert "ConnectionError" in str(receipt.error)
            assert await acrm.deliver() == []
            clock.advance(minutes=1)
            (again,) = await acrm.deliver()
            assert again.sent
            assert again.message_id == receipt.message_id

    asyncio.run(main())


def test_a_delivery_that_is_cancelled_is_made_up_for_when_the_lease_has_run_out(database: str, tenant: str) -> None:
    clock = FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))

    @attrs.frozen(eq=False)
    class Hanging(AsyncMemory):
        async def send(self, message: Message) -> str | None:
            await super().send(message)
            if message.attempts == 1:
                await asyncio.sleep(60)
            return None

    channel = Hanging()

    async def main() -> None:
        options: dict[str, Any] = {"plugins": [Greetings()], "channels": [channel], "clock": clock}
        async with AsyncCRM.open(database, tenant=tenant, **options) as acrm:
            await acrm.run(lambda crm: schedule(crm, 1))
            await acrm.run_due()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(acrm.deliver(), timeout=0.5)
            assert await acrm.deliver() == []
            clock.set(clock.now() + LEASE * 1.01)
            (receipt,) = await acrm.deliver()
            assert receipt.sent
        assert [m.id for m in channel.sent] == [receipt.message_id] * 2

    asyncio.run(main())


def test_a_crm_without_a_loop_refuses_channels_that_need_one() -> None:
    channel: Any = AsyncMemory()
    with CRM.open(plugins=[Greetings()], channels=[channel]) as crm:
        with crm.transaction() as tx:
            schedule(tx, 1)
        crm.run_due()
        with pytest.raises(PluginError, match=r"async sends asynchronously: deliver with crmkit\.AsyncCRM"):
            crm.deliver()
        (message,) = crm.outbox.find()
        assert (message.state, message.attempts) == ("due", 0)


# ── At the door ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_engine_of_the_host_stays_the_hosts(tmp_path: object) -> None:
    async def main() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/crm.sqlite3")
        async with AsyncCRM.open(engine) as acrm:
            await acrm.run(register("Xiao Wang"))
        async with engine.connect() as connection:
            assert (await connection.execute(sa.text("SELECT count(*) FROM crm_customer"))).scalar() == 1
        await engine.dispose()

    asyncio.run(main())


def test_a_hosts_transaction_in_the_loop(database: str, tenant: str) -> None:
    """A host's AsyncConnection is joined by a CRM inside of run_sync."""

    async def main() -> None:
        url = database if "://" in database else f"sqlite+aiosqlite:///{database}"
        with CRM.open(database, tenant=tenant) as crm:
            engine = create_async_engine(url)
            rows = [{"name": f"Guest {n}"} for n in range(150)]

            def body(connection: sa.Connection) -> None:
                with crm.transaction(connection=connection) as tx:
                    tx.customers.register_many(rows)

            async with engine.connect() as connection:
                await connection.run_sync(body)
                await connection.rollback()
                assert crm.customers.count() == 0
                await connection.run_sync(body)
                await connection.commit()
                assert crm.customers.count() == 150
            await engine.dispose()

    asyncio.run(main())


@pytest.mark.slow
def test_what_cannot_be_opened_says_why(tmp_path: object, postgres_database: str) -> None:
    engine = sa.create_engine("sqlite://")

    async def main() -> None:
        for target, message in {
            "nonsense://x": "cannot open",
            "postgresql+asyncpg://x@y/z": "asyncpg",
            postgres_database: "run `python -m crmkit migrate",
        }.items():
            with pytest.raises(CrmError, match=message):
                await AsyncCRM.open(target)
        with pytest.raises(InvalidInput, match="takes an AsyncEngine"):
            await AsyncCRM.open(engine)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="Mars"):
            await AsyncCRM.open(f"{tmp_path}/crm.sqlite3", timezone="Mars/Crater")
        async with AsyncCRM.open(postgres_database, migrate=True) as acrm:
            assert await acrm.run(count) == 0
            await acrm.migrate()

    asyncio.run(main())
    engine.dispose()


@pytest.mark.parametrize("missing", ["greenlet", "aiosqlite"])
def test_a_missing_package_is_named_with_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == missing else find(name, *a))
    monkeypatch.setitem(sys.modules, missing, None)

    async def main() -> None:
        await AsyncCRM.open("sqlite://")

    with pytest.raises(CrmError, match=rf"needs {missing}: pip install 'crmkit\[asyncio\]'"):
        asyncio.run(main())


@pytest.mark.slow
def test_importing_crmkit_does_not_import_asyncio() -> None:
    code = "import sys, crmkit; assert 'asyncio' not in sys.modules; assert crmkit.AsyncCRM.__name__ == 'AsyncCRM'"
    subprocess.run([sys.executable, "-c", code], check=True)
