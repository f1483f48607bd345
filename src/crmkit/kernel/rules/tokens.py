"""The words of a rule's text, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import attrs

from crmkit.errors import DefinitionError

TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[^\W\d]\w*|`[^`]*`)
    | (?P<sign>==|!=|<=|>=|[=<>()\[\],;.])
    )""",
    re.VERBOSE,
)

UNITS = {
    "second": ("seconds", 1),
    "hour": ("hours", 1),
    "day": ("days", 1),
    "week": ("days", 7),
    "month": ("months", 1),
    "year": ("months", 12),
}


@attrs.frozen
class Token:
    """A word, and where it begins."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> Iterator[Token]:
    """The words of *text*, one after the other, and its end."""
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = TOKEN.match(stripped, at)
        if match is None or match.lastgroup is None:
            at += len(stripped[at:]) - len(stripped[at:].lstrip())
            raise DefinitionError(f"{place(text, at)}: {stripped[at]!r} is not understood")
        yield Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        at = match.end()
    yield Token("end", "", len(stripped))


class Words:
    """The words of a text, split as far as they are asked for, so that what is wrong early is found early."""

    def __init__(self, text: str) -> None:
        self._known: list[Token] = []
        self._later = tokens(text)

    def at(self, position: int) -> Token:
        """The word at *position*."""
        if position >= len(self._known):
            self._read(position + 1)
        return self._known[position]

    def some(self, position: int, number: int) -> list[Token]:
        """So many words from *position* on, or those that there are."""
        if position + number > len(self._known):
            self._read(position + number)
        return self._known[position : position + number]

    def _read(self, number: int) -> None:
        self._known += islice(self._later, number - len(self._known))


def place(text: str, at: int) -> str:
    """Where something is wrong."""
    excerpt = text[max(0, at - 20) : at] + "⟨here⟩" + text[at : at + 20]
    return f"in the rule at character {at + 1} ({excerpt!r})"
