"""The pytest plugin, run as a host runs it: in a project of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

STORY = """
from datetime import timedelta

def test_a_message_goes_out_when_it_is_due(crm, clock, sent):
    with crm.work() as work:
        work.post(channel="sms", to="+491700000000", body="hello", key="1", due_at=work.now + timedelta(days=1))
    assert crm.deliver() == [] and sent == []
    clock.advance(days=1)
    crm.deliver()
    assert [message.body for message in sent] == ["hello"]

def test_every_test_begins_with_nothing(crm, clock, sent):
    assert sent == []
    assert crm.customers.count() == 0 == len(crm.outbox.find())
    assert clock.now().isoformat() == "2026-03-02T09:00:00+00:00"
"""


@pytest.mark.parametrize("storage", ["sqlite", "memory"])
def test_fixtures(pytester: pytest.Pytester, storage: str) -> None:
    pytester.makeini(f"[pytest]\ncrmkit_storage = {storage}\n")
    pytester.makepyfile(STORY + f"\ndef test_the_store(crm):\n    assert crm.storage.status().kind == {storage!r}\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


def test_sqlite_is_the_default(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(crm):\n    assert crm.storage.status().kind == 'sqlite'\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_unknown_storage_is_refused_by_name(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ncrmkit_storage = oracle\n")
    pytester.makepyfile("def test_it(crm):\n    pass\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*crmkit_storage is one of sqlite, memory, not 'oracle'*"])


def test_a_host_gives_options(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def crm_options():
            return {"currency": "CNY", "timezone": "Asia/Shanghai", "tenant": "studio"}
        """
    )
    pytester.makepyfile(
        """
        def test_it(crm):
            assert (crm.settings.currency, crm.settings.zone.key, crm.tenant) == ("CNY", "Asia/Shanghai", "studio")
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_plugin_is_installed_with_the_package_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_host.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    assert not {'sqlalchemy', 'hypothesis', 'jinja2', 'alembic'} & set(sys.modules)\n"
        "def test_there(clock):\n"
        "    assert clock.now().year == 2026\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "."]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout


def test_importing_the_testing_kit_imports_no_test_library() -> None:
    script = "import sys; from crmkit.testing import FrozenClock; print({'pytest', 'hypothesis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
