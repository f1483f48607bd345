"""Opportunities: deals that may be won."""

from crmkit.pipeline.opportunities.deal import (
    DealState,
    Opportunity,
    OpportunityChanged,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
)
from crmkit.pipeline.opportunities.desk import Opportunities

__all__ = [
    "DealState",
    "Opportunities",
    "Opportunity",
    "OpportunityChanged",
    "OpportunityLost",
    "OpportunityOpened",
    "OpportunityReopened",
    "OpportunityWon",
]
