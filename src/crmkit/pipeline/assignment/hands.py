"""A lead comes into other hands: the one way in which its owner changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from crmkit.kernel.change import Change
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.entry import Assignment, AssignmentEntry, Turns
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.leads.lead import CLOSED, Lead
from crmkit.pipeline.pool.pool import watch

DAY = timedelta(hours=24)


def handed(
    work: Work, lead: Lead, *, to: str | None, because: str, team: str | None = None, entry: str | None = None
) -> Lead:
    """Give *lead* to somebody, or to nobody; nothing happens if he has it already."""
    change = lead.assigned(to, team=team, because=because, now=work.now)
    if not change.events:
        return lead
    saved = work.save(Change(change.after, change.events))
    work.add([record(work, lead, to=to, because=because, entry=entry)])
    watch(work, saved)
    return saved


def record(work: Work, lead: Lead, *, to: str | None, because: str, entry: str | None) -> Assignment:
    """What is remembered of it."""
    return work.new(Assignment, lead_id=lead.id, owner=to, previous=lead.owner, entry=entry, because=because[:1000])


def turns_of(work: Work) -> Turns:
    """How busy everybody is now."""
    lately = work.tally(Assignment, F.created_at > work.now - DAY, by=("owner",))
    busy = work.tally(Lead, F.stage.not_in(CLOSED), by=("owner",))
    return Turns(
        lately={g.key[0]: g.count for g in lately if g.key[0] is not None},
        open={g.key[0]: g.count for g in busy if g.key[0] is not None},
    )


def turns_in(work: Work, entry: AssignmentEntry, people: Sequence[Salesperson]) -> Turns:
    """How busy the people of one entry are now, as far as it matters."""
    theirs = F.owner.in_([person.name for person in people])
    limited = any(person.monthly_limit is not None for person in people)
    lately = work.tally(Assignment, theirs & (F.created_at > work.now - DAY), by=("owner",)) if limited else []
    counts = entry.how == "least_busy" and people
    busy = work.tally(Lead, theirs & F.stage.not_in(CLOSED), by=("owner",)) if counts else []
    return Turns(
        lately={g.key[0]: g.count for g in lately},
        open={g.key[0]: g.count for g in busy},
        recent={entry.name: recent(work, entry, people)},
    )


def recent(work: Work, entry: AssignmentEntry, people: Sequence[Salesperson]) -> list[str]:
    """Who got the last leads of an entry, the latest last, as many as the choice looks at."""
    size = entry.looks_back(people)
    if size == 0:
        return []
    found = work.find(Assignment, F.entry == entry.name, order_by="-id", limit=size)
    return [a.owner for a in reversed(found) if a.owner is not None]
