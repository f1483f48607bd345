"""What trying out a rule tells: who it would catch, how many it would have caught, how two groups lie to each other."""

from __future__ import annotations

from datetime import date

import attrs

from crmkit.customers.people import Customer
from crmkit.kernel.render import escape_md, printed, table_html, table_md
from crmkit.kernel.rules import Rule


@attrs.frozen(kw_only=True)
class Preview:
    """Who a rule would catch; nothing is stored.

    Attributes:
        count: how many customers.
        sample: the first of them.
        entering: ids of those who would enter the segment that it was compared with; none without one.
        leaving: ids of those who would leave it.
    """

    rule: Rule
    count: int
    sample: tuple[Customer, ...]
    entering: tuple[str, ...] | None = None
    leaving: tuple[str, ...] | None = None

    def __format__(self, form: str) -> str:
        return printed(self, form, md=self._md, html=self._repr_html_)

    def _md(self) -> str:
        return f"{escape_md(self._says())}\n\n{table_md(['customer', 'id'], self._rows())}"

    def _repr_html_(self) -> str:
        return table_html(["customer", "id"], self._rows(), caption=self._says())

    def _says(self) -> str:
        moves = "" if self.entering is None else f", {len(self.entering)} enter, {len(self.leaving or ())} leave"
        return f"{self.rule} — {self.count} customers{moves}"

    def _rows(self) -> list[tuple[str, str]]:
        return [(c.name, c.id) for c in self.sample]


@attrs.frozen(kw_only=True)
class Backtest:
    """How many customers a rule would have caught on each day of the past."""

    rule: Rule
    days: tuple[tuple[date, int], ...]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(["day", "members"], self.days), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(["day", "members"], self.days, caption=str(self.rule))


@attrs.frozen(kw_only=True)
class Overlap:
    """How two groups lie to each other: ids of customers."""

    only_first: tuple[str, ...]
    both: tuple[str, ...]
    only_second: tuple[str, ...]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(["who", "customers"], self._rows()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(["who", "customers"], self._rows())

    def _rows(self) -> list[tuple[str, int]]:
        groups = {"only the first": self.only_first, "both": self.both, "only the second": self.only_second}
        return [(name, len(ids)) for name, ids in groups.items()]
