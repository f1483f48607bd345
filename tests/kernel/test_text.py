"""Text that fields hold."""

from __future__ import annotations

import sys
from typing import Any
from unicodedata import is_normalized, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput
from crmkit.kernel.text import clean_text, fold, nearest, shown

anything = st.text(st.characters(), max_size=60)  # lone surrogates and all


@given(value=anything, multiline=st.booleans())
def test_what_passes_is_clean(value: str, *, multiline: bool) -> None:
    try:
        text = clean_text(value, what="name", limit=50, multiline=multiline)
    except InvalidInput as problem:
        assert str(problem).startswith("name h")  # noqa: PT017 - both outcomes are right
        return
    assert len(text) <= 50
    assert text == text.strip() == clean_text(text, what="name", limit=50, multiline=multiline)
    assert is_normalized("NFC", text)
    text.encode()
    assert text == normalize("NFC", value.strip()).replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_plain_ascii_keeps_all_but_outer_space(value: str) -> None:
    assert clean_text(value, what="name", limit=60) == value.strip()


def test_names_of_the_world_pass() -> None:
    for name in ("小王", "Đặng Thị Ngọc", "Ó Séaghdha", "عائشة", "नरेन्द्र", "👩‍👩‍👧", "می‌خواهم", "O'Brien-Smith, Jr."):
        assert clean_text(name, what="name") == name
    assert clean_text("Zoe\u0308", what="name") == "Zoë"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Wang\x00", "the character U+0000 at position 4: remove it"),
        ("  Wang\x1b[31m!", "the character U+001B at position 6"),
        ("Xiao\nWang", "the character U+000A at position 4"),
        ("Xiao\u2028Wang", "the character U+2028 at position 4"),
        ("a\ud800", "the character U+D800 at position 1"),
        ("gnaW\u202eX", "the character U+202E at position 4"),
        ("a\u2066b", "the character U+2066 at position 1"),
        ("a\u200fb", "the character U+200F at position 1"),
        ("a\x85b", "the character U+0085 at position 1"),
    ],
    ids=ascii,
)
def test_refused_characters_are_named(value: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        clean_text(value, what="name")
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_lines() -> None:
    assert clean_text(" one\r\n\ttwo\rthree\n", what="note", multiline=True) == "one\n\ttwo\nthree"
    assert clean_text("a\u200fb", what="note", multiline=True) == "a\u200fb"
    for character in "\x00\x0b\x1b\x85\u202e\u2069\udfff":
        with pytest.raises(InvalidInput, match=f"U\\+{ord(character):04X} at position 2"):
            clean_text(f"a\n{character}b", what="note", multiline=True)


@pytest.mark.parametrize("value", [None, 42, b"Wang", ["Wang"]])
def test_what_is_no_text(value: Any) -> None:
    with pytest.raises(InvalidInput, match="name must be text, got "):
        clean_text(value, what="name")


@pytest.mark.parametrize("value", ["", "   ", "\u3000", "\n"])
def test_empty_text(value: str) -> None:
    assert clean_text(value, what="name") == ""
    with pytest.raises(InvalidInput, match="name must not be empty"):
        clean_text(value, what="name", required=True)


def test_limits_count_what_remains() -> None:
    assert clean_text("x" * 1000, what="name") == "x" * 1000
    assert clean_text("  " + "x" * 10 + "  ", what="name", limit=10) == "x" * 10
    assert clean_text("e\u0301" * 10, what="name", limit=10) == "é" * 10
    for value in ("x" * 11, "é" * 11, "\ufb2c" * 4, "x" * 50_000):
        with pytest.raises(InvalidInput, match=r"name has [\d,]+ characters, but at most 10 are allowed"):
            clean_text(value, what="name", limit=10)


@pytest.mark.parametrize("character", ["x", "é", " ", "\x00", "\u0301"], ids=ascii)
def test_huge_texts_are_refused_at_once(character: str) -> None:
    value = character * 10_000_000
    with pytest.raises(InvalidInput, match="10,000,000 characters"):
        clean_text(value, what="name")


@given(anything, anything)
def test_folding(one: str, other: str) -> None:
    assert fold(fold(one)) == fold(one)
    assert fold(normalize("NFD", one)) == fold(normalize("NFC", one)) == fold(one)
    if one.casefold() == other.casefold():
        assert fold(one) == fold(other)


@pytest.mark.slow
def test_folding_every_character() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        folded = fold(character)
        assert fold(folded) == folded, hex(code)
        assert fold(character.lower()) == folded or character in "\u0130\u1e9e", hex(code)


def test_did_you_mean() -> None:
    assert nearest("custmer", ["company", "customer"]) == "customer"
    assert nearest("CUSTOMER", ["company", "customer"]) == "customer"
    assert nearest("asia/shanghai", ["Asia/Shanghai"]) == "Asia/Shanghai"
    assert nearest("zebra", ["company", "customer"]) is None
    assert nearest("", []) is None
    assert nearest("name" + "x" * 10**7, ["name"]) is None
    assert nearest("a", ["A", "a"]) == nearest("a", ["a", "A"])


def test_shown() -> None:
    assert shown("Wang") == "'Wang'"
    assert shown([1, 2]) == "[1, 2]"
    assert len(shown("x" * 10**7)) == len(shown(list(range(1000)))) == 81
    assert shown(b"x" * 1000, limit=5) == "b'xxx…"
    assert shown(10**5000) == "<int>"
