"""CRMs for the tests of the statistics, and the purchase log of CDNOW."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crmkit import CRM
from crmkit.analytics import Purchase
from crmkit.kernel.money import Money
from crmkit.testing import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(request.param, currency="CNY", timezone="Asia/Shanghai", clock=clock) as crm:
        yield crm


@pytest.fixture(scope="session")
def cdnow_log() -> Path:
    """6,919 purchases of 2,357 customers of CDNOW, 1997 and 1998, as the package `lifetimes` ships them.

    The package is installed without its dependencies, for this file alone, and never imported.
    """
    try:
        files = importlib.metadata.files("lifetimes") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.fail("the CDNOW log is missing: run `make test`, or pip install --no-deps -r .ci/data-packages.txt")
    return next(Path(str(f.locate())) for f in files if f.name == "CDNOW_sample.txt")


@pytest.fixture(scope="session")
def cdnow(cdnow_log: Path) -> list[Purchase]:
    rows = (line.split() for line in cdnow_log.read_text().splitlines())
    return [
        Purchase(customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), Money(amount, "USD"))
        for _, customer, day, _, amount in rows
    ]
