"""Loyalty: points that are earned, spent and expire, and the tiers that they lead to."""

from crmkit.lifecycle.loyalty.desk import EXPIRE, Loyalty, expire_due
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
