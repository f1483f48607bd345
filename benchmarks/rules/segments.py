"""Segments: the difference of one day against everybody, and many members in little memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

from benchmarks.measure import Comparison
from benchmarks.rules.world import orders
from crmkit import CRM, F, FrozenClock, Money
from crmkit.customers.people import Customer
from crmkit.kernel.change import Change
from crmkit.pipeline.orders import Order
from crmkit.pipeline.orders.order import OrderPlaced

AT_ONCE = 2_000


def one_day(crm: CRM, clock: FrozenClock, people: int, total: int) -> Iterator[Comparison]:
    """A thousandth of all orders comes new every day; the segment has many members, so that few of them move."""
    segments = crm.customers.segments
    rules = {
        "bought in 90 days": F.orders.within(days=90).sum("total") > Money("500", "CNY"),
        "did not buy in a year, or is new": F.orders.within(days=365).none() & (F.orders.count() >= 1),
    }
    number = total
    for name, rule in rules.items():
        segments.define(name, rule=rule)
        segments.refresh(name, keep=0)

        def day() -> None:
            nonlocal number
            clock.advance(hours=20)
            daily = total // 1000
            with crm.work() as work:
                new = [Change(o, (_placed(o),)) for o in orders(daily, people, first=number, at=clock.now())]
                work.save_new(new)
            clock.advance(hours=4)
            number += daily

        yield Comparison(
            f"{name}: refresh after a day of {total // 1000:,} orders",
            lambda name=name: segments.refresh(name),  # type: ignore[misc]
            lambda name=name: segments.refresh(name, everybody=True),  # type: ignore[misc]
            "looking at everybody",
            0.25,
            before=day,
        )


def _placed(order: Order) -> OrderPlaced:
    return OrderPlaced(
        order_id=order.id,
        customer_id=order.customer_id,
        total=order.total,
        opportunity_id=None,
        campaign_id=None,
        channel=None,
    )


def streaming(crm: CRM) -> str:
    """How much memory it takes to let everybody enter a segment, to read the ids of a rule, and to read the members."""
    segments, everyone = crm.customers.segments, F.name.starts_with("Guest")
    segments.define("everyone", rule=everyone)
    marks: list[tuple[int, int]] = []
    gc.collect()
    tracemalloc.start()
    entered = segments.refresh("everyone", keep=0).entered_count
    by_refresh = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    seen = 0
    with crm.read() as work:
        for portion in work.portions(Customer, ["id"], everyone, size=AT_ONCE):
            seen += len(portion)
            if seen % 50_000 < AT_ONCE:
                marks.append((seen, tracemalloc.get_traced_memory()[0]))
    by_rule = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    members = sum(1 for _ in segments.each_member("everyone"))
    by_segment = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    first, last = marks[0], marks[-1]
    return (
        f"{entered:,} enter a segment: {_mb(by_refresh)} at the most; streaming {seen:,} ids: {_mb(first[1])} after "
        f"{first[0]:,}, {_mb(last[1])} after {last[0]:,}, {_mb(by_rule)} at the most; {members:,} members one by one: "
        f"{_mb(by_segment)} at the most (tracemalloc)."
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
