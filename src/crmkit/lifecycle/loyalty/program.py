"""The programme: what earns points, how long they last, and which tiers they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from crmkit.errors import DefinitionError
from crmkit.kernel.clock import local_date, shift, start_of_day
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money

STANDARD = "points"


@entity("loyalty_program", prefix="prog")
class LoyaltyProgram(Entity):
    """How the house thanks for loyalty.

    Attributes:
        point_for: one point for each full amount of this that was paid.
        valid_months: points can be spent until the end of the day so many calendar months later; for ever without it.
        tiers: by name, the points that must have been earned in *tier_months*.
        tier_months: the calendar months that count for the tier.
        shortfall: what happens when points of a refunded order have been spent already: ``owe`` (the balance may fall
            below zero, and the next points pay for it) or ``forgive``.
    """

    name: str = attribute(default=STANDARD, unique=True)
    point_for: Money = attribute()
    valid_months: int | None = attribute(default=None, at_least=1)
    tiers: Mapping[str, int] = attribute(factory=dict)
    tier_months: int = attribute(default=12, at_least=1)
    shortfall: Literal["owe", "forgive"] = attribute(default="owe")

    def check(self) -> None:
        """Amounts above zero, tiers that differ."""
        if self.point_for.minor <= 0:
            raise DefinitionError(f"point_for is the amount for one point, above zero; got {self.point_for}")
        points = list(self.tiers.values())
        if any(type(p) is not int or p < 0 for p in points) or len(set(points)) != len(points):
            raise DefinitionError(f"tiers are names with different whole numbers of points; got {dict(self.tiers)}")

    def points(self, paid: Money) -> int:
        """The points for an amount that was paid.

        Raises:
            InvalidInput: it is in another currency.
        """
        _ = paid + Money.zero(self.point_for.currency)
        return max(paid.minor, 0) // self.point_for.minor

    def expiry(self, earned_at: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment at which points that were earned then can no longer be spent."""
        if self.valid_months is None:
            return None
        last_day: date = shift(local_date(earned_at, zone), months=self.valid_months)
        return start_of_day(last_day + timedelta(days=1), zone)

    def tier(self, earned: int) -> str | None:
        """The highest tier for so many points; none below the lowest."""
        reached = {points: name for name, points in self.tiers.items() if points <= earned}
        return reached[max(reached)] if reached else None

    def counts_since(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The beginning of the time that counts for the tier."""
        return start_of_day(shift(local_date(now, zone), months=-self.tier_months), zone)


@event("lifecycle.loyalty_program_defined")
class LoyaltyProgramDefined(Event):
    """The programme is another one from now on; points that were earned before stay as they are."""

    program_id: str
    point_for: Money
