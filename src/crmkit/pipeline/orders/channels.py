"""Sales channels: what each of them brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from crmkit.kernel.money import Money
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.order import Order


@attrs.frozen(kw_only=True)
class ChannelResult:
    """What one sales channel brought.

    Attributes:
        channel: missing for orders that don't say where they were placed.
        orders: how many.
        customers: how many different ones.
        total: by currency, what was ordered.
        paid: by currency, what was received, less what went back.
    """

    channel: str | None
    orders: int
    customers: int
    total: Mapping[str, Money]
    paid: Mapping[str, Money]


def results(work: Work, rule: Rule) -> list[ChannelResult]:
    """The results of the orders that satisfy *rule*, by channel."""
    pairs = set(work.columns(Order, ["channel", "customer_id"], rule))
    buyers = Counter(channel for channel, _ in pairs)
    return [
        ChannelResult(
            channel=group.key[0],
            orders=group.count,
            customers=buyers[group.key[0]],
            total=group.sums["total"],
            paid=group.sums["paid"],
        )
        for group in work.tally(Order, rule, by=("channel",), sums=("total", "paid"))
    ]
