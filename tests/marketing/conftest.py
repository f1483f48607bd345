"""A CRM in Shanghai, on each store, in which time stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmkit import CRM
from crmkit.kernel.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", clock=clock) as opened:
        yield opened


@pytest.fixture
def quick(clock: FrozenClock) -> Iterator[CRM]:
    """On the store that opens in no time, for what no store could make a difference to: malformed input."""
    with CRM.open("memory://", currency="CNY", timezone="Asia/Shanghai", clock=clock) as opened:
        yield opened
