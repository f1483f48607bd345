"""The schema's history makes what the entities declare, wherever and whoever runs it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from crmkit import CRM
from crmkit.errors import CrmError
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.plugins.storage.sql import migrations, schema
from crmkit.plugins.storage.sql.migrations import run
from crmkit.plugins.storage.sql.store import SqlStore, open_engine
from tests.postgres import fresh_database
from tests.processes import together


@entity("pet", prefix="pet")
class Pet(Entity):
    name: str = attribute(personal=True, search=True)
    owner_id: str = attribute(references="customer")


@entity("pet", prefix="pet")
class ChippedPet(Entity):
    name: str = attribute(personal=True, search=True)
    owner_id: str = attribute(references="customer")
    chip: str | None = attribute(default=None, unique=True)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.sqlite3'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


def store_of(engine: Engine, **options: Any) -> SqlStore:
    with CRM.open("memory://") as crm:
        return SqlStore(crm.storage.registry, engine, owned=False, **options)


# ── The revisions and the declarations agree ─────────────────────────────────────────────────────────────────────────
def catalogue(connection: Connection, *, prefix: str = "crm_") -> dict[str, Any]:
    """Everything that the database itself says about the tables, with nothing left out."""
    if connection.dialect.name == "sqlite":
        return sqlite_catalogue(connection, prefix)
    facts = {
        "columns": """
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
                   pg_get_expr(d.adbin, d.adrelid)
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            LEFT JOIN pg_collation l ON l.oid = a.attcollation
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attnum > 0 AND c.relkind = 'r'""",
        "indexes": """
            SELECT c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), ' ON [^ ]+ ', ' ON ')
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE true""",
        "constraints": """
            SELECT c.relname, k.conname,
                   regexp_replace(pg_get_constraintdef(k.oid), 'REFERENCES [^.(]+\\.', 'REFERENCES ')
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE true""",
    }
    return {
        kind: sorted(
            tuple(row)
            for row in connection.exec_driver_sql(f"{query} AND c.relname LIKE %s", (f"{prefix}%",))
            if not row[0].endswith("alembic_version")
        )
        for kind, query in facts.items()
    }


def sqlite_catalogue(connection: Connection, prefix: str) -> dict[str, Any]:
    def ask(question: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.exec_driver_sql(question)]

    tables = [n for (n,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'") if n.startswith(prefix)]
    made: dict[str, Any] = {}
    for table in sorted(tables):
        if table.endswith("alembic_version"):
            continue
        made[table] = {
            "columns": ask(f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('{table}')"),
            "references": references(ask(f"SELECT * FROM pragma_foreign_key_list('{table}')")),
            "indexes": sorted(
                (name, re.sub(r"\s+", " ", text.replace('"', "")) if text else "")
                for name, text in ask(
                    f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}'"
                )
            ),
        }
    return made


def references(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """The foreign keys of a table, whatever their order."""
    return sorted([row[1:] for row in rows if row[0] == number] for number in {row[0] for row in rows})


def test_migrating_an_empty_database_gives_what_the_entities_declare(engine: Engine) -> None:
    store = store_of(engine)
    schema.upgrade(store)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": store.tables.version.name, "compare_server_default": True}
        )
        assert compare_metadata(context, store.metadata) == []


def test_migrated_and_created_databases_are_the_same_to_the_last_collation(engine: Engine) -> None:
    """Alembic's comparison passes over collations and the conditions of partial indexes."""
    store = store_of(engine)
    schema.upgrade(store)
    with engine.begin() as connection:
        migrated = catalogue(connection)
        store.metadata.drop_all(connection)
        store.metadata.create_all(connection)
        assert catalogue(connection) == migrated
    text = repr(migrated)
    assert "WHERE" in text  # the catalogue does tell partial indexes
    assert engine.dialect.name == "sqlite" or "'C'" in text  # and collations


def test_the_newest_version_and_the_tables_are_noted(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(run.HERE))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD
    store = store_of(engine)
    assert set(store.tables.by_name) == migrations.TABLES, "a declared entity has no table yet: make migration"
    assert schema.own_tables(store) == []
    schema.upgrade(store)
    made = {name for name in sa.inspect(engine).get_table_names() if name != "crm_alembic_version"}
    assert made == {f"crm_{name}" for name in migrations.TABLES}


@pytest.mark.slow
def test_prefix_and_schema(postgres_database: str) -> None:
    with CRM.open(postgres_database, table_prefix="studio_", schema="Sales & co", migrate=True) as crm:
        wang = crm.customers.register(name="Xiao Wang")
        assert crm.customers.get(wang.id) == wang
        engine = open_engine(postgres_database)
        with engine.begin() as connection:
            assert sa.inspect(connection).get_table_names() == []
            names = sa.inspect(connection).get_table_names(schema="Sales & co")
            assert sorted(names) == sorted({f"studio_{n}" for n in migrations.TABLES} | {"studio_alembic_version"})
            migrated = catalogue(connection, prefix="studio_")
        store = store_of(engine, prefix="studio_", schema="Sales & co")
        with engine.begin() as connection:
            store.metadata.drop_all(connection)
            store.metadata.create_all(connection)
            assert catalogue(connection, prefix="studio_") == migrated
        engine.dispose()


def test_two_crms_with_different_prefixes_share_a_database(database: str) -> None:
    with (
        CRM.open(database, table_prefix="a_", migrate=True) as one,
        CRM.open(database, table_prefix="b_", migrate=True) as other,
    ):
        one.customers.register(name="Xiao Wang", email="wang@example.com")
        other.customers.register(name="Xiao Li", email="wang@example.com")
        assert [c.name for c in one.customers.find()] == ["Xiao Wang"]
        assert [c.name for c in other.customers.find()] == ["Xiao Li"]


# ── A database that does not fit ─────────────────────────────────────────────────────────────────────────────────────
def test_an_empty_postgresql_database_is_refused_with_the_command(postgres_database: str) -> None:
    with pytest.raises(CrmError, match=r"schema version none.*run `python -m crmkit migrate postgresql\+psycopg://"):
        CRM.open(postgres_database)
    engine = open_engine(postgres_database)
    assert sa.inspect(engine).get_table_names() == []  # nothing was done
    engine.dispose()
    with CRM.open(postgres_database, migrate=True) as crm:
        crm.customers.register(name="Xiao Wang")
    with CRM.open(postgres_database) as crm:
        assert crm.customers.count() == 1
        crm.storage.migrate()  # nothing to do
        assert crm.storage.status().schema_version == migrations.HEAD


@pytest.mark.slow
def test_the_command_names_prefix_and_schema_and_no_password(postgres_database: str) -> None:
    url = postgres_database.replace("crmkit@", "crmkit:secret@")
    with pytest.raises(CrmError, match="--prefix studio_ --schema sales") as refusal:
        CRM.open(url, table_prefix="studio_", schema="sales")
    assert "secret" not in str(refusal.value)


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as it may be one release later: with a second revision."""
    home = tmp_path / "migrations"
    shutil.copytree(run.HERE, home)
    revision = home / "versions" / "v0002_nicknames.py"
    revision.write_text(
        f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", {migrations.HEAD!r}

def upgrade(*, prefix, schema):
    with op.batch_alter_table(f"{{prefix}}company", schema=schema) as batch:
        batch.add_column(sa.Column("motto", sa.Text()))
        batch.alter_column("industry", new_column_name="trade")
"""
    )
    monkeypatch.setattr(run, "HERE", home)
    monkeypatch.setattr(schema, "HEAD", "0002")
    return revision


def companies(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(r) for r in connection.exec_driver_sql("SELECT name, motto, trade FROM crm_company")]


def prepared(url: str) -> None:
    with CRM.open(url, migrate=True) as crm:
        company = crm.customers.companies.register(name="Studio", industry="photos")
        crm.customers.register(name="Xiao Wang", company=company)


def test_a_database_behind_is_refused_with_the_command_and_migrated_on_demand(
    database: str, engine: Engine, request: pytest.FixtureRequest
) -> None:
    prepared(database)
    request.getfixturevalue("next_release")
    with pytest.raises(CrmError, match=rf"version 0001, .* needs 0002: run `python -m crmkit migrate {database[:9]}"):
        CRM.open(database)
    with CRM.open(database, migrate=True) as crm:
        assert crm.storage.status().schema_version == "0002"
        assert [c.name for c in crm.customers.find()] == ["Xiao Wang"]
    assert companies(engine) == [("Studio", None, "photos")]
    with engine.connect() as connection:
        keys = sa.inspect(connection).get_foreign_keys("crm_customer")
        assert [key["referred_table"] for key in keys] == ["crm_company"]


def test_a_revision_that_fails_half_way_changes_nothing(
    database: str, engine: Engine, request: pytest.FixtureRequest
) -> None:
    prepared(database)
    with engine.connect() as connection:
        before = catalogue(connection)
    revision: Path = request.getfixturevalue("next_release")
    with revision.open("a") as text:
        text.write('    op.execute("SELECT nonsense FROM nowhere")\n')
    with pytest.raises(sa.exc.DBAPIError, match="nowhere"):
        CRM.open(database, migrate=True)
    with engine.connect() as connection:
        assert catalogue(connection) == before
        assert schema.examine(store_of(engine), connection).at == "0001"


def test_a_revision_that_breaks_references_is_refused_on_sqlite(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'crm.sqlite3'}"
    prepared(url)
    revision: Path = request.getfixturevalue("next_release")
    with revision.open("a") as text:
        text.write('    op.execute(f"DELETE FROM {prefix}company")\n')
    with pytest.raises(CrmError, match="references that lead nowhere, in crm_customer"):
        CRM.open(url, migrate=True)
    with sqlite3.connect(tmp_path / "crm.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM crm_company").fetchone() == (1,)


def test_a_database_of_a_newer_release_is_refused(
    database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(database)
    request.getfixturevalue("next_release")
    CRM.open(database, migrate=True).close()
    monkeypatch.undo()
    for migrate in (False, True):
        with pytest.raises(CrmError, match="version 0002, this crmkit knows 0001 at most: upgrade crmkit"):
            CRM.open(database, migrate=migrate)


def test_a_dropped_table_is_not_made_again_silently(database: str, engine: Engine) -> None:
    prepared(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE crm_event")
    for migrate in (False, True):
        with pytest.raises(CrmError, match=r"at schema version 0001 but lacks crm_event.*backup"):
            CRM.open(database, migrate=migrate)


# ── Entities of the host ─────────────────────────────────────────────────────────────────────────────────────────────
def test_an_entity_of_the_host_gets_its_table(database: str) -> None:
    prepared(database)
    if database.startswith("postgresql"):
        with pytest.raises(CrmError, match=r"lacks crm_pet of entities that you have declared: .*migrate=True"):
            CRM.open(database, entities=[Pet])
    with CRM.open(database, entities=[Pet], migrate=database.startswith("postgresql")) as crm, crm.work() as work:
        owner = crm_owner(work)
        work.add([work.new(Pet, name="Mimi", owner_id=owner, version=1)])
    with CRM.open(database, entities=[Pet]) as crm, crm.read() as work:
        assert [pet.name for pet in work.find(Pet)] == ["Mimi"]
    with CRM.open(database) as crm:  # whoever does not know the entity is not disturbed by it
        assert crm.customers.count() == 1


def crm_owner(work: Any) -> str:
    from crmkit.customers.people import Customer

    owner: str = work.find(Customer)[0].id
    return owner


def test_a_column_that_the_host_has_added_to_its_entity_is_missed(database: str) -> None:
    CRM.open(database, entities=[Pet], migrate=True).close()
    for migrate in (False, True):
        with pytest.raises(CrmError, match=r"lacks the columns crm_pet\.chip of .*crm\.storage\.metadata"):
            CRM.open(database, entities=[ChippedPet], migrate=migrate)


def test_a_table_of_somebody_else_with_our_name_is_left_alone(database: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE crm_customer (tenant TEXT, id TEXT)")
    for migrate in (False, True):
        with pytest.raises(CrmError, match="lacks the columns crm_customer"):
            CRM.open(database, migrate=migrate)
    with CRM.open(database, table_prefix="ours_", migrate=True) as crm:
        crm.customers.register(name="Xiao Wang")


# ── The host's own Alembic ───────────────────────────────────────────────────────────────────────────────────────────
HOST = sa.MetaData()
sa.Table("invoice", HOST, sa.Column("id", sa.Integer, primary_key=True))


def of_host(connection: Connection) -> MigrationContext:
    """As a host's env.py configures it: with its own version table."""
    return MigrationContext.configure(connection)


def differences(connection: Connection, *metadata: Any) -> list[Any]:
    """What autogenerate would write."""
    both: Any = list(metadata)
    found: list[Any] = compare_metadata(of_host(connection), both)
    return found


def crm_metadata() -> sa.MetaData:
    with CRM.open("sqlite://", entities=[Pet]) as crm:
        store = crm.storage
        assert isinstance(store, SqlStore)
        return store.metadata


def test_the_hosts_alembic_leaves_our_tables_alone(database: str, engine: Engine) -> None:
    CRM.open(database, entities=[Pet], migrate=True).close()
    with engine.begin() as connection:
        HOST.create_all(connection)
    with engine.connect() as connection:
        assert differences(connection, HOST, crm_metadata()) == []
        without = differences(connection, HOST)
        assert any(change[0] == "remove_table" for change in without)  # that is why it must be included


def test_the_hosts_alembic_may_keep_our_tables(database: str, engine: Engine) -> None:
    with engine.begin() as connection:
        context = of_host(connection)
        both: Any = [HOST, crm_metadata()]
        found = produce_migrations(context, both).upgrade_ops
        assert found is not None
        for change in found.ops:
            apply(Operations(context), change)
    with CRM.open(database, entities=[Pet]) as crm:
        crm.customers.register(name="Xiao Wang")
        assert crm.storage.status().schema_version == "kept by the host"
        assert crm.storage.status().missing_indexes == ()
        crm.storage.migrate()  # not ours to migrate
    with engine.begin() as connection:
        assert differences(connection, HOST, crm_metadata()) == []
        connection.exec_driver_sql("ALTER TABLE crm_event DROP COLUMN cause")
    with pytest.raises(CrmError, match=r"lacks the columns crm_event\.cause of .*your own Alembic"):
        CRM.open(database, migrate=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE crm_event")
    with pytest.raises(CrmError, match=r"which crmkit did not make, and lacks crm_event"):
        CRM.open(database, migrate=True)


def apply(operations: Operations, change: ops.MigrateOperation) -> None:
    if isinstance(change, ops.ModifyTableOps):
        for part in change.ops:
            apply(operations, part)
    else:
        operations.invoke(change)


# ── Several at once ──────────────────────────────────────────────────────────────────────────────────────────────────
def opens(url: str, name: str) -> int:
    with CRM.open(url, entities=[Pet], migrate=True) as crm:
        crm.customers.register(name=name, email=f"{name}@example.com")
        return crm.customers.count()


@pytest.mark.slow
def test_processes_that_open_a_new_sqlite_file_at_once_do_not_collide(tmp_path: Path) -> None:
    for number in range(5):
        url = str(tmp_path / f"{number}.sqlite3")
        assert max(together(opens, [(url, f"customer{n}") for n in range(4)])) == 4


@pytest.mark.slow
def test_processes_that_migrate_postgresql_at_once_do_not_collide(postgres_url: str) -> None:
    for _ in range(3):
        with fresh_database(postgres_url) as url:
            assert max(together(opens, [(url, f"customer{n}") for n in range(4)])) == 4
