"""Talking: what customers write, what they are told, what is noted, and telephone calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.cases.entries import entry
from crmkit.service.cases.handling import moment, opened
from crmkit.service.cases.keeping import settle
from crmkit.service.cases.merged import survivor
from crmkit.service.cases.moving import reopened, waiting
from crmkit.service.conversation import CaseMessage, Entry
from crmkit.service.kinds import kind_of
from crmkit.service.policies.policy import Policy
from crmkit.service.policies.terms import FORTNIGHT

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

BY_CUSTOMER: Final = "customer"


class Talking(Collection[Case]):
    """What ``crm.service.cases`` does with the conversation of a case."""

    cls = Case

    def message(self, case: Case | str, text: str, *, channel: str | None = None, at: datetime | None = None) -> Case:
        """Add what the customer wrote, and give the case in which it stands.

        That is the case itself; the one that it was merged into; or, when it was closed too long ago to be reopened, a
        follow-up.  A case that was resolved is reopened, and one that waited for the customer goes on.

        Args:
            case: the case that the customer answered to.
            text: what was written.
            channel: by which way.
            at: when it was written; now unless given.

        Raises:
            InvalidInput: the text is empty, or *at* lies in the future or before the opening.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     case = crm.service.cases.resolve(case, solution="In the post")
            ...     again = crm.service.cases.message(case, "It has not come yet.")
            ...     again.id == case.id, again.status, again.reopened
            (True, 'open', 1)
        """
        with self.work() as work:
            return heard(work, work.get(Case, case), text, channel=channel, at=moment(work, at))

    def reply(
        self,
        case: Case | str,
        text: str,
        *,
        by: str | None = None,
        channel: str | None = None,
        waiting_for: str | None = None,
        at: datetime | None = None,
    ) -> Case:
        """Add a public answer; the first one is the first response.

        Args:
            case: which one.
            text: what the customer is told.
            by: who answers; the acting user unless given.
            channel: by which way.
            waiting_for: whose turn it is now, if nothing can be done before: ``customer`` ….
            at: when it was sent; now unless given.

        Raises:
            InvalidInput: the text is empty, or *at* lies in the future or before the opening.
            TransitionRefused: the case cannot wait in its stage.

        Example:
            >>> from datetime import UTC, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = clock.advance(minutes=30)
            ...     case = crm.service.cases.reply(case, "Is your address still the same?", waiting_for="customer")
            ...     case.status, str(case.first_responded_at - case.opened_at)
            ('waiting', '0:30:00')
        """
        with self.work() as work:
            current = survivor(work, work.get(Case, case))
            change = Change(current) if waiting_for is None else waiting(work, current, waiting_for, reason=None)
            return said(work, change, "reply", text, at=moment(work, at), by=by, channel=channel)

    def note(self, case: Case | str, text: str, *, by: str | None = None) -> Case:
        """Add a note that the customer does not see; it is no answer.  One to a merged case stands where that goes on.

        Args:
            case: which one.
            text: what our own people should know.
            by: who writes; the acting user unless given.

        Raises:
            InvalidInput: the text is empty.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     case = crm.service.cases.note(case, "The printer is two days late", by="agent:xu")
            ...     case.first_responded_at is None, [entry.kind for entry in crm.service.cases.conversation(case)]
            (True, ['note'])
        """
        with self.work() as work:
            current = survivor(work, work.get(Case, case))
            return said(work, Change(current), "note", text, at=work.now, by=by)

    def call(
        self,
        case: Case | str,
        text: str,
        *,
        duration: timedelta,
        by: str | None = None,
        answered: bool = True,
        at: datetime | None = None,
    ) -> Case:
        """Add a telephone call; one in which people talked is an answer like a reply.

        Args:
            case: which one.
            text: what was said.
            duration: how long it took, 0 or more.
            by: who spoke for us.
            answered: whether they talked at all.
            at: when it ended; now unless given.

        Raises:
            InvalidInput: the text is empty, the duration is negative, or *at* lies in the future or before the opening.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Can we move the shooting?")
            ...     missed = crm.service.cases.call(case, "Nobody there", duration=timedelta(0), answered=False)
            ...     talked = crm.service.cases.call(missed, "To the 9th of May", duration=timedelta(minutes=4))
            ...     missed.first_responded_at is None, talked.first_responded_at is None
            (True, False)
        """
        with self.work() as work:
            current = survivor(work, work.get(Case, case))
            facts = {"duration": duration, "answered": answered, "channel": "phone"}
            return said(work, Change(current), "call", text, at=moment(work, at), by=by, **facts)

    def conversation(self, case: Case | str) -> list[CaseMessage]:
        """The entries of a case in order, with those from cases merged into it, and those that have moved on since.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(
            ...         wang, subject="Our table", message="Is there a table for ten on Friday?"
            ...     )
            ...     _ = crm.service.cases.reply(case, "Yes, at seven.", by="agent:xu")
            ...     [(entry.kind, entry.by, entry.text) for entry in crm.service.cases.conversation(case)]
            [('customer', None, 'Is there a table for ten on Friday?'), ('reply', 'agent:xu', 'Yes, at seven.')]
        """
        with self.read() as work:
            current = work.get(Case, case)
            mine = (F.case_id == current.id) | (F.from_case_id == current.id)
            return work.find(CaseMessage, mine, order_by=("at", "created_at"))


def heard(work: Work, case: Case, text: str, *, channel: str | None, at: datetime) -> Case:
    """Store what the customer wrote where it belongs."""
    current = survivor(work, case)
    if not current.ended:
        return said(work, _goes_on(work, current), "customer", text, at=at, channel=channel)
    kind = kind_of(work, current.kind)
    within = (
        FORTNIGHT
        if current.policy_version_id is None
        else work.get(Policy, current.policy_version_id).read().reopen_within
    )
    if "reopen" in kind.machine.offers(current.stage) and current.reopenable(now=work.now, within=within):
        change = reopened(work, current, reason="the customer wrote")
        return said(work, change, "customer", text, at=max(at, current.status_since), channel=channel)
    return _follow_up(work, current, text, channel=channel, at=at)


def _goes_on(work: Work, case: Case) -> Change[Case]:
    kind = kind_of(work, case.kind)
    if case.waiting_for == BY_CUSTOMER and "resume" in kind.machine.offers(case.stage):
        return case.moved(kind, "resume", now=work.now, reason="the customer wrote")
    return Change(case)


def _follow_up(work: Work, case: Case, text: str, *, channel: str | None, at: datetime) -> Case:
    kind = kind_of(work, case.kind)
    stage = kind.machine.initial
    fresh = work.new(
        Case,
        customer_id=case.customer_id,
        kind=case.kind,
        subject=case.subject,
        channel=channel or case.channel,
        priority=case.priority,
        severity=case.severity,
        stage=stage,
        stage_since=at,
        status=kind.status(stage),
        status_since=at,
        owner=case.owner,
        team=case.team,
        tags=case.tags,
        opened_at=at,
        last_word_at=at,
        follow_up_of_id=case.id,
    )
    return opened(work, fresh, policy=case.policy if case.policy_by == "given" else None, message=text)


def said(work: Work, change: Change[Case], kind: Entry, text: str, *, at: datetime, **facts: Any) -> Case:
    """Store an entry of the conversation together with *change* of its case."""
    case = change.after
    by = facts.pop("by", None) or (None if kind == "customer" else work.actor)
    words, event = entry(work, case, kind, text, at=at, by=by, **facts)
    fields: dict[str, Any] = {}
    if kind != "note":
        fields["last_word_at"] = max(at, case.last_word_at)
    answers = kind == "reply" or (kind == "call" and words.answered)
    if answers and case.first_responded_at is None:
        fields["first_responded_at"] = at
    saved = settle(work, Change(case.evolve(**fields), (*change.events, event)))
    work.save(Change(words))
    return saved
