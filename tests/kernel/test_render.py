"""Tables, cards and trees that show what they are given."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crmkit import CRM, InvalidInput
from crmkit.kernel.render import (
    Node,
    card_html,
    card_md,
    escape_html,
    escape_md,
    mask,
    table_html,
    table_md,
    tree_html,
    tree_md,
    tree_text,
)

words = st.text(st.characters(exclude_categories=["C"]), max_size=12) | st.text(
    "-+=#*_`[]()<>!&;|~\\1. \nab", max_size=12
)
cells = words | st.none() | st.integers()
lines = words.filter(lambda word: bool(word.strip()))
nodes = st.recursive(lines.map(Node), lambda below: st.builds(Node, lines, st.lists(below, max_size=3)), max_leaves=8)


class Words(HTMLParser):
    """What a reader sees of a page, tag by tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert not attrs
        self.tags.append(tag)
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def of(self, *tags: str) -> list[str]:
        """What stands in these tags."""
        return [text for tag, text in zip(self.tags, self.texts, strict=True) if tag in tags]


def seen(value: object) -> str:
    return " ".join(("" if value is None else str(value)).split())


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=4))
def test_a_markdown_table_shows_its_cells(rows: list[list[Any]]) -> None:
    page = Words(MarkdownIt("commonmark").enable("table").enable("strikethrough").render(table_md(["a", "b"], rows)))
    assert [seen(text) for text in page.of("td")] == [seen(cell) for row in rows for cell in row]
    assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=4), words)
def test_an_html_table_shows_its_cells(rows: list[list[Any]], caption: str) -> None:
    page = Words(table_html(["a", "b"], rows, caption=caption))
    assert page.of("td") == ["" if cell is None else str(cell) for row in rows for cell in row]
    assert page.of("caption") == [caption][: bool(caption)]
    assert set(page.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}


@given(words, st.dictionaries(words, cells, max_size=4))
def test_cards_show_their_facts(title: str, facts: dict[str, Any]) -> None:
    html = Words(card_html(title, facts))
    assert html.of("h3", "dt") == [title, *facts]
    assert html.of("dd") == ["" if value is None else str(value) for value in facts.values()]
    markdown = Words(MarkdownIt("commonmark").render(card_md(title, facts)))
    assert set(markdown.tags) <= {"h3", "ul", "li", "strong"}
    assert seen("".join(markdown.of("h3"))) == seen(title)


@given(st.lists(nodes, max_size=3))
def test_trees_show_every_node(trees: list[Node]) -> None:
    def texts(branches: Any) -> list[str]:
        return [text for node in branches for text in (node.text, *texts(node.below))]

    drawn = tree_text(trees).split("\n") if trees else []
    assert [line.lstrip("│├└─ ") for line in drawn] == [seen(text).lstrip("│├└─ ") for text in texts(trees)]
    assert Words(tree_html(trees)).of("li") == texts(trees)
    markdown = Words(MarkdownIt("commonmark").render(tree_md(trees)))
    assert [seen(text) for text in markdown.of("li")] == [seen(text) for text in texts(trees)]


def test_a_tree_drawn() -> None:
    tree = [Node("all of", [Node("a", [Node("b"), Node("c")]), Node("d", [Node("e")])]), Node("f")]
    assert tree_text(tree) == "all of\n├── a\n│   ├── b\n│   └── c\n└── d\n    └── e\nf"
    assert tree_md(tree).split("\n")[2] == "    - b"


@pytest.mark.parametrize(
    "value",
    [
        "1. first",
        "2) second",
        "- item",
        "# title",
        "+86 139",
        "***",
        "---",
        "===",
        "&lt;",
        "a_b_c",
        "_a_",
        "~~no~~",
        "> q",
    ],
)
def test_markdown_is_shown_not_read(value: str) -> None:
    page = Words(MarkdownIt("commonmark").enable("strikethrough").render(f"- {escape_md(value)}"))
    assert page.tags == ["ul", "li"]
    assert page.of("li")[0].strip() == value


def test_plain_words_stay_plain() -> None:
    assert escape_md("cus_01kjp0y9m0e000000000000000") == "cus_01kjp0y9m0e000000000000000"
    assert escape_md("+8613912345678") == "+8613912345678"
    assert escape_md("12.5 % & more") == "12.5 % & more"
    assert escape_html(None) == escape_md(None) == ""


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("anna@example.org", "a•••@example.org"),
        ("a@example.org", "•••@example.org"),
        ("+8613912345678", "+86•••78"),
        ("139 1234 5678", "1•••"),
        ("Xiao Wang", "X•••"),
        ("小王", "小•••"),
        ("王", "•••"),
        ("write to anna@example.org", "w•••"),
        ("", ""),
        (None, ""),
        (42, "•••"),
        (frozenset({"vip"}), "•••"),
    ],
    ids=ascii,
)
def test_masks(value: Any, hint: str) -> None:
    assert mask(value) == hint


@given(st.text(st.characters(exclude_characters="•"), min_size=2))
def test_a_mask_hides(value: str) -> None:
    hidden = mask(value)
    assert "•••" in hidden
    assert value not in hidden


def test_what_prints_refuses_forms_that_it_does_not_have() -> None:
    with CRM.open("memory://") as crm:
        page = crm.customers.page()
    assert format(page, "") == repr(page)
    assert format(page, "md").startswith("|")
    assert format(page, "html").startswith("<table")
    with pytest.raises(InvalidInput, match="Page prints as 'md' or 'html', not as 'pdf'"):
        format(page, "pdf")
