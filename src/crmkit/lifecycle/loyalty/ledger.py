"""The ledger: points in buckets by their expiry, and every movement of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money


@entity(
    "point_bucket",
    prefix="pts",
    when="earned_at",
    indexes=[Index(attributes=("customer_id", "expires_at"))],
)
class PointBucket(Entity):
    """Points that were earned together and expire together.

    Attributes:
        points: how many were earned, less those taken back.
        remaining: how many can still be spent; below zero when more was spent than was rightly earned.
        base: the amount paid for which they were earned.
        about: the id of the order, or whatever else they are for.
        expires_at: from then on they can no longer be spent; what is owed does not expire.
    """

    customer_id: str = attribute(references="customer")
    points: int = attribute()
    remaining: int = attribute()
    base: Money | None = attribute(default=None)
    about: str | None = attribute(default=None, index=True)
    earned_at: datetime = attribute()
    expires_at: datetime | None = attribute(default=None)


@entity(
    "point_movement",
    prefix="ptm",
    append_only=True,
    indexes=[Index(attributes=("customer_id", "created_at"))],
)
class PointMovement(Record):
    """One line of the ledger: the balance is the sum of all of them.

    Attributes:
        delta: more points, or fewer.
        about: what it is for: an order, a gift …
    """

    customer_id: str = attribute(references="customer")
    bucket_id: str = attribute(references="point_bucket", index=True)
    kind: Literal["earned", "spent", "expired", "reversed", "returned"] = attribute()
    delta: int = attribute()
    about: str | None = attribute(default=None, index=True)
    reason: str | None = attribute(default=None)


@entity("loyalty_account", prefix="loy")
class LoyaltyAccount(Entity):
    """The tier of a customer; the points are in the ledger."""

    customer_id: str = attribute(references="customer", unique=True)
    tier: str | None = attribute(default=None, index=True)
    tier_since: datetime = attribute()


@event("lifecycle.points_earned")
class PointsEarned(Event):
    """A customer has more points."""

    bucket_id: str
    customer_id: str
    points: int
    about: str | None


@event("lifecycle.points_spent")
class PointsSpent(Event):
    """A customer has got something for points."""

    customer_id: str
    points: int
    about: str | None
    reason: str | None


@event("lifecycle.points_returned")
class PointsReturned(Event):
    """Spent points went back to the customer."""

    customer_id: str
    points: int
    about: str


@event("lifecycle.points_reversed")
class PointsReversed(Event):
    """Points were taken back because what they were earned for was refunded."""

    bucket_id: str
    customer_id: str
    points: int
    about: str | None


@event("lifecycle.points_expired")
class PointsExpired(Event):
    """Points can no longer be spent."""

    bucket_id: str
    customer_id: str
    points: int


@event("lifecycle.tier_changed")
class TierChanged(Event):
    """A customer has another tier."""

    account_id: str
    customer_id: str
    source: str | None
    tier: str | None


def alive(bucket: PointBucket, now: datetime) -> bool:
    """Whether the points can still be spent."""
    return bucket.expires_at is None or bucket.expires_at > now


def draw(buckets: Iterable[PointBucket], points: int, *, now: datetime) -> list[tuple[PointBucket, int]]:
    """Which buckets give how much: those that expire first, and among them those that were earned first.

    Args:
        buckets: all of one customer.
        points: how many are to be spent, at least 1.
        now: when.

    Raises:
        InvalidInput: there are not so many.
    """
    if type(points) is not int or points < 1:
        raise InvalidInput(f"points are spent in whole numbers from 1, got {points!r}")
    usable = [b for b in buckets if alive(b, now)]
    balance = sum(b.remaining for b in usable)
    if balance < points:
        raise InvalidInput(f"{points} points are more than the balance of {balance}")
    never = datetime.max.replace(tzinfo=now.tzinfo)
    drawn, missing = [], points
    for bucket in sorted(usable, key=lambda b: (b.expires_at or never, b.earned_at, b.id)):
        taken = min(max(bucket.remaining, 0), missing)
        if taken:
            drawn.append((bucket, taken))
            missing -= taken
    return drawn


def takes_back(bucket: PointBucket, *, points: int, owe: bool) -> tuple[int, int]:
    """How many points a reversal takes from what was earned, and how many from what remains.

    Args:
        bucket: what was earned.
        points: how many were earned wrongly.
        owe: whether what was spent already is owed; it is forgiven otherwise.
    """
    wrong = min(points, bucket.points)
    return wrong, wrong if owe else min(wrong, max(bucket.remaining, 0))
