"""A guest in the host's transaction: what the host commits is there, what he rolls back has never been."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from crmkit import CRM
from crmkit.crm import Transaction
from crmkit.errors import CrmError, Duplicate, InvalidInput
from crmkit.kernel.events import EventRecord
from tests.postgres import fresh_database

HOST = sa.MetaData()
INVOICE = sa.Table("invoice", HOST, sa.Column("id", sa.Integer, primary_key=True))


@pytest.fixture(scope="module", params=["sqlite", "sqlite by the recipe", "postgresql"])
def hosts_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The host's engine, on a database that has his table and ours.

    On SQLite once as it comes, where Python's driver begins transactions late, and once by the recipe of SQLAlchemy's
    documentation, where they begin when SQLAlchemy says so.
    """
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_url")
            engine = sa.create_engine(stack.enter_context(fresh_database(server)))
        else:
            engine = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('host')}/crm.sqlite3")
            if request.param == "sqlite by the recipe":
                follow_the_recipe(engine)
        stack.callback(engine.dispose)
        HOST.create_all(engine)
        CRM.open(engine, migrate=True).close()
        yield engine


@pytest.fixture
def engine(hosts_engine: Engine) -> Iterator[Engine]:
    """The same with empty tables."""
    yield hosts_engine
    with CRM.open(hosts_engine) as crm, hosts_engine.begin() as connection:
        store: Any = crm.storage
        for table in reversed([INVOICE, *store.metadata.sorted_tables]):
            if table is not store.tables.version:
                connection.execute(table.delete())


def follow_the_recipe(engine: Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


@pytest.fixture
def crm(engine: Engine) -> Iterator[CRM]:
    with CRM.open(engine) as crm:
        yield crm


def invoices(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(INVOICE)).scalar_one()


def add_invoice(connection: Connection) -> None:
    connection.execute(INVOICE.insert())


def customers(crm: CRM) -> list[str]:
    """By name, and each with the event that tells of it."""
    with crm.read() as work:
        found = work.find(EventRecord)
    assert len(found) == crm.customers.count()
    return [customer.name for customer in crm.customers.find(order_by="name")]


class Broken(Exception):
    pass


def broken(tx: Transaction) -> None:
    """A block of the host that fails after it has changed something."""
    tx.customers.register(name="Xiao Li")
    raise Broken


@pytest.mark.parametrize("first", ["host", "crm", "look"])
def test_the_host_commits_and_all_is_there(crm: CRM, engine: Engine, first: str) -> None:
    with engine.begin() as connection:
        if first == "host":
            add_invoice(connection)
        if first == "look":
            connection.execute(sa.select(INVOICE)).all()
        with crm.transaction(connection=connection) as tx:
            wang = tx.customers.register(name="Xiao Wang")
            assert tx.customers.get(wang.id) == wang
        if first != "host":
            add_invoice(connection)
    assert (customers(crm), invoices(engine)) == (["Xiao Wang"], 1)


@pytest.mark.parametrize("first", ["host", "crm", "look"])
def test_the_host_rolls_back_and_nothing_is_there(crm: CRM, engine: Engine, first: str) -> None:
    with engine.connect() as connection:
        if first == "host":
            add_invoice(connection)
        if first == "look":
            connection.execute(sa.select(INVOICE)).all()
        with crm.transaction(connection=connection) as tx:
            tx.customers.register(name="Xiao Wang")
        if first != "host":
            add_invoice(connection)
        connection.rollback()
    assert (customers(crm), invoices(engine)) == ([], 0)


def test_nothing_is_seen_by_others_before_the_host_commits(crm: CRM, engine: Engine) -> None:
    with engine.connect() as connection:
        with crm.transaction(connection=connection) as tx:
            tx.customers.register(name="Xiao Wang")
        assert crm.customers.count() == 0
        connection.commit()
        assert crm.customers.count() == 1


def test_an_exception_in_the_block_undoes_only_what_is_ours(crm: CRM, engine: Engine) -> None:
    with engine.begin() as connection:
        add_invoice(connection)
        with crm.transaction(connection=connection) as tx:
            tx.customers.register(name="Xiao Wang")
        with pytest.raises(Broken), crm.transaction(connection=connection) as tx:
            broken(tx)
        add_invoice(connection)
    assert (customers(crm), invoices(engine)) == (["Xiao Wang"], 2)


def test_a_refusal_can_be_caught_and_the_block_goes_on(crm: CRM, engine: Engine) -> None:
    with engine.begin() as connection, crm.transaction(connection=connection) as tx:
        tx.customers.register(name="Xiao Wang", email="wang@example.com")
        with pytest.raises(Duplicate):
            tx.customers.register(name="Somebody else", email="wang@example.com")
        tx.customers.register(name="Xiao Li")
    assert customers(crm) == ["Xiao Li", "Xiao Wang"]


def test_in_bulk(crm: CRM, engine: Engine) -> None:
    """On PostgreSQL many rows go by COPY, past SQLAlchemy."""
    rows = [{"name": f"Guest {n:03}"} for n in range(250)]
    with engine.connect() as connection:
        with crm.transaction(connection=connection) as tx:
            tx.customers.register_many(rows)
        connection.rollback()
        assert customers(crm) == []
        with crm.transaction(connection=connection) as tx:
            tx.customers.register_many(rows)
        connection.commit()
    assert len(customers(crm)) == 250
    crm.customers.register_many(rows)  # and in a transaction of its own
    assert len(customers(crm)) == 500


def test_a_session_of_the_hosts_mapper(crm: CRM, engine: Engine) -> None:
    with Session(engine) as session:
        with crm.transaction(connection=session.connection()) as tx:
            tx.customers.register(name="Xiao Wang")
        session.rollback()
        assert customers(crm) == []
        with crm.transaction(connection=session.connection()) as tx:
            tx.customers.register(name="Xiao Wang")
        session.commit()
    assert customers(crm) == ["Xiao Wang"]


def test_blocks_on_the_same_connection_nest(crm: CRM, engine: Engine) -> None:
    with engine.begin() as connection, crm.transaction(connection=connection) as tx:
        tx.customers.register(name="Xiao Wang")
        with pytest.raises(Broken), crm.transaction(connection=connection) as inner:
            broken(inner)
        assert tx.customers.count() == 1
    assert customers(crm) == ["Xiao Wang"]


def test_the_crm_itself_is_refused_inside_of_the_block(crm: CRM, engine: Engine) -> None:
    """It would work on another connection: on SQLite it would wait for this one until the end of its patience."""
    with engine.begin() as connection, crm.transaction(connection=connection) as tx:
        tx.customers.register(name="Xiao Wang")
        with pytest.raises(InvalidInput, match="use tx, not crm"):
            crm.customers.register(name="Xiao Li")
        with engine.connect() as other, pytest.raises(InvalidInput, match="use tx, not crm"):  # noqa: SIM117
            with crm.transaction(connection=other):
                pass
    with crm.transaction() as tx, engine.connect() as connection:  # noqa: SIM117
        with pytest.raises(InvalidInput, match="use tx, not crm"), crm.transaction(connection=connection):
            pass
    assert customers(crm) == ["Xiao Wang"]


def test_tenant_and_actor_of_the_handle_count(crm: CRM, engine: Engine) -> None:
    studio = crm.for_tenant("studio").acting_as("xu")
    with engine.begin() as connection, studio.transaction(connection=connection) as tx:
        wang = tx.customers.register(name="Xiao Wang")
    assert crm.customers.count() == 0
    assert studio.customers.get(wang.id) == wang
    with studio.read() as work:
        assert [record.actor for record in work.find(EventRecord)] == ["xu"]


def test_a_closed_handle_and_a_wrong_connection_are_refused(engine: Engine) -> None:
    crm = CRM.open(engine)
    with pytest.raises(InvalidInput, match="takes a SQLAlchemy Connection, got Engine"):
        crm.transaction(connection=engine).__enter__()  # type: ignore[arg-type]
    other = sa.create_engine("sqlite://") if engine.dialect.name == "postgresql" else None
    if other is not None:
        with other.connect() as connection, pytest.raises(InvalidInput, match="speaks sqlite"):
            crm.transaction(connection=connection).__enter__()
        other.dispose()
    crm.close()
    with engine.connect() as connection, pytest.raises(CrmError, match="closed"):
        crm.transaction(connection=connection).__enter__()


def test_the_memory_store_has_no_connection_to_share() -> None:
    engine = sa.create_engine("sqlite://")
    with CRM.open("memory://") as crm, engine.connect() as connection:
        with pytest.raises(InvalidInput, match="memory store has no connections"):
            crm.transaction(connection=connection).__enter__()
        crm.customers.register(name="Xiao Wang")  # the handle is as good as before
    engine.dispose()


def test_closing_the_crm_leaves_the_hosts_engine_alone(engine: Engine) -> None:
    CRM.open(engine).close()
    assert invoices(engine) == 0


def test_another_driver_for_postgresql_is_refused() -> None:
    driver = SimpleNamespace(paramstyle="pyformat", version="1.31")
    with pytest.raises(InvalidInput, match="through psycopg 3, not pg8000"):
        CRM.open(sa.create_engine("postgresql+pg8000://", module=driver))
