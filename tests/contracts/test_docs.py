"""The documentation says what is so: links resolve, names exist, and what is drawn is drawn from the code.

``python -m tests.contracts.test_docs`` writes the diagrams and the list of long files anew.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import tomllib
from functools import cache
from pathlib import Path

import pytest

import crmkit
from crmkit import errors
from crmkit.kernel.machine import Machine
from crmkit.kernel.rules import fields, parse
from crmkit.plugins.hookspecs import Hooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
LONG = 400  # lines; what is written by tools does not count
WRITTEN_BY_TOOLS = "migrations/versions"
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DIAGRAM = re.compile(r"^## (\w+)\n(.*?)^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# ── Reading pages ──


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Every link of a page to a file of the repository."""
    return [target for target in LINK.findall(prose(page)) if "://" not in target]


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of the headings of a page."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(plain)
    return found


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [match[1] for match in found]


def block(page: Path, language: str, *, begins: str) -> str:
    """The code block of *page* that begins with *begins*."""
    return next(text for text in blocks(page, language) if text.startswith(begins)).strip()


# ── Links and names ──


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(there), f"{there.name} has no heading {anchor!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_page_is_reached_from_the_readme(page: Path) -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        targets = {(here.parent / target.partition("#")[0]).resolve() for target in links(here)}
        waiting += [t for t in targets if t.suffix == ".md" and t.is_file() and t not in reached]
    assert page in reached


@pytest.mark.parametrize("name", crmkit.__all__)
def test_a_public_name_is_explained(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "names.md").read_text("utf-8")


def test_no_name_is_explained_that_is_not_public() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", (DOCS / "names.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(set(explained)) == sorted(crmkit.__all__)


# ── Plugins ──


def signature(name: str) -> str:
    """A hook with its arguments as a plugin writes them."""
    written = inspect.signature(getattr(Hooks, name))
    bare = [p.replace(annotation=p.empty) for p in written.parameters.values() if p.name != "self"]
    return f"{name}{written.replace(parameters=bare, return_annotation=written.empty)}"


def hooks() -> list[str]:
    return [name for name in vars(Hooks) if name.startswith("crmkit_")]


@pytest.mark.parametrize("name", hooks())
def test_a_hook_is_documented_with_its_arguments(name: str) -> None:
    assert f"### `{signature(name)}`" in (DOCS / "plugins.md").read_text("utf-8")


def test_no_hook_is_documented_that_does_not_exist() -> None:
    documented = re.findall(r"^### `(crmkit_\w+)", (DOCS / "plugins.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(hooks())


# ── Rules ──


def operators() -> list[str]:
    classes = (fields.Value, fields.Relatives, fields.Field, fields.Fields)
    return sorted({name for cls in classes for name in vars(cls) if not name.startswith("_")} | {"none_of", "one_of"})


@pytest.mark.parametrize("name", operators())
def test_an_operator_has_an_example(name: str) -> None:
    examples = "\n".join(blocks(DOCS / "rules.md", "python"))
    assert re.search(rf"\b{name}\b", examples)


def test_the_grammar_is_that_of_the_parser() -> None:
    grammar = inspect.getdoc(inspect.getmodule(parse)) or ""
    written = textwrap.dedent(grammar.partition("::\n\n")[2].partition("\n\n>>>")[0]).strip()
    assert block(DOCS / "rules.md", "text", begins="rule ") == written


# ── What is drawn ──


def test_the_picture_of_the_layers_is_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [re.sub(r"[()]", "", layer) for layer in contracts[0]["layers"]]
    picture = block(ROOT / "README.md", "text", begins="__main__").splitlines()
    assert [re.split(r"\s{2,}", line)[0] for line in picture] == layers


def test_the_tree_of_the_errors_is_the_tree() -> None:
    drawn = textwrap.dedent((errors.__doc__ or "").partition("::\n\n")[2].partition("\n\nEvery")[0]).strip()
    assert block(DOCS / "architecture.md", "text", begins="CrmError") == drawn


def machines() -> dict[str, Machine]:
    with crmkit.CRM.open("memory://") as crm:
        return dict(crm.machines)


def drawn() -> dict[str, str]:
    return {name: text.strip() for name, _, text in DIAGRAM.findall((DOCS / "machines.md").read_text("utf-8"))}


@pytest.mark.parametrize("name", list(machines()))
def test_a_machine_is_drawn_as_it_is(name: str) -> None:
    assert drawn().get(name) == format(machines()[name], "mermaid"), "python -m tests.contracts.test_docs draws it anew"


def test_no_machine_is_drawn_that_does_not_exist() -> None:
    assert list(drawn()) == list(machines())


# ── Decisions and house style ──


def test_decisions_are_numbered_in_order() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_why(page: Path) -> None:
    headings = HEADING.findall(prose(page))
    assert headings[1:] == ["Context", "Decision", "Measurement", "Consequences"]
    assert f"]({page.name})" in (DOCS / "decisions" / "README.md").read_text("utf-8")


def long_files() -> dict[str, int]:
    """Files of crmkit that are longer than the house style wants, with their lines."""
    sources = (p for p in (ROOT / "src").rglob("*.py") if WRITTEN_BY_TOOLS not in p.as_posix())
    lengths = {p.relative_to(ROOT).as_posix(): len(p.read_text("utf-8").splitlines()) for p in sources}
    return {name: lines for name, lines in sorted(lengths.items()) if lines > LONG}


def test_no_file_is_long() -> None:
    assert long_files() == {}, "a file that grows past 400 lines becomes a folder of the same name"


# ── Writing anew ──


def draw_machines() -> None:
    page = DOCS / "machines.md"
    text = page.read_text("utf-8")
    known = {name: prose for name, prose, _ in DIAGRAM.findall(text)}
    head = text.partition("\n## ")[0].rstrip()
    sections = [
        f"## {name}\n\n{known.get(name, '').strip() or '…'}\n\n```mermaid\n{format(machine, 'mermaid')}\n```"
        for name, machine in machines().items()
    ]
    page.write_text("\n\n".join([head, *sections]) + "\n", "utf-8")


if __name__ == "__main__":
    draw_machines()
