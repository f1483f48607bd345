"""Commissions: who earns what by selling, and when it is paid out."""

from crmkit.pipeline.commissions.desk import Commissions
from crmkit.pipeline.commissions.ledger import Commission, CommissionEarned, CommissionReversed
from crmkit.pipeline.commissions.plans import CommissionPlan, Section
from crmkit.pipeline.commissions.settlements import SETTLEMENT, Settlement, SettlementMade

__all__ = [
    "SETTLEMENT",
    "Commission",
    "CommissionEarned",
    "CommissionPlan",
    "CommissionReversed",
    "Commissions",
    "Section",
    "Settlement",
    "SettlementMade",
]
