"""Sales: from the first sign of interest to the order, the payment and the commission."""

from crmkit.kernel.room import Room
from crmkit.pipeline import leads
from crmkit.pipeline.desk import Pipeline

ROOM = Room(
    name="sales",
    modules=(leads,),
    machines={"lead": leads.LEAD},
    handlers={},
)

__all__ = ["ROOM", "Pipeline"]
