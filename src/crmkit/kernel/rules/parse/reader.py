"""Going through the words of a rule's text, and saying where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from crmkit.errors import DefinitionError
from crmkit.kernel.rules.text import WORDS
from crmkit.kernel.rules.tokens import Token, Words, place
from crmkit.kernel.text import nearest, shown

T = TypeVar("T")


def is_loud(word: str) -> bool:
    """Whether it is a word of the language in capitals."""
    return word not in WORDS and word.lower() in WORDS


class Reader:
    """Goes through the words of a text.

    Attributes:
        position: the number of the next word.
        depth: how many brackets are open.
        parts: how many conditions there have been.
    """

    def __init__(self, text: str) -> None:
        self.source, self.position, self.depth, self.parts = text, 0, 0, 0
        self.words = Words(text)

    # ── Words ──

    @property
    def token(self) -> Token:
        """The next word."""
        return self.words.at(self.position)

    @property
    def kind(self) -> str:
        """What kind of word comes next."""
        return self.token.kind

    def is_next(self, *words: str) -> bool:
        """Whether *words* come next."""
        ahead = self.words.some(self.position, len(words))
        return [t.text for t in ahead] == list(words) and all(t.kind in {"name", "sign"} for t in ahead)

    def take(self, *words: str) -> bool:
        """Step over *words* if they come next."""
        if not self.is_next(*words):
            return False
        self.position += len(words)
        return True

    def need(self, *words: str) -> None:
        """Step over *words*, which must come next."""
        if not self.take(*words):
            self.fail(repr(" ".join(words)))

    def need_kind(self, kind: str, what: str) -> str:
        """Step over a word of one kind, which must come next."""
        if self.kind != kind:
            self.fail(what)
        self.position += 1
        return self.words.at(self.position - 1).text

    def fail(self, wanted: str, among: tuple[str, ...] = ()) -> NoReturn:
        """Say what is needed here, and what may have been meant."""
        got = shown(self.token.text, limit=60) if self.token.text else "the end"
        word = self.token.text if self.kind == "name" else ""
        before = self.words.at(self.position - 1).text if self.position else ""
        near = next((w.lower() for w in (word, before) if is_loud(w)), None) or nearest(self.token.text, among)
        hint = f"; did you mean {near!r}?" if near else ""
        raise DefinitionError(f"{place(self.source, self.token.at)}: {wanted} is needed, not {got}{hint}")

    def fits(self, what: str, read: Callable[..., T], *given: Any) -> T:
        """What *read* makes of the words that were just taken."""
        try:
            return read(*given)
        except (ValueError, ArithmeticError) as error:
            self.position -= 1
            self.fail(what if isinstance(error, ArithmeticError) else f"{what} ({shown(str(error), limit=200)})")
