"""Opportunities: deals that may be won.

::

    deal.py        what a deal is, what can happen to it, and the decisions over it
    ways.py        the way of a deal: its pipeline, and what only moves along it change
    guards.py      what stands in the way of a move
    history.py     every state is kept, so that any past day can be seen again
    steps.py       the next step, and the reminder on its day
    alerts.py      a deal becomes large, loses worth or slips
    approvals.py   what a second person must allow
    lines.py       what a deal consists of
    people.py      who has to do with it, at the customer and among the sales people
    opening.py     verbs: note a chance to sell, and change what is known of it
    moving.py      verbs: from stage to stage, to its end, back again
    parts.py       verbs: lines, roles and splits
    merge.py       verbs: deals that turn out to be one
    ageing.py      verbs: how long it has been where it is, and what it was
    desk.py        crm.pipeline.opportunities
"""

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
