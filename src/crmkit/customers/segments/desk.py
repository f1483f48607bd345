"""``crm.customers.segments``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from crmkit.customers.people import Customer
from crmkit.customers.segments.by_hand import ByHand, only
from crmkit.customers.segments.changes import referred
from crmkit.customers.segments.definition import (
    Membership,
    Segment,
    SegmentDefined,
    SegmentDeleted,
    SegmentException,
)
from crmkit.customers.segments.members import (
    MembershipChange,
    check_references,
    in_turn,
    judge,
    members_of,
    plan_refresh,
    refresh,
    segment_of,
    wanted_among,
)
from crmkit.customers.segments.trying import RuleLike, Trying, rule_of
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import PAGE_LIMIT
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import clean_text, shown

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class Segments(Trying, ByHand):
    """What ``crm.customers.segments`` offers; a segment is named by its name, its id or the entity."""

    cls = Segment

    def define(
        self,
        name: str,
        *,
        rule: RuleLike | None = None,
        members: Iterable[Customer | str] | None = None,
        every: timedelta | None = None,
    ) -> Segment:
        """Name a group; a name that is known gets the new rule and a new version.

        Members change at the next :meth:`refresh`.  See who would enter and leave with ``preview(rule, against=name)``.

        Args:
            name: as people call the group.
            rule: who belongs to it: a rule, its text or its JSON.
            members: for a static group, its customers; they take the place of an earlier list.
            every: let ``crm.run_due()`` look at what has changed that often, at least a minute.  Without it that is
                done by :meth:`refresh`, and when time alone may move somebody who was known at the last refresh.

        Raises:
            DefinitionError: the rule does not fit customers, is too large to be stored, or refers to itself by way of
                other segments.
            NotFound: the rule refers to a segment that does not exist.
            InvalidInput: not exactly one of *rule* and *members* is given, or *name* cannot be a name.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     [m.customer_id == li.id for m in crm.customers.segments.refresh("locals").entered]
            [True]
        """
        if (rule is None) is (members is None):
            raise InvalidInput("a segment is defined either by rule= or by members=")
        name = clean_text(name, what="name", required=True)
        with self.work() as work:
            condition = None if rule is None else rule_of(rule)
            if condition is not None:
                work.plan(Customer, condition)
                check_references(work, name, condition)
            known = work.called(Segment, name)
            segment = self._store(work, name, condition, every, known)
            if members is not None or (known is not None and known.kind == "static"):
                only(work, segment, [work.get(Customer, c).id for c in members or ()])
            return segment

    def _store(
        self, work: Work, name: str, condition: Rule | None, every: timedelta | None, known: Segment | None
    ) -> Segment:
        kind: Literal["dynamic", "static"] = "static" if condition is None else "dynamic"
        spec = None if condition is None else to_json(condition)
        if known is None:
            segment = work.new(Segment, name=name, kind=kind, rule=spec, every=every)
        elif (known.kind, known.rule, known.every) == (kind, spec, every):
            return known
        else:
            raised = known.rule_version + (known.rule != spec)
            segment = known.evolve(kind=kind, rule=spec, every=every, rule_version=raised)
        work.plan(Customer, wanted_among(segment, ()))  # what could not be asked would be in the way of all the others
        defined = SegmentDefined(segment_id=segment.id, name=segment.name, rule=spec, rule_version=segment.rule_version)
        saved = work.save(Change(segment, (defined,)))
        plan_refresh(work, saved)
        return saved

    def get(self, ref: Segment | str) -> Segment:
        """One segment by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     print(crm.customers.segments.get("locals").condition())
            city = "Chengdu"
        """
        with self.read() as work:
            return segment_of(work, ref)

    # ── Members ──

    def refresh(self, segment: Segment | str, *, everybody: bool = False, keep: int | None = None) -> MembershipChange:
        """Bring the members up to date; a customer enters and leaves exactly once.

        After the first time, only those customers are looked at for whom something has happened or for whom time has
        passed a boundary of the rule.  Segments that the rule refers to are refreshed first.

        Args:
            segment: which.
            everybody: look at everybody all the same; the result is the same.
            keep: how many memberships the result tells of those that begin, and of those that end; all unless given.
                With millions of members a small number keeps memory flat.

        Raises:
            NotFound: there is no such segment.
            InvalidInput: *keep* is no whole number, 0 or more.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     first = crm.customers.segments.refresh("locals")
            ...     _ = crm.customers.update(li, city="Lhasa")
            ...     then = crm.customers.segments.refresh("locals")
            >>> first.entered_count, first.judged is None  # everybody was looked at
            (1, True)
            >>> then.left_count, [m.customer_id == li.id for m in then.left], then.judged
            (1, [True], 1)
        """
        if keep is not None and (type(keep) is not int or keep < 0):
            raise InvalidInput(f"keep= is how many memberships the result tells, 0 or more, not {shown(keep)}")
        with self.work() as work:
            return refresh(work, segment_of(work, segment), everybody=everybody, keep=keep)

    def judge(self, customer: Customer | str) -> list[Membership]:
        """Look at one customer in all segments at once, instead of waiting for their refreshes.

        Whether and when members are determined by the clock stays as it is.  To have it done with every change, let a
        room of the host react to events; see "Segments that follow at once" in the documentation of plugins.

        Returns:
            the memberships that begin now and those that end now.

        Raises:
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     [m.state for m in crm.customers.segments.judge(li)], crm.customers.segments.judge(li)
            (['member'], [])
        """
        with self.work() as work:
            who = work.get(Customer, customer)
            return [m for segment in in_turn(work.find(Segment)) for m in judge(work, segment, who.id)]

    def members(self, segment: Segment | str) -> list[Customer]:
        """The customers in it since the last refresh.

        Raises:
            NotFound: there is no such segment.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.customers.segments.define("models of the catalogue", members=[li])
            ...     _ = crm.customers.segments.refresh("models of the catalogue")
            ...     [c.name for c in crm.customers.segments.members("models of the catalogue")]
            ['Xiao Li']
        """
        with self.read() as work:
            return work.find(Customer, F.memberships.where(members_of(segment_of(work, segment))).any())

    def each_member(self, segment: Segment | str, *, at_once: int = 1_000) -> Iterator[Customer]:
        """The same one after the other, by their ids: for any number of members, memory stays flat.

        Args:
            segment: which.
            at_once: how many are read together, 1 to 10,000; between two readings no transaction is open.

        Raises:
            NotFound: there is no such segment.
            InvalidInput: *at_once* is no such number.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     for name in ("Xiao Li", "Wang Fang", "Zhao Lei"):
            ...         _ = crm.customers.register(name=name)
            ...     _ = crm.customers.segments.define("everybody", rule="everyone")
            ...     _ = crm.customers.segments.refresh("everybody")
            ...     [c.name for c in crm.customers.segments.each_member("everybody", at_once=2)]
            ['Xiao Li', 'Wang Fang', 'Zhao Lei']
        """
        if type(at_once) is not int or not 1 <= at_once <= PAGE_LIMIT:
            raise InvalidInput(f"1 to {PAGE_LIMIT:,} members are read at once, not {shown(at_once)}")
        with self.read() as work:
            return self._each_member(members_of(segment_of(work, segment)), at_once)

    def _each_member(self, members: Rule, at_once: int) -> Iterator[Customer]:
        last = ""
        while True:
            with self.read() as work:
                mine = members & (F.customer_id > last)
                found = work.find(Membership, mine, order_by="customer_id", limit=at_once)
                customers = work.find(Customer, F.id.in_(m.customer_id for m in found))
            yield from customers
            if len(found) < at_once:
                return
            last = found[-1].customer_id

    def size(self, segment: Segment | str) -> int:
        """How many customers are in it since the last refresh.

        Raises:
            NotFound: there is no such segment.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     before = crm.customers.segments.size("locals")
            ...     _ = crm.customers.segments.refresh("locals")
            ...     before, crm.customers.segments.size("locals")
            (0, 1)
        """
        with self.read() as work:
            return work.count(Membership, members_of(segment_of(work, segment)))

    def history(self, segment: Segment | str, *, customer: Customer | str | None = None) -> list[Membership]:
        """Every stay in the segment, or those of one customer, the earliest first.

        Raises:
            NotFound: there is no such segment or customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     segments = crm.customers.segments
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = segments.define("locals", rule='city = "Chengdu"')
            ...     for city in ("Chengdu", "Lhasa", "Chengdu"):
            ...         li = crm.customers.update(li, city=city)
            ...         _ = segments.refresh("locals")
            ...     [stay.state for stay in segments.history("locals", customer=li)]
            ['former', 'member']
        """
        with self.read() as work:
            rule = F.segment_id == segment_of(work, segment).id
            if customer is not None:
                rule &= F.customer_id == work.get(Customer, customer).id
            return work.find(Membership, rule, order_by="entered_at")

    def delete(self, segment: Segment | str) -> None:
        """Forget a segment and its memberships; the events stay.

        Raises:
            NotFound: there is no such segment.
            Refused: other segments refer to it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     _ = crm.customers.segments.define("local vips", rule='in segment "locals" and tags has "vip"')
            ...     crm.customers.segments.delete("locals")
            Traceback (most recent call last):
                ...
            crmkit.errors.Refused: the segment 'locals' is used by local vips: change those first
        """
        with self.work() as work:
            current = segment_of(work, segment)
            users = [
                s.name for s in work.find(Segment) if s.id != current.id and current.name in referred(s.condition())
            ]
            if users:
                raise Refused(f"the segment {current.name!r} is used by {', '.join(users)}: change those first")
            work.cancel(current.id)
            for cls in (Membership, SegmentException):
                work.remove(cls, [i for (i,) in work.columns(cls, ["id"], F.segment_id == current.id)])
            work.remove(Segment, [current.id])
            work.emit(SegmentDeleted(segment_id=current.id, name=current.name))
