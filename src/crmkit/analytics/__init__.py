"""Statistical analysis: facts for decisions, over customers, deals, orders and payments.

Each statistic is a pure function over plain rows, for notebooks, and a verb of ``crm.analytics`` that reads the rows.
"""

from crmkit.analytics.bridge import Bridge, decompose, revenue_bridge
from crmkit.analytics.cohorts import Cohorts, cohorts
from crmkit.analytics.desk import Analytics
from crmkit.analytics.dimensions import Funnels, Slice
from crmkit.analytics.funnel import Funnel, funnel
from crmkit.analytics.growth import Growth, growth
from crmkit.analytics.kpis import Kpis, velocity
from crmkit.analytics.lifetime import BuyingModel, History, LifetimeValue, SpendingModel, histories, lifetime_value
from crmkit.analytics.pages import Page, page
from crmkit.analytics.pareto import ParetoModel
from crmkit.analytics.paths import Path, path
from crmkit.analytics.purchases import Purchase
from crmkit.analytics.rfm import Band, Grid, Rfm, rfm
from crmkit.kernel.room import Room

ROOM = Room(name="analytics")

__all__ = [
    "ROOM",
    "Analytics",
    "Band",
    "Bridge",
    "BuyingModel",
    "Cohorts",
    "Funnel",
    "Funnels",
    "Grid",
    "Growth",
    "History",
    "Kpis",
    "LifetimeValue",
    "Page",
    "ParetoModel",
    "Path",
    "Purchase",
    "Rfm",
    "Slice",
    "SpendingModel",
    "cohorts",
    "decompose",
    "funnel",
    "growth",
    "histories",
    "lifetime_value",
    "page",
    "path",
    "revenue_bridge",
    "rfm",
    "velocity",
]
