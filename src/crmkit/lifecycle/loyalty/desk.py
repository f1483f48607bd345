"""``crm.lifecycle.loyalty``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Desk
from crmkit.kernel.money import Money
from crmkit.kernel.render import card_html, card_md
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.lifecycle.loyalty.ledger import (
    LoyaltyAccount,
    PointBucket,
    PointMovement,
    PointsEarned,
    PointsExpired,
    PointsReturned,
    PointsReversed,
    PointsSpent,
    TierChanged,
    alive,
    draw,
    takes_back,
)
from crmkit.lifecycle.loyalty.program import STANDARD, LoyaltyProgram, LoyaltyProgramDefined

EXPIRE = "lifecycle.points_expire"


@attrs.frozen(kw_only=True)
class LoyaltyStatement:
    """How many points a customer has.

    Attributes:
        balance: points that can be spent; below zero when some are owed.
        tier: the tier; none below the lowest.
        next_expiry: when the next points expire.
        expiring: how many expire then.
    """

    customer_id: str
    balance: int
    tier: str | None
    next_expiry: datetime | None
    expiring: int

    def __format__(self, form: str) -> str:
        return card_md("loyalty", self.facts()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return card_html("loyalty", self.facts())

    def facts(self) -> Mapping[str, Any]:
        """What is printed."""
        shown = {"points": self.balance, "tier": self.tier, "next_expiry": self.next_expiry}
        expiring = {"expiring": self.expiring} if self.expiring else {}
        return {name: value for name, value in {**shown, **expiring}.items() if value is not None}


class Loyalty(Desk):
    """What ``crm.lifecycle.loyalty`` offers."""

    def define(
        self,
        *,
        point_for: Money,
        valid_months: int | None = None,
        tiers: Mapping[str, int] | None = None,
        tier_months: int = 12,
        shortfall: Literal["owe", "forgive"] = "owe",
    ) -> LoyaltyProgram:
        """Begin a points programme, or change it: from now on every paid order earns points.

        Args:
            point_for: one point for each full amount of this.
            valid_months: points can be spent until the end of the day so many calendar months later, 1 or more.
            tiers: by name, how many points must have been earned in *tier_months*.
            tier_months: calendar months, 1 or more.
            shortfall: whether points of a refunded order that have been spent already are owed (``owe``) or not
                (``forgive``).

        Raises:
            DefinitionError: an amount or a tier makes no sense.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"), tiers={"gold": 100})
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.lifecycle.loyalty.earn(wang, 120, reason="welcome")
            ...     _ = crm.lifecycle.loyalty.spend(wang, 50, reason="a calendar")
            ...     statement = crm.lifecycle.loyalty.of(wang)
            ...     statement.balance, statement.tier
            (70, 'gold')
        """
        with self.work() as work:
            values: dict[str, Any] = {
                "point_for": point_for,
                "valid_months": valid_months,
                "tiers": dict(tiers or {}),
                "tier_months": tier_months,
                "shortfall": shortfall,
            }
            known = program_of(work)
            program = work.new(LoyaltyProgram, **values) if known is None else known.evolve(**values)
            fact = LoyaltyProgramDefined(program_id=program.id, point_for=program.point_for)
            return work.save(Change(program, (fact,)))

    def of(self, customer: Customer | str) -> LoyaltyStatement:
        """How many points a customer has, and which tier."""
        with self.read() as work:
            return statement(work, work.get(Customer, _id(customer)).id)

    def movements(self, customer: Customer | str) -> list[PointMovement]:
        """Every movement of a customer's points, the earliest first."""
        with self.read() as work:
            who = work.get(Customer, _id(customer)).id
            return work.find(PointMovement, F.customer_id == who, order_by="created_at")

    def earn(
        self, customer: Customer | str, points: int, *, reason: str | None = None, about: str | None = None
    ) -> PointBucket:
        """Give points by hand.

        Args:
            customer: who.
            points: a whole number from 1.
            reason: why.
            about: the id of what they are for.

        Raises:
            NotFound: there is no programme.
            InvalidInput: *points* is no whole number from 1.
        """
        with self.work() as work:
            who = work.get(Customer, _id(customer)).id
            return _earn(work, _program(work), who, points, about=about, reason=reason)

    def spend(
        self, customer: Customer | str, points: int, *, reason: str | None = None, about: str | None = None
    ) -> list[PointMovement]:
        """Take points for something; those that expire first go first.

        Args:
            customer: who.
            points: a whole number from 1.
            reason: for what.
            about: the id of what they are for; :meth:`give_back` asks for it.

        Raises:
            InvalidInput: there are not so many.
        """
        with self.work() as work:
            who = work.get(Customer, _id(customer)).id
            buckets = work.find(PointBucket, F.customer_id == who)
            movements = []
            for bucket, taken in draw(buckets, points, now=work.now):
                work.save(Change(bucket.evolve(remaining=bucket.remaining - taken)))
                movements.append(_movement(work, bucket, "spent", -taken, about=about, reason=reason))
            work.add(movements)
            work.emit(PointsSpent(customer_id=who, points=points, about=about, reason=reason))
            return movements

    def redeem(
        self,
        customer: Customer | str,
        *,
        step: int,
        most: int | None = None,
        reason: str | None = None,
        about: str | None = None,
    ) -> int:
        """Take points for a reward that is given in whole steps: as many steps as the points suffice for.

        Source: Odoo's loyalty programmes (a reward of 3 points leaves 1 of 10).

        Args:
            customer: who.
            step: the points for one step, a whole number from 1.
            most: at most so many points, 0 and more; all of them unless given.
            reason: for what.
            about: the id of what they are for; :meth:`give_back` asks for it.

        Returns:
            how many points were taken; 0 when they do not suffice for one step.

        Raises:
            InvalidInput: *step* or *most* is no such number.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.lifecycle.loyalty.define(point_for=Money("10", "EUR"))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.lifecycle.loyalty.earn(wang, 10)
            ...     crm.lifecycle.loyalty.redeem(wang, step=3), crm.lifecycle.loyalty.of(wang).balance
            (9, 1)
        """
        for name, number, least in (("step", step, 1), ("most", most, 0)):
            if number is not None and (type(number) is not int or number < least):
                raise InvalidInput(f"{name} is a whole number of points from {least}, got {number!r}")
        with self.work() as work:
            balance = statement(work, work.get(Customer, _id(customer)).id).balance
            points = max(balance if most is None else min(balance, most), 0) // step * step
            if points:
                Loyalty(work).spend(customer, points, reason=reason, about=about)
            return points

    def give_back(self, *, about: str) -> int:
        """Return the points that were spent for something, into the buckets from which they came.

        What has expired in the meantime stays expired.

        Returns:
            how many points went back; 0 when nothing was spent for it, or it went back before.
        """
        with self.work() as work:
            spent: dict[str, int] = {}
            for line in work.find(PointMovement, (F.about == about) & F.kind.in_(["spent", "returned"])):
                spent[line.bucket_id] = spent.get(line.bucket_id, 0) - line.delta
            return sum(_give_back(work, work.get(PointBucket, b), n, about=about) for b, n in spent.items() if n > 0)


def _id(customer: Customer | str) -> str:
    return customer.id if isinstance(customer, Customer) else customer


def program_of(work: Work) -> LoyaltyProgram | None:
    """The programme, if there is one."""
    return work.first(LoyaltyProgram, F.name == STANDARD)


def _program(work: Work) -> LoyaltyProgram:
    program = program_of(work)
    if program is None:
        raise NotFound("there is no points programme: begin one with crm.lifecycle.loyalty.define(point_for=…)")
    return program


def _movement(
    work: Work,
    bucket: PointBucket,
    kind: Literal["earned", "spent", "expired", "reversed", "returned"],
    delta: int,
    *,
    about: str | None = None,
    reason: str | None = None,
) -> PointMovement:
    return work.new(
        PointMovement,
        customer_id=bucket.customer_id,
        bucket_id=bucket.id,
        kind=kind,
        delta=delta,
        about=about,
        reason=reason,
    )


def _earn(
    work: Work,
    program: LoyaltyProgram,
    customer_id: str,
    points: int,
    *,
    about: str | None,
    reason: str | None = None,
    base: Money | None = None,
) -> PointBucket:
    if type(points) is not int or points < 1:
        raise InvalidInput(f"points are earned in whole numbers from 1, got {points!r}")
    bucket = work.new(
        PointBucket,
        customer_id=customer_id,
        points=points,
        remaining=points,
        base=base,
        about=about,
        earned_at=work.now,
        expires_at=program.expiry(work.now, work.settings.zone),
    )
    earned = PointsEarned(bucket_id=bucket.id, customer_id=customer_id, points=points, about=about)
    saved = work.save(Change(bucket, (earned,)))
    work.add([_movement(work, saved, "earned", points, about=about, reason=reason)])
    if saved.expires_at is not None:
        work.schedule(EXPIRE, due_at=saved.expires_at, subject=saved.id, key=f"{EXPIRE}:{saved.id}")
    judge_tier(work, program, customer_id)
    return saved


def _give_back(work: Work, bucket: PointBucket, points: int, *, about: str) -> int:
    if not alive(bucket, work.now):
        return 0
    work.save(Change(bucket.evolve(remaining=bucket.remaining + points)))
    work.add([_movement(work, bucket, "returned", points, about=about)])
    work.emit(PointsReturned(customer_id=bucket.customer_id, points=points, about=about))
    return points


def statement(work: Work, customer_id: str) -> LoyaltyStatement:
    """How many points a customer has."""
    buckets = [b for b in work.find(PointBucket, F.customer_id == customer_id) if alive(b, work.now)]
    ends = [b.expires_at for b in buckets if b.expires_at is not None and b.remaining > 0]
    soonest = min(ends, default=None)
    account = work.first(LoyaltyAccount, F.customer_id == customer_id)
    return LoyaltyStatement(
        customer_id=customer_id,
        balance=sum(b.remaining for b in buckets),
        tier=None if account is None else account.tier,
        next_expiry=soonest,
        expiring=sum(b.remaining for b in buckets if soonest is not None and b.expires_at == soonest),
    )


def judge_tier(work: Work, program: LoyaltyProgram, customer_id: str) -> None:
    """See to it that a customer has the tier for the points earned in the months that count."""
    since = program.counts_since(work.now, work.settings.zone)
    counting = (F.customer_id == customer_id) & F.kind.in_(["earned", "reversed"]) & (F.created_at >= since)
    earned = sum(group.sums["delta"] for group in work.tally(PointMovement, counting, sums=("delta",)))
    tier = program.tier(earned)
    known = work.first(LoyaltyAccount, F.customer_id == customer_id)
    before = None if known is None else known.tier
    if tier == before:
        return
    if known is None:
        account = work.new(LoyaltyAccount, customer_id=customer_id, tier=tier, tier_since=work.now)
    else:
        account = known.evolve(tier=tier, tier_since=work.now)
    changed = TierChanged(account_id=account.id, customer_id=customer_id, source=before, tier=tier)
    work.save(Change(account, (changed,)))


# ── What follows from elsewhere ──


def earn_for_order(work: Work, *, order_id: str, customer_id: str, paid: Money) -> None:
    """An order was paid: points for it, once, if there is a programme in its currency."""
    program = program_of(work)
    if program is None or program.point_for.currency != paid.currency or program.points(paid) == 0:
        return
    if work.first(PointBucket, F.about == order_id) is None:
        _earn(work, program, customer_id, program.points(paid), about=order_id, base=paid)


def reverse_for_refund(work: Work, *, order_id: str, amount: Money) -> None:
    """Money for an order went back: so do the points that what is left of the price does not earn."""
    program, bucket = program_of(work), work.first(PointBucket, F.about == order_id)
    if program is None or bucket is None or bucket.base is None or bucket.base.currency != amount.currency:
        return
    base = bucket.base - amount
    wrong = max(bucket.points - program.points(base), 0)
    earned, taken = takes_back(bucket, points=wrong, owe=program.shortfall == "owe")
    after = bucket.evolve(base=base, points=bucket.points - earned, remaining=bucket.remaining - taken)
    if after.remaining < 0:
        after = after.evolve(expires_at=None)
    reverse = PointsReversed(bucket_id=bucket.id, customer_id=bucket.customer_id, points=taken, about=order_id)
    saved = work.save(Change(after, (reverse,) if taken else ()))
    if taken:
        work.add([_movement(work, saved, "reversed", -taken, about=order_id)])
        judge_tier(work, program, bucket.customer_id)


def judge_again(work: Work, customers: Iterable[str]) -> None:
    """Points have come from one customer to another: each has the tier of the points that are there now."""
    program = program_of(work)
    if program is not None:
        for customer_id in customers:
            judge_tier(work, program, customer_id)


def expire_due(work: Work, item: AgendaItem) -> None:
    """What the agenda calls when points expire."""
    bucket = work.get(PointBucket, item.subject)
    program = program_of(work)
    if alive(bucket, work.now):
        return
    if bucket.remaining > 0:
        gone = bucket.remaining
        expired = PointsExpired(bucket_id=bucket.id, customer_id=bucket.customer_id, points=gone)
        saved = work.save(Change(bucket.evolve(remaining=0), (expired,)))
        work.add([_movement(work, saved, "expired", -gone)])
    if program is not None:
        judge_tier(work, program, bucket.customer_id)
