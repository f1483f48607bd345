"""The schema of the database: made, migrated and examined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crmkit.errors import CrmError
from crmkit.kernel.ports import StoreStatus
from crmkit.plugins.storage.sql.migrations import HEAD, TABLES

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.store import SqlStore


def version_table(store: SqlStore) -> str:
    """The table in which Alembic notes the version; a host's own Alembic run has another one."""
    return f"{store.tables.prefix}alembic_version"


def current(store: SqlStore, connection: Connection) -> str | None:
    """The version that the database is at; none if it is empty."""
    inspector = sa.inspect(connection)
    name, schema = version_table(store), store.metadata.schema
    if not inspector.has_table(name, schema=schema):
        return None
    table = sa.Table(name, sa.MetaData(schema=schema), sa.Column("version_num", sa.String(32)))
    return connection.execute(sa.select(table.c.version_num)).scalar()


def prepare(store: SqlStore, *, migrate: bool) -> None:
    """Create an empty SQLite database, migrate if asked, and refuse to go on with an old schema."""
    with store.engine.connect() as connection:
        at = current(store, connection)
        missing = missing_tables(store, connection)
    if at == HEAD and not missing:
        return
    if store.sqlite and at is None and missing == set(store.metadata.tables):
        create(store)
        return
    if not migrate:
        url = store.engine.url.render_as_string(hide_password=True)
        lacks = f" and lacks {', '.join(sorted(missing)[:3])}" if missing else ""
        raise CrmError(
            f"the database is at schema version {at or 'none'}{lacks}, this crmkit needs {HEAD}: "
            f"run `python -m crmkit migrate {url}`, or open it with migrate=True"
        )
    from crmkit.plugins.storage.sql.migrations import run  # noqa: PLC0415 - Alembic loads only when it is needed

    run.upgrade(store)
    with exclusively(store) as connection:
        store.metadata.create_all(connection, tables=own_tables(store))


@contextmanager
def exclusively(store: SqlStore) -> Iterator[Connection]:
    """A connection in a transaction that no other schema change overlaps."""
    with store.engine.connect() as connection:
        if store.sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('crmkit schema'))")
        yield connection
        connection.commit()


def create(store: SqlStore) -> None:
    """Make all tables at once and note the version; another process may be doing the same."""
    with exclusively(store) as connection:
        if current(store, connection) is not None:
            return
        store.metadata.create_all(connection)
        table = sa.Table(
            version_table(store),
            sa.MetaData(schema=store.metadata.schema),
            sa.Column("version_num", sa.String(32), primary_key=True),
        )
        table.create(connection)
        connection.execute(table.insert().values(version_num=HEAD))


def own_tables(store: SqlStore) -> list[sa.Table]:
    """Tables of entities that the host has declared; the shipped migrations don't know them."""
    return [t for name, t in store.tables.by_name.items() if name not in TABLES]


def missing_tables(store: SqlStore, connection: Connection) -> set[str]:
    """The tables that the database lacks."""
    there = set(sa.inspect(connection).get_table_names(schema=store.metadata.schema))
    return {key for key, table in store.metadata.tables.items() if table.name not in there}


def status(store: SqlStore) -> StoreStatus:
    """What ``crmkit doctor`` wants to know of the database."""
    with store.engine.connect() as connection:
        at = current(store, connection) or "none"
        inspector = sa.inspect(connection)
        missing = []
        for table in store.metadata.tables.values():
            if not inspector.has_table(table.name, schema=table.schema):
                missing += [str(i.name) for i in table.indexes]
                continue
            there = {i["name"] for i in inspector.get_indexes(table.name, schema=table.schema)}
            missing += [str(i.name) for i in table.indexes if i.name not in there]
        clock = None
        if not store.sqlite:
            clock = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return StoreStatus(
            kind=store.dialect.name,
            schema_version=at,
            wanted_version=HEAD,
            missing_indexes=tuple(sorted(missing)),
            server_time=clock.astimezone(UTC) if isinstance(clock, datetime) else None,
        )
