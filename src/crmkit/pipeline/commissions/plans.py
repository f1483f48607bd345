"""Plans: by what rule a sale earns a commission, and how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import attrs

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.checking import decimal
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.text import shown

Basis = Literal["amount", "margin"]
Source = Literal["payment", "won"]
PERCENT_LIMIT = Decimal(1000)


def _percent(value: Any) -> Decimal:
    percent = decimal(value, what="the percentage of a commission")
    if not 0 <= percent <= PERCENT_LIMIT:
        raise DefinitionError(f"the percentage of a commission is 0 to {PERCENT_LIMIT}, got {value}")
    return percent


@attrs.frozen
class Section:
    """From *low* to *high*, both included, the **whole** base earns *percent* (not the part above *low* only).

    Source: OCA's commission module.

    Raises:
        DefinitionError: *low* is above *high*, or the two have different currencies.

    Example:
        >>> from crmkit import CRM
        >>> low = Section(Money(0, "EUR"), Money("999.99", "EUR"), 5)
        >>> high = Section(Money(1_000, "EUR"), Money(9_000, "EUR"), 10)
        >>> with CRM.open() as crm:
        ...     plan = crm.pipeline.commissions.plans.define("stairs", sections=[low, high])
        ...     plan.commission(Money(900, "EUR")), plan.commission(Money(1_000, "EUR"))
        (Money('45.00', 'EUR'), Money('100.00', 'EUR'))
    """

    low: Money
    high: Money
    percent: Decimal = attrs.field(converter=_percent)

    def __attrs_post_init__(self) -> None:
        if self.low.currency != self.high.currency:
            raise DefinitionError(f"a section has one currency, not {self.low} to {self.high}")
        if self.low > self.high:
            raise DefinitionError(f"the lower limit {self.low} of a section is above its upper limit {self.high}")


@entity("commission_plan", prefix="cplan")
class CommissionPlan(Entity):
    """How much a sale earns, and whom.

    Of several plans that fit a sale and a person, the one with the lowest *position* counts, and no other.

    Attributes:
        position: plans are tried in this order.
        source: ``payment``: earned with the money that comes in; ``won``: earned when the deal is won.
        basis: per cent of the amount, or of the margin: amount less cost, at least 0; an unknown cost is none.
        percent: for percentage plans.
        fixed: for fixed plans: the same for each order or deal.
        sections: for plans by sections.
        people: for whom; everybody when empty.
        rule: which orders (or deals) it is for; all when missing.
    """

    name: str = attribute(unique=True)
    position: int = attribute(default=100, index=True)
    active: bool = attribute(default=True)
    source: Source = attribute(default="payment")
    basis: Basis = attribute(default="amount")
    percent: Decimal | None = attribute(default=None)
    fixed: Money | None = attribute(default=None)
    sections: tuple[Any, ...] = attribute(default=())
    people: frozenset[str] = attribute(default=frozenset())
    rule: Mapping[str, Any] | None = attribute(default=None)

    def check(self) -> None:
        """Exactly one kind of rate; a won deal has no cost."""
        if [self.percent is not None, self.fixed is not None, bool(self.sections)].count(True) != 1:
            raise InvalidInput(f"plan {self.name}: give exactly one of percent=, fixed= and sections=")
        if self.percent is not None:
            _percent(self.percent)
        if self.fixed is not None and self.fixed.minor < 0:
            raise InvalidInput(f"plan {self.name}: a fixed commission is 0 or more, got {self.fixed}")
        if self.source == "won" and self.basis == "margin":
            raise InvalidInput(f"plan {self.name}: a won deal has no cost; use source='payment' for margins")

    def read(self) -> Rule | None:
        """The rule."""
        return None if self.rule is None else from_json(self.rule)

    def ladder(self) -> tuple[Section, ...]:
        """The sections as values."""
        return tuple(
            Section(Money.from_minor(low, code), Money.from_minor(high, code), percent)
            for low, high, code, percent in self.sections
        )

    def serves(self, person: str, currency: str) -> bool:
        """Whether it is for that person, and for sales in that currency."""
        if self.people and person not in self.people:
            return False
        own = self.fixed.currency if self.fixed is not None else self.sections[0][2] if self.sections else currency
        return bool(own == currency)

    def commission(self, base: Money) -> Money:
        """What *base* earns in all, rounded once.

        Args:
            base: the amount or the margin, 0 or more.

        Example:
            >>> from datetime import UTC, datetime
            >>> rung = (1_500_000, 1_600_000, "EUR", "20")
            >>> now = datetime(2026, 3, 2, tzinfo=UTC)
            >>> plan = CommissionPlan(id="cplan_1", created_at=now, name="x", sections=(rung,))
            >>> plan.commission(Money("15100", "EUR")), plan.commission(Money("16000.01", "EUR"))
            (Money('3020.00', 'EUR'), Money('0.00', 'EUR'))
        """
        if self.fixed is not None:
            return self.fixed
        if self.percent is not None:
            return base.percent(self.percent)
        percent = next((s.percent for s in self.ladder() if s.low <= base <= s.high), Decimal(0))
        return base.percent(percent)


def margin(amount: Money, cost: Money | None) -> Money:
    """What is left of *amount* after its cost; never less than 0.

    Source: OCA's "net" base, ``max(0, amount - cost)``.
    """
    rest = amount if cost is None else amount - cost
    return rest if rest.minor > 0 else Money.zero(amount.currency)


def ordered(sections: Sequence[Section]) -> list[list[Any]]:
    """*sections* from the lowest to the highest, as JSON keeps them.

    Raises:
        DefinitionError: one is no section, two overlap, or they have several currencies.
    """
    for section in sections:
        if not isinstance(section, Section):
            raise DefinitionError(f"sections are made of Section(low, high, percent), got {shown(section)}")
    if len({s.low.currency for s in sections}) > 1:
        raise DefinitionError("all sections of a plan have one currency")
    up = sorted(sections, key=lambda s: s.low.minor)
    for below, above in pairwise(up):
        if above.low <= below.high:
            raise DefinitionError(f"sections overlap: {below.low} to {below.high} and {above.low} to {above.high}")
    return [[s.low.minor, s.high.minor, s.low.currency, str(s.percent)] for s in up]
