"""Key figures: one number for each question that a house asks every month, with the span before beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from crmkit.analytics.purchases import refuse_other_currencies
from crmkit.analytics.reading import both, in_window
from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money, round_ratio
from crmkit.kernel.ports import Group
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.marketing.campaigns import Expense
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.service.cases.case import Case

if TYPE_CHECKING:
    from crmkit.analytics.growth import Span
    from crmkit.kernel.work import Work


@attrs.frozen(kw_only=True)
class Kpis:
    """The key figures of a span of days.

    Attributes:
        revenue: payments received less refunds given.
        customers: how many have paid.
        new_customers: how many of them for the first time.
        orders: for how many orders they paid.
        leads: people who showed interest in the span.
        leads_converted: how many of these have become customers by now.
        deals_opened: deals opened in the span.
        won: deals won in the span; ``won_amount`` is what they are worth.
        lost: deals lost in the span.
        cycle: from opening to winning, on average over the deals won; missing without any.
        deals_open: deals open now; ``open_amount`` is what they are worth.
        marketing_cost: expenses of campaigns, booked in the span.
        cases_opened: cases opened in the span.
        cases_resolved: cases resolved in the span.
        time_to_resolve: from opening to the solution, on average over the cases resolved; missing without any.
    """

    since: date
    until: date
    revenue: Money
    customers: int
    new_customers: int
    orders: int
    leads: int
    leads_converted: int
    deals_opened: int
    won: int
    won_amount: Money
    lost: int
    cycle: timedelta | None
    deals_open: int
    open_amount: Money
    marketing_cost: Money
    cases_opened: int
    cases_resolved: int
    time_to_resolve: timedelta | None

    @property
    def average_order_value(self) -> Money | None:
        """Revenue of an order that was paid, rounded once; missing without any."""
        return self.revenue / self.orders if self.orders else None

    @property
    def lead_conversion(self) -> float | None:
        """The part of the leads of the span that have become customers; missing without any."""
        return self.leads_converted / self.leads if self.leads else None

    @property
    def win_rate(self) -> float | None:
        """The part of the decided deals that was won: won / (won + lost); missing when nothing was decided."""
        return self.won / (self.won + self.lost) if self.won + self.lost else None

    @property
    def average_deal(self) -> Money | None:
        """What a won deal is worth, rounded once; missing without any."""
        return self.won_amount / self.won if self.won else None

    @property
    def acquisition_cost(self) -> Money | None:
        """What marketing paid for a new customer, rounded once; missing without any."""
        return self.marketing_cost / self.new_customers if self.new_customers else None

    @property
    def velocity(self) -> Money | None:
        """What the open deals will bring a day at this rate; see :func:`velocity`."""
        if self.average_deal is None or not self.cycle:
            return None
        rate = Fraction(self.won, self.won + self.lost)
        return velocity(deals=self.deals_open, average=self.average_deal, win_rate=rate, cycle=self.cycle)

    def facts(self) -> dict[str, str]:
        """The figures by name, as they are printed; those that are missing are left out."""
        shown = {
            "revenue": self.revenue,
            "customers": self.customers,
            "new customers": self.new_customers,
            "orders": self.orders,
            "average order": self.average_order_value,
            "leads": self.leads,
            "lead conversion": _percent(self.lead_conversion),
            "deals opened": self.deals_opened,
            "deals won": self.won,
            "win rate": _percent(self.win_rate),
            "average deal": self.average_deal,
            "sales cycle": _days(self.cycle),
            "open deals": self.deals_open,
            "open amount": self.open_amount,
            "sales velocity a day": self.velocity,
            "marketing cost": self.marketing_cost,
            "cost of a new customer": self.acquisition_cost,
            "cases opened": self.cases_opened,
            "cases resolved": self.cases_resolved,
            "time to resolve": _days(self.time_to_resolve),
        }
        return {name: str(value) for name, value in shown.items() if value is not None}

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(HEADERS, self.facts().items()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self.facts().items(), caption=f"{self.since} to {self.until}")


HEADERS = ("figure", "value")


def velocity(*, deals: int, average: Money, win_rate: Fraction, cycle: timedelta) -> Money:
    """What the open deals bring a day: deals × average value × win rate / length of the sales cycle, rounded once.

    Args:
        deals: how many are open, 0 and more.
        average: what one is worth.
        win_rate: the part that is won, 0 to 1.
        cycle: how long it takes from opening to winning, above 0.

    Raises:
        InvalidInput: an argument is out of range.

    Example:
        >>> velocity(deals=40, average=Money(25_000, "USD"), win_rate=Fraction(1, 4), cycle=timedelta(days=90))
        Money('2777.78', 'USD')
    """
    if deals < 0 or not 0 <= win_rate <= 1 or cycle <= timedelta(0):
        raise InvalidInput(
            f"velocity needs deals of 0 and more, a rate of 0 to 1 and time: {deals}, {win_rate}, {cycle}"
        )
    exact = deals * average.minor * Fraction(win_rate) * Fraction(timedelta(days=1) // MICRO, cycle // MICRO)
    return Money.from_minor(round_ratio(exact.numerator, exact.denominator), average.currency)


MICRO = timedelta(microseconds=1)
MERGED_ARE_ONE = F.merged_into.is_missing()


def kpis_of(work: Work, span: Span, *, currency: str | None) -> Kpis:
    """The key figures of *span*, whose revenue has been counted.

    Raises:
        InvalidInput: there are deals or expenses in several currencies, and none was asked for.
    """
    home = currency or work.settings.currency
    days = {"since": span.since, "until": span.until}

    def within(field: str) -> Rule | None:
        return in_window(field, work, **days)

    def money(cls: type[Record], rule: Rule | None, by: Sequence[str] = ()) -> dict[str, tuple[int, Money]]:
        groups = work.tally(cls, rule, by=by, sums=("amount",))
        if currency is None:
            refuse_other_currencies({c for g in groups for c, m in g.sums["amount"].items() if m}, home)
        return {str(g.key[0]) if by else "": (g.count, _amount(g, home)) for g in groups}

    none = (0, Money.zero(home))
    ours = None if currency is None else F.amount.is_missing() | (F.amount >= Money.zero(currency))
    closed, captured = within("closed_at"), within("created_at")
    decided = money(Opportunity, both(both(MERGED_ARE_ONE, closed), ours), by=("stage",))
    still = money(Opportunity, both(F.stage.not_in(["won", "lost"]), ours), by=("stage",))
    won = decided.get("won", none)
    ended = work.columns(Opportunity, ["created_at", "closed_at"], both(both(F.stage == "won", closed), ours))
    return Kpis(
        since=span.since,
        until=span.until,
        revenue=span.revenue,
        customers=span.customers,
        new_customers=span.new_customers,
        orders=span.orders,
        leads=work.count(Lead, captured),
        leads_converted=work.count(Lead, both(F.stage == "converted", captured)),
        deals_opened=work.count(Opportunity, both(both(MERGED_ARE_ONE, captured), ours)),
        won=won[0],
        won_amount=won[1],
        lost=decided.get("lost", none)[0],
        cycle=_mean(ended),
        deals_open=sum(count for count, _ in still.values()),
        open_amount=Money.total((amount for _, amount in still.values()), currency=home),
        marketing_cost=money(Expense, within("booked_at")).get("", none)[1],
        cases_opened=work.count(Case, within("opened_at")),
        cases_resolved=work.count(Case, within("resolved_at")),
        time_to_resolve=_mean(work.columns(Case, ["opened_at", "resolved_at"], within("resolved_at"))),
    )


def _amount(group: Group, currency: str) -> Money:
    amount: Money = group.sums["amount"].get(currency, Money.zero(currency))
    return amount


def _mean(pairs: Sequence[tuple[datetime, datetime]]) -> timedelta | None:
    return sum((end - begin for begin, end in pairs), timedelta(0)) / len(pairs) if pairs else None


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


def _days(length: timedelta | None) -> str | None:
    return None if length is None else f"{length / timedelta(days=1):.1f} days"
