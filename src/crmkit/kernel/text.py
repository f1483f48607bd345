"""Text: what a field may hold, how text is compared, and "did you mean".

Definitions: normalisation form C and case folding are those of the Unicode standard (sections 3.11 and 3.13); the
bidirectional controls are those of Unicode annex 9, refused because they make a name read differently from what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar
from unicodedata import normalize

from crmkit.errors import InvalidInput

V = TypeVar("V")
DEFAULT_LIMIT = 1000

# Controls, line separators, marks and controls of direction, lone surrogates.
_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_REFUSED_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean_text(
    value: object, *, what: str, limit: int = DEFAULT_LIMIT, multiline: bool = False, required: bool = False
) -> str:
    r"""Give text as a field keeps it: in normalisation form C and without white space around it.

    Control characters, lone surrogates and bidirectional controls are refused rather than dropped: they are never meant
    and hide what a text says.  A text of several lines may hold tabs, line breaks (kept as ``\n``) and the directional
    marks U+061C, U+200E and U+200F that mixed prose needs.

    Args:
        value: what a caller handed over.
        what: the name of the field, for the message.
        limit: how many characters (code points) may remain, 1 and more.
        multiline: whether line breaks and tabs are allowed.
        required: whether the text must not be empty.

    Raises:
        InvalidInput: it is no text, too long, empty though required, or holds a refused character.

    Example:
        >>> clean_text("  Xiao Wang ", what="name")
        'Xiao Wang'
        >>> clean_text("Wang\x00", what="name")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: name holds the character U+0000 at position 4: remove it
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be text, got {shown(value)} ({type(value).__name__})")
    if len(value) <= limit and value.isascii() and value.isprintable():
        text = value.strip(" ")
    else:
        text = _clean(value, what=what, limit=limit, multiline=multiline)
    if required and not text:
        raise InvalidInput(f"{what} must not be empty")
    return text


def _clean(value: str, *, what: str, limit: int, multiline: bool) -> str:
    if len(value) > 4 * limit + 1000:  # NFC makes one character of four at most: this stays too long
        raise _too_long(what, len(value), limit)
    text = value.strip()
    refused = (_REFUSED_IN_LINES if multiline else _REFUSED).search(text)
    if refused:
        position = len(value) - len(value.lstrip()) + refused.start()
        raise InvalidInput(f"{what} holds the character U+{ord(refused[0]):04X} at position {position}: remove it")
    if multiline:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = normalize("NFC", text)
    if len(text) > limit:
        raise _too_long(what, len(text), limit)
    return text


def _too_long(what: str, length: int, limit: int) -> InvalidInput:
    return InvalidInput(f"{what} has {length:,} characters, but at most {limit:,} are allowed")


def several(values: Iterable[V], *, what: str) -> tuple[V, ...]:
    """The values of an argument that takes several; one text alone would be taken for its letters.

    Args:
        values: what a caller handed over.
        what: the name of the argument, for the message.

    Raises:
        InvalidInput: it is one text, or nothing that can be gone through.

    Example:
        >>> several(["Xu", "Chen"], what="people")
        ('Xu', 'Chen')
        >>> several("Xu", what="people")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: people= takes several, as in ['Xu'], not 'Xu' alone
    """
    if isinstance(values, (str, bytes)):
        raise InvalidInput(f"{what}= takes several, as in [{shown(values)}], not {shown(values)} alone")
    if not isinstance(values, Iterable):
        raise InvalidInput(f"{what}= takes several, as in a list, got {shown(values)}")
    return tuple(values)


def fold(text: str) -> str:
    """Give the form in which two texts are compared without regard to case.

    Example:
        >>> fold("STRASSE") == fold("Straße")
        True
    """
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate that somebody probably meant, or None when nothing is similar.

    Example:
        >>> nearest("custmer", ["customer", "company", "lead"])
        'customer'
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only errors need it

    by_fold = {fold(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    found = get_close_matches(fold(word[:100]), by_fold, n=1)
    return by_fold[found[0]] if found else None


def shown(value: object, *, limit: int = 80) -> str:
    """Give the repr of a value, cut to a length that a message can bear.

    Example:
        >>> shown("x" * 1000, limit=8)
        "'xxxxxxx…"
    """
    try:
        text = repr(value[:limit] if isinstance(value, str | bytes) else value)
    except ValueError:  # an int with more digits than Python writes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[:limit]}…"
