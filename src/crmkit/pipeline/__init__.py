"""Sales: from the first sign of interest to the order, the payment and the commission."""

from crmkit.kernel.room import Room
from crmkit.pipeline import leads, payments, portrait, products
from crmkit.pipeline.desk import Pipeline
from crmkit.pipeline.opportunities import deal
from crmkit.pipeline.orders import ORDER, Line, line, order
from crmkit.pipeline.stages import STANDARD, SalesPipeline, Stage
from crmkit.pipeline.stages import desk as stages_desk

ROOM = Room(
    name="sales",
    modules=(leads, stages_desk, deal, products, order, line, payments),
    machines={"lead": leads.LEAD, "opportunity": STANDARD.machine, "order": ORDER},
    handlers={},
    section=portrait.sales_section,
)

__all__ = ["ROOM", "Line", "Pipeline", "SalesPipeline", "Stage"]
