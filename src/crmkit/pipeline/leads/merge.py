"""Merging leads that are the same person: one goes on with the best of all of them, the others end as merged.

The rules are those of Odoo's ``_merge_opportunity``, as far as leads go: the order is by open, stage, probability and
age; the first value that is there counts; notes are joined in that order; tags are united; the address is taken as one
block from the most complete lead.  Not copied: the limit of five, deleting the others, and merging with opportunities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.activities.activity import Activity
from crmkit.pipeline.leads.lead import Lead, LeadMerged
from crmkit.pipeline.scoring.model import noted, refresher

RANKS = ("new", "nurturing", "working", "qualified")
ADDRESS = ("city", "region", "country")
OWN = {
    "id",
    "version",
    "created_at",
    "updated_at",
    "key",
    "stage",
    "stage_since",
    "reason",
    "merged_into",
    "customer_id",
}
SCORES = {"points", "predicted", "probability", "scored_at"}
APART = {*OWN, *SCORES, *ADDRESS, "owned_since", "locked", "tags", "note", "consents", "extras"}
LIMIT = 100


def ranked(leads: Sequence[Lead]) -> list[Lead]:
    """The leads in the order in which their values count."""

    def rank(lead: Lead) -> tuple[bool, int, float]:
        stage = RANKS.index(lead.stage) if lead.stage in RANKS else -1
        return lead.open, stage, lead.probability or 0.0

    return sorted(sorted(leads, key=lambda lead: (lead.created_at, lead.id)), key=rank, reverse=True)


def united(leads: Sequence[Lead]) -> dict[str, Any]:
    """The fields of the first lead after the others have gone into it."""
    values = {a.name: _first(leads, a.name) for a in Lead.__schema__ if a.name not in APART}
    complete = max(leads, key=lambda lead: sum(getattr(lead, n) is not None for n in ADDRESS))
    values |= {n: getattr(complete, n) for n in ADDRESS}
    values["tags"] = frozenset().union(*(lead.tags for lead in leads))
    values["note"] = "\n\n".join(lead.note for lead in leads if lead.note) or None
    for name in ("consents", "extras"):
        values[name] = _joined([getattr(lead, name) for lead in leads])
    return values


def merged(work: Work, leads: Sequence[Lead], *, into: Lead | None) -> Lead:
    """Let *leads* go into one of them, in the transaction of *work*."""
    if len({lead.id for lead in leads}) != len(leads) or not 2 <= len(leads) <= LIMIT:
        raise InvalidInput(f"2 to {LIMIT} different leads are merged, got {len(leads)}")
    if into is not None and into.id not in {lead.id for lead in leads}:
        raise InvalidInput(f"lead {into.id} is not among the leads that are merged")
    machine = work.machine("lead")
    order = ranked(leads)
    if into is not None:
        order = [lead for lead in order if lead.id == into.id] + [lead for lead in order if lead.id != into.id]
    survivor, *others = order
    if not survivor.open:
        raise machine.refusal(survivor.stage, "merge", "only open leads go on")
    for other in others:
        step = machine.step(other, "merge", now=work.now, changes={"merged_into": survivor.id})
        noted(work, other, work.save(step.and_also(LeadMerged(lead_id=survivor.id, merged_id=other.id))))
        _follow(work, other, survivor)
    change = survivor.updated(**united(order))
    return work.save(Change(refresher(work)(change.after), change.events))


def _follow(work: Work, other: Lead, survivor: Lead) -> None:
    """What points to the other lead points to the survivor from now on; what is only added, stays."""
    for schema, a in work.house.registry.pointing_to("lead"):
        if issubclass(schema.cls, Entity) and schema.cls is not Lead:
            rows = work.find(schema.cls, F[a.name] == other.id)
            if rows:
                work.put([row.evolve(**{a.name: survivor.id}) for row in rows])
    about = work.find(Activity, F.about == other.id)
    if about:
        work.put([activity.evolve(about=survivor.id) for activity in about])


def _first(leads: Sequence[Lead], name: str) -> Any:
    return next((value for lead in leads if (value := getattr(lead, name)) is not None), None)


def _joined(maps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for one in reversed(maps):
        for key, value in one.items():
            both = isinstance(value, Mapping) and isinstance(joined.get(key), Mapping)
            joined[key] = {**joined[key], **value} if both else value
    return joined
