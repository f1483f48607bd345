"""The screen: what the demo shows in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from crmkit.errors import CrmError

T = TypeVar("T")


class Screen:
    """A terminal with tables, panels and progress bars.

    Raises:
        CrmError: the extra ``demo`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from rich.console import Console
        except ImportError:
            raise CrmError("the demo needs the extra `demo`: run pip install 'crmkit[demo]'") from None
        self.console: Any = Console(highlight=False)

    def chapter(self, title: str, words: str = "") -> None:
        """Begin a chapter."""
        self.console.print()
        self.console.rule(f"[bold cyan]{_plain(title)}[/]", align="left")
        if words:
            self.console.print(f"[dim]{_plain(words)}[/]")

    def step(self, words: str, *, code: str = "") -> None:
        """Tell one step of a story, and the line that does it."""
        self.console.print(f"\n[green]▸[/] {_plain(words)}")
        if code:
            self.console.print(f"  [blue]{_plain(code)}[/]", soft_wrap=True)

    def fact(self, words: str) -> None:
        """Tell what came out."""
        self.console.print(f"  [bold]→[/] {_plain(words)}")

    def message(self, *, to: str, subject: str | None, body: str) -> None:
        """Show a message that was sent."""
        from rich.panel import Panel
        from rich.text import Text

        heading = Text(f"✉ to {to}" + (f": {subject}" if subject else ""))
        self.console.print(Panel(Text(body.strip()), title=heading, title_align="left", expand=False, width=80))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> None:
        """Show a table; all columns but the first are numbers."""
        from rich import box
        from rich.table import Table

        table = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            title=_plain(caption) or None,
            title_justify="left",
            title_style="italic",
        )
        for place, header in enumerate(headers):
            table.add_column(_plain(header), justify="right" if place else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(_plain(str(cell)) for cell in row))
        self.console.print(table)

    def progress(self, items: Sequence[T], *, what: str) -> Iterator[T]:
        """Go through *items* with a bar that shows how far it is."""
        from rich.progress import track

        yield from track(items, description=what, console=self.console)


def _plain(text: str) -> str:
    """The text as it is: square brackets are no markup."""
    return text.replace("[", "\\[")
