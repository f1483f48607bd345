"""Booking: what earns points and what takes them, each with its line in the ledger and the tier that follows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.money import Money
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
    TierChanged,
    alive,
    takes_back,
)
from crmkit.lifecycle.loyalty.program import STANDARD, LoyaltyProgram

EXPIRE = "lifecycle.points_expire"


def program_of(work: Work) -> LoyaltyProgram | None:
    """The programme, if there is one."""
    return work.first(LoyaltyProgram, F.name == STANDARD)


def program_needed(work: Work) -> LoyaltyProgram:
    """The programme.

    Raises:
        NotFound: there is none.
    """
    program = program_of(work)
    if program is None:
        raise NotFound("there is no points programme: begin one with crm.lifecycle.loyalty.define(point_for=…)")
    return program


def movement(
    work: Work,
    bucket: PointBucket,
    kind: Literal["earned", "spent", "expired", "reversed", "returned"],
    delta: int,
    *,
    about: str | None = None,
    reason: str | None = None,
) -> PointMovement:
    """One line of the ledger."""
    return work.new(
        PointMovement,
        customer_id=bucket.customer_id,
        bucket_id=bucket.id,
        kind=kind,
        delta=delta,
        about=about,
        reason=reason,
    )


def book(
    work: Work,
    program: LoyaltyProgram,
    customer_id: str,
    points: int,
    *,
    about: str | None,
    reason: str | None = None,
    base: Money | None = None,
) -> PointBucket:
    """Give points, and the tier that follows.

    Raises:
        InvalidInput: *points* is no whole number from 1.
    """
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
    work.add([movement(work, saved, "earned", points, about=about, reason=reason)])
    if saved.expires_at is not None:
        work.schedule(EXPIRE, due_at=saved.expires_at, subject=saved.id, key=f"{EXPIRE}:{saved.id}")
    judge_tier(work, program, customer_id)
    return saved


def put_back(work: Work, bucket: PointBucket, points: int, *, about: str) -> int:
    """Return points into the bucket from which they came, unless it has expired; how many went back."""
    if not alive(bucket, work.now):
        return 0
    work.save(Change(bucket.evolve(remaining=bucket.remaining + points)))
    work.add([movement(work, bucket, "returned", points, about=about)])
    work.emit(PointsReturned(customer_id=bucket.customer_id, points=points, about=about))
    return points


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


def earn_for_order(work: Work, program: LoyaltyProgram, *, order_id: str, customer_id: str, paid: Money) -> None:
    """An order was paid: points for the money, once, if the programme is in its currency."""
    if program.point_for.currency != paid.currency or program.points(paid) == 0:
        return
    if _bucket_of(work, order_id) is None:
        book(work, program, customer_id, program.points(paid), about=order_id, base=paid)


def reverse_for_refund(work: Work, *, order_id: str, left: Money) -> None:
    """Money for an order went back: so do the points that what is left of it does not earn."""
    program, bucket = program_of(work), _bucket_of(work, order_id)
    if program is None or bucket is None or not bucket.base:
        return
    if program.point_for.currency == left.currency:
        kept = program.points(left)
    else:  # the programme was in another currency when they were earned
        kept = bucket.points * left.minor // bucket.base.minor
    wrong = max(bucket.points - kept, 0)
    earned, taken = takes_back(bucket, points=wrong, owe=program.shortfall == "owe")
    after = bucket.evolve(base=left, points=bucket.points - earned, remaining=bucket.remaining - taken)
    if after.remaining < 0:
        after = after.evolve(expires_at=None)
    reverse = PointsReversed(bucket_id=bucket.id, customer_id=bucket.customer_id, points=taken, about=order_id)
    saved = work.save(Change(after, (reverse,) if taken else ()))
    if taken:
        work.add([movement(work, saved, "reversed", -taken, about=order_id)])
        judge_tier(work, program, bucket.customer_id)


def _bucket_of(work: Work, order_id: str) -> PointBucket | None:
    """What the money for an order has earned; what was given by hand about it is another matter."""
    return work.first(PointBucket, (F.about == order_id) & ~F.base.is_missing())


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
        work.add([movement(work, saved, "expired", -gone)])
    if program is not None:
        judge_tier(work, program, bucket.customer_id)
