"""Settlements: the lines of one person, one period and one currency, paid out together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.commissions.ledger import Commission

Period = Literal["half_month", "month", "quarter", "half_year", "year"]
MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@entity("settlement", prefix="settle", indexes=[Index(attributes=("person", "starts_on"))])
class Settlement(Entity):
    """What one person gets for one period in one currency.

    Attributes:
        starts_on: the first day of the period.
        ends_on: the day after the last one.
        status: settled, invoiced (a payout document exists) or cancelled.
        total: the sum of its lines; below 0 when more was taken back than earned.
    """

    person: str = attribute()
    starts_on: date = attribute()
    ends_on: date = attribute()
    currency: str = attribute(limit=3)
    status: str = attribute(default="settled", index=True)
    status_since: datetime = attribute()
    total: Money = attribute()
    reference: str | None = attribute(default=None)
    reason: str | None = attribute(default=None)


@event("pipeline.settlement_made")
class SettlementMade(Event):
    """Commissions were settled; *total* is what the settlement comes to now."""

    settlement_id: str
    person: str
    total: Money


SETTLEMENT = Machine(
    "settlement",
    initial="settled",
    final={"cancelled", "invoiced"},
    field="status",
    table=(
        on("invoice", "settled", "invoiced"),
        on("withdraw invoice", "invoiced", "settled", needs="reason"),
        on("cancel", "settled", "cancelled", needs="reason"),
    ),
)


def period_of(on: date, period: Period) -> tuple[date, date]:
    """The period that *on* belongs to: its first day, and the day after its last one.

    Example:
        >>> [str(d) for d in period_of(date(2022, 1, 31), "half_month")]
        ['2022-01-16', '2022-02-01']
    """
    first = on.replace(day=1)
    if period == "half_month":
        middle = on.replace(day=16)
        return (first, middle) if on < middle else (middle, shift(first, months=1))
    months = MONTHS[period]
    start = first.replace(month=(first.month - 1) // months * months + 1)
    return start, shift(start, months=months)


def settle(work: Work, *, until: date, period: Period, person: str | None) -> list[Settlement]:
    """Settle what was earned in the periods that are over by *until*."""
    if period not in {"half_month", *MONTHS}:
        raise InvalidInput(f"unknown period {period!r}: use 'half_month', {', '.join(map(repr, MONTHS))}")
    day(until, what="until")
    zone = work.settings.zone
    rule: Rule = F.settlement_id.is_missing() & (F.earned_at < start_of_day(until, zone))
    if person is not None:
        rule &= F.person == person
    heaps: dict[tuple[str, date, date, str], list[Commission]] = {}
    for line in work.find(Commission, rule, order_by=("earned_at", "id")):
        start, end = period_of(local_date(line.earned_at, zone), period)
        if end <= until:
            heaps.setdefault((line.person, start, end, line.amount.currency), []).append(line)
    return [_settled(work, key, lines) for key, lines in sorted(heaps.items(), key=lambda heap: heap[0])]


def _settled(work: Work, key: tuple[str, date, date, str], lines: Iterable[Commission]) -> Settlement:
    """One settlement: the one that is there for the same person, period and currency, as long as it is not invoiced."""
    person, start, end, code = key
    lines = list(lines)
    same = (F.person == person) & (F.starts_on == start) & (F.ends_on == end) & (F.currency == code)
    known = work.first(Settlement, same & (F.status == "settled"))
    added = Money.total((line.amount for line in lines), currency=code)
    after = (
        work.new(
            Settlement,
            person=person,
            starts_on=start,
            ends_on=end,
            currency=code,
            total=added,
            status_since=work.now,
        )
        if known is None
        else known.evolve(total=known.total + added)
    )
    made = SettlementMade(settlement_id=after.id, person=person, total=after.total)
    saved = work.save(Change(after, (made,)))
    work.put([line.evolve(settlement_id=saved.id) for line in lines])
    return saved
