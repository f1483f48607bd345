"""Deciding who gets which leads: one of them, or many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crmkit.kernel.rules import F, Rule
from crmkit.kernel.satisfying import satisfies
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.entry import AssignmentEntry, AssignmentSetup, Decision, Turns, chosen
from crmkit.pipeline.assignment.hands import handed, recent, record, turns_in, turns_of
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.leads.lead import CLOSED, Lead
from crmkit.pipeline.pool.pool import watch_many

FREE = F.owner.is_missing() & F.stage.not_in(CLOSED)
ORDER = ("-probability", "created_at")
AT_ONCE = 5000


def entries_of(work: Work) -> list[AssignmentEntry]:
    """The entries in the order in which they are asked."""
    return work.find(AssignmentEntry, order_by=("position", "name"))


def setup_of(work: Work) -> AssignmentSetup | None:
    """Whether leads are given out by themselves, if anybody has said so."""
    return work.first(AssignmentSetup, F.name == "leads")


def decided(work: Work, lead: Lead, *, hold: bool = False) -> Decision:
    """Who gets a lead now, and why, whatever the actor may see; it costs what the entries before the decision cost.

    Args:
        work: the transaction.
        lead: which.
        hold: whether others who ask the same entry wait until the transaction ends, so that turns and limits hold.
    """
    decision = Decision(lead=lead, owner=None, entry=None, because="no entry fits")
    with work.as_the_house():
        for entry in entries_of(work):
            if not satisfies(work, lead, entry.read()):
                continue
            if hold:
                _hold(work, entry)
            people = work.find(Salesperson, entry.members(), order_by="name")
            decision = chosen(entry, lead, people, turns_in(work, entry, people))
            if decision.owner is not None or not entry.go_on:
                break
    return decision


def assigned(work: Work, lead: Lead) -> Lead:
    """The lead in the hands of whom the entries say; as it was, if nobody can take it."""
    decision = decided(work, lead, hold=True)
    if decision.owner is None:
        return lead
    return handed(work, lead, to=decision.owner, team=decision.team, because=decision.because, entry=decision.entry)


def received(work: Work, leads: Sequence[Lead]) -> list[Lead]:
    """New leads, given out if the house does so by itself; in the order in which they came."""
    free = [lead.id for lead in leads if lead.owner is None]
    now = {lead.id: lead for lead in leads}
    with work.as_the_house():
        setup = setup_of(work) if free else None
        if setup is None or not setup.at_capture:
            return list(leads)
        if len(leads) == 1:
            return [assigned(work, leads[0])]
        for begin in range(0, len(free), AT_ONCE):
            part = F.id.in_(free[begin : begin + AT_ONCE])
            _given_out(work, work.find(Lead, FREE & part, order_by=ORDER), among=FREE & part)
            now |= {lead.id: lead for lead in work.find(Lead, part)}
    return list(now.values())


def _hold(work: Work, entry: AssignmentEntry) -> None:
    work.session.get(AssignmentEntry, entry.id, hold=True)


def _members(work: Work, entries: Sequence[AssignmentEntry]) -> dict[str, list[Salesperson]]:
    """By entry, to whom it leads, sorted by name."""
    people = work.find(Salesperson, order_by="name")
    return {entry.name: [p for p in people if entry.takes(p)] for entry in entries}


def _first(
    fitting: Iterable[AssignmentEntry], lead: Lead, members: Mapping[str, Sequence[Salesperson]], turns: Turns
) -> Decision:
    decision = Decision(lead=lead, owner=None, entry=None, because="no entry fits")
    for entry in fitting:
        decision = chosen(entry, lead, members[entry.name], turns, explain=False)
        if decision.owner is not None or not entry.go_on:
            return decision
    return decision


def distributed(work: Work, wanted: Rule, *, limit: int | None) -> list[Decision]:
    """A few queries for each entry, whatever the number of leads."""
    leads = work.find(Lead, wanted, order_by=ORDER, limit=limit)
    with work.as_the_house():
        return _given_out(work, leads, among=wanted)


def _given_out(work: Work, leads: Sequence[Lead], *, among: Rule) -> list[Decision]:
    entries = entries_of(work)
    for entry in entries:
        _hold(work, entry)
    turns, members = turns_of(work), _members(work, entries)
    fitting: dict[str, list[AssignmentEntry]] = {}
    for entry in entries:
        turns.recent[entry.name] = recent(work, entry, members[entry.name])
        rule = entry.read()
        for (lead_id,) in work.columns(Lead, ["id"], among if rule is None else among & rule):
            fitting.setdefault(lead_id, []).append(entry)
    decisions, changed, records = [], [], []
    for lead in leads:
        decision = _first(fitting.get(lead.id, []), lead, members, turns)
        decisions.append(decision)
        if decision.owner is None or decision.entry is None:
            continue
        turns.took(decision.owner, entry=decision.entry)
        why = decision.because
        changed.append(lead.assigned(decision.owner, team=decision.team, because=why, now=work.now))
        records.append(record(work, lead, to=decision.owner, because=why, entry=decision.entry))
    if changed:
        saved = work.put([change.after for change in changed])
        for change in changed:
            for fact in change.events:
                work.emit(fact)
        work.add(records)
        watch_many(work, saved)
    return decisions
