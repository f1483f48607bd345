"""Repeat orders: the rhythm in which a customer buys, and when the next order should come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import ceil
from statistics import median

import attrs

from crmkit.errors import InvalidInput

LEAST = 3


@attrs.frozen(kw_only=True)
class Rhythm:
    """When a customer buys again, by nothing but the customer's own past.

    The expected wait is the median of the waits so far, and three of four waits were at most *late_after* days: the
    median forgives one long pause, where a mean would not.

    Attributes:
        customer_id: whose.
        orders: on how many different days the customer has bought.
        last_on: the last of them.
        every_days: the median wait between two of them.
        next_on: the day on which the next order is expected.
        late_on: the day from which on the customer is late: three of four waits were shorter.
    """

    customer_id: str
    orders: int
    last_on: date
    every_days: float
    next_on: date
    late_on: date

    def is_late(self, *, on: date) -> bool:
        """Whether the customer should have bought by now."""
        return on > self.late_on


def rhythm_of(customer_id: str, days: Sequence[date]) -> Rhythm | None:
    """The rhythm of orders on *days*; none when there are fewer than three different days.

    Example:
        >>> rhythm = rhythm_of("cus_1", [date(2026, 1, 1), date(2026, 1, 31), date(2026, 3, 2), date(2026, 6, 1)])
        >>> rhythm.every_days, rhythm.next_on.isoformat()
        (30.0, '2026-07-01')
    """
    bought = sorted(set(days))
    if len(bought) < LEAST:
        return None
    waits = sorted((later - earlier).days for earlier, later in pairwise(bought))
    every = float(median(waits))
    late = waits[ceil(len(waits) * 3 / 4) - 1]
    return Rhythm(
        customer_id=customer_id,
        orders=len(bought),
        last_on=bought[-1],
        every_days=every,
        next_on=bought[-1] + timedelta(days=round(every)),
        late_on=bought[-1] + timedelta(days=max(late, round(every))),
    )


def expected_between(rhythms: Sequence[Rhythm], since: date, until: date) -> list[Rhythm]:
    """Those whose next order is expected from *since* up to and without *until*, the earliest first.

    Raises:
        InvalidInput: *until* is not after *since*.
    """
    if until <= since:
        raise InvalidInput(f"until {until} must lie after since {since}")
    found = [rhythm for rhythm in rhythms if since <= rhythm.next_on < until]
    return sorted(found, key=lambda rhythm: (rhythm.next_on, rhythm.customer_id))
