"""Leads: people who might become customers."""

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
