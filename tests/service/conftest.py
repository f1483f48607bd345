"""What the tests of customer service share: a CRM on both stores that stands still on a Monday morning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from crmkit import CRM, BusinessCalendar
from crmkit.customers.people import Customer
from crmkit.testing import FrozenClock

WEEK = ("mon", "tue", "wed", "thu", "fri")
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine o'clock in Shanghai


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(MONDAY)


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", clock=clock) as opened:
        yield opened


@pytest.fixture
def wang(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Wang", email="wang@example.com")


@pytest.fixture
def hours() -> BusinessCalendar:
    """The hours of a studio: nine to six with an hour for lunch."""
    week = {day: [("09:00", "12:00"), ("13:00", "18:00")] for day in WEEK}
    return BusinessCalendar(timezone="Asia/Shanghai", hours=week, holidays={date(2026, 4, 6)})


@pytest.fixture
def always() -> BusinessCalendar:
    return BusinessCalendar.always_open()
