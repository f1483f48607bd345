"""``crm.service.escalations``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from crmkit.errors import InvalidInput
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

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock, always, hour = (
            ...     FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)),
            ...     BusinessCalendar.always_open(),
            ...     timedelta(hours=1),
            ... )
            >>> steps = [{"notify": "lead@studio.example", "wait": hour}, {"notify": "boss@studio.example"}]
            >>> late = [{"clock": "resolution", "steps": steps}]
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=always, resolution=hour, escalations=late, position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = clock.advance(hours=1), crm.run_due()
            ...     case = crm.service.escalations.acknowledge(case.id, by="lead")
            ...     _ = clock.advance(days=1), crm.run_due()
            ...     [fired.recipients for fired in crm.service.escalations.of(case)]  # the boss was never told
            [('lead@studio.example',)]
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
        """What has fired for one case, the earliest first.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock, always, day = (
            ...     FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)),
            ...     BusinessCalendar.always_open(),
            ...     timedelta(days=1),
            ... )
            >>> soon = [{"clock": "resolution", "at": "75%", "notify": "lead@studio.example"}]
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=always, resolution=day, escalations=soon, position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = clock.advance(hours=20), crm.run_due()
            ...     [
            ...         (fired.level, f"{fired.due_at:%H:%M}", fired.recipients)
            ...         for fired in crm.service.escalations.of(case)
            ...     ]
            [(1, '18:00', ('lead@studio.example',))]
        """
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
            InvalidInput: it ends before it begins, or has ended already.
            DefinitionError: the rule does not fit cases.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock, always, day = (
            ...     FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)),
            ...     BusinessCalendar.always_open(),
            ...     timedelta(days=1),
            ... )
            >>> late = [{"clock": "resolution", "notify": "lead@studio.example"}]
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=always, resolution=day, escalations=late, position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = crm.service.escalations.mute(until=clock.now() + 2 * day, reason="the shop is being moved")
            ...     _ = clock.advance(days=1), crm.run_due()
            ...     quiet = len(crm.service.escalations.of(case))
            ...     _ = clock.advance(days=1), crm.run_due()
            ...     quiet, len(crm.service.escalations.of(case))
            (0, 1)
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
            if mute.until <= work.now:
                raise InvalidInput(f"until= is over already: {mute.until.isoformat()}; it is {work.now.isoformat()}")
            work.memo.pop(MEMO, None)
            told = EscalationsMuted(mute_id=mute.id, since=mute.since, until=mute.until, by=mute.by)
            return work.save(Change(mute, (told,)))

    def unmute(self, mute: Mute | str) -> None:
        """End a mute before its time: what has waited comes due now, unless another mute holds it.

        Raises:
            NotFound: it was ended before.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock, always, day = (
            ...     FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)),
            ...     BusinessCalendar.always_open(),
            ...     timedelta(days=1),
            ... )
            >>> late = [{"clock": "resolution", "notify": "lead@studio.example"}]
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=always, resolution=day, escalations=late, position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     mute = crm.service.escalations.mute(until=clock.now() + 9 * day, reason="the shop is being moved")
            ...     _ = clock.advance(days=1), crm.run_due()
            ...     crm.service.escalations.unmute(mute)  # the movers were faster
            ...     _ = crm.run_due()
            ...     len(crm.service.escalations.of(case))
            1
        """
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
            grace: how late a step may be, 0 or more.
            since: look at what has fired from this moment on; the last 30 days unless given.

        Raises:
            InvalidInput: *grace* is less than nothing.

        Definitions: five minutes are those of the auditor of Grafana OnCall.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock, always, day = (
            ...     FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)),
            ...     BusinessCalendar.always_open(),
            ...     timedelta(days=1),
            ... )
            >>> late = [{"clock": "resolution", "notify": "lead@studio.example"}]
            >>> with CRM.open(clock=clock) as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=always, resolution=day, escalations=late, position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = clock.advance(hours=25)  # and nobody calls run_due()
            ...     [(finding.fault, str(finding.by)) for finding in crm.service.escalations.audit().findings]
            [('overdue', '1:00:00')]
        """
        if grace < timedelta(0):
            raise InvalidInput(f"grace= is 0 or more, got {grace}")
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
