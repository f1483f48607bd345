"""Merging leads that are the same person: one goes on with the best of all of them, the others end as merged.

The rules are those of Odoo's ``_merge_opportunity``: the order is by open, stage, probability and age; the first value
that is there counts; notes are joined in that order; tags are united; the address is taken as one block from the most
complete lead.  Leads can also go into a deal, which then goes on whatever they are.

Declined habits of Odoo: five at the most (here 100), deleting those that end, carrying followers over (there are none),
leaving won and lost ones out in silence (a converted lead is refused; a disqualified one goes into the others), and
letting a lost deal go on before open leads unless it is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from crmkit.errors import Refused
from crmkit.kernel.change import Change
from crmkit.kernel.machine import Machine
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.hands import handed
from crmkit.pipeline.leads.lead import Lead, LeadMerged, LeadUnmerged
from crmkit.pipeline.merging import (
    Merge,
    MergePlan,
    counted,
    difference,
    first,
    following,
    given_back,
    in_front,
    joined,
    last_merge,
    moved,
    returned,
    several,
    sources,
    texts,
)
from crmkit.pipeline.opportunities.deal import Opportunity, OpportunityChanged, OpportunityMerged
from crmkit.pipeline.opportunities.history import keep
from crmkit.pipeline.pool.pool import watch
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
HANDS = ("owner", "team")
APART = {*OWN, *SCORES, *ADDRESS, *HANDS, "owned_since", "locked", "tags", "note", "consents", "extras"}
STAYS = frozenset({"merge", "conversion"})
GIVEN = ("amount", "source", "campaign_id", "region")  # what leads and deals call alike


# ── Plan ──


def planned(
    work: Work, leads: Sequence[Lead], *, into: Lead | None, owner: str | None, team: str | None
) -> MergePlan[Lead]:
    """What letting *leads* go into one of them would do.

    Raises:
        InvalidInput: there are fewer than two different ones, or *into* is not among them.
        TransitionRefused: one has ended in a way from which it does not go on.
    """
    several(leads, what="leads")
    machine = work.machine("lead")
    survivor, *others = order = in_front(ranked(leads), into, what="lead")
    if survivor.stage != "disqualified" or any(lead.open for lead in others):
        _goes_on(machine, survivor)
    for other in others:
        machine.target(other.stage, "merge", other)
    after = survivor.evolve(**{**united(order), **_hands(order, owner, team)})
    return MergePlan(
        survivor=survivor,
        others=tuple(others),
        after=after,
        sources=sources(after, order),
        moves=counted([row for lead in others for row in following(work, lead, survivor, stays=STAYS)]),
    )


def planned_into(
    work: Work, leads: Sequence[Lead], deal: Opportunity, *, owner: str | None, team: str | None
) -> MergePlan[Opportunity]:
    """What letting *leads* go into a deal would do.

    Raises:
        InvalidInput: one stands there twice.
        Refused: the deal is won, or has ended in another one.
        TransitionRefused: a lead has ended in a way from which it does not go on.
    """
    several([deal, *leads], what="leads and deals")
    if deal.stage == "won" or deal.merged_into is not None:
        raise Refused(f"opportunity {deal.id} is {deal.merged_into or 'won'}: leads go into a deal that can go on")
    machine, ranks = work.machine("lead"), ranked(leads)
    for lead in ranks:
        machine.target(lead.stage, "merge", lead)
    order = (deal, *ranks)
    values = {name: first(order, name) for name in GIVEN} | _hands(order, owner, team)
    values |= {"lead_id": deal.lead_id or ranks[0].id, "note": texts(order, "note")}
    after = deal.evolve(**values, extras=joined([thing.extras for thing in order]))
    return MergePlan(
        survivor=deal,
        others=tuple(ranks),
        after=after,
        sources={**sources(after, order), **({} if deal.lead_id else {"lead_id": (ranks[0].id,)})},
        moves=counted([row for lead in ranks for row in following(work, lead, deal, stays=STAYS | {"opportunity"})]),
    )


def ranked(leads: Sequence[Lead]) -> list[Lead]:
    """The leads in the order in which their values count."""

    def rank(lead: Lead) -> tuple[bool, int, float]:
        stage = RANKS.index(lead.stage) if lead.stage in RANKS else -1
        return lead.open, stage, lead.probability or 0.0

    return sorted(sorted(leads, key=lambda lead: (lead.created_at, lead.id)), key=rank, reverse=True)


def united(leads: Sequence[Lead]) -> dict[str, Any]:
    """The fields of the first lead after the others have gone into it."""
    values = {a.name: first(leads, a.name) for a in Lead.__schema__ if a.name not in APART}
    complete = max(leads, key=lambda lead: sum(getattr(lead, n) is not None for n in ADDRESS))
    values |= {n: getattr(complete, n) for n in ADDRESS}
    values["tags"] = frozenset().union(*(lead.tags for lead in leads))
    values["note"] = texts(leads, "note")
    for name in ("consents", "extras"):
        values[name] = joined([getattr(lead, name) for lead in leads])
    return values


def _hands(order: Sequence[Any], owner: str | None, team: str | None) -> dict[str, str | None]:
    return {"owner": owner or first(order, "owner"), "team": team or first(order, "team")}


def _goes_on(machine: Machine, lead: Lead) -> None:
    if not lead.open:
        raise machine.refusal(lead.stage, "merge", "only open leads go on, as long as there is one")


# ── Apply ──


@overload
def applied(work: Work, plan: MergePlan[Lead]) -> Lead: ...
@overload
def applied(work: Work, plan: MergePlan[Opportunity]) -> Opportunity: ...
def applied(work: Work, plan: MergePlan[Any]) -> Lead | Opportunity:
    """Do what *plan* says, in the transaction of *work*.

    Raises:
        StaleEntity: one of them has changed since the plan was made.
    """
    survivor = work.get(type(plan.survivor), plan.survivor)
    rows = []
    for other in plan.others:
        lead = work.get(Lead, other)
        rows += following(work, lead, survivor, stays=STAYS if isinstance(survivor, Lead) else STAYS | {"opportunity"})
        events = (LeadMerged(lead_id=survivor.id, merged_id=lead.id),) if isinstance(survivor, Lead) else ()
        step = work.machine("lead").step(lead, "merge", now=work.now, changes={"merged_into": survivor.id})
        noted(work, lead, work.save(step.and_also(*events)))
    values = {name: getattr(plan.after, name) for name in plan.sources}
    if isinstance(survivor, Lead):
        after: Lead | Opportunity = _lead_goes_on(work, survivor, values)
    else:
        after = _deal_goes_on(work, survivor, values, plan.others)
    record = work.new(
        Merge,
        **{f"{survivor.__schema__.name}_id": survivor.id},
        merged={other.id: {"stage": getattr(other, "stage", None)} for other in plan.others},
        before=difference(survivor, after, values),
        moved=tuple(moved(work, rows)),
    )
    work.save(Change(record))
    return after


def _lead_goes_on(work: Work, survivor: Lead, values: dict[str, Any]) -> Lead:
    change = survivor.updated(**{name: value for name, value in values.items() if name not in HANDS})
    saved = work.save(Change(refresher(work)(change.after), change.events))
    if not values.keys() & set(HANDS):
        return saved
    owner, team = values.get("owner", saved.owner), values.get("team")
    if owner == saved.owner:
        return work.save(saved.updated(team=team))
    return handed(work, saved, to=owner, team=team, because="merged")


def _deal_goes_on(work: Work, deal: Opportunity, values: dict[str, Any], leads: Sequence[Any]) -> Opportunity:
    facts = [
        OpportunityMerged(opportunity_id=deal.id, customer_id=deal.customer_id, merged_id=lead.id) for lead in leads
    ]
    told = OpportunityChanged(opportunity_id=deal.id, customer_id=deal.customer_id, fields=tuple(sorted(values)))
    return keep(work, deal, Change(deal.evolve(**values), (told, *facts)))


# ── Undo ──


def undone(work: Work, survivor: Lead | Opportunity) -> list[Lead]:
    """Take the last merge of leads apart; the leads that had ended, as they are again.

    Raises:
        Refused: nothing was merged into it, or it has gone on too far.
    """
    record = last_merge(work, survivor, what="lead")
    far = survivor.stage in {"converted", "merged", "won"} or survivor.merged_into is not None
    if far:
        raise Refused(f"{survivor.id} is {survivor.stage} meanwhile: take that back first")
    returned(work, record)
    back = given_back(record, survivor)
    if isinstance(survivor, Lead):
        _give_back(work, survivor, back)
    elif back:
        told = OpportunityChanged(
            opportunity_id=survivor.id, customer_id=survivor.customer_id, fields=tuple(sorted(back))
        )
        keep(work, survivor, Change(survivor.evolve(**back), (told,)))
    return [_again(work, work.get(Lead, i), was["stage"], survivor) for i, was in record.merged.items()]


def _give_back(work: Work, survivor: Lead, back: dict[str, Any]) -> None:
    change = survivor.updated(**{name: value for name, value in back.items() if name not in HANDS})
    saved = work.save(Change(refresher(work)(change.after), change.events)) if change.events else survivor
    if "owner" in back:
        saved = handed(work, saved, to=back["owner"], because="merge undone")
    if "team" in back:
        work.save(saved.updated(team=back["team"]))


def _again(work: Work, lead: Lead, stage: str, survivor: Lead | Opportunity) -> Lead:
    machine = work.machine("lead")
    step = machine.step(lead, f"unmerge to {stage}", now=work.now, changes={"merged_into": None})
    fact = LeadUnmerged(lead_id=lead.id, merged_id=survivor.id)
    saved = work.save(Change(refresher(work)(step.after), (*step.events, fact)))
    noted(work, lead, saved)
    watch(work, saved)
    return saved
