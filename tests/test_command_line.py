"""``python -m crmkit``: migrate, worker, doctor."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmkit import CRM, BusinessCalendar, F
from crmkit.command import main
from crmkit.command.doctor import examine
from crmkit.command.worker import Round, Worker
from crmkit.errors import InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.memory import MemoryChannel
from crmkit.plugins.channels.port import NO_LIMITS
from crmkit.testing import FrozenClock

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite database that has been migrated."""
    path = tmp_path / "crm.sqlite3"
    assert main(["migrate", str(path)]) == 0
    return path


@pytest.fixture
def channel() -> MemoryChannel:
    return MemoryChannel()


@pytest.fixture
def crm(file: Path, channel: MemoryChannel) -> Iterator[CRM]:
    with CRM.open(file, channels=[channel]) as crm:
        yield crm


def post(crm: CRM, count: int) -> None:
    with crm.work() as work:
        for number in range(count):
            work.post(channel="email", to=f"{number}@example.com", body="hello", key=f"hello {number}")


def open_case(path: Path, *, ago: timedelta) -> None:
    """A complaint whose first response was due *ago* and that escalates to a manager."""
    clock = FrozenClock(datetime.now(UTC) - ago - timedelta(hours=1))
    week = {day: [("00:00", "24:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    with CRM.open(path, clock=clock) as crm:
        crm.service.policies.define(
            "quick",
            calendar=BusinessCalendar(timezone="UTC", hours=week),
            first_response=timedelta(hours=1),
            escalations=[{"clock": "first_response", "at": timedelta(0), "notify": "manager@example.com"}],
        )
        ann = crm.customers.register(name="Ann")
        crm.service.cases.open(ann, kind="complaint", subject="Cold soup", policy="quick")


# ── Worker ──


def test_one_round_does_what_is_due_for_every_tenant(crm: CRM, channel: MemoryChannel) -> None:
    post(crm, 3)
    post(crm.for_tenant("other"), 2)
    assert Worker(crm).once() == Round(sent=5)
    assert len(channel.sent) == 5
    assert Worker(crm).once() == Round()


def test_only_for_the_tenants_that_were_named(crm: CRM, channel: MemoryChannel) -> None:
    post(crm, 3)
    post(crm.for_tenant("other"), 2)
    assert Worker(crm, tenants=["other"]).once() == Round(sent=2)
    assert len(channel.sent) == 2


def test_a_message_that_no_channel_carries_is_counted_and_given_up(file: Path) -> None:
    with CRM.open(file, channels=[MemoryChannel(carries=frozenset({"pigeon"}))]) as crm:
        post(crm, 1)
        assert Worker(crm).once() == Round(unsent=1)
        assert Worker(crm).once() == Round()
        assert len(crm.outbox.dead()) == 1


class StoppingChannel:
    """Tells the worker to stop as soon as it is given something."""

    name, carries, limits = "stopping", frozenset({"*"}), NO_LIMITS
    worker: Worker

    def send(self, message: Message) -> str | None:
        self.worker.stop()
        return message.id


def test_what_was_begun_is_finished_and_nothing_more(file: Path) -> None:
    channel = StoppingChannel()
    with CRM.open(file, channels=[channel]) as crm:
        post(crm, 120)
        channel.worker = Worker(crm, every=0.01)
        done = channel.worker.run()
        assert 0 < done.sent < 120
        assert crm.outbox.count(F.state == "sending") == 0
        assert crm.outbox.count(F.state == "sent") == done.sent
        assert crm.outbox.count(F.state == "due") == 120 - done.sent


def test_several_workers_share_the_work(file: Path, crm: CRM, channel: MemoryChannel) -> None:
    post(crm, 200)
    workers = [Worker(crm, every=0.01) for _ in range(3)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while crm.outbox.count(F.state != "sent") and time.monotonic() < deadline:
        time.sleep(0.02)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(timeout=30)
    assert crm.outbox.count((F.state == "sent") & (F.attempts == 1)) == 200
    assert len(channel.sent) == 200
    assert file.exists()


def test_a_broken_round_does_not_end_the_worker(
    crm: CRM, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(crm, every=0.001)
    rounds: Iterator[OSError | Round] = iter([OSError("the network is down"), Round(ran=1)])

    def once() -> Round:
        found = next(rounds)
        if isinstance(found, OSError):
            raise found
        worker.stop()
        return found

    monkeypatch.setattr(worker, "once", once)
    assert worker.run() == Round(ran=1)
    assert "the network is down" in caplog.text


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_the_pause_must_be_above_zero(crm: CRM, every: float) -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        Worker(crm, every=every)


def test_once_from_the_command_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(file, ago=timedelta(minutes=5))
    assert main(["worker", str(file), "--once"]) == 0
    printed = capsys.readouterr().out
    assert "manager@example.com" in printed
    assert "1 done, 0 failed, 1 sent, 0 not sent" in printed
    assert main(["worker", str(file), "--once"]) == 0
    assert "0 done, 0 failed, 0 sent, 0 not sent" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(file: Path, number: signal.Signals) -> None:
    open_case(file, ago=timedelta(minutes=5))
    command = [sys.executable, "-m", "crmkit", "worker", str(file), "--every", "0.1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as worker:
        try:
            with CRM.open(file) as crm:
                deadline = time.monotonic() + 60
                while crm.outbox.count(F.state == "sent") == 0:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            worker.send_signal(number)
            out, errors = worker.communicate(timeout=30)
        finally:
            worker.kill()
    assert worker.returncode == 0, errors
    assert "1 done, 0 failed, 1 sent, 0 not sent" in out
    assert f"{number.name}: finishing what has been begun" in errors


@pytest.mark.parametrize("store", ["memory://", "sqlite://", "postgresql"])
def test_only_tenants_with_work_are_visited(store: str, request: pytest.FixtureRequest) -> None:
    target = request.getfixturevalue("postgres_database") if store == "postgresql" else store
    with CRM.open(target, migrate=True) as crm:
        for tenant in ("busy", "idle", "later", "lost", "sent"):
            crm.for_tenant(tenant).customers.register(name="Ann")
        for tenant in ("busy", "lost", "sent"):
            post(crm.for_tenant(tenant), 1)
        now = datetime.now(UTC)
        with crm.for_tenant("later").work() as work:
            work.post(channel="email", to="a@example.com", body="hello", key="later", due_at=now + timedelta(days=1))
        with crm.for_tenant("lost").work() as work:
            work.put([m.leased(now=now - timedelta(days=1)) for m in work.find(Message)])
        with crm.for_tenant("sent").work() as work:
            work.put([m.sent(None, now=now) for m in work.find(Message)])
        assert crm.storage.tenants_with_work(now + timedelta(seconds=1)) == ["busy", "lost"]
        assert crm.storage.tenants_with_work(now + timedelta(days=2)) == ["busy", "later", "lost"]


# ── Doctor ──


def test_all_is_well(file: Path, crm: CRM, capsys: pytest.CaptureFixture[str]) -> None:
    crm.customers.register(name="Ann")
    assert main(["doctor", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "WRONG" not in printed
    for words in ("schema version", "missing indexes           none", "agenda of default", "0 due, 0 overdue"):
        assert words in printed


def test_overdue_work_is_wrong_when_it_is_late(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_case(file, ago=timedelta(hours=2, minutes=30))
    assert main(["doctor", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "1 overdue the oldest for 2 h 30 min: is a worker running?" in printed
    assert main(["doctor", str(file), "--late", "200"]) == 0
    assert main(["doctor", str(file), "--tenant", "somebody else"]) == 0


def test_one_tenant_is_not_taken_for_its_letters(crm: CRM) -> None:
    alone = "default"  # a text is a sequence of texts, as far as types can tell
    with pytest.raises(InvalidInput, match=r"tenants= takes several, as in \['default'\]"):
        Worker(crm, tenants=alone)
    with pytest.raises(InvalidInput, match="tenants= takes several"):
        examine(crm, tenants=alone)


def test_what_was_given_up_is_wrong(crm: CRM) -> None:
    crm.customers.register(name="Ann")
    post(crm, 2)
    with crm.work() as work:
        messages = work.find(Message)
        gone = messages[0].leased(now=work.now).failed("no such mailbox", now=work.now, permanent=True)
        work.put([gone, messages[1].leased(now=work.now - timedelta(days=1))])
    wrong = {finding.says for finding in examine(crm) if finding.wrong}
    assert wrong == {
        "1 in the outbox: see crm.outbox.dead(), and retry() each",
        "1 taken by a worker that died: a running one sends them again",
    }


def test_a_missing_index_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(file) as connection:
        [name] = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'crm_lead' AND sql NOT NULL LIMIT 1"
        ).fetchone()
        connection.execute(f'DROP INDEX "{name}"')
    connection.close()
    assert main(["doctor", str(file)]) == 1
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("prefix", ["crm_", "sales_"])
def test_the_doctor_writes_nothing(prefix: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "host.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE song (name TEXT)")
    connection.close()
    looked_at = [path] if prefix == "crm_" else [path, file]
    before = [each.read_bytes() for each in looked_at]
    for each in looked_at:
        assert main(["doctor", str(each), "--prefix", prefix]) == 1
        printed = capsys.readouterr().out
        assert "WRONG database" in printed
        assert f"{prefix}activity, {prefix}agenda_item, {prefix}agent and " in printed
        assert f"python -m crmkit migrate sqlite:///{each}" in printed
    assert [each.read_bytes() for each in looked_at] == before
    assert sorted(tmp_path.glob("host*")) == [path]


def test_a_clock_that_is_wrong(crm: CRM, file: Path) -> None:
    with CRM.open(file, clock=FrozenClock(datetime.now(UTC))) as other:
        assert not any(f.wrong for f in examine(other))
    assert [f.says for f in examine(crm) if f.what == "clock of the database"] == ["it is the clock of this machine"]


def test_on_postgresql(postgres_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", postgres_database, "--once"]) == 1
    assert "python -m crmkit migrate" in capsys.readouterr().err
    assert main(["doctor", postgres_database]) == 1
    assert "WRONG database" in capsys.readouterr().out
    assert main(["migrate", postgres_database]) == 0
    assert main(["migrate", postgres_database]) == 0
    assert main(["worker", postgres_database, "--once"]) == 0
    assert main(["doctor", postgres_database]) == 0
    printed = capsys.readouterr().out
    assert "s apart from this machine" in printed
    assert "(postgresql)" in printed
    ahead = FrozenClock(datetime.now(UTC) + timedelta(minutes=3))
    with CRM.open(postgres_database, clock=ahead) as crm:
        assert [f.what for f in examine(crm) if f.wrong] == ["clock of the database"]


def test_prefix_and_schema(postgres_database: str) -> None:
    place = ["--prefix", "sales_", "--schema", "public"]
    assert main(["migrate", postgres_database, *place]) == 0
    assert main(["doctor", postgres_database, *place]) == 0
    assert main(["doctor", postgres_database]) == 1


# ── What is wrong with a command line ──


@pytest.mark.parametrize("command", ["worker", "doctor"])
def test_a_file_that_is_not_there_is_not_made(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.sqlite3"
    for url in (str(missing), f"sqlite:///{missing}"):
        assert main([command, url]) == 1
        assert f"there is no file '{missing}': create it with `python -m crmkit migrate" in capsys.readouterr().err
    assert not missing.exists()


@pytest.mark.parametrize("url", ["memory://", "sqlite://", ":memory:"])
def test_a_database_that_ends_with_the_command_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", url]) == 1
    assert "gone as soon as this command ends" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["worker", "FILE", "--timezone", "Asia/Shanhai"], "did you mean 'Asia/Shanghai'"),
        (["worker", "FILE", "--currency", "EURO"], "EURO"),
        (["worker", "FILE", "--every", "0"], "above 0"),
        (["demo", "--orders", "nothing.csv"], "nothing.csv cannot be read"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], says: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([a.replace("FILE", str(file)) for a in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("crmkit: ")
    assert says in error


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "postgresql+psycopg://nobody@127.0.0.1:1/nothing"]) == 1
    assert "WRONG database                  cannot open postgresql" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["dance"], ["worker"], ["doctor", "x", "--late", "soon"]])
def test_misspelt_command_lines_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


def test_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "crmkit", "--help"], capture_output=True, text=True, check=True)
    for command in ("demo", "migrate", "worker", "doctor"):
        assert command in done.stdout
