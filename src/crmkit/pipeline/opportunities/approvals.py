"""Approvals: what a second person must allow before a deal goes on."""

from __future__ import annotations

from datetime import datetime

from crmkit.errors import Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity


@entity("approval", prefix="appr")
class Approval(Entity):
    """One request to go on with a deal, and what became of it.

    Attributes:
        gate: what is to be approved, as the stage calls it.
        amount: what the deal was worth when it was asked for; a granted approval holds up to this amount.
    """

    opportunity_id: str = attribute(references="opportunity", index=True)
    gate: str = attribute()
    status: str = attribute(default="requested", index=True)
    status_since: datetime = attribute()
    amount: Money | None = attribute(default=None)
    requested_by: str | None = attribute(default=None)
    decided_by: str | None = attribute(default=None)
    note: str | None = attribute(default=None, multiline=True)

    def covers(self, deal: Opportunity) -> bool:
        """Whether it allows *deal* as it is now: not when the deal has grown since."""
        if self.status != "granted":
            return False
        if self.amount is None or deal.amount is None:
            return deal.amount is None
        return deal.amount.currency == self.amount.currency and deal.amount <= self.amount


APPROVAL = Machine(
    "approval",
    initial="requested",
    final={"granted", "rejected", "revoked"},
    field="status",
    table=(
        on("grant", "requested", "granted"),
        on("reject", "requested", "rejected", needs="reason"),
        on("revoke", "granted", "revoked", needs="reason"),
    ),
)


@event("pipeline.approval_requested")
class ApprovalRequested(Event):
    """Somebody is asked to allow a deal to go on."""

    approval_id: str
    opportunity_id: str
    gate: str


@event("pipeline.approval_decided")
class ApprovalDecided(Event):
    """An approval was granted, rejected or revoked."""

    approval_id: str
    opportunity_id: str
    gate: str
    status: str


class Approvals(Collection[Approval]):
    """What ``crm.pipeline.opportunities.approvals`` offers."""

    cls = Approval

    def request(self, deal: Opportunity | str, *, gate: str, note: str | None = None) -> Approval:
        """Ask for an approval of a deal at its present amount.

        Args:
            deal: which one.
            gate: what is to be approved, as the stage calls it (``Stage(…, gate="discount")``).
            note: more about it.

        Raises:
            Refused: it is asked for already.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.acting_as("Xu").pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(10_000, "CNY"))
            ...     asked = deals.approvals.request(deal, gate="discount", note="regular guest")
            ...     asked.status, asked.amount, asked.requested_by
            ('requested', Money('10000.00', 'CNY'), 'Xu')
        """
        with self.work() as work:
            current = work.get(Opportunity, deal.id if isinstance(deal, Opportunity) else deal)
            waiting = (F.opportunity_id == current.id) & (F.gate == gate) & (F.status == "requested")
            if work.count(Approval, waiting):
                raise Refused(f"the approval of {gate} is asked for already: decide that request first")
            approval = work.new(
                Approval,
                opportunity_id=current.id,
                gate=gate,
                amount=current.amount,
                requested_by=work.actor,
                note=note,
                status_since=work.now,
            )
            asked = ApprovalRequested(approval_id=approval.id, opportunity_id=current.id, gate=approval.gate)
            return work.save(Change(approval, (asked,)))

    def grant(self, approval: Approval | str) -> Approval:
        """Allow it, up to the amount for which it was asked: a deal that has grown needs another approval.

        Raises:
            Refused: the person who asked cannot be the one who allows.
            TransitionRefused: it has been decided.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.pipeline import Stage
            >>> with CRM.open() as crm:
            ...     stages = [Stage("menu"), Stage("contract", gate="manager")]
            ...     _ = crm.pipeline.stages.define("banquets", stages=stages)
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, pipeline="banquets")
            ...     asked = crm.acting_as("Xu").pipeline.opportunities.approvals.request(deal, gate="manager")
            ...     _ = crm.acting_as("Chen").pipeline.opportunities.approvals.grant(asked)
            ...     deals.advance(deal, to="contract").stage
            'contract'
        """
        with self.work() as work:
            current = work.get(Approval, approval)
            if current.requested_by is not None and current.requested_by == work.actor:
                raise Refused(f"{work.actor} asked for this approval: somebody else must grant it")
            return _decided(work, current, "grant")

    def reject(self, approval: Approval | str, *, reason: str) -> Approval:
        """Do not allow it.

        Raises:
            TransitionRefused: it has been decided, or there is no reason.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal, approvals = deals.open(name="Wedding banquet", customer=wang), deals.approvals
            ...     asked = approvals.reject(approvals.request(deal, gate="discount"), reason="no more than 5 %")
            ...     asked.status, asked.note, approvals.request(deal, gate="discount").status
            ('rejected', 'no more than 5 %', 'requested')
        """
        with self.work() as work:
            return _decided(work, work.get(Approval, approval), "reject", reason=reason)

    def revoke(self, approval: Approval | str, *, reason: str) -> Approval:
        """Take an approval back; a deal that has gone on already stays where it is.

        Raises:
            TransitionRefused: it was not granted, or there is no reason.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal, approvals = deals.open(name="Wedding banquet", customer=wang), deals.approvals
            ...     granted = approvals.grant(approvals.request(deal, gate="discount"))
            ...     revoked = approvals.revoke(granted, reason="the menu has changed")
            ...     granted.covers(deal), revoked.covers(deal)
            (True, False)
        """
        with self.work() as work:
            return _decided(work, work.get(Approval, approval), "revoke", reason=reason)


def _decided(work: Work, approval: Approval, trigger: str, **facts: str) -> Approval:
    changes = {"decided_by": work.actor, "note": facts.get("reason", approval.note)}
    change = work.machine("approval").step(approval, trigger, now=work.now, changes=changes, **facts)
    after = change.after
    decided = ApprovalDecided(
        approval_id=after.id, opportunity_id=after.opportunity_id, gate=after.gate, status=after.status
    )
    return work.save(change.and_also(decided))


def approved(work: Work, deal: Opportunity, *, gate: str) -> bool:
    """Whether *gate* is open for *deal* as it is now."""
    granted = (F.opportunity_id == deal.id) & (F.gate == gate) & (F.status == "granted")
    return any(approval.covers(deal) for approval in work.find(Approval, granted))
