"""The schema of the database: made, migrated and examined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from crmkit.errors import CrmError
from crmkit.kernel.ports import StoreStatus
from crmkit.plugins.storage.sql.driver import Driver
from crmkit.plugins.storage.sql.migrations import HEAD, TABLES
from crmkit.plugins.storage.sql.transactions import begin_on_sqlite, leave_on_sqlite

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.store import SqlStore


@attrs.frozen(kw_only=True)
class Found:
    """What a database has of the schema that is wanted.

    Attributes:
        at: the version that is noted; none if crmkit has made nothing there.
        there: the wanted tables that exist.
        missing: those that don't.
        lacking: columns that are missing in tables that crmkit's own revisions don't know, as ``table.column``.
    """

    at: str | None
    there: frozenset[str]
    missing: frozenset[str]
    lacking: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: the schema is crmkit's at the wanted version, or kept by the host's Alembic."""
        return not self.missing and not self.lacking and self.at in {HEAD, None}

    @property
    def foreign(self) -> bool:
        """Whether there are tables that crmkit has not made."""
        return self.at is None and bool(self.there)


def examine(store: SqlStore, connection: Connection) -> Found:
    """Look what is there."""
    inspector = sa.inspect(connection)
    schema = store.metadata.schema
    names = set(inspector.get_table_names(schema=schema))
    version = store.tables.version
    at = connection.execute(sa.select(version.c.version_num)).scalar() if version.name in names else None
    wanted = {table.name for table in store.tables.by_name.values()}
    kept_by_host = [t for t in (own_tables(store) if at else store.tables.by_name.values()) if t.name in names]
    lacking = []
    for table in kept_by_host:
        columns = {c["name"] for c in inspector.get_columns(table.name, schema=schema)}
        lacking += [f"{table.name}.{c.name}" for c in table.columns if c.name not in columns]
    return Found(at=at, there=frozenset(wanted & names), missing=frozenset(wanted - names), lacking=tuple(lacking))


def prepare(store: SqlStore, *, migrate: bool) -> None:
    """Create an empty SQLite database, migrate if asked, and refuse to go on with an old schema.

    Raises:
        CrmError: it cannot be opened, is behind or ahead, or has tables of others; the message says what to do.
    """
    try:
        with store.engine.connect() as connection:
            found = examine(store, connection)
            only_read = store.sqlite and connection.exec_driver_sql("PRAGMA query_only").scalar_one() == 1
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        shown = store.engine.url.render_as_string(hide_password=True)
        raise CrmError(f"cannot open {shown}: {said[0]}") from error
    if found.complete:
        return
    _refuse_what_no_migration_mends(store, found)
    if only_read:
        raise CrmError(_behind(store, found))
    if store.sqlite and not found.there:
        create(store)
    elif migrate or (store.sqlite and found.at == HEAD):
        upgrade(store)
    else:
        raise CrmError(_behind(store, found))


def _refuse_what_no_migration_mends(store: SqlStore, found: Found) -> None:
    if found.at is not None and found.at > HEAD:
        raise CrmError(
            f"the database is at schema version {found.at}, this crmkit knows {HEAD} at most: upgrade crmkit"
        )
    hint = "let your own Alembic run (crm.storage.metadata belongs to it) make them"
    if found.lacking:
        raise CrmError(f"the database lacks the columns {_listed(found.lacking)} of entities as they are now: {hint}")
    if found.foreign:
        raise CrmError(
            f"the database has {_listed(found.there)}, which crmkit did not make, and lacks {_listed(found.missing)}: "
            f"{hint}, or choose another table_prefix="
        )
    shipped = found.missing - {table.name for table in own_tables(store)}
    if found.at == HEAD and shipped:
        raise CrmError(
            f"the database is at schema version {HEAD} but lacks {_listed(shipped)}: somebody dropped what crmkit "
            "had made; restore a backup"
        )


def _behind(store: SqlStore, found: Found) -> str:
    if found.at == HEAD:
        return (
            f"the database lacks {_listed(found.missing)} of entities that you have declared: open it with "
            "migrate=True once, or call crm.storage.migrate()"
        )
    url = store.engine.url
    if store.sqlite:
        url = url.set(drivername="sqlite")
    lacks = f", and {_listed(found.missing)} are missing" if found.missing else ""
    options = "" if store.tables.prefix == "crm_" else f" --prefix {store.tables.prefix}"
    options += "" if store.metadata.schema is None else f" --schema {store.metadata.schema}"
    return (
        f"the database is at schema version {found.at or 'none'}, this crmkit needs {HEAD}{lacks}: "
        f"run `python -m crmkit migrate {url.render_as_string(hide_password=True)}{options}`, "
        "or open it with migrate=True"
    )


def _listed(names: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@contextmanager
def exclusively(store: SqlStore) -> Iterator[Connection]:
    """A connection in a transaction that no other schema change overlaps; references are checked at its end."""
    with store.engine.connect() as connection:
        if not store.sqlite:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('crmkit schema'))")
            yield connection
            connection.commit()
            return
        leave_on_sqlite(connection)
        checked = connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one()
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # it changes nothing inside of a transaction
        try:
            begin_on_sqlite(Driver(connection, owned=True), "BEGIN IMMEDIATE")
            yield connection
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise CrmError(f"the change of the schema would leave references that lead nowhere, in {broken[0]}")
            connection.commit()
        finally:
            connection.rollback()
            leave_on_sqlite(connection)
            connection.exec_driver_sql(f"PRAGMA foreign_keys={checked}")


def create(store: SqlStore) -> None:
    """Make all tables at once and note the version; another process may be doing the same."""
    with exclusively(store) as connection:
        if not examine(store, connection).there:
            for statement in store.tables.creation(store.engine.dialect):
                connection.exec_driver_sql(statement)
            connection.execute(store.tables.version.insert().values(version_num=HEAD))


def upgrade(store: SqlStore) -> None:
    """Bring the shipped tables up to date and make those of entities that the host has declared; all or nothing."""
    from crmkit.plugins.storage.sql.migrations import run  # noqa: PLC0415 - Alembic loads only when it is needed

    with exclusively(store) as connection:
        if store.metadata.schema is not None and not store.sqlite:
            connection.execute(sa.schema.CreateSchema(store.metadata.schema, if_not_exists=True))
        run.upgrade(store, connection)
        store.metadata.create_all(connection, tables=own_tables(store))


def own_tables(store: SqlStore) -> list[sa.Table]:
    """Tables of entities that the host (or a plugin) has declared; the shipped revisions don't know them."""
    return [t for name, t in store.tables.by_name.items() if name not in TABLES]


def status(store: SqlStore) -> StoreStatus:
    """What ``crmkit doctor`` wants to know of the database."""
    with store.engine.connect() as connection:
        found = examine(store, connection)
        inspector = sa.inspect(connection)
        missing = []
        for table in store.tables.by_name.values():
            there: set[str | None] = set()
            if table.name in found.there:
                there = {i["name"] for i in inspector.get_indexes(table.name, schema=table.schema)}
            missing += [str(i.name) for i in table.indexes if i.name not in there]
        clock = None
        if not store.sqlite:
            clock = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return StoreStatus(
            kind=store.dialect.name,
            schema_version=found.at or ("none" if found.missing else "kept by the host"),
            wanted_version=HEAD,
            missing_indexes=tuple(sorted(missing)),
            server_time=clock.astimezone(UTC) if isinstance(clock, datetime) else None,
        )
