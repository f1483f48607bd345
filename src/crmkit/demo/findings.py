"""Findings: what the statistics say, as sections for the screen and the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import attrs

from crmkit.analytics.charts import bars, heatmap, short
from crmkit.analytics.growth import Growth
from crmkit.crm import CRM
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.pipeline.orders.line import OrderLine

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TOP = 10


@attrs.frozen(kw_only=True)
class Section:
    """One finding.

    Attributes:
        words: what it says, in a sentence or two.
        svg: a drawing; empty if there is none.
        headers: those of the table.
        caption: what stands above it.
        rows: its cells.
        code: the line of Python that finds it.
    """

    title: str
    words: str
    svg: str = ""
    headers: Sequence[str] = ()
    caption: str = ""
    rows: Sequence[Sequence[str]] = ()
    code: str = ""


@attrs.frozen(kw_only=True)
class Findings:
    """Everything that was found.

    Attributes:
        title: what it is about.
        facts: the most important numbers, by name.
    """

    title: str
    facts: Mapping[str, str]
    sections: Sequence[Section]


class Analyst:
    """Asks ``crm.analytics`` and puts the answers into words.

    Args:
        crm: whose data.
        since: the first day.
        until: the last day.
    """

    def __init__(self, crm: CRM, *, since: date, until: date) -> None:
        self.crm, self.since, self.until = crm, since, until
        self.names = {c.id: c.name for c in crm.customers.find()}

    def facts(self) -> Mapping[str, str]:
        """The most important numbers."""
        whole = self._growth()
        rows = self.crm.analytics.rfm(until=self.until).rows
        again = sum(row.purchases > 1 for row in rows)
        return {
            "revenue": str(whole.revenue),
            "customers": f"{whole.customers:,}",
            "orders": f"{whole.orders:,}",
            "average order": str(whole.average_order_value or ""),
            "bought again": f"{again / len(rows):.0%}" if rows else "",
        }

    def figures(self) -> Section:
        """One number for each question that a house asks every month."""
        found = self.crm.analytics.kpis(since=self.since, until=self.until)
        return Section(
            title="Key figures",
            words="Sales, marketing and service in one table.",
            caption=f"{self.since} to {self.until}",
            headers=("figure", "value"),
            rows=[[name, value] for name, value in found.facts().items()],
            code="crm.analytics.kpis(since=…, until=…)",
        )

    def growth(self) -> Section:
        """Revenue by month, and what it is made of."""
        whole = self._growth()
        per = whole.orders_per_customer or 0
        return Section(
            title="Growth",
            words=f"{whole.revenue} = {whole.customers:,} customers × {per:.2f} orders each × "
            f"{whole.average_order_value} an order. Revenue is what was received, less refunds.",
            svg=whole.svg(),
            caption=self._in("By month"),
            headers=("month", "revenue", "customers", "new", "orders", "average"),
            rows=[
                [
                    f"{m.since:%b %Y}",
                    _plain(m.revenue),
                    f"{m.customers:,}",
                    f"{m.new_customers:,}",
                    f"{m.orders:,}",
                    _plain(m.average_order_value),
                ]
                for m in whole.months
            ],
            code=f"crm.analytics.growth(since={self.since!r}, until={self.until!r})".replace("datetime.", ""),
        )

    def change(self) -> Section:
        """Why the last half of the time differs from the one before."""
        middle = date.fromordinal((self.since.toordinal() + self.until.toordinal() + 1) // 2)
        later = self.crm.analytics.growth(since=middle, until=self.until)
        bridge = later.bridge
        grew = bridge.change.minor >= 0
        largest = max(bridge.effects.items(), key=lambda item: abs(item[1].minor), default=("nothing", bridge.change))
        return Section(
            title="What changed",
            words=f"Since {middle:%-d %B %Y}, revenue is {abs(bridge.change)} {'more' if grew else 'less'} than in the "
            f"equally long time before. Most of it: {largest[0]}. The effects add up to the last cent.",
            svg=bridge.svg(),
            caption=self._in("What changed the revenue"),
            headers=("what", "effect"),
            rows=[[name, f"{effect.amount:+,}"] for name, effect in bridge.effects.items()],
            code="crm.analytics.growth(…).bridge",
        )

    def groups(self) -> Section:
        """RFM."""
        found = self.crm.analytics.rfm(until=self.until)
        best = max(found.groups, key=lambda g: g.revenue.minor)
        whole = sum(g.revenue.minor for g in found.groups) or 1
        return Section(
            title="Who are the customers?",
            words=f"By how recently, how often and for how much they bought. The group “{best.group}” has "
            f"{best.share:.0%} of the customers and {best.revenue.minor / whole:.0%} of the revenue.",
            svg=found.svg(),
            caption=self._in("Groups of customers"),
            headers=("group", "customers", "share", "revenue"),
            rows=[[g.group, f"{g.customers:,}", f"{g.share:.1%}", _plain(g.revenue)] for g in found.groups],
            code="crm.analytics.rfm()",
        )

    def cohorts(self) -> Section:
        """Who comes back."""
        found = self.crm.analytics.cohorts(until=self.until, horizon=11)
        next_month = found.retention(1)
        return Section(
            title="Who comes back?",
            words="By the month of the first purchase: how many per cent bought again in each month after it."
            + ("" if next_month is None else f" In the month after the first one, {next_month:.0%} do."),
            svg=found.svg(),
            caption=self._in("Share that bought again, months later"),
            headers=("first bought", "customers", "+1 month", "+3", "+6", "revenue"),
            rows=[
                [
                    f"{c.month:%b %Y}",
                    f"{c.size:,}",
                    *(_share(c.retention(months)) for months in (1, 3, 6)),
                    _plain(Money.total(c.revenue, currency=self.crm.settings.currency)),
                ]
                for c in found.cohorts
            ],
            code="crm.analytics.cohorts()",
        )

    def future(self) -> Section:
        """Lifetime value; a sentence instead if the data say too little."""
        title, code = "What will they still buy?", "crm.analytics.lifetime_value(months=12)"
        try:
            found = self.crm.analytics.lifetime_value(until=self.until, months=12)
        except InvalidInput as why:
            return Section(title=title, words=f"That cannot be told: {why}.", code=code)
        return Section(
            title=title,
            words=f"In the next 12 months these customers will spend about {found.total}, if they go on like this "
            "(the BG/NBD and Gamma-Gamma models, fitted to all purchases). The most valuable ones:",
            caption=self._in("Expected in 12 months"),
            headers=("customer", "still buys", "purchases", "value"),
            rows=[
                [self.names[p.customer], f"{p.alive:.0%}", f"{p.purchases:.1f}", _plain(p.value)]
                for p in found.prospects[:TOP]
            ],
            code=code,
        )

    def products(self) -> Section:
        """What is bought."""
        with self.crm.read() as work:
            sold = work.tally(OrderLine, by=("name",), sums=("amount", "quantity"))
        home = self.crm.settings.currency
        best = sorted(sold, key=lambda g: -g.money("amount", home).minor)[:TOP]
        rows = [(str(g.key[0]), g.money("amount", home), g.sums["quantity"]) for g in best]
        return Section(
            title="What do they buy?",
            words=f"{rows[0][0]} brings most." if rows else "Nothing yet.",
            svg=bars(
                [
                    (name if len(name) <= 18 else f"{name[:17]}…", float(m.amount), short(float(m.amount)))
                    for name, m, _ in rows
                ],
                title="Revenue",
            ),
            caption=self._in("Best sellers"),
            headers=("product", "sold", "revenue"),
            rows=[[name, f"{quantity.normalize():,f}", _plain(money)] for name, money, quantity in rows],
        )

    def tastes(self, tastes: Sequence[str]) -> Section:
        """Segments by taste and by the month of birth: rules, stored and counted."""
        segments = self.crm.customers.segments
        counted: dict[str, list[int]] = defaultdict(list)
        for taste in tastes:
            segments.define(f"likes {taste}", rule=F.tags.has(taste))
            segments.refresh(f"likes {taste}")
            for month in range(1, 13):
                rule = F.in_segment(f"likes {taste}") & (F.birthday.month == month)
                counted[taste].append(self.crm.customers.count(rule))
        coming = shift(self.until, months=1)
        rule = F.tags.has(tastes[0]) & (F.birthday.month == coming.month)
        most = max(max(row) for row in counted.values()) or 1
        return Section(
            title="Segments by taste and birthday",
            words=f"{segments.preview(rule).count} guests like it {tastes[0]} and have their birthday in "
            f"{coming:%B}: invite them. The rule: {rule}",
            svg=heatmap(
                [(taste, [n / most for n in row]) for taste, row in counted.items()],
                heads=MONTHS,
                title="Guests by taste and month of birth",
                texts=lambda share: f"{share * most:.0f}",
            ),
            caption="Guests by taste and month of birth",
            headers=("taste", *MONTHS),
            rows=[[taste, *map(str, row)] for taste, row in counted.items()],
            code='segments.define("likes spicy", rule=F.tags.has("spicy"))',
        )

    def banquets(self) -> Section:
        """The funnel."""
        found = self.crm.analytics.funnel()
        last = found.won / found.stages[-1].reached if found.stages[-1].reached else None
        rate = "nothing is decided yet" if found.win_rate is None else f"{found.win_rate:.0%} of those decided were won"
        return Section(
            title="Banquets",
            words=f"{found.won + found.lost + found.open} requests: {rate}, worth {found.won_amount}; "
            f"{found.open} are open.",
            svg=found.svg(),
            caption=self._in("From request to banquet"),
            headers=("stage", "reached", "amount", "conversion", "now", "lost"),
            rows=[
                *(
                    [
                        s.label,
                        f"{s.reached:,}",
                        _plain(s.amount),
                        _share(s.conversion),
                        f"{s.here:,}",
                        f"{s.lost:,}",
                    ]
                    for s in found.stages
                ),
                ["won", f"{found.won:,}", _plain(found.won_amount), _share(last), "", ""],
            ],
            code="crm.analytics.funnel()",
        )

    def campaigns(self) -> Section:
        """What the campaigns cost and brought."""
        results = [self.crm.marketing.campaigns.results(c) for c in self.crm.marketing.campaigns.find()]
        return Section(
            title="Campaigns",
            words="Income is what was received for the orders that a campaign brought: here, the first meal only.",
            caption=self._in("Cost and income"),
            headers=("campaign", "cost", "income", "return", "orders"),
            rows=[
                [
                    r.campaign.name,
                    _plain(r.cost),
                    _plain(r.income),
                    "" if r.roi is None else f"{r.roi:+.0%}",
                    f"{r.orders:,}",
                ]
                for r in results
            ],
            code="crm.marketing.campaigns.results(campaign)",
        )

    def _in(self, caption: str) -> str:
        return f"{caption}; amounts in {self.crm.settings.currency}"

    def _growth(self) -> Growth:
        return self.crm.analytics.growth(since=self.since, until=self.until)


def _plain(money: Money | None) -> str:
    """An amount without its currency, which the page and the screen name once."""
    return "" if money is None else f"{money.amount:,}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def of_restaurant(crm: CRM, *, since: date, until: date, tastes: Sequence[str]) -> Iterator[Callable[[], Section]]:
    """What is asked about the restaurant, in order."""
    analyst = Analyst(crm, since=since, until=until)
    yield analyst.growth
    yield analyst.change
    yield lambda: analyst.tastes(tastes)
    yield analyst.groups
    yield analyst.cohorts
    yield analyst.future
    yield analyst.products
    yield analyst.banquets
    yield analyst.campaigns
    yield analyst.figures
