"""The next step of a deal, and the reminder on its day."""

from __future__ import annotations

from datetime import date

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.clock import start_of_day
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity

NEXT_STEP_DUE = "pipeline.next_step_due"


@event("pipeline.next_step_due")
class NextStepDue(Event):
    """The day of a deal's next step has come."""

    opportunity_id: str
    customer_id: str
    owner: str | None
    step: str | None
    on: date


def plan_step(work: Work, before: Opportunity | None, after: Opportunity) -> None:
    """Write the reminder ahead, when there is a new day for the next step."""
    known = None if before is None else before.next_step_on
    if after.next_step_on is None or not after.is_open or after.next_step_on == known:
        return
    day = after.next_step_on
    work.schedule(
        NEXT_STEP_DUE,
        due_at=start_of_day(day, work.settings.zone),
        subject=after.id,
        key=f"next-step:{after.id}:{after.version}",
        payload={"on": day.isoformat()},
    )


def step_due(work: Work, item: AgendaItem) -> None:
    """Tell, unless the deal is closed or the step was moved to another day."""
    deal = work.first(Opportunity, F.id == item.subject)
    if deal is None or not deal.is_open or deal.next_step_on is None:
        return
    if deal.next_step_on.isoformat() == item.payload["on"]:
        work.emit(
            NextStepDue(
                opportunity_id=deal.id,
                customer_id=deal.customer_id,
                owner=deal.owner,
                step=deal.next_step,
                on=deal.next_step_on,
            )
        )
