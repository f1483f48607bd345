"""Every example in the documentation and in the docstrings is executed.

In Markdown, blocks of ``python`` and ``pycon`` run from top to bottom within one namespace per page; in docstrings,
everything after ``>>>`` runs within the names of its module.
"""

from __future__ import annotations

from collections.abc import Iterable
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

import pytest
from sybil import Document, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

OPTIONS = ELLIPSIS | NORMALIZE_WHITESPACE


class ConsoleSessionParser:
    """Finds ```` ```pycon ```` blocks: what somebody types at the prompt, and what is printed."""

    def __init__(self) -> None:
        self.blocks = CodeBlockParser("pycon", lambda _: None)
        self.examples = DocTestStringParser(DocTestEvaluator(OPTIONS))

    def __call__(self, document: Document) -> Iterable[Region]:
        """Yield one region for each prompt."""
        for block in self.blocks(document):
            source = block.lexemes["source"]
            for example in self.examples(source, document.path):
                example.adjust(block, source)
                yield example


pages = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=OPTIONS), ConsoleSessionParser(), SkipParser()],
    pattern="*.md",
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=OPTIONS)],
    path="src/crmkit",
    pattern="*.py",
    document_types={".py": PythonDocStringDocument},
)
pytest_collect_file = (pages + docstrings).pytest()


class KeepPagesTogether(LoadScopeScheduling):
    """Give all examples of a file to one worker, since each builds on those before it, and spread everything else."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(".md") or file.startswith("src/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Distribute tests over the workers (``pytest -n``)."""
    return KeepPagesTogether(config, log)
