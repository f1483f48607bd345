"""Moving: how a case goes on, waits, is resolved, closed and reopened, each kind by its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case, CaseUpdated
from crmkit.service.cases.keeping import settle
from crmkit.service.cases.line import CaseLine
from crmkit.service.kinds import kind_of

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class Moving(Collection[Case]):
    """What ``crm.service.cases`` does with a case from its opening to its end."""

    cls = Case

    def advance(self, case: Case | str, trigger: str, **facts: Any) -> Case:
        """Move a case on in the machine of its kind, as in ``advance(repair, "diagnose")``.

        Args:
            case: which one.
            trigger: the move, as the machine of the case's kind calls it.
            facts: what guards and ``needs`` of that move look at, such as ``reason="…"``.

        Raises:
            TransitionRefused: the stage does not allow it; it says what is allowed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     repair = crm.service.cases.open(wang, kind="repair", subject="The camera does not focus")
            ...     for step in ("receive", "diagnose", "quote"):
            ...         repair = crm.service.cases.advance(repair, step)
            ...     repair.stage, repair.status
            ('quoted', 'waiting')
        """
        with self.work() as work:
            current = work.get(Case, case)
            return settle(work, current.moved(kind_of(work, current.kind), trigger, now=work.now, **facts))

    def wait(self, case: Case | str, *, waiting_for: str = "customer", reason: str | None = None) -> Case:
        """Say that it cannot go on before somebody does something.

        Args:
            case: which one.
            waiting_for: ``customer``, ``supplier``, ``third party`` ….
            reason: why; it stands in the trail.

        Raises:
            TransitionRefused: its stage does not allow it.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define(
            ...         "standard", calendar=always, resolution=timedelta(days=3), position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="The frame is broken")
            ...     case = crm.service.cases.wait(case, waiting_for="supplier", reason="a new frame is being made")
            ...     case.status, case.waiting_for, case.resolution_due
            ('waiting', 'supplier', None)
        """
        with self.work() as work:
            current = work.get(Case, case)
            return settle(work, waiting(work, current, waiting_for, reason=reason))

    def resume(self, case: Case | str) -> Case:
        """Say that it goes on.

        Its clocks go on where they stood.

        Raises:
            TransitionRefused: it is not waiting.

        Example:
            >>> from datetime import UTC, datetime, timedelta
            >>> from crmkit import CRM, BusinessCalendar, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define(
            ...         "standard", calendar=always, resolution=timedelta(days=3), position=1
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="The frame is broken")
            ...     case = crm.service.cases.wait(case)
            ...     _ = clock.advance(days=2)
            ...     print(crm.service.cases.resume(case).resolution_due)  # three days, and the two that it waited
            2026-03-07 00:00:00+00:00
        """
        return self.advance(case, "resume")

    def resolve(self, case: Case | str, *, solution: str | None = None) -> Case:
        """Say that a solution was found.

        Args:
            case: which one.
            solution: what it was.

        Raises:
            TransitionRefused: its stage does not allow it, or a line has no outcome yet.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, kind="complaint", subject="Two pictures are over-retouched")
            ...     case = crm.service.cases.resolve(case, solution="Re-edited both pictures")
            ...     case.stage, case.status, case.resolutions
            ('settled', 'resolved', 1)
        """
        with self.work() as work:
            current = work.get(Case, case)
            return settle(work, resolved(work, current, solution))

    def close(self, case: Case | str, *, reason: str | None = None) -> Case:
        """Say that nothing more is to be done.

        Args:
            case: which one.
            reason: why; it stands in the trail.

        Raises:
            TransitionRefused: its stage does not allow it, or a case below it is open.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Do you photograph in the rain?")
            ...     case = crm.service.cases.close(case, reason="answered on the telephone")
            ...     case.status, case.closed_at == case.resolved_at
            ('closed', True)
        """
        with self.work() as work:
            current = work.get(Case, case)
            return settle(work, closed(work, current, reason=reason))

    def reopen(self, case: Case | str, *, reason: str | None = None) -> Case:
        """Take up a resolved or closed case again.

        Args:
            case: which one.
            reason: why; it stands in the trail.

        Raises:
            TransitionRefused: its stage does not allow it, or it was merged into another one.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     case = crm.service.cases.resolve(case, solution="In the post")
            ...     case = crm.service.cases.reopen(case, reason="it came back to us")
            ...     case.status, case.resolved_at, case.reopened
            ('open', None, 1)
        """
        with self.work() as work:
            return settle(work, reopened(work, work.get(Case, case), reason=reason))


# ── Decisions that several verbs share ──


def waiting(work: Work, case: Case, waiting_for: str, *, reason: str | None) -> Change[Case]:
    """The case, waiting; one that waits already waits for somebody else from now on, or for the same."""
    kind = kind_of(work, case.kind)
    if case.status == "waiting" and "wait" not in kind.machine.offers(case.stage):
        after = case.evolve(waiting_for=waiting_for)
        return Change(after, (CaseUpdated.of(after, ["waiting_for"]),) if after != case else ())
    return case.moved(kind, "wait", now=work.now, changes={"waiting_for": waiting_for}, reason=reason)


def resolved(work: Work, case: Case, solution: str | None) -> Change[Case]:
    """The case, resolved."""
    kind = kind_of(work, case.kind)
    if kind.lines and (pending := work.find(CaseLine, (F.case_id == case.id) & (F.outcome == "pending"))):
        names = ", ".join(line.name for line in pending[:3])
        raise kind.machine.refusal(case.stage, "resolve", f"{len(pending)} of its lines have no outcome yet: {names}")
    return case.moved(kind, "resolve", now=work.now, changes={"solution": solution or case.solution})


def closed(work: Work, case: Case, *, reason: str | None) -> Change[Case]:
    """The case, closed."""
    kind = kind_of(work, case.kind)
    below = work.find(Case, (F.parent_id == case.id) & F.status.in_(["open", "waiting"]), limit=3)
    if below:
        names = ", ".join(child.id for child in below)
        raise kind.machine.refusal(case.stage, "close", f"cases below it are still open: {names}")
    return case.moved(kind, "close", now=work.now, reason=reason)


def reopened(work: Work, case: Case, *, reason: str | None = None) -> Change[Case]:
    """The case, taken up again."""
    kind = kind_of(work, case.kind)
    if case.merged_into_id is not None:
        raise kind.machine.refusal(case.stage, "reopen", f"it was merged into {case.merged_into_id}, which goes on")
    return case.moved(kind, "reopen", now=work.now, reason=reason)
