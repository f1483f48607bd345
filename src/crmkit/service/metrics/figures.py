"""Figures: what a report on customer service shows."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from crmkit.kernel.render import table_html, table_md


@attrs.frozen
class Mean:
    """A mean duration, by the clock on the wall and in business hours; none if there was nothing to measure."""

    wall: timedelta | None
    business: timedelta | None

    def __str__(self) -> str:
        shown = [
            "" if value is None else str(value - timedelta(0)).split(".")[0] for value in (self.wall, self.business)
        ]
        return " / ".join(filter(None, shown))


@attrs.frozen(kw_only=True)
class Figures:
    """What the cases of one group come to that were resolved within the period.

    Attributes:
        group: an owner, a kind, a channel, a priority, or everybody.
        resolved: how many cases.
        first_response: how long the first answer took, of those that got one.
        response: how long any answer took.
        resolution: from the opening to the end.
        waiting: how long a case was in our hands.
        reopen_rate: the share that was reopened at any time.
        first_contact_rate: the share that was solved with one answer or none and never reopened.
        attainment: the share of promises kept, of all clocks stopped within the period; none without promises.
    """

    group: str
    resolved: int
    first_response: Mean
    response: Mean
    resolution: Mean
    waiting: Mean
    reopen_rate: float
    first_contact_rate: float
    attainment: float | None


@attrs.frozen(kw_only=True)
class Report:
    """The figures of a period, in groups."""

    since: datetime
    until: datetime
    groups: tuple[Figures, ...]

    def __format__(self, form: str) -> str:
        return table_md(*self._table()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"{self.since.isoformat()} – {self.until.isoformat()}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = ["who", "resolved", "first response", "response", "resolution", "waiting", "reopened", "at once", "kept"]
        return head, [
            [
                g.group,
                str(g.resolved),
                str(g.first_response),
                str(g.response),
                str(g.resolution),
                str(g.waiting),
                f"{g.reopen_rate:.0%}",
                f"{g.first_contact_rate:.0%}",
                "" if g.attainment is None else f"{g.attainment:.0%}",
            ]
            for g in self.groups
        ]


@attrs.frozen(kw_only=True)
class Backlog:
    """How old the open cases are.

    Attributes:
        ages: the bounds in days; the first column counts cases younger than the first of them, the last one those as
            old as the last or older.
        groups: by group, one count a column.
    """

    as_of: datetime
    ages: tuple[int, ...]
    groups: dict[str, tuple[int, ...]]

    @property
    def total(self) -> int:
        """How many cases are open."""
        return sum(sum(counts) for counts in self.groups.values())

    def __format__(self, form: str) -> str:
        return table_md(*self._table()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"as of {self.as_of.isoformat()}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        ranges = [f"{low}–{high} days" for low, high in zip((0, *self.ages), self.ages, strict=False)]
        rows = [[group, *map(str, counts)] for group, counts in self.groups.items()]
        return ["who", *ranges, f"{self.ages[-1]} days or more"], rows


@attrs.frozen(kw_only=True)
class Load:
    """What one agent has on his hands.

    Attributes:
        open: cases that he can go on with.
        waiting: cases that wait for somebody else.
        overdue: open cases of which a promise is due already.
        limit: units that he takes at the most; none without a limit, or if nobody has defined the agent.
    """

    agent: str
    open: int
    waiting: int
    overdue: int
    limit: int | None
    available: bool
