"""``import crmkit`` costs a host little: what is heavy is loaded when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "alembic",
    "email_validator",
    "hypothesis",
    "jinja2",
    "phonenumbers",
    "pydantic",
    "pytest",
    "rich",
    "sqlalchemy",
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The names of all modules that a fresh interpreter has loaded after ``import crmkit``."""
    script = "import sys; before = set(sys.modules); import crmkit; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_crmkit_itself_is_loaded(loaded: set[str]) -> None:
    assert "crmkit" in loaded


@pytest.mark.parametrize("package", HEAVY)
def test_importing_crmkit_does_not_import(package: str, loaded: set[str]) -> None:
    assert package not in loaded


def test_importing_crmkit_starts_nothing_and_prints_nothing() -> None:
    script = "import crmkit, threading, logging; print(threading.active_count(), len(logging.getLogger().handlers))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1 0\n", "")
