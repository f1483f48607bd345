"""Figures: what a report on customer service shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from crmkit.kernel.intervals import share_between
from crmkit.kernel.render import printed, table_html, table_md

Between = tuple[float, float]
Ends = tuple[timedelta | None, timedelta | None]


@attrs.frozen(kw_only=True)
class Spread:
    """How some durations are spread.

    Attributes:
        count: how many there are.
        percentiles: by percent, the duration that is not exceeded by so many of them: the one at the nearest rank.
        between: by percent, between which durations the true percentile lies at 95 %, whatever the distribution; an
            end is missing where they are too few to promise one.
    """

    count: int
    percentiles: Mapping[int, timedelta]
    between: Mapping[int, Ends]

    def __getitem__(self, percent: int) -> timedelta:
        return self.percentiles[percent]


@attrs.frozen
class Lasting:
    """How long something took, by the clock on the wall and in business hours.

    Attributes:
        wall: the mean; missing if there was nothing to measure, like the rest.
        business: the mean of those cases that have a policy, and with it hours.
        wall_spread: the percentiles.
        business_spread: the percentiles of those cases that have a policy.
    """

    wall: timedelta | None
    business: timedelta | None
    wall_spread: Spread | None = None
    business_spread: Spread | None = None

    def __str__(self) -> str:
        return " / ".join(filter(None, map(said, (self.wall, self.business))))

    def at(self, percent: int) -> str:
        """A percentile as :meth:`__str__` shows the mean."""
        spreads = (self.wall_spread, self.business_spread)
        return " / ".join(said(spread[percent]) for spread in spreads if spread is not None)


def said(value: timedelta | None) -> str:
    """A duration in whole seconds."""
    return "" if value is None else str(value).split(".")[0]


@attrs.frozen
class Share:
    """How many of some have something in common.

    Attributes:
        hits: how many.
        of: of how many.

    Example:
        >>> kept = Share(2, 2)
        >>> kept.rate, str(kept)  # two of two prove little
        (1.0, '100% (34%–100%)')
    """

    hits: int
    of: int

    @property
    def rate(self) -> float | None:
        """The share; missing if there are none."""
        return self.hits / self.of if self.of else None

    @property
    def between(self) -> Between:
        """Where the true share lies, at 95 %: Wilson's interval, anywhere if there are none."""
        return share_between(self.hits, self.of) if self.of else (0.0, 1.0)

    def __str__(self) -> str:
        low, high = self.between
        return "" if self.rate is None else f"{self.rate:.0%} ({low:.0%}–{high:.0%})"


@attrs.frozen(kw_only=True)
class Figures:
    """What the cases of one group come to that were resolved within the period.

    Attributes:
        group: an owner, a kind, a channel, a priority, or everybody.
        resolved: how many cases.
        first_response: how long the first answer took, of those that got one.
        response: how long any answer took; it has no percentiles.
        resolution: from the opening to the end.
        waiting: how long a case was in our hands, which is what the customer has waited for us.
        reopened: the share that was reopened at any time.
        first_contact: the share that was solved with one answer or none and never reopened.
        promises: the share of promises kept, by clock, of those that were stopped within the period.
    """

    group: str
    resolved: int
    first_response: Lasting
    response: Lasting
    resolution: Lasting
    waiting: Lasting
    reopened: Share
    first_contact: Share
    promises: Mapping[str, Share]

    @property
    def kept(self) -> Share:
        """The share of promises kept, of all clocks together."""
        return Share(sum(s.hits for s in self.promises.values()), sum(s.of for s in self.promises.values()))

    @property
    def reopen_rate(self) -> float:
        """The share that was reopened at any time."""
        return self.reopened.rate or 0.0

    @property
    def first_contact_rate(self) -> float:
        """The share that was solved at the first contact."""
        return self.first_contact.rate or 0.0

    @property
    def attainment(self) -> float | None:
        """The share of promises kept; missing without promises."""
        return self.kept.rate


@attrs.frozen(kw_only=True)
class Report:
    """The figures of a period, in groups."""

    since: datetime
    until: datetime
    groups: tuple[Figures, ...]

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"{self.since.isoformat()} – {self.until.isoformat()}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = ["who", "resolved", "first response", "response", "resolution", "waiting", "reopened", "at once", "kept"]
        percents = next(
            (list(g.resolution.wall_spread.percentiles) for g in self.groups if g.resolution.wall_spread), []
        )
        return [*head, *(f"resolution p{percent}" for percent in percents)], [
            [
                g.group,
                str(g.resolved),
                str(g.first_response),
                str(g.response),
                str(g.resolution),
                str(g.waiting),
                str(g.reopened),
                str(g.first_contact),
                str(g.kept),
                *(g.resolution.at(percent) for percent in percents),
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
        spreads: by group, how old they are: in business time if a calendar was given.
    """

    as_of: datetime
    ages: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]
    spreads: Mapping[str, Spread] = attrs.field(factory=dict)

    @property
    def total(self) -> int:
        """How many cases are open."""
        return sum(sum(counts) for counts in self.groups.values())

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

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
