"""Lines: the things that a repair, a return or an exchange is about, and whether the warranty covers them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import shift
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money

Outcome = Literal["pending", "repaired", "replaced", "refunded", "credited", "rejected", "sent back"]
Fault = Literal["defective", "damaged", "wrong item", "not as described", "changed mind", "wear", "other"]


@entity("case_line", prefix="cline")
class CaseLine(Entity):
    """One thing that a case is about.

    Attributes:
        product_id: what it is, if it is in the catalogue.
        order_line_id: the line by which it was bought.
        serial: its number.
        fault: why it came.
        bought_on: when it was bought.
        warranty_months: how long the warranty lasts.
        covered: whether the warranty covers it; ``covered_why`` says why.
        outcome: what became of it.
        amount: what was paid back or is to be paid.
    """

    case_id: str = attribute(references="case", reverse="lines")
    product_id: str | None = attribute(default=None, references="product", reverse="case_lines")
    order_line_id: str | None = attribute(default=None, references="order_line", reverse="case_lines")
    name: str = attribute()
    quantity: Decimal = attribute(default=Decimal(1))
    serial: str | None = attribute(default=None, index=True)
    fault: Fault = attribute(default="other")
    note: str | None = attribute(default=None, multiline=True)
    bought_on: date | None = attribute(default=None)
    warranty_months: int | None = attribute(default=None, at_least=0)
    covered: bool | None = attribute(default=None)
    covered_why: str | None = attribute(default=None)
    outcome: Outcome = attribute(default="pending")
    outcome_note: str | None = attribute(default=None, multiline=True)
    amount: Money | None = attribute(default=None)
    decided_at: datetime | None = attribute(default=None)

    def check(self) -> None:
        """There is more than nothing of it, and no money below zero."""
        if self.quantity <= 0:
            raise InvalidInput(f"the quantity of {self.name} must be more than 0, got {self.quantity}")
        if self.amount is not None and self.amount.minor < 0:
            raise InvalidInput(f"the amount of {self.name} must be 0 or more, got {self.amount}")


@attrs.frozen
class Entitlement:
    """Whether the warranty covers something, and why; unknown when nobody knows when it was bought."""

    covered: bool | None
    why: str


def entitlement(*, bought_on: date | None, warranty_months: int | None, fault: str, on: date) -> Entitlement:
    """Judge a thing on a day.

    Args:
        bought_on: when it was bought.
        warranty_months: how long the warranty lasts, in calendar months from that day.
        fault: what is wrong with it; what somebody changed his mind about, or wore out, no warranty covers.
        on: the day on which it came.

    Example:
        >>> entitlement(bought_on=date(2025, 3, 31), warranty_months=11, fault="defective", on=date(2026, 2, 28))
        Entitlement(covered=True, why='the warranty lasts until 2026-02-28')
    """
    if fault in {"changed mind", "wear"}:
        return Entitlement(covered=False, why=f"a warranty does not cover: {fault}")
    if warranty_months is None:
        return Entitlement(covered=None, why="nobody knows how long the warranty lasts")
    if bought_on is None:
        return Entitlement(covered=None, why="nobody knows when it was bought")
    if on < bought_on:
        return Entitlement(covered=False, why=f"it was bought later, on {bought_on.isoformat()}")
    until = shift(bought_on, months=warranty_months)
    if on <= until:
        return Entitlement(covered=True, why=f"the warranty lasts until {until.isoformat()}")
    return Entitlement(covered=False, why=f"the warranty ended on {until.isoformat()}")


@event("service.case_line_added")
class CaseLineAdded(Event):
    """A case is about one thing more."""

    case_line_id: str
    case_id: str
    customer_id: str
    covered: bool | None


@event("service.case_line_decided")
class CaseLineDecided(Event):
    """It is known what becomes of a thing."""

    case_line_id: str
    case_id: str
    customer_id: str
    outcome: str
    amount: Money | None
