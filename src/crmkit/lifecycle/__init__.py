"""The life cycle: stages with a forward rule, life events, and the journeys that follow from them."""

from crmkit.kernel.room import Room
from crmkit.lifecycle import life_events, retention, stages
from crmkit.lifecycle.desk import Lifecycle, section
from crmkit.lifecycle.journeys import JOURNEY, JOURNEY_RUN, definition, runs
from crmkit.lifecycle.journeys.walking import STEP, take_step
from crmkit.lifecycle.loyalty import EXPIRE, expire_due, ledger, program
from crmkit.lifecycle.stages import LIFECYCLE

ROOM = Room(
    name="life cycle",
    modules=(stages, retention, life_events, definition, runs, program, ledger),
    machines={"standing": LIFECYCLE, "journey": JOURNEY, "journey_run": JOURNEY_RUN},
    handlers={STEP: take_step, retention.SWEEP: retention.sweep_due, EXPIRE: expire_due},
    section=section,
)

__all__ = ["ROOM", "Lifecycle"]
