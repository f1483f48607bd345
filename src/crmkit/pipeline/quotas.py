"""Quotas: what somebody, a team or everybody should sell in a period, and how far they have come.

Achievement is what was achieved as a percentage of the target, at two decimals and without a limit (Wukong CRM); the
pace compares it with the share of the period that is over: at it or above is ``on track``, at four fifths of it
``at risk``, below ``behind`` (Django-CRM, whose percentages are cut at 100; here they are not).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rates import RateTable
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.assignment.salesperson import Salesperson, salesperson
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.opportunities.people import DealSplit, parts_of
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment

AMOUNTS = ("won", "ordered", "received")
COUNTS = ("deals", "conversions", "calls", "meetings", "visits")
Measure = Literal["won", "ordered", "received", "deals", "conversions", "calls", "meetings", "visits"]
AT_RISK = Decimal("0.8")
EVERYBODY = "everybody"
SECOND = timedelta(seconds=1)


@entity("quota", prefix="quo", indexes=[Index(attributes=("starts_on", "ends_on"))])
class Quota(Entity):
    """A target for a period.

    Attributes:
        owner: for whom; or *team*: for which team; without either it is for everybody.
        measure: ``won`` deals (those that people share by their revenue splits), ``ordered`` or ``received`` money; or
            a number: won ``deals`` (counted for their owner), ``conversions`` of leads, ``calls``, ``meetings``,
            ``visits`` done.
        amount: the target in money; ``number``: the target that is counted.
        starts_on: the first day; ``ends_on``: the last one.
    """

    owner: str | None = attribute(default=None, index=True)
    team: str | None = attribute(default=None, index=True)
    measure: Measure = attribute(default="won")
    amount: Money | None = attribute(default=None)
    number: int | None = attribute(default=None)
    starts_on: date = attribute()
    ends_on: date = attribute()

    def check(self) -> None:
        """A target is above 0 and of the kind of its measure, for a person or a team, and its period has days."""
        if self.owner is not None and self.team is not None:
            raise InvalidInput("a quota is for a person or for a team, not for both")
        if self.ends_on < self.starts_on:
            raise InvalidInput(f"a quota cannot end on {self.ends_on}, before it starts on {self.starts_on}")
        wanted, other = ("amount", "number") if self.measure in AMOUNTS else ("number", "amount")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            kind = "Money" if wanted == "amount" else "a whole number"
            raise InvalidInput(f"the target of {self.measure!r} is {kind}, got {getattr(self, other)!r}")
        if (self.number or 0 if self.amount is None else self.amount.minor) <= 0:
            raise InvalidInput(f"a target is above 0, got {self.number if self.amount is None else self.amount}")

    @property
    def target(self) -> Money | int:
        """The target, in money or counted."""
        return self.amount if self.amount is not None else self.number or 0

    @property
    def whose(self) -> str:
        """For whom it is."""
        return self.owner or self.team or EVERYBODY


@event("pipeline.quota_set")
class QuotaSet(Event):
    """Somebody should sell so much."""

    quota_id: str
    owner: str | None
    team: str | None
    measure: str
    amount: Money | None
    number: int | None


@attrs.frozen(kw_only=True)
class Achievement:
    """How far somebody has come.

    Attributes:
        achieved: in money or counted.
        percent: of the target, two decimals; above 100 when it is exceeded.
        elapsed: the share of the period that is over, 0 to 1.
    """

    quota: Quota
    achieved: Money | int
    percent: Decimal
    elapsed: Decimal

    @property
    def missing(self) -> Money | int:
        """What is still to be achieved; nothing when the target is reached."""
        if isinstance(self.achieved, Money) and isinstance(self.quota.target, Money):
            return max(self.quota.target - self.achieved, Money.zero(self.achieved.currency))
        assert isinstance(self.achieved, int)  # noqa: S101 - both are of the measure's kind
        assert isinstance(self.quota.target, int)  # noqa: S101
        return max(self.quota.target - self.achieved, 0)

    @property
    def pace(self) -> Literal["on track", "at risk", "behind"]:
        """How the percentage compares with the share of the period that is over."""
        share = self.percent / 100
        if share >= self.elapsed:
            return "on track"
        return "at risk" if share >= AT_RISK * self.elapsed else "behind"


@attrs.frozen(kw_only=True)
class Scoreboard:
    """The achievements of a period."""

    day: date
    achievements: tuple[Achievement, ...]

    def __iter__(self) -> Iterator[Achievement]:
        return iter(self.achievements)

    def __len__(self) -> int:
        return len(self.achievements)

    def __format__(self, form: str) -> str:
        return table_md(HEADERS, self._rows()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(HEADERS, self._rows(), caption=self.day.isoformat())

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for a in self.achievements:
            period = f"{a.quota.starts_on} – {a.quota.ends_on}"
            yield a.quota.whose, period, a.quota.measure, str(a.quota.target), str(a.achieved), f"{a.percent} %", a.pace


HEADERS = ("who", "period", "measure", "target", "achieved", "percent", "pace")


class Quotas(Collection[Quota]):
    """What ``crm.pipeline.quotas`` offers."""

    cls = Quota

    def set(
        self,
        target: Money | int,
        *,
        owner: Salesperson | str | None = None,
        team: str | None = None,
        measure: Measure = "won",
        month: date | None = None,
        starts_on: date | None = None,
        ends_on: date | None = None,
    ) -> Quota:
        """Set a target; for exactly the same period it takes the place of the one before.

        Args:
            target: money for ``won``, ``ordered`` and ``received``, else a whole number.
            owner: for one salesperson; or else
            team: for a team; without either it is for everybody.
            measure: what counts.
            month: any day of the month for which it is; or else
            starts_on: the first day, and
            ends_on: the last one.

        Raises:
            InvalidInput: the period overlaps another one of the same person or team and measure, or has no days.
            NotFound: there is no such salesperson, or nobody is in the team.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, Money
            >>> from crmkit.testing import FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 16, tzinfo=UTC))
            >>> with CRM.open(currency="CNY", clock=clock) as crm:
            ...     _ = crm.pipeline.salespeople.register("Xu")
            ...     quota = crm.pipeline.quotas.set(Money(1000, "CNY"), owner="Xu", month=date(2026, 3, 1))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(
            ...         name="Album", customer=wang, amount=Money(450, "CNY"), owner="Xu"
            ...     )
            ...     _ = crm.pipeline.opportunities.win(deal)
            ...     result = crm.pipeline.quotas.achievement(quota)
            ...     result.percent, result.pace
            (Decimal('45.00'), 'at risk')
        """
        with self.work() as work:
            first, last = _period(month, starts_on, ends_on)
            name = None if owner is None else salesperson(work, owner).name
            if team is not None and not work.count(Salesperson, F.team == team):
                raise NotFound(f"nobody is in the team {team!r}: register salespeople with team={team!r} first")
            values: dict[str, Any] = {
                "amount": target if isinstance(target, Money) else None,
                "number": None if isinstance(target, Money) else target,
            }
            quota = work.new(Quota, owner=name, team=team, measure=measure, starts_on=first, ends_on=last, **values)
            same = _same_period(work, quota)
            kept = quota if same is None else same.evolve(**values)
            facts = {n: getattr(kept, n) for n in ("owner", "team", "measure", "amount", "number")}
            return work.save(Change(kept, (QuotaSet(quota_id=kept.id, **facts),)))

    def remove(self, quota: Quota | str) -> None:
        """Set no target after all; the events stay."""
        with self.work() as work:
            work.remove(Quota, [work.get(Quota, quota).id])

    def achievement(
        self, quota: Quota | str, *, as_of: datetime | None = None, rates: RateTable | None = None
    ) -> Achievement:
        """How far they have come.

        Args:
            quota: which.
            as_of: the moment up to which it counts; now unless given.
            rates: how amounts in other currencies are converted, each at its own day.

        Raises:
            InvalidInput: there are amounts in other currencies and no rates.
        """
        with self.read() as work:
            return _achieved(work, work.get(Quota, quota), now=as_of or work.now, rates=rates)

    def board(self, day: date | None = None, *, rates: RateTable | None = None) -> Scoreboard:
        """The achievements of all quotas whose period has this day: people first, then teams, then everybody."""
        with self.read() as work:
            when = day or local_date(work.now, work.settings.zone)
            found = work.find(Quota, (F.starts_on <= when) & (F.ends_on >= when), order_by=("owner", "team", "measure"))
            results = (_achieved(work, quota, now=work.now, rates=rates) for quota in found)
            return Scoreboard(day=when, achievements=tuple(results))


def _period(month: date | None, starts_on: date | None, ends_on: date | None) -> tuple[date, date]:
    if month is not None and starts_on is None and ends_on is None:
        first = month.replace(day=1)
        return first, shift(first, months=1) - timedelta(days=1)
    if month is not None or starts_on is None or ends_on is None:
        raise InvalidInput("a quota is for month=date(2026, 3, 1), or from starts_on= to ends_on=")
    return starts_on, ends_on


def _same_period(work: Work, quota: Quota) -> Quota | None:
    """The quota of exactly this period, if there is one; no other may overlap."""
    whose = (F.owner == quota.owner) & (F.team == quota.team) & (F.measure == quota.measure)
    overlapping = work.find(Quota, whose & (F.starts_on <= quota.ends_on) & (F.ends_on >= quota.starts_on))
    for other in overlapping:
        if (other.starts_on, other.ends_on) != (quota.starts_on, quota.ends_on):
            raise InvalidInput(
                f"{quota.whose} has a quota of {quota.measure} from {other.starts_on} to {other.ends_on} already, "
                f"which overlaps {quota.starts_on} to {quota.ends_on}: remove it, or set the rest of the period"
            )
    return overlapping[0] if overlapping else None


def _achieved(work: Work, quota: Quota, *, now: datetime, rates: RateTable | None) -> Achievement:
    zone = work.settings.zone
    start, end = start_of_day(quota.starts_on, zone), start_of_day(quota.ends_on + timedelta(days=1), zone)
    results = _Results(work=work, people=_people(work, quota), start=start, end=end, now=now, rates=rates)
    achieved: Money | int
    if quota.amount is not None:
        achieved = results.money(quota.measure, quota.amount.currency)
        share = Decimal(achieved.minor) / Decimal(quota.amount.minor)
    else:
        achieved = results.number(quota.measure)
        share = Decimal(achieved) / Decimal(quota.number or 1)
    elapsed = Decimal(max((min(now, end) - start) // SECOND, 0)) / Decimal((end - start) // SECOND)
    percent = (100 * share).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return Achievement(quota=quota, achieved=achieved, percent=percent, elapsed=elapsed)


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
