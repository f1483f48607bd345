"""Handling: open a case, give it to somebody, change what it says and what is promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.events import Event
from crmkit.kernel.extras import Extra
from crmkit.kernel.text import several
from crmkit.service.cases.case import (
    Case,
    CaseAssigned,
    CaseOpened,
    CaseUpdated,
    PolicyApplied,
    Priority,
    Severity,
)
from crmkit.service.cases.entries import entry
from crmkit.service.cases.keeping import settle
from crmkit.service.kinds import kind_of
from crmkit.service.policies.matching import policy_for
from crmkit.service.policies.policy import Policy, policy_of
from crmkit.service.routing.deciding import on_arrival, placed

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

UPDATABLE: Final = frozenset({"subject", "priority", "severity", "channel", "team", "tags", "watchers"})
DECIDING: Final = frozenset({"priority", "severity", "channel", "team", "tags", "kind"})


class Handling(Collection[Case]):
    """What ``crm.service.cases`` does with a case as a whole: open, assign, update, and promise something else."""

    cls = Case

    def open(
        self,
        customer: Customer | str,
        *,
        subject: str,
        kind: str = "question",
        message: str | None = None,
        policy: Policy | str | None = None,
        channel: str | None = None,
        priority: Priority = "normal",
        severity: Severity | None = None,
        owner: str | None = None,
        team: str | None = None,
        tags: Iterable[str] = (),
        watchers: Iterable[str] = (),
        at: datetime | None = None,
        extras: Iterable[Extra] = (),
    ) -> Case:
        """Note that a customer wants something.

        Args:
            customer: who.
            subject: what it is about, in a line.
            kind: ``question``, ``complaint``, ``repair``, ``return``, ``exchange``, ``feedback``, ``market_research``,
                or one that was defined with ``crm.service.kinds``.
            message: what the customer said; it becomes the first entry of the conversation.
            policy: what was promised; without it, the first policy whose rule fits.
            channel: how the customer came: ``email``, ``phone``, ``chat``, ``shop`` ….
            priority: ``low``, ``normal``, ``high`` or ``urgent``.
            severity: ``minor``, ``moderate``, ``major`` or ``critical``.
            owner: who sees to it.
            team: which team does.
            tags: free words.
            watchers: who wants to be told of it.
            at: when the customer came; now unless given.
            extras: custom fields of the host.

        Raises:
            InvalidInput: a value is malformed, the kind is unknown, or *at* lies in the future.
            NotFound: there is no such customer or policy.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, kind="complaint", subject="Two pictures are over-retouched")
            ...     crm.service.cases.resolve(case, solution="Re-edited both pictures").status
            'resolved'
        """
        with self.work() as work:
            who = work.get(Customer, customer)
            how = kind_of(work, kind)
            opened_at = moment(work, at)
            stage = how.machine.initial
            case = work.new(
                Case,
                customer_id=who.id,
                kind=how.name,
                subject=subject,
                channel=channel,
                priority=priority,
                severity=severity,
                stage=stage,
                stage_since=opened_at,
                status=how.status(stage),
                status_since=opened_at,
                owner=owner,
                team=team,
                tags=frozenset(several(tags, what="tags")),
                watchers=frozenset(several(watchers, what="watchers")),
                opened_at=opened_at,
                last_word_at=opened_at,
                extras={type(extra).key: extra.dump() for extra in extras},
            )
            return opened(work, case, policy=policy, message=message)

    def assign(self, case: Case | str, *, owner: str | None, team: str | None = None) -> Case:
        """Give a case to somebody, or back to a team or to nobody.

        Args:
            case: which one.
            owner: who sees to it from now on.
            team: the team, if it changes too.

        Raises:
            InvalidInput: the case is closed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?", owner="agent:xu")
            ...     case = crm.service.cases.assign(case, owner="agent:li")
            ...     case.owner, case.reassigned
            ('agent:li', 1)
        """
        with self.work() as work:
            current = _alive(work.get(Case, case))
            if owner == current.owner and team in {None, current.team}:
                return current
            return settle(work, assigned(current, owner, team=team))

    def update(self, case: Case | str, **changes: Any) -> Case:
        """Change ``subject``, ``priority``, ``severity``, ``channel``, ``team``, ``tags`` or ``watchers``.

        A policy that was matched by its rule is matched again.

        Args:
            case: which one.
            changes: the fields and what they are from now on.

        Raises:
            InvalidInput: a field is unknown or malformed.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     hours = {"urgent": timedelta(hours=1), "else": timedelta(hours=8)}
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define("standard", calendar=always, first_response=hours, position=1)
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="The wedding is today, where is the photographer?")
            ...     case = crm.service.cases.update(case, priority="urgent")
            ...     case.first_response_due - case.opened_at == hours["urgent"]
            True
        """
        unknown = sorted(changes.keys() - UPDATABLE)
        if unknown:
            raise InvalidInput(f"a case has no {unknown[0]!r} to update; it has {', '.join(sorted(UPDATABLE))}")
        with self.work() as work:
            return updated(work, work.get(Case, case), changes)

    def apply(self, case: Case | str, policy: Policy | str | None) -> Case:
        """Promise something else from the beginning: the current version of another policy, a certain one, or none.

        Cycles that are over stay as they were judged; open ones are measured anew, and levels of the old policy that
        have not been reached yet are dropped.

        Args:
            case: which one.
            policy: by its name, the id of a version, or the version itself; ``None`` for no promise at all.

        Raises:
            NotFound: there is no such policy.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     always = BusinessCalendar.always_open()
            ...     _ = crm.service.policies.define(
            ...         "standard", calendar=always, resolution=timedelta(days=3), position=1
            ...     )
            ...     _ = crm.service.policies.define("gold", calendar=always, resolution=timedelta(hours=8))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     gold = crm.service.cases.apply(case, "gold")
            ...     case.policy, gold.policy, str(gold.resolution_due - gold.opened_at)
            ('standard', 'gold', '8:00:00')
        """
        with self.work() as work:
            current = work.get(Case, case)
            wanted = None if policy is None else policy_of(work, policy)
            return settle(work, pinned(current, wanted, by=None if wanted is None else "given"))


# ── Decisions that several verbs share ──


def moment(work: Work, at: datetime | None) -> datetime:
    """*at*, or now; not later than now."""
    when = work.now if at is None else utc(at, what="at")
    if when > work.now:
        raise InvalidInput(f"at lies in the future: {when.isoformat()}; now it is {work.now.isoformat()}")
    return when


def opened(
    work: Work, case: Case, *, policy: Policy | str | None, message: str | None, told: Iterable[Event] = ()
) -> Case:
    """Store a new case with its policy, its owner, its first message and whatever else there is to tell of it."""
    chosen = policy_for(work, case) if policy is None else policy_of(work, policy)
    by = None if chosen is None else "matched" if policy is None else "given"
    if chosen is not None:
        case = case.evolve(policy=chosen.name, policy_version_id=chosen.id, policy_by=by)
    case, taken = on_arrival(work, case)
    events: list[Event] = [
        CaseOpened(
            case_id=case.id,
            customer_id=case.customer_id,
            kind=case.kind,
            channel=case.channel,
            status=case.status,
            priority=case.priority,
            at=case.opened_at,
        ),
        *told,
    ]
    if case.owner is not None:
        events.append(_assignment(case, before=None))
    if chosen is not None:
        events.extend(pinned(case, chosen, by=by).events)
    words = None
    if message is not None:
        words, wrote = entry(work, case, "customer", message, at=case.opened_at, channel=case.channel)
        events.append(wrote)
    saved = settle(work, Change(case, tuple(events)))
    if words is not None:
        work.save(Change(words))
    if taken is not None:
        taken.remember(work, saved)
    return saved


def assigned(case: Case, owner: str | None, *, team: str | None = None) -> Change[Case]:
    """The case in other hands."""
    again = case.owner is not None and owner != case.owner
    after = case.evolve(owner=owner, team=team or case.team, reassigned=case.reassigned + int(again))
    return Change(after, (_assignment(after, before=case.owner),))


def _assignment(case: Case, *, before: str | None) -> CaseAssigned:
    return CaseAssigned(case_id=case.id, customer_id=case.customer_id, owner=case.owner, team=case.team, before=before)


def updated(work: Work, case: Case, changes: Mapping[str, Any]) -> Case:
    """Store changed fields, and match the policy again if it was matched before."""
    after = case.evolve(**changes)
    different = tuple(sorted(n for n in changes if getattr(case, n) != getattr(after, n)))
    if not different:
        return case
    after = placed(work, after)
    change = Change(after, (CaseUpdated.of(after, different),))
    if DECIDING.isdisjoint(different) or case.policy_by == "given" or case.ended:
        return settle(work, change)
    chosen = policy_for(work, after)
    if (None if chosen is None else chosen.name) == case.policy:
        return settle(work, change)
    again = pinned(after, chosen, by=None if chosen is None else "matched")
    return settle(work, Change(again.after, (*change.events, *again.events)))


def pinned(case: Case, policy: Policy | None, *, by: Any) -> Change[Case]:
    """The case under *policy*."""
    name, version = (None, None) if policy is None else (policy.name, policy.id)
    after = case.evolve(policy=name, policy_version_id=version, policy_by=by)
    applied = PolicyApplied(
        case_id=case.id,
        customer_id=case.customer_id,
        policy_id=version,
        name=name,
        revision=None if policy is None else policy.revision,
    )
    return Change(after, (applied,))


def _alive(case: Case) -> Case:
    if case.status == "closed":
        raise InvalidInput(f"case {case.id} is closed: reopen it first")
    return case
