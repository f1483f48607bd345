"""``crm.service.escalations``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.service.audit import Audit, audit
from crmkit.service.cases.case import Case
from crmkit.service.cases.keeping import ESCALATE, occur, settle
from crmkit.service.escalation.ledger import Escalation, EscalationAcknowledged
from crmkit.service.escalation.mutes import MEMO, EscalationsMuted, Mute
from crmkit.service.policies.policy import Policy

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

GRACE: Final = timedelta(minutes=5)
MONTH: Final = timedelta(days=30)


class Escalations(Collection[Escalation]):
    """What ``crm.service.escalations`` offers: the ledger of what has fired, and how to keep it quiet."""

    cls = Escalation

    def acknowledge(self, case: Case | str, *, by: str | None = None) -> Case:
        """Say that somebody knows and cares: the steps that were to follow are dropped.

        Levels that have not been reached yet still come.  A case that is escalated again after it was resolved and
        reopened wants to be acknowledged again.

        Args:
            case: which one.
            by: who; the acting user unless given.
        """
        with self.work() as work:
            current = work.get(Case, case)
            who = by or work.actor
            open_ones = (F.case_id == current.id) & F.acknowledged_at.is_missing()
            for record in work.find(Escalation, open_ones):
                work.save(Change(record.evolve(acknowledged_at=work.now, acknowledged_by=who)))
            after = current.evolve(acknowledged_at=work.now, acknowledged_by=who)
            known = EscalationAcknowledged(case_id=current.id, customer_id=current.customer_id, by=who)
            return settle(work, Change(after, (known,)))

    def of(self, case: Case | str) -> list[Escalation]:
        """What has fired for one case, the earliest first."""
        with self.read() as work:
            return work.find(Escalation, F.case_id == work.get(Case, case).id, order_by=("fired_at", "key"))

    def mute(self, *, until: datetime, reason: str, since: datetime | None = None, rule: Rule | None = None) -> Mute:
        """Let escalations wait, for all cases or those that satisfy *rule*; clocks run on.

        What comes due meanwhile fires at the end of the mute, if it is still wanted then.

        Args:
            until: when it ends.
            reason: why, as in ``"the shop is being moved"``.
            since: when it begins; now unless given.
            rule: which cases.

        Raises:
            InvalidInput: it ends before it begins.
            DefinitionError: the rule does not fit cases.
        """
        with self.work() as work:
            if rule is not None:
                work.plan(Case, rule)
            mute = work.new(
                Mute,
                since=work.now if since is None else utc(since, what="since"),
                until=utc(until, what="until"),
                reason=reason,
                by=work.actor,
                rule=None if rule is None else to_json(rule),
            )
            work.memo.pop(MEMO, None)
            told = EscalationsMuted(mute_id=mute.id, since=mute.since, until=mute.until, by=mute.by)
            return work.save(Change(mute, (told,)))

    def unmute(self, mute: Mute | str) -> None:
        """End a mute before its time: what has waited comes due now, unless another mute holds it."""
        with self.work() as work:
            current = work.get(Mute, mute)
            waiting = (F.kind == ESCALATE) & (F.state == "due") & (F.due_at == current.until)
            for item in work.find(AgendaItem, waiting):
                if item.payload.get("after"):
                    work.put([item.evolve(due_at=work.now)])
            work.remove(Mute, [current.id])
            work.memo.pop(MEMO, None)

    def audit(self, *, grace: timedelta = GRACE, since: datetime | None = None) -> Audit:
        """Look for steps that came too late, are overdue, were given up, were never planned, or told nobody.

        Args:
            grace: how late a step may be.
            since: look at what has fired from this moment on; the last 30 days unless given.

        Definitions: five minutes are those of the auditor of Grafana OnCall.
        """
        with self.read() as work:
            first = work.now - MONTH if since is None else utc(since, what="since")
            return audit(work, grace=grace, since=first)


def low_score(work: Work, case: Case, *, score: float, number: int) -> None:
    """Let levels fire that wait for a low score.

    Args:
        work: the transaction in which the survey was answered.
        case: what the survey was about.
        score: what was answered, on the scale of the policy's level.
        number: the how-manieth answer about this case it is.
    """
    if case.policy_version_id is not None and case.merged_into_id is None:
        occur(work, case, work.get(Policy, case.policy_version_id), "low_score", number=number, score=score)
