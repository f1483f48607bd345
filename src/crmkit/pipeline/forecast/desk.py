"""``crm.pipeline.forecast``."""

from __future__ import annotations

from crmkit.pipeline.forecast.foresight import Foresight
from crmkit.pipeline.forecast.hindsight import Hindsight
from crmkit.pipeline.forecast.period import Periods


class Forecasts(Periods, Foresight, Hindsight):
    """What ``crm.pipeline.forecast`` offers: what a period will bring.

    A won deal belongs to the period in which it was won, an open one to the period of its closing day; lost and omitted
    deals to none (Frappe CRM counts lost deals at their full value; that habit is declined).  Amounts count, not the
    expected revenues, which stand apart as *weighted* (as in Salesforce).
    """
