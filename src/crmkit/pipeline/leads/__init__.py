"""Leads: people who might become customers.

::

    lead.py         what a lead is, what can happen to it, and how it moves
    capture.py      from what somebody fills in to a lead
    conversion.py   to a customer, a company and a deal: plan and apply
    undo.py         taking a conversion back
    converting.py   the verbs of both
    merge.py        leads that turn out to be one person: plan, apply and undo
    merging.py      the verbs of it
    desk.py         crm.pipeline.leads: these verbs, and all others
"""

from crmkit.pipeline.leads.conversion import Choice, Conversion, ConversionPlan, Converted
from crmkit.pipeline.leads.desk import Leads
from crmkit.pipeline.leads.lead import LEAD, Lead, LeadAssigned, LeadCaptured, LeadConverted

__all__ = [
    "LEAD",
    "Choice",
    "Conversion",
    "ConversionPlan",
    "Converted",
    "Lead",
    "LeadAssigned",
    "LeadCaptured",
    "LeadConverted",
    "Leads",
]
