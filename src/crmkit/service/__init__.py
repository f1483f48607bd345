"""Customer service: cases, what was promised, and who is told when it takes too long."""

from crmkit.kernel.room import Room
from crmkit.service import conversation, kinds
from crmkit.service.cases import case
from crmkit.service.cases.keeping import ESCALATE
from crmkit.service.desk import Service
from crmkit.service.escalation import firing, ledger
from crmkit.service.policies import policy
from crmkit.service.portrait import cases_section
from crmkit.service.sla import records

ROOM = Room(
    name="service",
    modules=(policy, case, conversation, kinds, records, ledger),
    machines=kinds.MACHINES,
    handlers={ESCALATE: firing.escalate},
    section=cases_section,
)

__all__ = ["ROOM", "Service"]
