"""``crm.pipeline.opportunities``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.extras import Extra
from crmkit.kernel.machine import Machine
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.alerts import Alerts
from crmkit.pipeline.opportunities.approvals import Approvals
from crmkit.pipeline.opportunities.deal import DealState, Opportunity, OpportunityChanged, OpportunityOpened
from crmkit.pipeline.opportunities.guards import guard_advance, guard_lose, guard_open, guard_update, guard_win
from crmkit.pipeline.opportunities.history import as_it_was, keep, moment, seconds_by_stage
from crmkit.pipeline.opportunities.lines import DealLine, lines_of, refuse_amount, replace_lines
from crmkit.pipeline.opportunities.people import ContactRole, DealSplit, SplitKind, involved, shared
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.orders.pricing import priced, total_of
from crmkit.pipeline.prices import PriceList
from crmkit.pipeline.stages.definition import ROT, Light, SalesPipeline
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD

if TYPE_CHECKING:
    from crmkit.pipeline.leads import Lead

MOVED_BY_VERBS = {
    "stage",
    "stage_since",
    "pipeline",
    "closed_at",
    "last_open_stage",
    "lost_reason",
    "lost_to",
    "slips",
    "expected",
}


class Opportunities(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` offers."""

    cls = Opportunity

    def open(
        self,
        *,
        name: str,
        customer: Customer | str,
        company: Company | str | None = None,
        amount: Money | None = None,
        close_on: date | None = None,
        campaign: Record | str | None = None,
        lead: Lead | str | None = None,
        owner: str | None = None,
        source: str | None = None,
        pipeline: str = STANDARD.name,
        stage: str | None = None,
        extras: Iterable[Extra] = (),
        **fields: Any,
    ) -> Opportunity:
        """Note a chance to sell.

        Args:
            name: what it is about.
            customer: with whom.
            company: for which company; the customer's unless given.
            amount: what it is worth, taxes kept out.
            close_on: the day when it should be decided.
            campaign: the activity that brought it.
            lead: the lead that it came from.
            owner: who is responsible; the customer's unless given.
            source: how it was found; the customer's unless given.
            pipeline: the pipeline whose stages it passes.
            stage: the open stage in which it begins; the first one unless given.
            extras: custom fields of the host.
            fields: further attributes of :class:`Opportunity`.

        Raises:
            NotFound: the customer, company, campaign, lead or pipeline does not exist.
            InvalidInput: a field is unknown or malformed, or the stage asks for more.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(100, "CNY"))
            ...     deal = crm.pipeline.opportunities.advance(deal, to="proposal")
            ...     deal.stage, deal.expected_revenue, crm.pipeline.opportunities.win(deal).stage
            ('proposal', Money('50.00', 'CNY'), 'won')
        """
        with self.work() as work:
            whom = work.get(Customer, _id(customer))
            process = pipeline_of(work, pipeline)
            begins = process.first if stage is None else process[_open_stage(process, stage)]
            _settable(fields)
            values = {
                "probability": begins.probability,
                "category": begins.category,
                "company_id": whom.company_id if company is None else work.get(Company, _id(company)).id,
                "owner": owner or whom.owner,
                "source": source or whom.source,
                "extras": {type(extra).key: extra.dump() for extra in extras},
                **fields,
            }
            deal = work.new(
                Opportunity,
                name=name,
                customer_id=whom.id,
                amount=amount,
                close_on=close_on,
                campaign_id=_id(campaign),
                lead_id=_id(lead),
                pipeline=process.name,
                stage=begins.name,
                stage_since=work.now,
                **values,
            )
            guard_open(deal, begins)
            opened = OpportunityOpened(
                opportunity_id=deal.id,
                customer_id=whom.id,
                amount=deal.amount,
                lead_id=deal.lead_id,
                campaign_id=deal.campaign_id,
            )
            return keep(work, None, Change(deal, (opened,)))

    def update(self, deal: Opportunity | str, **changes: Any) -> Opportunity:
        """Change attributes; the stage changes by :meth:`advance`, :meth:`win`, :meth:`lose` and :meth:`reopen`.

        Raises:
            InvalidInput: a field is unknown or malformed, only a verb changes it, or the stage asks for it.
            StaleEntity: somebody else has changed the deal since it was read.
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            _settable(changes)
            refuse_amount(work, current, changes)
            after = current.evolve(**changes)
            different = tuple(sorted(n for n in changes if getattr(current, n) != getattr(after, n)))
            if not different:
                return current
            process, _ = way_of(work, current)
            if current.stage in process:
                guard_update(after, process[current.stage], different)
            return keep(work, current, Change(_slipped(current, after), (_changed(current, different),)))

    def advance(self, deal: Opportunity | str, *, to: str | None = None, **changes: Any) -> Opportunity:
        """Bring a deal to another open stage.

        Args:
            deal: which one.
            to: the name of the stage; the next one unless given.
            changes: attributes that change with it; a probability or category given here wins over the stage's.

        Raises:
            TransitionRefused: the pipeline has no such move, or the stage asks for something; every reason is given.
            InvalidInput: there is no such stage.
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            _settable(changes)
            process, machine = way_of(work, current)
            target = to if to is not None else _next(process, machine, current)
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
            TransitionRefused: it is closed, or its stage asks for something first.
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            _settable(changes)
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
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            _settable(changes)
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
            TransitionRefused: it is not closed.
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            _settable(changes)
            process, machine = way_of(work, current)
            if current.is_open:
                raise machine.refusal(current.stage, "reopen", "it is open already")
            last = current.last_open_stage
            target = at or (last if last is not None and last in process else process.first.name)
            change = current.reopened(process[_open_stage(process, target)], machine=machine, now=work.now, **changes)
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
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            process = pipeline_of(work, pipeline)
            target = process[_open_stage(process, stage or process.first.name)]
            if not current.is_open:
                raise process.machine.refusal(current.stage, "transfer", "it is closed: reopen it first")
            guard_advance(work, current, process=process, machine=process.machine, to=target, changes={})
            return keep(work, current, current.transferred(process.name, target, now=work.now))

    # ── What belongs to a deal ──

    def set_lines(
        self, deal: Opportunity | str, lines: Sequence[Line], *, prices: PriceList | str | None = None
    ) -> Opportunity:
        """Say what a deal consists of; the lines make its amount from now on.

        Args:
            deal: which one.
            lines: all of its lines, in one currency; they take the place of those before.  With no lines the amount is
                set by hand again.
            prices: the price list for products without a price on their line.

        Raises:
            InvalidInput: a line has no price, or they have several currencies.
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            taken = priced(work, lines, prices=prices) if lines else []
            replace_lines(work, current, taken)
            after = current.evolve(amount=total_of(taken) if taken else current.amount)
            return keep(work, current, Change(after, (_changed(current, ("amount", "lines")),)))

    def lines(self, deal: Opportunity | str) -> list[DealLine]:
        """What a deal consists of."""
        with self.read() as work:
            return lines_of(work, work.get(Opportunity, deal).id)

    def involve(
        self, deal: Opportunity | str, customer: Customer | str, *, role: str, primary: bool = False
    ) -> ContactRole:
        """Note the part that a person at the customer plays.

        Args:
            deal: which one.
            customer: who.
            role: decision maker, economic buyer, champion, influencer, user, blocker …
            primary: whether it is the one to talk to first; who was so before is it no longer.

        Raises:
            Duplicate: it has been noted already.
        """
        with self.work() as work:
            current, whom = work.get(Opportunity, _id(deal)), work.get(Customer, _id(customer))
            return involved(work, current, customer_id=whom.id, role=role, primary=primary)

    def roles(self, deal: Opportunity | str) -> list[ContactRole]:
        """Who plays which part, the primary contact first."""
        with self.read() as work:
            rule = F.opportunity_id == work.get(Opportunity, deal).id
            return sorted(work.find(ContactRole, rule, order_by="created_at"), key=lambda part: not part.primary)

    def split(
        self, deal: Opportunity | str, shares: Mapping[str, Decimal | int | str], *, kind: SplitKind = "revenue"
    ) -> list[DealSplit]:
        """Say for whom a deal counts, and how much; forecasts, quotas and commissions follow the revenue splits.

        Args:
            deal: which one.
            shares: per cent by person; revenue shares add up to 100, overlay shares need not.  Nothing takes the splits
                away.
            kind: ``"revenue"`` or ``"overlay"`` (for those who helped), as in Salesforce.

        Raises:
            InvalidInput: a share is not above 0, or revenue shares don't add up to 100.
        """
        with self.work() as work:
            return shared(work, work.get(Opportunity, _id(deal)), shares, kind=kind)

    def splits(self, deal: Opportunity | str, *, kind: SplitKind = "revenue") -> dict[str, Decimal]:
        """Per cent by person."""
        with self.read() as work:
            rule = (F.opportunity_id == work.get(Opportunity, deal).id) & (F.kind == kind)
            return {split.person: split.percent for split in work.find(DealSplit, rule, order_by="person")}

    @property
    def approvals(self) -> Approvals:
        """What a second person must allow."""
        return Approvals(self._scope)

    @property
    def alerts(self) -> Alerts:
        """What managers want to be told of."""
        return Alerts(self._scope)

    # ── Age ──

    def light(self, deal: Opportunity | str) -> Light:
        """How long a deal has been in its stage, as a traffic light: green, yellow or red; closed deals are green."""
        with self.read() as work:
            current = work.get(Opportunity, deal)
            process, _ = way_of(work, current)
            if not current.is_open or current.stage not in process:
                return "green"
            return process[current.stage].light(days=current.days_in_stage(now=work.now))

    def rotting(self, *, pipeline: str = STANDARD.name, owner: str | None = None) -> list[Opportunity]:
        """The open deals of a pipeline that have been too long in their stage, the oldest first."""
        with self.read() as work:
            found: list[Opportunity] = []
            for stage in pipeline_of(work, pipeline).stages:
                if stage.expected_days is None:
                    continue
                latest = work.now - timedelta(days=float(ROT * stage.expected_days))
                rule = (F.pipeline == pipeline) & (F.stage == stage.name) & (F.stage_since <= latest)
                found += work.find(Opportunity, rule if owner is None else rule & (F.owner == owner))
            return sorted(found, key=lambda deal: (deal.stage_since, deal.id))

    # ── History ──

    def as_of(self, deal: Opportunity | str, at: date | datetime) -> DealState:
        """What a deal was at a past moment, or at the end of a past day.

        Raises:
            NotFound: it did not exist yet.
        """
        with self.read() as work:
            return as_it_was(work, work.get(Opportunity, deal), at=moment(work, at))

    def durations(self, deal: Opportunity | str) -> dict[str, float]:
        """How long a deal has been in each stage, in seconds, over re-entries, the present stage counted up to now."""
        with self.read() as work:
            return seconds_by_stage(work, work.get(Opportunity, deal), now=work.now)


def way_of(work: Work, deal: Opportunity) -> tuple[SalesPipeline, Machine]:
    """The pipeline of *deal* and how deals move in it."""
    process = pipeline_of(work, deal.pipeline)
    return process, work.machine("opportunity") if process is STANDARD else process.machine


def _next(process: SalesPipeline, machine: Machine, deal: Opportunity) -> str:
    behind = process.after(deal.stage)
    if behind is None:
        raise machine.refusal(deal.stage, "advance", "there is no later open stage")
    return behind.name


def _open_stage(process: SalesPipeline, name: str | None) -> str:
    if name is None or name not in process:
        stages = ", ".join(stage.name for stage in process.stages)
        raise InvalidInput(f"{name!r} is no open stage of the pipeline {process.name}; it has {stages}")
    return name


def _settable(changes: Iterable[str]) -> None:
    moved = sorted(MOVED_BY_VERBS.intersection(changes))
    if moved:
        raise InvalidInput(f"{moved[0]} is not set directly: use advance, win, lose or reopen")


def _slipped(before: Opportunity, after: Opportunity) -> Opportunity:
    if before.close_on is None or after.close_on is None or after.close_on <= before.close_on:
        return after
    return after.evolve(slips=before.slips + 1)


def _changed(deal: Opportunity, fields: tuple[str, ...]) -> OpportunityChanged:
    return OpportunityChanged(opportunity_id=deal.id, customer_id=deal.customer_id, fields=fields)


@overload
def _id(ref: Record | str) -> str: ...
@overload
def _id(ref: Record | str | None) -> str | None: ...
def _id(ref: Record | str | None) -> str | None:
    return ref.id if isinstance(ref, Record) else ref
