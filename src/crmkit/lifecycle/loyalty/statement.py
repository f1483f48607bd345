"""Statements: how many points a customer has, and which tier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from crmkit.kernel.render import card_html, card_md, printed
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.lifecycle.loyalty.ledger import LoyaltyAccount, PointBucket, alive


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
        return printed(self, form, md=lambda: card_md("loyalty", self.facts()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return card_html("loyalty", self.facts())

    def facts(self) -> Mapping[str, Any]:
        """What is printed."""
        shown = {"points": self.balance, "tier": self.tier, "next_expiry": self.next_expiry}
        expiring = {"expiring": self.expiring} if self.expiring else {}
        return {name: value for name, value in {**shown, **expiring}.items() if value is not None}


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
