"""A CRM at a fixed moment, on the reference store and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmkit import CRM
from crmkit.testing import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", region="CN", clock=clock) as crm:
        yield crm
