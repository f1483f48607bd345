"""What sales knows of a customer: the section of the portrait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmkit.kernel.clock import local_date
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment
from crmkit.pipeline.stages.definition import LOST, WON

if TYPE_CHECKING:
    from crmkit.customers.people import Customer
    from crmkit.kernel.work import Work


def sales_section(work: Work, customer: Customer) -> Mapping[str, Any]:
    """Revenue (payments less refunds), orders and open deals; other currencies stand apart, nothing is converted."""
    revenue = revenue_of(work, customer.id)
    home = work.settings.currency
    here = F.customer_id == customer.id
    last = work.first(Order, here & (F.status != "cancelled"), order_by="-placed_at")
    deals = work.count(Opportunity, here & F.stage.not_in([WON, LOST]))
    others = {f"revenue_{code.lower()}": money for code, money in revenue.items() if code != home}
    return {
        "revenue": revenue.get(home, Money.zero(home)),
        **others,
        "orders": work.count(Order, here & (F.status != "cancelled")),
        "last_order": None if last is None else local_date(last.placed_at, work.settings.zone),
        "open_opportunities": deals,
    }


def revenue_of(work: Work, customer_id: str) -> dict[str, Money]:
    """What a customer has paid, less what went back, by currency."""
    revenue: dict[str, Money] = {}
    for group in work.tally(Payment, F.customer_id == customer_id, by=("kind",), sums=("amount",)):
        for code, money in group.sums["amount"].items():
            signed = money if group.key == ("payment",) else -money
            revenue[code] = revenue.get(code, Money.zero(code)) + signed
    return revenue
