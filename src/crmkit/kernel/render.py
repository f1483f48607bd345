"""Rendering: tables, cards and trees as Markdown and HTML, and masks over personal data.

Whatever comes in is escaped: a customer may be called ``<script>`` or ``**Bob**``, and must stand there as such.  HTML
carries no style of its own, so that it looks like the page or notebook around it.

Definitions: CommonMark 0.31 with the tables of GitHub Flavored Markdown; HTML escaping as in the HTML standard, 13.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from crmkit.errors import InvalidInput

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
# Punctuation that has a meaning anywhere in a line, and the # that would end a heading.  An underscore inside a word
# (``cus_01…``) and a lone & have none.
_MD_INLINE = re.compile(r"[\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|(?<!\S)#(?=#*$)")
# What would begin a list, a heading or a line across the page.
_MD_START = re.compile(r"^(\d{0,9})([-+=#.)])(?=[-+=#\s]|$)")
_PHONE = re.compile(r"\+[0-9]{7,15}")
_EMAIL = re.compile(r"(\S+)@(\S+)")


class Node(NamedTuple):
    """A line of a tree and the lines below it."""

    text: str
    below: Sequence[Node] = ()


def printed(thing: object, form: str, *, md: Callable[[], str], html: Callable[[], str]) -> str:
    """What ``format(thing, form)`` gives: its Markdown, its HTML, or its text if no form is asked for.

    Raises:
        InvalidInput: it has no such form.

    Example:
        >>> printed("stages", "md", md=lambda: "- new", html=lambda: "<ul><li>new</li></ul>")
        '- new'
        >>> printed("stages", "pdf", md=lambda: "- new", html=lambda: "<ul><li>new</li></ul>")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: str prints as 'md' or 'html', not as 'pdf'
    """
    match form:
        case "":
            return str(thing)
        case "md":
            return md()
        case "html":
            return html()
    raise InvalidInput(f"{type(thing).__name__} prints as 'md' or 'html', not as {form!r}")


def escape_md(value: object) -> str:
    r"""Give a value as Markdown that shows it as it is, on one line; None is empty.

    Example:
        >>> print(escape_md("**Bob** | cus_01"))
        \*\*Bob\*\* \| cus_01
    """
    line = " ".join(_text(value).split())
    return _MD_START.sub(r"\1\\\2", _MD_INLINE.sub(r"\\\g<0>", line))


def escape_html(value: object) -> str:
    """Give a value as HTML that shows it as it is; None is empty.

    Example:
        >>> escape_html("<b>'Bob' & Co</b>")
        '&lt;b&gt;&#x27;Bob&#x27; &amp; Co&lt;/b&gt;'
    """
    return _text(value).translate(_HTML)


def table_md(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Give a table as Markdown.

    Example:
        >>> print(table_md(["stage", "leads"], [["new", 12], ["qualified", 3]]))
        | stage | leads |
        | --- | --- |
        | new | 12 |
        | qualified | 3 |
    """
    lines = [headers, *rows]
    head, *body = (f"| {' | '.join(map(escape_md, line))} |" for line in lines)
    return "\n".join([head, f"| {' | '.join('---' for _ in headers)} |", *body])


def table_html(headers: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str | None = None) -> str:
    """Give a table as HTML.

    Example:
        >>> table_html(["stage"], [["new"]], caption="Leads")
        '<table><caption>Leads</caption><thead><tr><th>stage</th></tr></thead><tbody><tr><td>new</td></tr></tbody></table>'
    """
    title = f"<caption>{escape_html(caption)}</caption>" if caption else ""
    body = "".join(_row_html("td", row) for row in rows)
    return f"<table>{title}<thead>{_row_html('th', headers)}</thead><tbody>{body}</tbody></table>"


def _row_html(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape_html(cell)}</{tag}>' for cell in cells)}</tr>"


def card_md(title: object, facts: Mapping[str, object]) -> str:
    """Give a title and named facts as Markdown.

    Example:
        >>> print(card_md("Xiao Wang", {"stage": "customer", "orders": 1}))
        ### Xiao Wang
        <BLANKLINE>
        - **stage**: customer
        - **orders**: 1
    """
    lines = [f"- **{escape_md(name)}**: {escape_md(value)}".rstrip() for name, value in facts.items()]
    return "\n".join([f"### {escape_md(title)}", "", *lines])


def card_html(title: object, facts: Mapping[str, object]) -> str:
    """Give a title and named facts as HTML.

    Example:
        >>> card_html("Xiao Wang", {"orders": 1})
        '<section><h3>Xiao Wang</h3><dl><dt>orders</dt><dd>1</dd></dl></section>'
    """
    lines = "".join(f"<dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd>" for name, value in facts.items())
    return f"<section><h3>{escape_html(title)}</h3><dl>{lines}</dl></section>"


def tree_text(nodes: Iterable[Node]) -> str:
    """Give trees as plain text.

    Example:
        >>> print(tree_text([Node("all of", [Node("city is Xi'an"), Node("orders ≥ 3")])]))
        all of
        ├── city is Xi'an
        └── orders ≥ 3
    """
    return "\n".join(line for node in nodes for line in (_one_line(node.text), *_branches(node.below)))


def _branches(nodes: Sequence[Node]) -> Iterator[str]:
    for index, node in enumerate(nodes, start=1):
        fork, trunk = ("├── ", "│   ") if index < len(nodes) else ("└── ", "    ")
        yield fork + _one_line(node.text)
        for line in _branches(node.below):
            yield trunk + line


def tree_md(nodes: Iterable[Node]) -> str:
    """Give trees as nested lists in Markdown.

    Example:
        >>> print(tree_md([Node("all of", [Node("orders ≥ 3")])]))
        - all of
          - orders ≥ 3
    """
    return "\n".join(_items_md(nodes, indent=""))


def _items_md(nodes: Iterable[Node], *, indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}- {escape_md(node.text)}".rstrip()
        yield from _items_md(node.below, indent=indent + "  ")


def tree_html(nodes: Iterable[Node]) -> str:
    """Give trees as nested lists in HTML.

    Example:
        >>> tree_html([Node("all of", [Node("orders ≥ 3")])])
        '<ul><li>all of<ul><li>orders ≥ 3</li></ul></li></ul>'
    """
    items = (f"<li>{escape_html(node.text)}{tree_html(node.below) if node.below else ''}</li>" for node in nodes)
    return f"<ul>{''.join(items)}</ul>"


def mask(value: object) -> str:
    """Give a hint of personal data that a log may hold: enough to recognise, too little to use.

    An e-mail address keeps the first letter and the domain, a phone number in E.164 form the first two and last two
    digits, any other text of two letters and more the first one.  What is no text is covered completely; None is empty.

    Example:
        >>> mask("anna@example.org"), mask("+8613912345678"), mask("Xiao Wang")
        ('a•••@example.org', '+86•••78', 'X•••')
    """
    if not isinstance(value, str):
        return "" if value is None else "•••"
    if _PHONE.fullmatch(value):
        return f"{value[:3]}•••{value[-2:]}"
    email = _EMAIL.fullmatch(value)
    if email:
        return f"{mask(email[1])}@{email[2]}"
    return f"{value[0] if len(value) > 1 else ''}•••" if value else ""


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
