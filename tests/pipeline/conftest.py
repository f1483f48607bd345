"""What the tests of sales share: a CRM whose clock stands still, on both stores that need no server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmkit import CRM
from crmkit.testing import FrozenClock

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine o'clock in Shanghai


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(MONDAY)


@pytest.fixture
def crm(clock: FrozenClock) -> Iterator[CRM]:
    """On SQLite."""
    with CRM.open("sqlite://", currency="CNY", timezone="Asia/Shanghai", region="CN", clock=clock) as opened:
        yield opened


@pytest.fixture(params=["memory://", "sqlite://"])
def anywhere(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    """On each store, for what a store might do differently."""
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", region="CN", clock=clock) as opened:
        yield opened
