"""What all tests share: Hypothesis profiles and a real PostgreSQL server."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import fresh_database, running_postgres

# `default` gives the same examples on every run, on machines of every speed.  `fuzz` looks for new ones: `make fuzz`;
# `quick` takes a few: `make check`.
settings.register_profile(
    "default", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=5_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("default"), max_examples=5)
settings.load_profile("default")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The maintenance database of a PostgreSQL server that all workers of this run share."""
    distributed = "PYTEST_XDIST_WORKER" in os.environ
    with running_postgres(shared=tmp_path_factory.getbasetemp().parent if distributed else None) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty PostgreSQL database of this test alone."""
    with fresh_database(postgres_url) as url:
        yield url


def pytest_collection_finish() -> None:
    """Spare the garbage collector what collecting the tests has made: it is there until the end."""
    gc.collect()
    gc.freeze()
