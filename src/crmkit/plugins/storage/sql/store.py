"""The SQL store: SQLite and PostgreSQL through SQLAlchemy Core."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.entity import Schema
from crmkit.kernel.ports import TELLING, Session, StoreStatus
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules.evaluate import drawn, part_of
from crmkit.plugins.storage.sql import schema as schemas
from crmkit.plugins.storage.sql.mapper import Mapper
from crmkit.plugins.storage.sql.session import SqlSession, told
from crmkit.plugins.storage.sql.statements import Statements
from crmkit.plugins.storage.sql.tables import Tables
from crmkit.plugins.storage.sql.transactions import begin_on_sqlite, join_on_sqlite
from crmkit.plugins.storage.sql.types import SCALE

BUSY_TIMEOUT = 30_000  # milliseconds that a writer waits for another one on SQLite


class SqlStore:
    """Keeps everything in a SQL database.

    Args:
        registry: the entities.
        engine: a SQLAlchemy engine for SQLite or PostgreSQL.
        owned: whether the store made the engine, and so disposes of it.
        prefix: what every table name begins with.
        schema: the database schema, if not the default one.

    Raises:
        InvalidInput: another database.
    """

    def __init__(
        self, registry: Registry, engine: Engine, *, owned: bool, prefix: str = "crm_", schema: str | None = None
    ) -> None:
        if engine.dialect.name not in {"sqlite", "postgresql"}:
            raise InvalidInput(f"crmkit keeps data in SQLite and PostgreSQL, not in {engine.dialect.name}")
        _check_driver(engine.dialect)
        self.registry, self.engine, self.owned = registry, engine, owned
        self.tables = Tables.shared(registry, prefix=prefix, schema=schema)
        self.dialect: Dialect = engine.dialect
        self.sqlite = engine.dialect.name == "sqlite"
        self._mappers: dict[str, Mapper] = {}
        self._pool, self._closed, self._waiting, self._lock = engine.pool, False, 0, Lock()
        self.statements = Statements(self.tables, engine.dialect)

    @property
    def metadata(self) -> sa.MetaData:
        """The tables, for the host's own Alembic run."""
        return self.tables.metadata

    def mapper(self, schema: Schema) -> Mapper:
        """How records of *schema* stand in their table."""
        found = self._mappers.get(schema.name)
        if found is None:
            found = self._mappers[schema.name] = Mapper(schema, self.tables[schema], self.dialect)
        return found

    def session(self, tenant: str, *, write: bool) -> Session:
        """Begin a transaction; on SQLite a writing one takes the write lock at once, so it never fails half-way."""
        connection = self._connect()
        try:
            connection.begin()  # COPY goes past SQLAlchemy, which would not know that there is something to commit
            session = SqlSession(self, connection, tenant, owned=True)
            if self.sqlite:
                begin_on_sqlite(session.driver, "BEGIN IMMEDIATE" if write else "BEGIN")
                _teach(connection)
        except BaseException as error:
            connection.close()
            if (known := told(error)) is error:
                raise
            raise known from error
        return session

    def join(self, connection: Any, tenant: str) -> Session:
        """Take part in the transaction of a host's SQLAlchemy connection."""
        if not isinstance(connection, Connection):
            raise InvalidInput(f"connection= takes a SQLAlchemy Connection, got {connection!r}")
        if connection.dialect.name != self.dialect.name:
            raise InvalidInput(
                f"the connection speaks {connection.dialect.name}, but this CRM keeps its data in {self.dialect.name}"
            )
        _check_driver(connection.dialect)
        if self.sqlite:
            join_on_sqlite(connection)
            _teach(connection)
        return SqlSession(self, connection, tenant, owned=False)

    def tenants(self) -> list[str]:
        """Every tenant of whom anything has happened, or who has work."""
        each = [sa.select(self.tables.by_name[name].c.tenant) for name in TELLING]
        with self.engine.connect() as connection:
            return sorted(connection.execute(sa.union(*each)).scalars())

    def tenants_with_work(self, now: datetime) -> list[str]:
        agenda, outbox = self.tables.by_name["agenda_item"].c, self.tables.by_name["message"].c
        due = [sa.select(t.tenant).where(t.state == "due", t.due_at <= now) for t in (agenda, outbox)]
        lost = sa.select(outbox.tenant).where(outbox.state == "sending", outbox.leased_until < now)
        with self.engine.connect() as connection:
            return sorted(connection.execute(sa.union(*due, lost)).scalars())

    def prepare(self, *, migrate: bool) -> None:
        """Make sure that the database has the schema that this version needs.

        Raises:
            CrmError: it is behind; the message names the command.
        """
        schemas.prepare(self, migrate=migrate)

    def migrate(self) -> None:
        """Bring the schema up to date."""
        schemas.prepare(self, migrate=True)

    def status(self) -> StoreStatus:
        """How it is."""
        return schemas.status(self)

    def close(self) -> None:
        """Dispose of the engine if the store made it."""
        if self.owned:
            self._closed = True
            self.engine.dispose()

    def _connect(self) -> Connection:
        with self._lock:
            self._waiting += 1
        try:
            connection = self.engine.connect()
        finally:
            with self._lock:
                self._waiting -= 1
        if self._closed:
            self.let_go(connection)
            raise CrmError("this CRM has been closed: open it again with CRM.open(…)")
        return connection

    def let_go(self, connection: Connection) -> None:
        """Give *connection* back; whoever comes back after the end is closed, unless another one still waits for it."""
        connection.close()
        if self._closed and not self._waiting:
            self._pool.dispose()
            self.engine.dispose()


def open_engine(
    target: str | os.PathLike[str], *, durable: bool = True, asynchronous: bool = False, only_read: bool = False
) -> Engine:
    """An engine for a URL or for the path of a SQLite file.

    Args:
        target: ``sqlite://`` (in memory), a path, ``sqlite:///path`` or ``postgresql+psycopg://…``.
        durable: on SQLite, wait at every commit until the data is on the disk (``synchronous=FULL``).
        asynchronous: with an asynchronous driver; it works inside of :func:`.awaiting.awaited` only.
        only_read: let the database refuse whatever would be written.

    Raises:
        InvalidInput: the URL cannot be read, or names a database or driver that is not there.
        CrmError: a package is missing; the message names it.
    """
    text = os.fspath(target)
    if not text:
        raise InvalidInput(f"cannot open {text!r}: give a path, sqlite:// or postgresql+psycopg://…")
    address = text if "://" in text else f"sqlite:///{Path(text).absolute()}"
    try:
        url = _known(make_url(address))
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_pre_ping": True}
        if sqlite:
            options = {"connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT / 1000}}
        if sqlite and url.database in {None, "", ":memory:"}:
            options |= {"poolclass": AsyncAdaptedQueuePool if asynchronous else QueuePool}
            options |= {"pool_size": 1, "max_overflow": 0}
        engine = _asynchronous(url, options) if asynchronous else sa.create_engine(url, **options)
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidInput(
            f"cannot open {_public(text)!r}: {error}; use a path, sqlite:// or postgresql+psycopg://"
        ) from None
    except ModuleNotFoundError as error:
        extra = "postgres" if "psycopg" in str(error) else "asyncio"
        raise CrmError(f"opening {_public(text)!r} needs {error.name}: pip install 'crmkit[{extra}]'") from None
    sa.event.listen(engine, "connect", _set_up(durable=durable, only_read=only_read) if sqlite else _plan_for_values)
    if only_read and not sqlite:
        sa.event.listen(engine, "connect", _read_only)
    return engine


def _known(url: URL) -> URL:
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ArgumentError(f"crmkit keeps its data in SQLite or PostgreSQL, not in {url.get_backend_name()}")
    return url


def _asynchronous(url: URL, options: dict[str, Any]) -> Engine:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - a third of SQLAlchemy's import time

    sqlite = url.get_backend_name() == "sqlite"
    return create_async_engine(url.set(drivername="sqlite+aiosqlite") if sqlite else url, **options).sync_engine


def _public(address: str) -> str:
    """The address without its password."""
    head, at, tail = address.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else address


def _set_up(*, durable: bool, only_read: bool) -> Callable[[Any, Any], None]:
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        if only_read:
            cursor.execute("PRAGMA query_only=ON")
        else:
            _set_wal(cursor)
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return on_connect


def _plan_for_values(connection: Any, _: Any) -> None:
    """PostgreSQL plans a rule for its values each time; a plan for any values can take many times as long."""
    cursor = connection.cursor()
    cursor.execute("SET plan_cache_mode = force_custom_plan")
    cursor.close()
    connection.commit()


def _read_only(connection: Any, _: Any) -> None:
    connection.read_only = True


def _set_wal(cursor: Any) -> None:
    """Processes that open a new file at the same time refuse each other here at once, whatever the timeout says."""
    end = time.monotonic() + BUSY_TIMEOUT / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _check_driver(dialect: Dialect) -> None:
    if dialect.name == "postgresql" and dialect.driver != "psycopg":
        raise InvalidInput(
            f"crmkit speaks to PostgreSQL through psycopg 3, not {dialect.driver}: use postgresql+psycopg://"
        )


def _teach(connection: Connection) -> None:
    """Teach SQLite what it lacks: calendar parts in a zone, moments plus a duration, and stable random numbers."""
    if "crm_part" in connection.info:
        return
    connection.info["crm_part"] = True
    taught: Any = connection.connection.dbapi_connection
    taught.create_function("crm_part", 3, _part, deterministic=True)
    taught.create_function("crm_drawn", 3, drawn, deterministic=True)
    taught.create_function("crm_read", 2, _read, deterministic=True)
    taught.create_function("crm_plus", 2, _plus, deterministic=True)
    taught.create_function("crm_order", 4, _order, deterministic=True)


def _part(text: str | None, part: str, zone: str) -> int | None:
    if text is None:
        return None
    value = datetime.fromisoformat(text + "+00:00") if len(text) > len("2026-01-01") else date.fromisoformat(text)
    return part_of(value, part, ZoneInfo(zone))


def _order(above: int | None, below: int, other_above: int | None, other_below: int) -> int | None:
    """Whether one fraction is less than (-1), the same as (0) or more than (1) another one."""
    if above is None or other_above is None:
        return None
    left, right = above * other_below, other_above * below
    return (left > right) - (left < right)


def _read(text: str | None, form: str) -> int | str | None:
    """A decimal or an instant from JSON, as a column has it."""
    if text is None:
        return None
    if form == "scaled":
        return int(Decimal(text) * SCALE)
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _plus(text: str | None, micros: int) -> str | None:
    if text is None:
        return None
    later = datetime.fromisoformat(text) + timedelta(microseconds=micros)
    return later.isoformat(" ", "microseconds")
