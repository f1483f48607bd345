"""Pages: several answers on one HTML page that needs nothing from elsewhere, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.render import escape_html, escape_md

STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "figure{margin:0}svg{display:block;width:100%;max-width:36rem;height:auto}"
    "section{margin:2.5rem 0;overflow-x:auto}"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;opacity:.7}th,td{padding:.3rem .6rem;border-bottom:1px solid #8884;text-align:right}"
    "th:first-child,td:first-child{text-align:left}"
)


@runtime_checkable
class Answer(Protocol):
    """What prints as HTML, and as Markdown with ``format(answer, "md")``."""

    def _repr_html_(self) -> str: ...


@attrs.frozen(kw_only=True)
class Page:
    """Answers with their headings."""

    title: str
    answers: Mapping[str, Answer]

    def html(self) -> str:
        """The page, whole."""
        parts = "".join(
            f"<section><h2>{escape_html(heading)}</h2>{answer._repr_html_()}</section>"
            for heading, answer in self.answers.items()
        )
        title = escape_html(self.title)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>{parts}</body></html>\n"
        )

    def save(self, path: Path | str) -> Path:
        """Write the page into a file; its Markdown twin when the name ends in ``.md``."""
        where = Path(path)
        where.write_text(f"{self:md}" if where.suffix == ".md" else self.html(), "utf-8")
        return where

    def __format__(self, form: str) -> str:
        if form != "md":
            return repr(self)
        parts = [f"## {escape_md(heading)}\n\n{answer:md}" for heading, answer in self.answers.items()]
        return "\n\n".join([f"# {escape_md(self.title)}", *parts]) + "\n"

    def __repr__(self) -> str:
        return f"<Page {self.title!r}: {', '.join(self.answers)}>"

    def _repr_html_(self) -> str:
        return "".join(
            f"<h3>{escape_html(heading)}</h3>{answer._repr_html_()}" for heading, answer in self.answers.items()
        )


def page(title: str, answers: Mapping[str, Answer]) -> Page:
    """Put answers onto a page.

    Args:
        title: the heading of the page.
        answers: by heading, what is printed below it: a funnel, a forecast, key figures …

    Raises:
        InvalidInput: there is none, or one does not print.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:
        ...     made = page("March", {"Funnel": crm.analytics.funnel()})
        >>> made.html().count("<svg"), format(made, "md").splitlines()[0]
        (1, '# March')
    """
    for heading, answer in answers.items():
        if not isinstance(answer, Answer):
            raise InvalidInput(f"{heading!r} is no answer that prints: {type(answer).__name__}")
    if not answers:
        raise InvalidInput("a page needs an answer: page('March', {'Funnel': crm.analytics.funnel()})")
    return Page(title=title, answers=dict(answers))
