"""The words of a rule's text, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def place(text: str, at: int) -> str:
    """Where something is wrong."""
    excerpt = text[max(0, at - 20) : at] + "⟨here⟩" + text[at : at + 20]
    return f"in the rule at character {at + 1} ({excerpt!r})"
