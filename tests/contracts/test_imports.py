"""The architecture that is written in pyproject.toml holds."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

PYPROJECT = str(Path(__file__).parents[2] / "pyproject.toml")
ENTRANCES = ("crmkit.__main__", "crmkit.demo")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("crmkit", cache_dir=None)


def contracts() -> list[str]:
    return [contract["name"] for contract in read_configuration(PYPROJECT)["contracts_options"]]


def test_imports_run_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    broken = lint_imports(config_filename=PYPROJECT, no_cache=True, no_logo=True)
    assert not broken, capsys.readouterr().out


@pytest.mark.parametrize("name", contracts())
def test_a_contract_is_named_by_a_sentence(name: str) -> None:
    assert len(name.split()) >= 4
    assert name[0].isupper()


def test_no_room_imports_the_front_door(graph: grimp.ImportGraph) -> None:
    """Whoever imports ``crmkit`` itself from the inside imports everything, and in a circle."""
    importers = graph.find_modules_that_directly_import("crmkit")
    assert {module for module in importers if not module.startswith(ENTRANCES)} == set()
