"""crmkit: the CRM domain as a library."""

from crmkit.crm import CRM
from crmkit.errors import TransitionRefused
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F

__all__ = ["CRM", "BusinessCalendar", "F", "Money", "TransitionRefused"]
