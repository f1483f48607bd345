"""The architecture that is written in pyproject.toml holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration

ROOT = Path(__file__).parents[2]
PYPROJECT = str(ROOT / "pyproject.toml")
ENTRANCES = ("crmkit.__main__", "crmkit.demo")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("crmkit", cache_dir=None)


def contracts() -> list[str]:
    return [contract["name"] for contract in read_configuration(PYPROJECT)["contracts_options"]]


def test_imports_run_one_way() -> None:
    """In a process of its own: the linter changes the logging of the one that it runs in."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    run = subprocess.run(
        [*command, "--config", PYPROJECT, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("name", contracts())
def test_a_contract_is_named_by_a_sentence(name: str) -> None:
    assert len(name.split()) >= 4
    assert name[0].isupper()


def test_no_room_imports_the_front_door(graph: grimp.ImportGraph) -> None:
    """Whoever imports ``crmkit`` itself from the inside imports everything, and in a circle."""
    importers = graph.find_modules_that_directly_import("crmkit")
    assert {module for module in importers if not module.startswith(ENTRANCES)} == set()
