"""Dimensions: the funnel side by side, by source, campaign, product, person, team, region, channel or month of opening.

A deal counts under one value of each dimension, with two exceptions that are worth knowing: by product it counts under
each product of its lines, with what these lines are worth, and who shares a deal plays no part (it counts under its
owner; the forecast shares it out).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction

import attrs

from crmkit.analytics.charts import figure, heatmap
from crmkit.analytics.funnel import Funnel, Standing
from crmkit.analytics.kpis import velocity
from crmkit.analytics.purchases import refuse_other_currencies
from crmkit.analytics.reading import both, in_window
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import local_date, shift
from crmkit.kernel.intervals import share_between
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns import Campaign
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.lines import DealLine
from crmkit.pipeline.products import Product

PLAIN = ("source", "owner", "team", "channel", "region", "lost_reason")
DIMENSIONS = (*PLAIN, "campaign", "product", "month")
NONE = "(none)"
Value = str | None
Stay = tuple[Value, timedelta]


@attrs.frozen(kw_only=True)
class Slice:
    """The deals of one value of a dimension.

    Attributes:
        value: an id for campaigns and products, ``2026-03`` for months; missing for deals without one.
        label: how it is called in print.
        funnel: how far they have come.
        cycle: how long it took from opening to winning, on average; missing when none was won.
    """

    value: Value
    label: str
    funnel: Funnel
    cycle: timedelta | None

    @property
    def deals(self) -> int:
        """How many there are."""
        return self.funnel.open + self.funnel.won + self.funnel.lost

    @property
    def win_rate_between(self) -> tuple[float, float] | None:
        """Where the true win rate lies, at 95 % (Wilson); missing when nothing was decided."""
        decided = self.funnel.won + self.funnel.lost
        return share_between(self.funnel.won, decided) if decided else None

    @property
    def average(self) -> Money | None:
        """What a won deal is worth, rounded once; missing without any."""
        return self.funnel.won_amount / self.funnel.won if self.funnel.won else None

    @property
    def velocity(self) -> Money | None:
        """What the open deals bring a day at this rate; see :func:`crmkit.analytics.velocity`."""
        if self.average is None or not self.cycle:
            return None
        rate = Fraction(self.funnel.won, self.funnel.won + self.funnel.lost)
        return velocity(deals=self.funnel.open, average=self.average, win_rate=rate, cycle=self.cycle)

    def shares(self) -> list[float]:
        """The part of them that reached each stage, and the part that was won."""
        return [count / self.deals for count in (*(s.reached for s in self.funnel.stages), self.funnel.won)]


@attrs.frozen(kw_only=True)
class Funnels:
    """The funnel side by side.

    Attributes:
        by: the dimension.
        slices: months in order; else those with the most deals first.
    """

    pipeline: str
    by: str
    slices: tuple[Slice, ...]

    def __iter__(self) -> Iterator[Slice]:
        return iter(self.slices)

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, value: Value) -> Slice:
        """The slice of a value, or of its label.

        Raises:
            InvalidInput: there is none.
        """
        for slice_ in self.slices:
            if value in {slice_.value, slice_.label}:
                return slice_
        raise InvalidInput(f"no deal has the {self.by} {value!r}; there are {', '.join(s.label for s in self.slices)}")

    def svg(self) -> str:
        """The part that reached each stage, the darker the more."""
        if not self.slices:
            return heatmap([], heads=[], title="No deals")
        heads = [*(stage.label for stage in self.slices[0].funnel.stages), "won"]
        rows = [(slice_.label, slice_.shares()) for slice_ in self.slices]
        return heatmap(rows, heads=heads, title=f"Deals that reached each stage, by {self.by}, in per cent")

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(self._heads(), self._cells()), html=self._repr_html_)

    def __repr__(self) -> str:
        return f"<Funnels of the pipeline {self.pipeline} by {self.by}: {', '.join(s.label for s in self.slices)}>"

    def _repr_html_(self) -> str:
        return figure(self.svg(), table_html(self._heads(), self._cells(), caption=f"By {self.by}"))

    def _heads(self) -> list[str]:
        stages = [stage.label for stage in self.slices[0].funnel.stages[1:]] if self.slices else []
        rates = ["win rate", "95 times of 100", "average", "days to win", "a day"]
        return [self.by, "deals", *stages, "won", *rates]

    def _cells(self) -> Iterator[list[str]]:
        for s in self.slices:
            between = "" if s.win_rate_between is None else "{:.0%} – {:.0%}".format(*s.win_rate_between)
            rate = "" if s.funnel.win_rate is None else f"{s.funnel.win_rate:.0%}"
            days = "" if s.cycle is None else f"{s.cycle / timedelta(days=1):.1f}"
            reached = [f"{stage.reached:,}" for stage in s.funnel.stages[1:]]
            money = ["" if m is None else str(m) for m in (s.average, s.velocity)]
            yield [s.label, f"{s.deals:,}", *reached, f"{s.funnel.won:,}", rate, between, money[0], days, money[1]]


def slices_of(
    rows: Iterable[tuple[Value, Standing]],
    stays: Iterable[Stay],
    *,
    labels: Mapping[str, str],
    draw: Callable[[Sequence[Standing]], Funnel],
) -> list[Slice]:
    """The slices of *rows*.

    Args:
        rows: where deals are, by value.
        stays: for each won deal, its value and the time from opening to winning.
        labels: how values are called in print; as they are unless given.
        draw: what makes a funnel of the rows of one value.
    """
    standings: dict[Value, list[Standing]] = defaultdict(list)
    for value, standing in rows:
        standings[value].append(standing)
    times: dict[Value, list[timedelta]] = defaultdict(list)
    for value, time in stays:
        times[value].append(time)
    return [
        Slice(
            value=value,
            label=NONE if value is None else labels.get(value, value),
            funnel=draw(those),
            cycle=sum(times[value], timedelta(0)) / len(times[value]) if times[value] else None,
        )
        for value, those in standings.items()
    ]


# ── Reading ──


@attrs.frozen(kw_only=True)
class Reading:
    """Which deals are looked at, and in which currency."""

    work: Work
    wanted: Rule
    home: str

    def standing(self, stage: str, last: str | None, count: int, sums: Mapping[str, Money]) -> Standing:
        """Deals that are alike, in the one currency that may occur."""
        refuse_other_currencies({code for code, money in sums.items() if money}, self.home)
        return Standing(stage, last, count, sums.get(self.home, Money.zero(self.home)))

    def plain(self, name: str) -> tuple[list[tuple[Value, Standing]], list[Stay]]:
        """By an attribute of the deal: added up by the store."""
        groups = self.work.tally(Opportunity, self.wanted, by=(name, "stage", "last_open_stage"), sums=("amount",))
        rows = [(g.key[0], self.standing(g.key[1], g.key[2], g.count, g.sums["amount"])) for g in groups]
        won = self.work.columns(Opportunity, [name, "created_at", "closed_at"], self.wanted & (F.stage == "won"))
        return rows, [(value, closed - opened) for value, opened, closed in won]

    def months(self) -> tuple[list[tuple[Value, Standing]], list[Stay]]:
        """By the month in which deals were opened: each month added up by the store."""
        zone = self.work.settings.zone
        first = self.work.first(Opportunity, self.wanted, order_by="created_at")
        last = self.work.first(Opportunity, self.wanted, order_by="-created_at")
        rows: list[tuple[Value, Standing]] = []
        if first is None or last is None:
            return rows, []
        month, end = local_date(first.created_at, zone).replace(day=1), local_date(last.created_at, zone)
        while month <= end:
            after: date = shift(month, months=1)
            within = in_window("created_at", self.work, since=month, until=after - timedelta(days=1))
            found = self.work.tally(
                Opportunity, both(self.wanted, within), by=("stage", "last_open_stage"), sums=("amount",)
            )
            rows += [(f"{month:%Y-%m}", self.standing(g.key[0], g.key[1], g.count, g.sums["amount"])) for g in found]
            month = after
        won = self.work.columns(Opportunity, ["created_at", "closed_at"], self.wanted & (F.stage == "won"))
        return rows, [(f"{local_date(opened, zone):%Y-%m}", closed - opened) for opened, closed in won]

    def products(self) -> tuple[list[tuple[Value, Standing]], list[Stay]]:
        """By the products of the lines; deals without lines stand apart."""
        names = ["id", "stage", "last_open_stage", "amount", "created_at", "closed_at"]
        worth: dict[str, dict[str, Money]] = defaultdict(dict)
        for deal, product, name, amount in self.work.columns(
            DealLine, ["opportunity_id", "product_id", "name", "amount"]
        ):
            sums, value = worth[deal], product or name
            sums[value] = sums[value] + amount if value in sums else amount
        rows: list[tuple[Value, Standing]] = []
        stays: list[Stay] = []
        for deal, stage, last, amount, opened, closed in self.work.columns(Opportunity, names, self.wanted):
            parts: list[tuple[Value, Money | None]] = [*worth[deal].items()] if deal in worth else [(None, amount)]
            for value, money in parts:
                sums = {} if money is None else {money.currency: money}
                rows.append((value, self.standing(stage, last, 1, sums)))
                if stage == "won":
                    stays.append((value, _span(opened, closed)))
        return rows, stays


def _span(opened: datetime, closed: datetime) -> timedelta:
    return closed - opened


def read(
    work: Work, by: str, *, wanted: Rule, home: str
) -> tuple[list[tuple[Value, Standing]], list[Stay], Mapping[str, str]]:
    """The rows of :func:`slices_of` from the store, with the labels of the values.

    Raises:
        InvalidInput: there is no such dimension, or there are other currencies.
    """
    reading = Reading(work=work, wanted=wanted, home=home)
    if by in PLAIN:
        return (*reading.plain(by), {})
    if by == "campaign":
        return (*reading.plain("campaign_id"), dict(work.columns(Campaign, ["id", "name"])))
    if by == "product":
        return (*reading.products(), dict(work.columns(Product, ["id", "name"])))
    if by == "month":
        return (*reading.months(), {})
    near = nearest(str(by), DIMENSIONS)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(DIMENSIONS)}"
    raise InvalidInput(f"there is no dimension {by!r}: {hint}")
