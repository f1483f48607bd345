"""Which campaigns brought the orders: attribution over what the store knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import check_days, start_of_day
from crmkit.kernel.money import Money
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.marketing.attribution import MARKOV, MODELS, Path, Touch, markov, model_named, path_before
from crmkit.marketing.campaigns import Campaign
from crmkit.marketing.responses import Response
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.orders.order import Order

if TYPE_CHECKING:
    from crmkit.marketing.attribution import Credit

TOUCHES = ("clicked", "replied", "visited", "called")


@attrs.frozen(kw_only=True)
class AttributionReport:
    """Who gets the credit for paid orders.

    Attributes:
        conversions: by campaign name, its share of the orders; with *untouched* they sum to the number of orders.
        revenue: by campaign name, its share of what the orders cost; with *untouched_revenue* it sums to all of it.
        untouched: orders before which there was no touch.
    """

    model: str
    conversions: Mapping[str, Fraction]
    revenue: Mapping[str, Money]
    untouched: int
    untouched_revenue: Money

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: table_md(["campaign", "orders", "revenue"], self._rows()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return table_html(["campaign", "orders", "revenue"], self._rows(), caption=f"attribution: {self.model}")

    def _rows(self) -> list[tuple[str, str, Money]]:
        ranked = sorted(self.conversions, key=lambda name: (-self.conversions[name], name))
        rows = [(name, f"{float(self.conversions[name]):.2f}", self.revenue[name]) for name in ranked]
        return [*rows, ("(no touch)", str(self.untouched), self.untouched_revenue)] if self.untouched else rows


def attribute_orders(
    work: Work, *, model: str, since: date | None, until: date | None, lookback: timedelta
) -> AttributionReport:
    """Share the paid orders among the campaigns that touched their customers before."""
    model_named(model)
    check_days(since=since, until=until)
    orders = work.find(Order, _paid(work, since, until), order_by="placed_at")
    touches = _touches(work)
    paths: list[tuple[Path, Money]] = []
    currency = work.settings.currency
    untouched, rest = 0, Money.zero(currency)
    for order in orders:
        if order.total.currency != currency:
            raise InvalidInput(f"order {order.id} is in {order.total.currency}: attribution adds up {currency} only")
        path = path_before(touches.get(order.customer_id, ()), conversion=order.placed_at, lookback=lookback)
        if path is None:
            untouched, rest = untouched + 1, rest + order.total
        else:
            paths.append((path, order.total))
    lost = _lost(touches, {order.customer_id for order in orders}) if model == MARKOV else []
    conversions, revenue = _shared(paths, lost, model, currency)
    return AttributionReport(
        model=model, conversions=conversions, revenue=revenue, untouched=untouched, untouched_revenue=rest
    )


def _paid(work: Work, since: date | None, until: date | None) -> Rule:
    rule = F.status == "paid"
    if since is not None:
        rule &= F.placed_at >= start_of_day(since, work.settings.zone)
    if until is not None:
        rule &= F.placed_at < start_of_day(until + timedelta(days=1), work.settings.zone)
    return rule


def _touches(work: Work) -> dict[str, list[Touch]]:
    """By customer: the responses to campaigns, and the leads that campaigns brought."""
    names = dict(work.columns(Campaign, ["id", "name"]))
    answered = (F.campaign_id != None) & F.kind.in_(TOUCHES)  # noqa: E711 - a rule, not a comparison
    rows: list[tuple[str, str, datetime]] = work.columns(Response, ["customer_id", "campaign_id", "at"], answered)
    brought = (F.campaign_id != None) & (F.customer_id != None)  # noqa: E711
    rows += work.columns(Lead, ["customer_id", "campaign_id", "created_at"], brought)
    touches: dict[str, list[Touch]] = {}
    for customer_id, campaign_id, at in rows:
        touches.setdefault(customer_id, []).append(Touch(name=names[campaign_id], at=at))
    return touches


def _lost(touches: Mapping[str, list[Touch]], buyers: set[str]) -> list[Path]:
    """The paths of those who were touched and have not bought."""
    others = (sorted(mine, key=lambda t: t.at) for who, mine in touches.items() if who not in buyers)
    return [Path(touches=tuple(t.name for t in mine), conversions=0, nulls=1) for mine in others]


def _shared(
    paths: list[tuple[Path, Money]], lost: list[Path], model: str, currency: str
) -> tuple[Credit, dict[str, Money]]:
    if model == MARKOV:
        conversions = markov([*(path for path, _ in paths), *lost])
        total = sum((money for _, money in paths), Money.zero(currency))
        return conversions, _allocated(total, conversions) if conversions else {}
    credit: Credit = {}
    revenue: dict[str, Money] = {}
    for path, money in paths:
        shares = MODELS[model](path)
        for name, share in shares.items():
            credit[name] = credit.get(name, Fraction(0)) + share
        for name, part in _allocated(money, shares).items():
            revenue[name] = revenue.get(name, Money.zero(currency)) + part
    return credit, revenue


def _allocated(money: Money, shares: Mapping[str, Fraction]) -> dict[str, Money]:
    """*money* by shares, without losing a cent: the largest remainders get what rounding down has left."""
    whole = sum(shares.values())
    exact = {name: money.minor * share / whole for name, share in shares.items()}
    floor = {name: value.numerator // value.denominator for name, value in exact.items()}
    left = money.minor - sum(floor.values())
    for name in _largest(exact, floor)[:left]:
        floor[name] += 1
    return {name: Money.from_minor(minor, money.currency) for name, minor in floor.items()}


def _largest(exact: Mapping[str, Fraction], floor: Mapping[str, int]) -> list[str]:
    names: Iterable[str] = exact
    return sorted(names, key=lambda name: (floor[name] - exact[name], name))
