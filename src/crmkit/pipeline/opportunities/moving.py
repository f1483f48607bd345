"""Moving: from stage to stage, to its end, back again, and into another pipeline."""

from __future__ import annotations

from typing import Any

from crmkit.kernel.collection import Collection
from crmkit.kernel.machine import Machine
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.guards import guard_advance, guard_lose, guard_win
from crmkit.pipeline.opportunities.history import keep
from crmkit.pipeline.opportunities.lines import refuse_amount
from crmkit.pipeline.opportunities.ways import open_stage, settable, way_of
from crmkit.pipeline.stages.definition import LOST, WON, SalesPipeline
from crmkit.pipeline.stages.desk import pipeline_of


class Moving(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` does with the stage of a deal."""

    cls = Opportunity

    def advance(self, deal: Opportunity | str, *, to: str | None = None, **changes: Any) -> Opportunity:
        """Bring a deal to another open stage.

        Args:
            deal: which one.
            to: the name of the stage; the next one unless given.
            changes: attributes that change with it; a probability or category given here wins over the stage's.

        Raises:
            TransitionRefused: the pipeline has no such move, or the stage asks for something; every reason is given.
            InvalidInput: there is no such stage.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(10_000, "CNY"))
            ...     deal = deals.advance(deal)
            ...     deal.stage, deal.probability, deals.advance(deal, to="negotiation", probability=95).expected_revenue
            ('proposal', Decimal('50'), Money('9500.00', 'CNY'))
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            settable(changes)
            process, machine = way_of(work, current)
            target = to if to is not None else _next(process, machine, current)
            if target in {WON, LOST}:
                how = "win(deal)" if target == WON else "lose(deal, reason=…)"
                raise machine.refusal(current.stage, f"move to {target}", f"deals end by {how}")
            machine.toward(current.stage, target)
            if not current.is_open:
                raise machine.refusal(current.stage, f"move to {target}", "it is closed: reopen it first")
            refuse_amount(work, current, changes)
            stage = process[target]
            guard_advance(work, current, process=process, machine=machine, to=stage, changes=changes)
            return keep(work, current, current.advanced(stage, machine=machine, now=work.now, **changes))

    def win(self, deal: Opportunity | str, **changes: Any) -> Opportunity:
        """The customer said yes.

        Args:
            deal: which one.
            changes: attributes that change with it, such as the final ``amount``.

        Raises:
            TransitionRefused: it is closed, or its stage or pipeline asks for something first; every reason is given.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(10_000, "CNY"))
            ...     deal = deals.win(deal, amount=Money(9_500, "CNY"))
            ...     deal.stage, deal.amount, deal.probability, deal.last_open_stage
            ('won', Money('9500.00', 'CNY'), Decimal('100'), 'qualification')
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            settable(changes)
            refuse_amount(work, current, changes)
            process, machine = way_of(work, current)
            guard_win(work, current, process=process, machine=machine, changes=changes)
            return keep(work, current, current.won(machine=machine, now=work.now, **changes))

    def lose(self, deal: Opportunity | str, *, reason: str, to: str | None = None, **changes: Any) -> Opportunity:
        """The customer said no.

        Args:
            deal: which one.
            reason: why.
            to: the competitor who won it.
            changes: attributes that change with it.

        Raises:
            TransitionRefused: it is closed, or there is no reason.
            InvalidInput: the pipeline knows other reasons only.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang)
            ...     deal = deals.lose(deal, reason="price", to="Golden Wok")
            ...     deal.stage, deal.lost_reason, deal.lost_to, deal.category
            ('lost', 'price', 'Golden Wok', 'omitted')
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            settable(changes)
            process, machine = way_of(work, current)
            guard_lose(process, reason=reason, note=changes.get("note"))
            return keep(work, current, current.lost(reason=reason, to=to, machine=machine, now=work.now, **changes))

    def reopen(self, deal: Opportunity | str, *, at: str | None = None, **changes: Any) -> Opportunity:
        """A closed deal is open again.

        Args:
            deal: which one.
            at: the stage in which it goes on; the one in which it was decided unless given.
            changes: attributes that change with it.

        Raises:
            TransitionRefused: it is not closed, or it was merged into another one.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.advance(deals.open(name="Wedding banquet", customer=wang), to="negotiation")
            ...     deal = deals.reopen(deals.lose(deal, reason="price"))
            ...     deal.stage, deal.lost_reason, deal.closed_at
            ('negotiation', None, None)
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            settable(changes)
            process, machine = way_of(work, current)
            if current.is_open:
                raise machine.refusal(current.stage, "reopen", "it is open already")
            if current.merged_into is not None:
                reason = f"it goes on in {current.merged_into}: unmerge that one"
                raise machine.refusal(current.stage, "reopen", reason)
            last = current.last_open_stage
            target = at or (last if last is not None and last in process else process.first.name)
            change = current.reopened(process[open_stage(process, target)], machine=machine, now=work.now, **changes)
            return keep(work, current, change)

    def transfer(self, deal: Opportunity | str, *, pipeline: str, stage: str | None = None) -> Opportunity:
        """Bring an open deal into another pipeline.

        Args:
            deal: which one.
            pipeline: the name of the pipeline.
            stage: the open stage in which it goes on; the first one unless given.

        Raises:
            NotFound: there is no such pipeline.
            TransitionRefused: the deal is closed, or the stage asks for something.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang)
            ...     deal = deals.transfer(deal, pipeline="b2c")
            ...     deal.pipeline, deal.stage, deal.probability
            ('b2c', 'interested', Decimal('30'))
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            process = pipeline_of(work, pipeline)
            target = process[open_stage(process, stage or process.first.name)]
            if not current.is_open:
                raise process.machine.refusal(current.stage, "transfer", "it is closed: reopen it first")
            guard_advance(work, current, process=process, machine=process.machine, to=target, changes={})
            return keep(work, current, current.transferred(process.name, target, now=work.now))


def _next(process: SalesPipeline, machine: Machine, deal: Opportunity) -> str:
    behind = process.after(deal.stage)
    if behind is None:
        raise machine.refusal(deal.stage, "advance", "there is no later open stage")
    return behind.name
