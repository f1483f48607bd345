"""The history of deals: every state is kept, so that any past day can be seen again."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.clock import start_of_day, utc
from crmkit.kernel.rules.fields import F
from crmkit.kernel.stays import StageSpan
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.alerts import watch
from crmkit.pipeline.opportunities.deal import TRACKED, DealState, Opportunity
from crmkit.pipeline.opportunities.steps import plan_step


def keep(work: Work, before: Opportunity | None, change: Change[Opportunity]) -> Opportunity:
    """Save a deal, and the state that begins for it; raise alerts and plan the next step."""
    after = change.after
    saved = work.save(Change(after.evolve(expected=after.expected_revenue), change.events))
    if before is None or any(getattr(before, name) != getattr(saved, name) for name in TRACKED):
        work.add([state_of(work, saved)])
        watch(work, before, saved)
    plan_step(work, before, saved)
    return saved


def state_of(work: Work, deal: Opportunity) -> DealState:
    """The state that begins for *deal* now."""
    names = [a.name for a in DealState.__schema__ if a.name not in {"id", "created_at", "opportunity_id"}]
    return work.new(DealState, opportunity_id=deal.id, **{name: getattr(deal, name) for name in names})


def moment(work: Work, at: date | datetime) -> datetime:
    """*at* as an instant; a day means its end in the zone of the CRM.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(at, datetime):
        return utc(at, what="at")
    if not isinstance(at, date):
        raise InvalidInput(f"at is a day or a moment, as in date(2026, 3, 2), got {at!r}")
    return start_of_day(at + timedelta(days=1), work.settings.zone) - timedelta(microseconds=1)


def as_it_was(work: Work, deal: Opportunity, *, at: datetime) -> DealState:
    """The state that *deal* had at that moment.

    Raises:
        NotFound: it was not open yet.
    """
    state = work.first(DealState, (F.opportunity_id == deal.id) & (F.created_at <= at), order_by=("-created_at", "-id"))
    if state is None:
        raise NotFound(f"opportunity {deal.id} was opened at {deal.created_at}, there is nothing of {at}")
    return state


def all_as_they_were(work: Work, *, at: datetime) -> list[DealState]:
    """The state that each deal had at that moment; deals opened later are left out."""
    latest: dict[str, DealState] = {}
    for state in work.find(DealState, F.created_at <= at, order_by=("created_at", "id")):
        latest[state.opportunity_id] = state
    return list(latest.values())


def seconds_by_stage(work: Work, deal: Opportunity, *, now: datetime) -> dict[str, float]:
    """How long *deal* has been in each stage, over re-entries, the present stage counted up to *now*.

    Source: Odoo's ``mail.tracking.duration.mixin``.
    """
    seconds: dict[str, float] = {}
    for span in work.find(StageSpan, F.subject == deal.id, order_by="created_at"):
        spent = (span.created_at - span.entered_at).total_seconds()
        seconds[span.state] = seconds.get(span.state, 0.0) + spent
    here = (now - deal.stage_since).total_seconds()
    return {**seconds, deal.stage: seconds.get(deal.stage, 0.0) + here}
