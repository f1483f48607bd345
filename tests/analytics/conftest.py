"""CRMs for the tests of the statistics, and the purchases of CDNOW."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from crmkit import CRM
from crmkit.analytics import Purchase
from crmkit.kernel.money import Money
from crmkit.testing import FrozenClock
from tests.cdnow import purchase_log


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        yield crm


@pytest.fixture(scope="session")
def cdnow() -> list[Purchase]:
    rows = (line.split() for line in purchase_log().read_text().splitlines())
    return [
        Purchase(customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), Money(amount, "USD"))
        for _, customer, day, _, amount in rows
    ]
