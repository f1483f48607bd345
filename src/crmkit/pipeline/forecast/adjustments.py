"""Judgement: what managers count on instead of what the deals say, and forecasts as they were handed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, get_args

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.checking import money
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.salesperson import Salesperson

Counted = Literal["closed", "commit", "best_case", "pipeline"]


@entity(
    "forecast_adjustment",
    prefix="fadj",
    indexes=[Index(attributes=("starts_on", "ends_on", "person", "category"), unique=True)],
)
class ForecastAdjustment(Entity):
    """What the team of a person comes to in one category, as the manager sees it; no deal changes.

    Attributes:
        starts_on: the first day of the period.
        ends_on: the day after the last one.
        person: whose number it is.
        amount: what to count on instead.
        by: who says so.
    """

    starts_on: date = attribute()
    ends_on: date = attribute()
    person: str = attribute()
    category: Counted = attribute()
    amount: Money = attribute()
    by: str | None = attribute(default=None)
    note: str | None = attribute(default=None, multiline=True)


@event("pipeline.forecast_adjusted")
class ForecastAdjusted(Event):
    """A manager counts on something else than the deals say; without an amount, not any more."""

    adjustment_id: str
    person: str
    category: str
    amount: Money | None
    by: str | None


@entity("forecast_snapshot", prefix="fsnap", append_only=True)
class ForecastSnapshot(Record):
    """A forecast as it was handed in, for ever.

    Attributes:
        numbers: by column, what it came to in all, in minor units; ``adjusted`` ones after the managers' adjustments.
    """

    starts_on: date = attribute(index=True)
    ends_on: date = attribute()
    currency: str = attribute(limit=3)
    actor: str | None = attribute(default=None)
    numbers: Mapping[str, Any] = attribute(factory=dict)

    def money(self, column: str) -> Money:
        """One number.

        Raises:
            InvalidInput: there is no such column.
        """
        if column not in self.numbers:
            raise InvalidInput(f"a snapshot has no {column!r}; it has {', '.join(sorted(self.numbers))}")
        return Money.from_minor(self.numbers[column], self.currency)


def adjusted(
    work: Work, *, since: date, until: date, person: str, category: Counted, amount: Money | None, note: str | None
) -> ForecastAdjustment | None:
    """Write down, change or take away an adjustment.

    Raises:
        Refused: the acting person is not the manager of *person*.
        InvalidInput: there is no such category, or the amount is negative.
    """
    if category not in get_args(Counted):
        raise InvalidInput(f"unknown category {category!r}: use {', '.join(get_args(Counted))}")
    _may(work, person)
    rule = (F.starts_on == since) & (F.ends_on == until) & (F.person == person) & (F.category == category)
    known = work.first(ForecastAdjustment, rule)
    if amount is None:
        if known is not None:
            work.remove(ForecastAdjustment, [known.id])
            work.emit(_said(work, known, amount=None))
        return None
    if money(amount, what="an adjustment").minor < 0:
        raise InvalidInput(f"an adjustment is what to count on, 0 or more; got {amount}")
    values = {"amount": amount, "by": work.actor, "note": note}
    after = (
        work.new(ForecastAdjustment, starts_on=since, ends_on=until, person=person, category=category, **values)
        if known is None
        else known.evolve(**values)
    )
    return work.save(Change(after, (_said(work, after, amount=amount),)))


def _may(work: Work, person: str) -> None:
    """Managers adjust those who report to them directly, and themselves (as in Salesforce)."""
    if work.actor is None or work.actor == person:
        return
    known = work.first(Salesperson, F.name == person)
    if known is None or known.manager != work.actor:
        boss = "nobody" if known is None or known.manager is None else known.manager
        raise Refused(f"{work.actor} cannot adjust the forecast of {person}, who reports to {boss}")


def _said(work: Work, adjustment: ForecastAdjustment, *, amount: Money | None) -> ForecastAdjusted:
    return ForecastAdjusted(
        adjustment_id=adjustment.id,
        person=adjustment.person,
        category=adjustment.category,
        amount=amount,
        by=work.actor,
    )


def adjustments_of(work: Work, *, since: date, until: date) -> dict[tuple[str, str], Money]:
    """The adjustments of a period, by person and category."""
    found = work.find(ForecastAdjustment, (F.starts_on == since) & (F.ends_on == until))
    return {(a.person, a.category): a.amount for a in found}
