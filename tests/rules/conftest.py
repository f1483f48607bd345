"""CRMs at a fixed moment: on the reference store, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmkit import CRM
from crmkit.kernel.registry import Registry
from crmkit.testing import FrozenClock
from crmkit.testing.suites import suite_registry
from tests.postgres import fresh_database


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", region="CN", clock=clock) as crm:
        yield crm


@pytest.fixture(params=["memory://", "sqlite://", "postgres"])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a CRM may keep things."""
    if request.param != "postgres":
        yield request.param
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(scope="session")
def registry() -> Registry:
    return suite_registry()
