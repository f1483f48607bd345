"""Loyalty: points that are earned, spent and expire, and the tiers that they lead to.

::

    program.py    what earns points, how long they last, and which tiers they lead to
    ledger.py     points in buckets by their expiry, and every movement of them
    booking.py    what earns points and what takes them
    statement.py  how many points a customer has
    desk.py       crm.lifecycle.loyalty
"""

from crmkit.lifecycle.loyalty.booking import EXPIRE, expire_due
from crmkit.lifecycle.loyalty.desk import Loyalty
from crmkit.lifecycle.loyalty.ledger import LoyaltyAccount, PointBucket, PointMovement
from crmkit.lifecycle.loyalty.program import LoyaltyProgram

__all__ = [
    "EXPIRE",
    "Loyalty",
    "LoyaltyAccount",
    "LoyaltyProgram",
    "PointBucket",
    "PointMovement",
    "expire_due",
]
