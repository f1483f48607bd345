"""Nothing is lost and nothing happens twice, whenever a process is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing import sharedctypes
from pathlib import Path

import attrs
import pytest

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.outbox import LEASE, Message
from tests.crash import world as places
from tests.crash.world import ACTIONS, World, check, die_at, finish, seed, work_until_killed
from tests.postgres import fresh_database, running_postgres
from tests.processes import started

pytestmark = pytest.mark.slow
KILLS = 7  # in each of the actions


@pytest.fixture(scope="module")
def durable_server() -> Iterator[str]:
    with running_postgres(durable=True) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        yield World(str(tmp_path / "crm.sqlite3"), str(tmp_path))
        return
    with fresh_database(request.getfixturevalue("durable_server")) as url:
        yield World(url, str(tmp_path))


def test_killed_at_random(world: World) -> None:
    """Two writers at a time, each killed at a moment of its own; the leases of the dead run out as rounds go by."""
    chance = random.Random(20261122)
    seed(world, "first", parties=2)
    for turn in range(15):
        writers = []
        for n in range(2):
            done = sharedctypes.RawValue("i", 0)  # without a lock, which a process that is killed would keep
            writers.append((started(work_until_killed, world, 2 * turn + n, turn * 6.0, done), done))
        for writer, done in writers:
            wanted = chance.randint(0, 4)
            while done.value < wanted:
                assert writer.is_alive(), "a writer ended by itself"
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            writer.kill()
            writer.join()
            assert writer.exitcode == -signal.SIGKILL
        if turn % 5 == 4:
            check(world)
    found = check(world)
    finish(world)
    assert min(found[kind] for kind in ("customer", "lead", "order", "membership", "mark", "message")) > 0, found


@pytest.mark.parametrize("action", ACTIONS)
def test_killed_between_two_statements(world: World, action: str) -> None:
    """Also in the middle of run_due and deliver, and between the sending of a message and the note of it."""
    seed(world, "first", parties=3)
    run = started(die_at, world, action, f"{action} 0", 0, 0.0)
    run.join()
    assert run.exitcode == 0
    points = int(Path(world.points).read_text())
    seed(world, "second", parties=12)
    kills = 0
    for turn in range(min(KILLS, points)):
        point = 1 + (points - 1) * turn // (KILLS - 1) if points > KILLS else 1 + turn
        run = started(die_at, world, action, f"{action} {1 + turn}", point, turn * 6.0)
        run.join()
        assert run.exitcode in {0, -signal.SIGKILL}
        kills += run.exitcode != 0  # there may be less to do than the first time
        check(world)
    finish(world)
    assert kills >= min(KILLS, points) - 2


# ── A few deaths in slow motion ──────────────────────────────────────────────────────────────────────────────────────
@attrs.frozen
class DeadlyChannel(places.RecordingChannel):
    """Kills the process as soon as the message has left the house."""

    def send(self, message: Message) -> str | None:
        super().send(message)
        os.kill(os.getpid(), signal.SIGKILL)
        return None


def deliver_and_die(world: World) -> None:
    crm = world.open()
    crm.plugins.channels = {"recording": DeadlyChannel(world.sent)}
    crm.deliver()


def test_killed_between_sending_and_noting(world: World) -> None:
    seed(world, "first", parties=1)
    process = started(deliver_and_die, world)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    lease = LEASE / timedelta(minutes=1)
    crm = world.open(minutes=lease * 0.9)
    (message,) = crm.outbox.find()
    assert message.state == "sending"
    assert crm.deliver() == []  # somebody may be sending it right now
    crm.close()
    crm = world.open(minutes=lease * 1.1)
    (receipt,) = crm.deliver()
    assert receipt.sent
    assert crm.deliver() == []
    crm.close()
    assert Path(world.sent).read_text().splitlines() == [f"{message.id} {message.key}"] * 2
    check(world)


def half_of_it(world: World) -> None:
    """Do what is due, and be killed by the third item."""
    crm = world.open()
    handlers: dict[str, object] = dict(crm._house.handlers)
    done = 0

    def deadly(work: object, item: AgendaItem) -> None:
        nonlocal done
        done += 1
        if done == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        places.leave_mark(work, item)  # type: ignore[arg-type]

    handlers["crash.mark"] = deadly
    object.__setattr__(crm._house, "handlers", handlers)
    crm.run_due()


def test_killed_by_an_item_in_the_middle(world: World) -> None:
    seed(world, "first", parties=5)
    process = started(half_of_it, world)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert check(world)["mark"] == 0  # a batch is one transaction
    crm = world.open()
    assert crm.run_due().ran == 5
    assert crm.run_due().ran == 0
    crm.close()
    assert check(world)["mark"] == 5


def test_a_backup_of_the_file_alone_is_whole_after_closing(tmp_path: Path) -> None:
    """The journal beside a SQLite file is merged into it when the last handle is closed."""
    world = World(str(tmp_path / "crm.sqlite3"), str(tmp_path))
    seed(world, "first", parties=2)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "crm.sqlite3", copy / "crm.sqlite3")
    check(World(str(copy / "crm.sqlite3"), str(tmp_path)))
