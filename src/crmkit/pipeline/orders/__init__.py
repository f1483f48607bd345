"""Orders: what customers have bought, and what of it is paid."""

from crmkit.pipeline.orders.desk import Orders
from crmkit.pipeline.orders.line import Line, OrderLine
from crmkit.pipeline.orders.order import ORDER, Order, OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced

__all__ = [
    "ORDER",
    "Line",
    "Order",
    "OrderCancelled",
    "OrderFulfilled",
    "OrderLine",
    "OrderPaid",
    "OrderPlaced",
    "Orders",
]
