"""Customer service: cases, what was promised, and who is told when it takes too long."""

from crmkit.kernel.room import Room
from crmkit.service import conversation, kinds
from crmkit.service.cases import case, joining, line, timing
from crmkit.service.cases.keeping import CLOSE, ESCALATE
from crmkit.service.desk import Service
from crmkit.service.escalation import firing, ledger, mutes, telling
from crmkit.service.metrics import times
from crmkit.service.policies import policy
from crmkit.service.portrait import cases_section
from crmkit.service.routing import filling
from crmkit.service.routing import records as routing
from crmkit.service.sla import records
from crmkit.service.solutions import merit, self_help, solution, words
from crmkit.service.surveys import answers, asking, definition, invitations, links, sending

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
        definition,
        asking,
        invitations,
        answers,
        times,
        solution,
        words,
        merit,
        self_help,
        routing,
    ),
    machines={**kinds.MACHINES, "solution": solution.SOLUTION},
    handlers={
        ESCALATE: firing.escalate,
        CLOSE: timing.close_silent,
        telling.DIGEST: telling.send_digest,
        asking.ASK: sending.ask,
        asking.ASK_WINNER: sending.ask_winner,
        asking.ROUND: sending.ask_round,
        asking.REMIND: invitations.remind,
        filling.REROUTE: filling.reroute,
    },
    answers={telling.RECIPIENT: telling.nobody_else, links.SECRET: links.no_secret},
    section=cases_section,
)

__all__ = ["ROOM", "Service"]
