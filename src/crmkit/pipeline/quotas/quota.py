"""What a quota is: a target for a period."""

from __future__ import annotations

from datetime import date
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money

AMOUNTS = ("won", "ordered", "received")
COUNTS = ("deals", "conversions", "calls", "meetings", "visits")
Measure = Literal["won", "ordered", "received", "deals", "conversions", "calls", "meetings", "visits"]
EVERYBODY = "everybody"


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
