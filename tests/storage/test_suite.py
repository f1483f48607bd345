"""Every store does what the port says."""

from __future__ import annotations

import pytest

from crmkit.kernel.ports import Store
from crmkit.testing.suites import StorageSuite


class TestMemory(StorageSuite):
    examples = 5

    @pytest.fixture
    def store(self, memory_store: Store) -> Store:
        return memory_store


class TestSQLiteInMemory(StorageSuite):
    @pytest.fixture
    def store(self, sqlite_store: Store) -> Store:
        return sqlite_store


@pytest.mark.slow
class TestSQLiteFile(StorageSuite):
    examples = 5

    @pytest.fixture
    def store(self, sqlite_file_store: Store) -> Store:
        return sqlite_file_store


class TestPostgreSQL(StorageSuite):
    @pytest.fixture
    def store(self, postgres_store: Store) -> Store:
        return postgres_store
