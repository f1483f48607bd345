"""Results: what some people have achieved in a period, in money or counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money
from crmkit.kernel.rates import RateTable
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.opportunities.people import DealSplit, parts_of
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment
from crmkit.pipeline.quotas.achievement import Achievement
from crmkit.pipeline.quotas.quota import Measure, Quota

SECOND = timedelta(seconds=1)


def achieved(work: Work, quota: Quota, *, now: datetime, rates: RateTable | None) -> Achievement:
    """How far those for whom *quota* is have come by *now*.

    Raises:
        InvalidInput: there are amounts in other currencies and no rates.
    """
    zone = work.settings.zone
    start, end = start_of_day(quota.starts_on, zone), start_of_day(quota.ends_on + timedelta(days=1), zone)
    results = _Results(work=work, people=_people(work, quota), start=start, end=end, now=now, rates=rates)
    result: Money | int
    if quota.amount is not None:
        result = results.money(quota.measure, quota.amount.currency)
        share = Decimal(result.minor) / Decimal(quota.amount.minor)
    else:
        result = results.number(quota.measure)
        share = Decimal(result) / Decimal(quota.number or 1)
    elapsed = Decimal(max((min(now, end) - start) // SECOND, 0)) / Decimal((end - start) // SECOND)
    percent = (100 * share).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return Achievement(quota=quota, achieved=result, percent=percent, elapsed=elapsed)


def _people(work: Work, quota: Quota) -> list[str] | None:
    """Whose results count; everybody's when there is no list."""
    if quota.owner is not None:
        return [quota.owner]
    if quota.team is not None:
        return [name for (name,) in work.columns(Salesperson, ["name"], F.team == quota.team)]
    return None


@attrs.frozen(kw_only=True)
class _Results:
    """What some people have achieved from *start* on, before *end*, as far as it is known *now*."""

    work: Work
    people: list[str] | None
    start: datetime
    end: datetime
    now: datetime
    rates: RateTable | None

    def money(self, measure: Measure, currency: str) -> Money:
        """The sum in *currency*."""
        if measure == "won":
            won = (F.stage == "won") & self._within(F.closed_at)
            alone = F.splits.where(F.kind == "revenue").none() & self._theirs(F.owner)
            mine = won if self.people is None else won & alone
            return self._sum(Opportunity, ("amount", "closed_at"), mine, currency) + self._shared(won, currency)
        if measure == "ordered":
            rule = (F.status != "cancelled") & self._within(F.placed_at) & self._theirs(F.owner)
            return self._sum(Order, ("total", "placed_at"), rule, currency)
        rule = self._within(F.received_at) & self._theirs(F.order.owner)
        came, went = (
            self._sum(Payment, ("amount", "received_at"), rule & (F.kind == kind), currency)
            for kind in ("payment", "refund")
        )
        return came - went

    def _shared(self, won: Rule, currency: str) -> Money:
        """Their parts of the deals that several people share; nothing when everybody's deals count as they are."""
        sums = Money.zero(currency)
        if self.people is None or not self.work.count(DealSplit, (F.kind == "revenue") & F.person.in_(self.people)):
            return sums
        theirs = F.splits.where((F.kind == "revenue") & F.person.in_(self.people)).any()
        for deal in self.work.find(Opportunity, won & theirs):
            if deal.amount is None or deal.closed_at is None:
                continue
            amount = self._converted(deal.amount, deal.closed_at, currency)
            splits = self.work.find(DealSplit, (F.opportunity_id == deal.id) & (F.kind == "revenue"), order_by="person")
            parts = parts_of(amount, {split.person: split.percent for split in splits})
            sums += Money.total((part for who, part in parts.items() if who in self.people), currency=currency)
        return sums

    def _converted(self, amount: Money, at: datetime, currency: str) -> Money:
        if self.rates is not None:
            return self.rates.convert(amount, currency, on=local_date(at, self.work.settings.zone))
        if amount.currency != currency:
            raise InvalidInput(f"there are deals in {amount.currency} beside {currency}: give rates=RateTable(…)")
        return amount

    def number(self, measure: Measure) -> int:
        """How many there are."""
        if measure == "deals":
            return self.work.count(Opportunity, (F.stage == "won") & self._within(F.closed_at) & self._theirs(F.owner))
        if measure == "conversions":
            converted = (F.stage == "converted") & self._within(F.stage_since)
            return self.work.count(Lead, converted & self._theirs(F.owner))
        kind = {"calls": "call", "meetings": "meeting", "visits": "visit"}[measure]
        done = (F.kind == kind) & (F.status == "done") & self._within(F.done_at)
        return self.work.count(Activity, done & self._theirs(F.owner))

    def _within(self, field: Any) -> Rule:
        rule: Rule = (field >= self.start) & (field < self.end) & (field <= self.now)
        return rule

    def _theirs(self, field: Any) -> Rule:
        rule: Rule = ~F.id.is_missing() if self.people is None else field.in_(self.people)
        return rule

    def _sum(self, cls: type[Record], names: tuple[str, str], rule: Rule, currency: str) -> Money:
        """With rates each amount at its own day; without them only if there is no other currency."""
        if self.rates is None:
            tallied = self.work.tally(cls, rule, sums=names[:1])
            return tallied[0].money(names[0], currency) if tallied else Money.zero(currency)
        rows = self.work.columns(cls, names, rule)
        amounts = (self._converted(amount, at, currency) for amount, at in rows if amount is not None)
        return sum(amounts, start=Money.zero(currency))
