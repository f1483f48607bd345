"""The page: one file, nothing from elsewhere, everything escaped."""

from __future__ import annotations

from html.parser import HTMLParser

from crmkit.demo.findings import Findings, Section
from crmkit.demo.page import page

VOID = {"meta", "br", "hr", "img", "link"}


class Reader(HTMLParser):
    """Checks that tags are closed in order, and collects what would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_it_loads_nothing_and_runs_nothing() -> None:
    section = Section(title="Growth", words="More.", svg="<svg><rect/></svg>", headers=("a",), rows=[["1"]], code="x()")
    text = page("Title", "Words", [Findings(title="One", facts={"revenue": "5 EUR"}, sections=[section])], footer="End")
    reader = read(text)
    assert reader.loaded == []
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert 'name="viewport"' in text
    assert "<caption>Growth</caption>" in text


def test_names_are_shown_as_they_are() -> None:
    evil = "<script>alert('x')</script>"
    section = Section(title=evil, words=evil, headers=(evil,), rows=[[evil]], code=evil, caption=evil)
    text = page(evil, evil, [Findings(title=evil, facts={evil: evil}, sections=[section])], footer=evil)
    assert "<script" not in text
    assert "script" not in read(text).tags


def test_a_section_without_a_table_is_a_sentence() -> None:
    text = page(
        "T", "W", [Findings(title="One", facts={}, sections=[Section(title="S", words="Only this.")])], footer=""
    )
    assert "Only this." in text
    assert "<table" not in text
