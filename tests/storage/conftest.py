"""Stores over the suite's registry, each on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crmkit.kernel.ports import Store
from crmkit.kernel.registry import Registry
from crmkit.plugins.storage.memory import MemoryStore
from crmkit.testing.suites import suite_registry
from tests.postgres import fresh_database

KINDS = ("memory", "sqlite", "sqlite file", "postgres")


@pytest.fixture(scope="session")
def registry() -> Registry:
    return suite_registry()


def sql_store(registry: Registry, target: str) -> Store:
    from crmkit.plugins.storage.sql.schema import create
    from crmkit.plugins.storage.sql.store import SqlStore, open_engine

    store = SqlStore(registry, open_engine(target, durable=False), owned=True)
    create(store)  # the tables as declared; that the migrations make the same ones is another test's business
    return store


@pytest.fixture(scope="module")
def memory_store(registry: Registry) -> Store:
    return MemoryStore(registry)


@pytest.fixture(scope="module")
def sqlite_store(registry: Registry) -> Iterator[Store]:
    store = sql_store(registry, "sqlite://")
    yield store
    store.close()


@pytest.fixture(scope="module")
def sqlite_file_store(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("sqlite") / "suite.sqlite3"
    store = sql_store(registry, str(path))
    yield store
    store.close()


@pytest.fixture(scope="module")
def postgres_store(registry: Registry, postgres_url: str) -> Iterator[Store]:
    with fresh_database(postgres_url) as url:
        store = sql_store(registry, url)
        yield store
        store.close()
