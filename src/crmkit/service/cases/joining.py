"""Joining: merge cases, split one, link them, and put one below another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case, CaseUpdated
from crmkit.service.cases.handling import opened
from crmkit.service.cases.keeping import settle
from crmkit.service.cases.line import CaseLine
from crmkit.service.cases.merged import survivor
from crmkit.service.cases.talking import said
from crmkit.service.conversation import CaseMessage, CustomerWrote
from crmkit.service.kinds import kind_of

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@entity("case_link", prefix="clink", indexes=[Index(attributes=("case_id", "other_id", "kind"), unique=True)])
class CaseLink(Entity):
    """Two cases that have to do with each other."""

    case_id: str = attribute(references="case", reverse="links")
    other_id: str = attribute(references="case", reverse="links_back")
    kind: str = attribute(default="related")

    def check(self) -> None:
        """A case has always to do with itself."""
        if self.case_id == self.other_id:
            raise InvalidInput(f"case {self.case_id} cannot be linked with itself")


@event("service.cases_linked")
class CasesLinked(Event):
    """Two cases have to do with each other."""

    case_id: str
    customer_id: str
    other_id: str
    kind: str


@event("service.case_merged")
class CaseMerged(Event):
    """A case goes on in another one."""

    case_id: str
    customer_id: str
    into_id: str


@event("service.case_split")
class CaseSplit(Event):
    """A part of a case goes on as a case of its own."""

    case_id: str
    customer_id: str
    new_id: str
    message_id: str


class Joining(Collection[Case]):
    """What ``crm.service.cases`` does with several cases."""

    cls = Case

    def merge(self, case: Case | str, *, into: Case | str) -> Case:
        """Let a case go on in another one, and give that.

        The first one is closed; its conversation, lines and cases below it move along.  What the customer answers to
        it later stands in the other one, through any chain of merges.

        Args:
            case: which one ends.
            into: the one that goes on; if it was merged itself, the one that goes on for it.

        Raises:
            InvalidInput: it is the same one.
            Refused: it was merged already, the merge would lead in a circle, or the other one is closed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     one = crm.service.cases.open(wang, subject="Where is my album?", message="Where is it?")
            ...     two = crm.service.cases.open(wang, subject="My album", message="Still waiting")
            ...     one = crm.service.cases.merge(two, into=one)
            ...     late = crm.service.cases.message(two, "Hello?")
            ...     late.id == one.id, len(crm.service.cases.conversation(one))
            (True, 4)
        """
        with self.work() as work:
            source, named = work.get(Case, case), work.get(Case, into)
            if source.id == named.id:
                raise InvalidInput(f"case {source.id} cannot be merged into itself")
            if source.merged_into_id is not None:
                raise Refused(f"case {source.id} was merged into {source.merged_into_id} already: merge that one")
            target = survivor(work, named)
            if target.id == source.id:
                raise Refused(f"case {named.id} goes on in {source.id}: merging that one back would lead in a circle")
            if target.status == "closed":
                raise Refused(f"case {target.id} is closed: reopen it before another one is merged into it")
            settle(work, _ended(work, source, target))
            _move_along(work, source, target)
            joined = target.evolve(tags=target.tags | source.tags, watchers=target.watchers | source.watchers)
            note = f"Merged: {source.subject} ({source.id})"
            return said(work, Change(joined), "note", note, at=work.now)

    def split(self, message: CaseMessage | str, *, subject: str, kind: str | None = None) -> Case:
        """Make a case of its own of one entry of a conversation, and give that.

        Args:
            message: the entry; it moves along.
            subject: what the new case is about.
            kind: its kind; that of the first case unless given.

        Raises:
            InvalidInput: the entry is not by the customer, or the kind is unknown.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Our album", message="Where is it?")
            ...     case = crm.service.cases.message(case, "And one picture is torn.")
            ...     _, torn = crm.service.cases.conversation(case)
            ...     complaint = crm.service.cases.split(torn, subject="A torn picture", kind="complaint")
            ...     complaint.split_from_id == case.id, [e.text for e in crm.service.cases.conversation(complaint)]
            (True, ['And one picture is torn.'])
        """
        with self.work() as work:
            entry = work.get(CaseMessage, message)
            old = work.get(Case, entry.case_id)
            if entry.kind != "customer":
                raise InvalidInput(f"a case begins with what a customer wrote; {entry.id} is a {entry.kind}")
            how = kind_of(work, kind or old.kind)
            stage = how.machine.initial
            fresh = work.new(
                Case,
                customer_id=entry.customer_id,
                kind=how.name,
                subject=subject,
                channel=entry.channel or old.channel,
                priority=old.priority,
                stage=stage,
                stage_since=entry.at,
                status=how.status(stage),
                status_since=entry.at,
                team=old.team,
                opened_at=entry.at,
                last_word_at=entry.at,
                split_from_id=old.id,
            )
            again = CustomerWrote(
                case_id=fresh.id,
                customer_id=fresh.customer_id,
                message_id=entry.id,
                at=entry.at,
                channel=entry.channel,
            )
            made = opened(work, fresh, policy=None, message=None, told=(again,))
            work.save(Change(entry.evolve(case_id=made.id, from_case_id=entry.in_case)))
            work.emit(CaseSplit(case_id=old.id, customer_id=old.customer_id, new_id=made.id, message_id=entry.id))
            return made

    def link(self, case: Case | str, other: Case | str, *, kind: str = "related") -> CaseLink:
        """Note that two cases have to do with each other (``related``, ``duplicate``, ``caused by`` …).

        Args:
            case: the one.
            other: the other one.
            kind: what they have to do with each other, read from the first one to the other.

        Raises:
            InvalidInput: both are the same.
            Duplicate: it has been noted already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, li = (crm.customers.register(name=name) for name in ("Xiao Wang", "Xiao Li"))
            ...     late = crm.service.cases.open(wang, subject="Where is our album?")
            ...     strike = crm.service.cases.open(li, subject="Nothing comes by post")
            ...     crm.service.cases.link(late, strike, kind="caused by").kind
            'caused by'
        """
        with self.work() as work:
            one, two = work.get(Case, case), work.get(Case, other)
            link = work.new(CaseLink, case_id=one.id, other_id=two.id, kind=kind)
            linked = CasesLinked(case_id=one.id, customer_id=one.customer_id, other_id=two.id, kind=link.kind)
            return work.save(Change(link, (linked,)))

    def linked(self, case: Case | str, *, kind: str | None = None) -> list[Case]:
        """The cases that *case* has to do with, in either direction.

        Args:
            case: which one.
            kind: only links of this kind.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, li = (crm.customers.register(name=name) for name in ("Xiao Wang", "Xiao Li"))
            ...     late = crm.service.cases.open(wang, subject="Where is our album?")
            ...     strike = crm.service.cases.open(li, subject="Nothing comes by post")
            ...     _ = crm.service.cases.link(late, strike, kind="caused by")
            ...     [case.subject for case in crm.service.cases.linked(strike)]
            ['Where is our album?']
        """
        with self.read() as work:
            one = work.get(Case, case)
            rule = (F.case_id == one.id) | (F.other_id == one.id)
            found = work.find(CaseLink, rule if kind is None else rule & (F.kind == kind))
            others = dict.fromkeys(k.other_id if k.case_id == one.id else k.case_id for k in found)
            return [work.get(Case, other) for other in others]

    def put_below(self, case: Case | str, parent: Case | str | None) -> Case:
        """Make a case a part of another one, or of none; the other one is closed after all of its parts.

        Args:
            case: the part.
            parent: what it is a part of; ``None`` to let it stand alone again.

        Raises:
            InvalidInput: it would be a part of itself.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     whole = crm.service.cases.open(wang, subject="The wedding order")
            ...     frame = crm.service.cases.open(wang, subject="The frame")
            ...     _ = crm.service.cases.put_below(frame, whole)
            ...     crm.service.cases.close(whole)
            Traceback (most recent call last):
            crmkit.errors.TransitionRefused: ...cases below it are still open: case_...
        """
        with self.work() as work:
            current = work.get(Case, case)
            above = None if parent is None else work.get(Case, parent)
            here = above
            while here is not None:
                if here.id == current.id:
                    raise InvalidInput(f"case {current.id} would be a part of itself")
                here = None if here.parent_id is None else work.get(Case, here.parent_id)
            after = current.evolve(parent_id=None if above is None else above.id)
            told = CaseUpdated.of(after, ["parent_id"])
            return settle(work, Change(after, (told,)))

    def below(self, case: Case | str) -> list[Case]:
        """The parts of a case, those that were opened first before the others.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     whole = crm.service.cases.open(wang, subject="The wedding order")
            ...     for part in ("The album", "The frame"):
            ...         _ = crm.service.cases.put_below(crm.service.cases.open(wang, subject=part), whole)
            ...     [part.subject for part in crm.service.cases.below(whole)]
            ['The album', 'The frame']
        """
        with self.read() as work:
            return work.find(Case, F.parent_id == work.get(Case, case).id, order_by="opened_at")


def _ended(work: Work, source: Case, target: Case) -> Change[Case]:
    told = CaseMerged(case_id=source.id, customer_id=source.customer_id, into_id=target.id)
    if source.status == "closed":
        return Change(source.evolve(merged_into_id=target.id), (told,))
    changes = {"merged_into_id": target.id}
    return source.moved(kind_of(work, source.kind), "merge", now=work.now, changes=changes).and_also(told)


def _move_along(work: Work, source: Case, target: Case) -> None:
    for message in work.find(CaseMessage, F.case_id == source.id):
        work.save(Change(message.evolve(case_id=target.id, from_case_id=message.in_case)))
    for line in work.find(CaseLine, F.case_id == source.id):
        work.save(Change(line.evolve(case_id=target.id)))
    for child in work.find(Case, F.parent_id == source.id):
        if child.id != target.id:
            work.save(Change(child.evolve(parent_id=target.id)))
