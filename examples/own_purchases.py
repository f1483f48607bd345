"""Statistics over plain rows, as in a notebook: no database is needed.

Run it with ``python examples/own_purchases.py``; in a notebook, write the last name of a cell to see table and drawing.
"""

from __future__ import annotations

from datetime import date, timedelta

from crmkit import Money
from crmkit.analytics import Purchase, cohorts, revenue_bridge, rfm

EUR = "EUR"
DAY = date(2026, 1, 1)

# Twelve customers; the first ones come often, the last ones came once.
purchases = [
    Purchase(f"customer {n}", DAY + timedelta(days=n + visit * (5 + n)), Money(20 + 3 * n, EUR))
    for n in range(12)
    for visit in range(max(1, 9 - n))
]
until = date(2026, 4, 30)

groups = rfm(purchases, until=until)
print(format(groups, "md"))
assert sum(group.customers for group in groups.groups) == 12

again = cohorts(purchases, until=until)
print(format(again, "md"))

january = [(p.customer, 1, p.amount) for p in purchases if p.on.month == 1]
february = [(p.customer, 1, p.amount) for p in purchases if p.on.month == 2]
bridge = revenue_bridge(january, february, currency=EUR)
print(format(bridge, "md"))
assert bridge.before + Money.total(bridge.effects.values(), currency=EUR) == bridge.after
