"""Customer service: cases, what was promised, and who is told when it takes too long."""

from crmkit.kernel.room import Room
from crmkit.service import conversation, kinds, routing, solutions, surveys
from crmkit.service.cases import case, joining, line, timing
from crmkit.service.cases.keeping import CLOSE, ESCALATE
from crmkit.service.desk import Service
from crmkit.service.escalation import firing, ledger, mutes, telling
from crmkit.service.policies import policy
from crmkit.service.portrait import cases_section
from crmkit.service.sla import records

ROOM = Room(
    name="service",
    modules=(
        policy,
        case,
        line,
        joining,
        conversation,
        kinds,
        records,
        ledger,
        mutes,
        telling,
        surveys,
        solutions,
        routing.records,
    ),
    machines={**kinds.MACHINES, "solution": solutions.SOLUTION},
    handlers={ESCALATE: firing.escalate, CLOSE: timing.close_silent, telling.DIGEST: telling.send_digest},
    answers={telling.RECIPIENT: telling.nobody_else},
    section=cases_section,
)

__all__ = ["ROOM", "Service"]
