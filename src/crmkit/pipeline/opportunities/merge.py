"""Merging deals that are the same chance: one goes on with the best of all of them, the others end as merged.

The rules are those of Odoo's ``_merge_opportunity``: the order is by open, stage, probability and age; the first value
that is there counts; notes are joined in that order; the one that goes on keeps its stage and its probability, also one
that was set by hand.  Amount and lines come from one deal, and so do the splits.

Declined habits of Odoo: five at the most (here 100), deleting those that end, carrying followers over (there are none),
leaving won ones out in silence (they are refused: money was booked on them), and letting a lost deal go on before open
ones unless it is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from crmkit.customers.identity.moving import every
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.pipeline.merging import (
    Merge,
    MergePlan,
    Row,
    counted,
    difference,
    first,
    following,
    given_back,
    in_front,
    joined,
    last_merge,
    listed,
    moved,
    returned,
    several,
    sources,
    texts,
)
from crmkit.pipeline.opportunities.deal import Opportunity, OpportunityMerged, OpportunityUnmerged
from crmkit.pipeline.opportunities.history import keep
from crmkit.pipeline.opportunities.lines import DealLine
from crmkit.pipeline.opportunities.opening import changed
from crmkit.pipeline.opportunities.people import ContactRole, DealSplit
from crmkit.pipeline.opportunities.ways import way_of
from crmkit.pipeline.stages.definition import LOST, WON

E = TypeVar("E", bound=Entity)
FIRST = ("company_id", "lead_id", "campaign_id", "source", "channel", "region", "amount", "close_on")
TOGETHER = (("recurring", "recurring_every"), ("next_step", "next_step_on"))
STAYS = frozenset({"merge", "conversion", "approval", "commission", "deal_line", "deal_split", "contact_role"})


class Merging(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` does with deals that turn out to be one."""

    cls = Opportunity

    def plan_merge(
        self,
        deals: Iterable[Opportunity | str],
        *,
        into: Opportunity | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> MergePlan[Opportunity]:
        """What merging deals would do, and where each value comes from; nothing is stored.

        Args:
            deals: two and more, the one that goes on among them.
            into: which one goes on, if it is not the best.
            owner: who has it then; the first owner in their order unless given.
            team: likewise.

        Raises:
            InvalidInput: there are fewer than two different ones, or *into* is not among them.
            Refused: one is won, or has ended in another one.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     one = deals.open(name="Album", customer=wang, stage="proposal")
            ...     two = deals.open(name="Album, again", customer=wang, amount=Money(900, "CNY"))
            ...     plan = deals.plan_merge([one, two])
            ...     plan.survivor == one, plan.after.amount, plan.sources["amount"] == (two.id,)
            (True, Money('900.00', 'CNY'), True)
        """
        with self.read() as work:
            found = [work.get(Opportunity, deal) for deal in listed(deals, what="opportunities")]
            chosen = None if into is None else work.get(Opportunity, into)
            return _plan(work, found, into=chosen, owner=owner, team=team)

    def apply(self, plan: MergePlan[Opportunity]) -> Opportunity:
        """Do what *plan* says, in one transaction.

        Raises:
            StaleEntity: one of the deals has changed since the plan was made.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     one = deals.open(name="Album", customer=wang, stage="proposal")
            ...     two = deals.open(name="Album, again", customer=wang, amount=Money(900, "CNY"))
            ...     album = deals.apply(deals.plan_merge([one, two]))
            ...     album.amount, deals.get(two.id).lost_reason
            (Money('900.00', 'CNY'), 'merged')
        """
        with self.work() as work:
            return _applied(work, plan)

    def merge(
        self,
        deals: Iterable[Opportunity | str],
        *,
        into: Opportunity | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> Opportunity:
        """Let deals that are the same chance go into one: plan and apply in one.

        The best one goes on (open, furthest stage, highest probability, oldest) with what it lacks from the others;
        activities, orders, quotes, contact roles and notes come together.  The others are lost with the reason
        ``merged``, and no statistics count them.

        Args:
            deals: as :meth:`plan_merge` takes them.
            into: likewise.
            owner: likewise.
            team: likewise.

        Returns:
            the deal that goes on.

        Raises:
            InvalidInput: there are fewer than two different ones, or *into* is not among them.
            Refused: one is won, or has ended in another one.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     one = deals.open(name="Album", customer=wang, stage="proposal")
            ...     two = deals.open(name="Album, again", customer=wang, amount=Money(900, "EUR"))
            ...     album = deals.merge([one, two])
            ...     (album.id == one.id, album.amount, deals.get(two.id).merged_into == one.id)
            (True, Money('900.00', 'EUR'), True)
        """
        with self.work() as work:
            desk = Merging(work)
            return desk.apply(desk.plan_merge(deals, into=into, owner=owner, team=team))

    def unmerge(self, deal: Opportunity | str) -> list[Opportunity]:
        """Take the last merge into a deal apart.

        The others are what they were; what followed from them goes back, unless somebody has moved it on; the deal
        gives back what it got, where it still has it.

        Returns:
            the deals that had ended, as they are again.

        Raises:
            Refused: nothing was merged into it, or it is won or merged itself meanwhile.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     one = deals.open(name="Album", customer=wang, stage="proposal")
            ...     two = deals.open(name="Album, again", customer=wang, amount=Money(900, "CNY"))
            ...     merged = deals.merge([one, two])
            ...     again = deals.unmerge(merged)
            ...     merged.amount, deals.get(one.id).amount, [(deal.name, deal.stage) for deal in again]
            (Money('900.00', 'CNY'), None, [('Album, again', 'qualification')])
        """
        with self.work() as work:
            return _undone(work, work.get(Opportunity, deal))


# ── Plan ──


def _plan(
    work: Work, deals: Sequence[Opportunity], *, into: Opportunity | None, owner: str | None, team: str | None
) -> MergePlan[Opportunity]:
    several(deals, what="opportunities")
    for deal in deals:
        if deal.stage == WON:
            raise Refused(f"opportunity {deal.id} is won: money was booked on it, so merge the others into another one")
        if deal.merged_into is not None:
            raise Refused(f"opportunity {deal.id} was merged into {deal.merged_into} already: merge that one")
    survivor, *others = order = in_front(_ranked(work, deals), into, what="opportunity")
    after = survivor.evolve(**_united(order), owner=owner or first(order, "owner"), team=team or first(order, "team"))
    return MergePlan(
        survivor=survivor,
        others=tuple(others),
        after=after,
        sources=sources(after, order),
        moves=counted(_rows(work, others, survivor)),
    )


def _ranked(work: Work, deals: Sequence[Opportunity]) -> list[Opportunity]:
    def rank(deal: Opportunity) -> tuple[bool, int, Decimal]:
        process, _ = way_of(work, deal)
        return deal.is_open, process.order.get(deal.last_open_stage or deal.stage, -1), deal.probability

    return sorted(sorted(deals, key=lambda deal: (deal.created_at, deal.id)), key=rank, reverse=True)


def _united(order: Sequence[Opportunity]) -> dict[str, Any]:
    values = {name: first(order, name) for name in FIRST}
    for names in TOGETHER:
        whose = next((deal for deal in order if getattr(deal, names[0]) is not None), order[0])
        values |= {name: getattr(whose, name) for name in names}
    values["note"] = texts(order, "note")
    values["competitors"] = frozenset().union(*(deal.competitors for deal in order))
    values["extras"] = joined([deal.extras for deal in order])
    amount, recurring = values["amount"], values["recurring"]
    if amount and recurring and amount.currency != recurring.currency:
        raise InvalidInput(f"{amount} and {recurring} have two currencies, and one deal has one: change one first")
    return values


def _rows(work: Work, others: Sequence[Opportunity], survivor: Opportunity) -> list[Row]:
    """What follows from *others*: lines with the amount that they make, splits of one deal, and each role once."""
    there = {"opportunity_id": survivor.id}
    priced = survivor.amount is not None
    shared = bool(_of(work, DealSplit, survivor))
    roles = _of(work, ContactRole, survivor)
    taken, primary = {(role.customer_id, role.role) for role in roles}, any(role.primary for role in roles)
    rows: list[Row] = []
    for other in others:
        rows += following(work, other, survivor, stays=STAYS)
        if not priced and other.amount is not None:
            rows += [(line, there) for line in _of(work, DealLine, other)]
            priced = True
        if not shared:
            splits = _of(work, DealSplit, other)
            rows += [(split, there) for split in splits]
            shared = bool(splits)
        for role in _of(work, ContactRole, other):
            if (role.customer_id, role.role) not in taken:
                taken.add((role.customer_id, role.role))
                rows.append((role, {**there, "primary": role.primary and not primary}))
                primary = primary or role.primary
    return rows


def _of(work: Work, cls: type[E], deal: Opportunity) -> list[E]:
    return every(work, cls, F.opportunity_id == deal.id)


# ── Apply ──


def _applied(work: Work, plan: MergePlan[Opportunity]) -> Opportunity:
    survivor = work.get(Opportunity, plan.survivor)
    others = [work.get(Opportunity, other) for other in plan.others]
    rows = moved(work, _rows(work, others, survivor))
    merged = {}
    for other in others:
        merged[other.id] = {"stage": other.stage, "probability": str(other.probability), "category": other.category}
        _ended(work, other, survivor)
    values = {name: getattr(plan.after, name) for name in plan.sources}
    told = [changed(survivor, tuple(sorted(values)))] if values else []
    after = keep(work, survivor, Change(survivor.evolve(**values), tuple(told)))
    record = work.new(
        Merge,
        opportunity_id=survivor.id,
        merged=merged,
        before=difference(survivor, after, values),
        moved=tuple(rows),
    )
    work.save(Change(record))
    return after


def _ended(work: Work, other: Opportunity, survivor: Opportunity) -> None:
    fact = OpportunityMerged(opportunity_id=survivor.id, customer_id=survivor.customer_id, merged_id=other.id)
    if not other.is_open:
        keep(work, other, Change(other.evolve(merged_into=survivor.id), (fact,)))
        return
    values = {
        "probability": Decimal(0),
        "category": "omitted",
        "closed_at": work.now,
        "last_open_stage": other.stage,
        "lost_reason": "merged",
        "merged_into": survivor.id,
    }
    _, machine = way_of(work, other)
    step = machine.step(other, "lose", now=work.now, changes=values, reason="merged")
    keep(work, other, step.and_also(fact))


# ── Undo ──


def _undone(work: Work, survivor: Opportunity) -> list[Opportunity]:
    record = last_merge(work, survivor, what="opp")
    if survivor.stage == WON or survivor.merged_into is not None:
        raise Refused(f"opportunity {survivor.id} is {survivor.merged_into or WON} meanwhile: take that back first")
    returned(work, record)
    back = given_back(record, survivor)
    if back:
        keep(work, survivor, Change(survivor.evolve(**back), (changed(survivor, tuple(sorted(back))),)))
    return [_again(work, work.get(Opportunity, i), was, survivor) for i, was in record.merged.items()]


def _again(work: Work, deal: Opportunity, was: dict[str, Any], survivor: Opportunity) -> Opportunity:
    fact = OpportunityUnmerged(opportunity_id=deal.id, customer_id=deal.customer_id, merged_id=survivor.id)
    if was["stage"] == LOST:
        return keep(work, deal, Change(deal.evolve(merged_into=None), (fact,)))
    values = {
        "probability": Decimal(was["probability"]),
        "category": was["category"],
        "closed_at": None,
        "last_open_stage": None,
        "lost_reason": None,
        "merged_into": None,
    }
    _, machine = way_of(work, deal)
    step = machine.step(deal, machine.toward(deal.stage, was["stage"]), now=work.now, changes=values)
    return keep(work, deal, step.and_also(fact))
