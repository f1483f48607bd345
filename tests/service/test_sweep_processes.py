"""Several processes sweep the same steps: each fires once, also when processes are killed in between."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crmkit import CRM, FrozenClock
from tests.processes import started, together
from tests.service.sweeping import MINUTES, START, Fired, ledger, open_at, seed, sweep, sweep_and_die, told

CASES = 18


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "crm.sqlite3")
    found: str = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[Counter[Fired], Counter[tuple[str, str | None]]]]:
    """What fires, and who is told, when one process does it all with dictionaries for a store."""
    clock = FrozenClock(START)
    with CRM.open("memory://", clock=clock) as crm:
        seed(crm, CASES)
        for minutes in MINUTES:
            clock.set(START + timedelta(minutes=minutes))
            crm.run_due()
        yield ledger(crm), told(crm)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
def test_each_step_fires_once(
    url: str, workers: int, alone: tuple[Counter[Fired], Counter[tuple[str, str | None]]]
) -> None:
    """Once for each case, policy version, clock, cycle, level, round and step, at the moment of the sweep."""
    with open_at(url, 0) as crm:
        seed(crm, CASES)
        for minutes in MINUTES:
            together(sweep, [(url, minutes)] * workers)
        assert ledger(crm) == alone[0]
        assert set(ledger(crm).values()) == {1}
        assert told(crm) == alone[1]
    with open_at(url, MINUTES[-1]) as crm:
        assert crm.run_due().ran == 0
        assert {e.key for e in crm.service.escalations.find()} <= {item.key for item in crm.agenda.find()}
        assert [f.fault for f in crm.service.escalations.audit().findings if f.fault != "late"] == []


@pytest.mark.slow
def test_each_step_fires_once_though_processes_are_killed(
    url: str, alone: tuple[Counter[Fired], Counter[tuple[str, str | None]]]
) -> None:
    """In the middle of a transaction, while two others go on; what was half done is done by who comes after."""
    with open_at(url, 0) as crm:
        seed(crm, CASES)
        kills = 0
        for minutes in MINUTES:
            for fatal in (1, 3, 7):
                doomed = started(sweep_and_die, url, minutes, fatal)
                doomed.join()
                kills += doomed.exitcode == -signal.SIGKILL
                assert doomed.exitcode in {0, -signal.SIGKILL}
                assert set(ledger(crm).values()) <= {1}
            doomed = started(sweep_and_die, url, minutes, 2)
            together(sweep, [(url, minutes)] * 2)
            doomed.join()
        assert kills >= 6
        assert ledger(crm) == alone[0]
        assert told(crm) == alone[1]
