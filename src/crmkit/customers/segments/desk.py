"""``crm.customers.segments``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from crmkit.customers.people import Customer
from crmkit.customers.segments.definition import (
    Membership,
    Segment,
    SegmentDefined,
    SegmentDeleted,
    SegmentException,
    SegmentExceptionMade,
)
from crmkit.customers.segments.members import (
    MembershipChange,
    check_references,
    plan_refresh,
    referred,
    refresh,
    segment_called,
)
from crmkit.customers.segments.results import Backtest, Overlap, Preview
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import start_of_day, utc
from crmkit.kernel.collection import PAGE_LIMIT, Collection
from crmkit.kernel.rules import AsOf, F, Rule, parse
from crmkit.kernel.rules.check import Findings, check
from crmkit.kernel.rules.explain import Explainer, Explanation
from crmkit.kernel.rules.specs import from_json, to_json

if TYPE_CHECKING:
    from crmkit.kernel.registry import Relation
    from crmkit.kernel.work import Work

SAMPLE = 10
RuleLike = Rule | str | Mapping[str, Any]


class Segments(Collection[Segment]):
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
            members: for a static group, its customers.
            every: let ``crm.run_due()`` determine the members anew that often, at least a minute.

        Raises:
            DefinitionError: the rule does not fit customers, or refers to itself by way of other segments.
            NotFound: the rule refers to a segment that does not exist.
            InvalidInput: not exactly one of *rule* and *members* is given.

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
        with self.work() as work:
            condition = None if rule is None else rule_of(rule)
            if condition is not None:
                work.plan(Customer, condition)
                check_references(work, name, condition)
            segment = self._store(work, name, condition, every)
            for customer in members or ():
                self._except(work, segment, customer, kind="include", reason=None)
            return segment

    def _store(self, work: Work, name: str, condition: Rule | None, every: timedelta | None) -> Segment:
        known = work.first(Segment, F.name == name)
        kind: Literal["dynamic", "static"] = "static" if condition is None else "dynamic"
        spec = None if condition is None else to_json(condition)
        if known is None:
            segment = work.new(Segment, name=name, kind=kind, rule=spec, every=every)
        elif (known.kind, known.rule, known.every) == (kind, spec, every):
            return known
        else:
            raised = known.rule_version + (known.rule != spec)
            segment = known.evolve(kind=kind, rule=spec, every=every, rule_version=raised)
        defined = SegmentDefined(segment_id=segment.id, name=segment.name, rule=spec, rule_version=segment.rule_version)
        saved = work.save(Change(segment, (defined,)))
        plan_refresh(work, saved)
        return saved

    def get(self, ref: Segment | str) -> Segment:
        """One segment by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        with self.read() as work:
            return segment_of(work, ref)

    # ── Trying out ──

    def preview(
        self, rule: RuleLike, *, against: Segment | str | None = None, as_of: datetime | None = None
    ) -> Preview:
        """Try a rule on the real customers before it is stored.

        Args:
            rule: who would belong: a rule, its text or its JSON.
            against: a segment to compare with: who would enter and leave it if it had this rule.
            as_of: the moment in which the rule is judged; now unless given.

        Raises:
            DefinitionError: the rule does not fit customers.
        """
        with self.read() as work:
            wanted = rule_of(rule)
            found = work.find(Customer, wanted, limit=SAMPLE, as_of=as_of)
            count = work.count(Customer, wanted, as_of=as_of)
            entering = leaving = None
            if against is not None:
                members = F.memberships.where(_members(segment_of(work, against))).any()
                entering = tuple(i for (i,) in work.columns(Customer, ["id"], wanted & ~members))
                leaving = tuple(i for (i,) in work.columns(Customer, ["id"], members & ~wanted))
            return Preview(rule=wanted, count=count, sample=tuple(found), entering=entering, leaving=leaving)

    def backtest(self, rule: RuleLike, *, since: date, until: date, step: int = 1) -> Backtest:
        """How many customers a rule would have caught at the end of each day of the past; nothing is stored.

        The past sees the customers and the related rows that there were by then, with their present values; only
        ``held`` knows former ones.

        Args:
            rule: who would have belonged.
            since: the first day.
            until: the last day, included.
            step: every so many days, 1 or more.

        Raises:
            InvalidInput: the days are in the wrong order or there are more than 10,000 of them.
        """
        if until < since or step < 1 or (until - since).days // step >= 10_000:
            raise InvalidInput(
                f"a backtest goes from one day to a later one in 10,000 steps at the most: {since}–{until}"
            )
        days = [since + timedelta(days=n) for n in range(0, (until - since).days + 1, step)]
        wanted = rule_of(rule)
        with self.read() as work:
            zone = work.settings.zone
            ends = [start_of_day(day + timedelta(days=1), zone) - timedelta(microseconds=1) for day in days]
            counts = [work.count(Customer, wanted, as_of=min(end, work.now)) for end in ends]
        return Backtest(rule=wanted, days=tuple(zip(days, counts, strict=True)))

    def check(self, rule: RuleLike) -> Findings:
        """Look for mistakes in a rule: contradictions, branches that decide nothing, missing indexes, its cost.

        Raises:
            DefinitionError: the rule does not fit customers.
        """
        with self.read() as work:
            wanted = rule_of(rule)
            work.plan(Customer, wanted)
            return check(wanted, Customer.__schema__)

    def explain(
        self, segment: Segment | str | Rule, customer: Customer | str, *, as_of: datetime | None = None
    ) -> Explanation:
        """Why a customer belongs to a segment (or satisfies a rule), or why not."""
        with self.read() as work:
            who = work.get(Customer, customer)
            at = work.now if as_of is None else utc(as_of, what="as_of")
            explainer = Explainer(
                schema=Customer.__schema__,
                registry=work.house.registry,
                as_of=AsOf(at=at, zone=work.settings.zone, past=at < work.now),
                neighbours=lambda relation, row: _neighbours(work, relation, row),
            )
            return explainer.explain(self._asked(work, segment, who), who)

    def _asked(self, work: Work, segment: Segment | str | Rule, customer: Customer) -> Rule:
        """The rule alone, unless the customer was put in or out by hand."""
        if isinstance(segment, Rule):
            return segment
        current = segment_of(work, segment)
        by_hand = work.count(SegmentException, (F.segment_id == current.id) & (F.customer_id == customer.id))
        return current.members_rule() if by_hand else current.condition()

    # ── Members ──

    def refresh(self, segment: Segment | str, *, everybody: bool = False) -> MembershipChange:
        """Bring the members up to date; a customer enters and leaves exactly once.

        After the first time, only those customers are looked at for whom something has happened or for whom time has
        passed a boundary of the rule.  Segments that the rule refers to are refreshed first.

        Args:
            segment: which.
            everybody: look at everybody all the same; the result is the same.
        """
        with self.work() as work:
            return refresh(work, segment_of(work, segment), everybody=everybody)

    def members(self, segment: Segment | str) -> list[Customer]:
        """The customers in it since the last refresh."""
        with self.read() as work:
            return work.find(Customer, F.memberships.where(_members(segment_of(work, segment))).any())

    def each_member(self, segment: Segment | str, *, at_once: int = 1_000) -> Iterator[Customer]:
        """The same one after the other, by their ids: for any number of members, memory stays flat.

        Args:
            segment: which.
            at_once: how many are read together, 1 to 10,000; between two readings no transaction is open.
        """
        if not 1 <= at_once <= PAGE_LIMIT:
            raise InvalidInput(f"1 to {PAGE_LIMIT:,} members are read at once, not {at_once}")
        last = ""
        while True:
            with self.read() as work:
                mine = _members(segment_of(work, segment)) & (F.customer_id > last)
                found = work.find(Membership, mine, order_by="customer_id", limit=at_once)
                customers = work.find(Customer, F.id.in_(m.customer_id for m in found))
            yield from customers
            if len(found) < at_once:
                return
            last = found[-1].customer_id

    def size(self, segment: Segment | str) -> int:
        """How many customers are in it since the last refresh."""
        with self.read() as work:
            return work.count(Membership, _members(segment_of(work, segment)))

    def history(self, segment: Segment | str, *, customer: Customer | str | None = None) -> list[Membership]:
        """Every stay in the segment, or those of one customer, the earliest first."""
        with self.read() as work:
            rule = F.segment_id == segment_of(work, segment).id
            if customer is not None:
                rule &= F.customer_id == work.get(Customer, customer).id
            return work.find(Membership, rule, order_by="entered_at")

    def compare(self, first: Segment | str | Rule, second: Segment | str | Rule) -> Overlap:
        """How two groups lie to each other, by their rules as they are now."""
        with self.read() as work:
            one, two = (s if isinstance(s, Rule) else segment_of(work, s).members_rule() for s in (first, second))

            def ids(rule: Rule) -> tuple[str, ...]:
                return tuple(sorted(i for (i,) in work.columns(Customer, ["id"], rule)))

            return Overlap(only_first=ids(one & ~two), both=ids(one & two), only_second=ids(two & ~one))

    # ── By hand ──

    def include(self, segment: Segment | str, customer: Customer | str, *, reason: str | None = None) -> None:
        """Put a customer in, whatever the rule says; it shows at the next refresh and survives all of them."""
        with self.work() as work:
            self._except(work, segment_of(work, segment), customer, kind="include", reason=reason)

    def exclude(self, segment: Segment | str, customer: Customer | str, *, reason: str | None = None) -> None:
        """Put a customer out, whatever the rule says; it shows at the next refresh and survives all of them."""
        with self.work() as work:
            self._except(work, segment_of(work, segment), customer, kind="exclude", reason=reason)

    def leave_to_rule(self, segment: Segment | str, customer: Customer | str) -> None:
        """Take back what was decided by hand."""
        with self.work() as work:
            self._except(work, segment_of(work, segment), customer, kind=None, reason=None)

    def _except(
        self,
        work: Work,
        segment: Segment,
        customer: Customer | str,
        *,
        kind: Literal["include", "exclude"] | None,
        reason: str | None,
    ) -> None:
        who = work.get(Customer, customer).id
        known = work.find(SegmentException, (F.segment_id == segment.id) & (F.customer_id == who))
        work.remove(SegmentException, [k.id for k in known])
        made = SegmentExceptionMade(segment_id=segment.id, customer_id=who, kind=kind, reason=reason)
        if kind is None:
            work.emit(made)
            return
        exception = work.new(SegmentException, segment_id=segment.id, customer_id=who, kind=kind, reason=reason)
        work.save(Change(exception, (made,)))

    def delete(self, segment: Segment | str) -> None:
        """Forget a segment and its memberships; the events stay.

        Raises:
            Refused: other segments refer to it.
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


def rule_of(rule: RuleLike) -> Rule:
    """A rule as it is, from its text, or from its JSON."""
    if isinstance(rule, str):
        return parse(rule)
    return from_json(rule) if isinstance(rule, Mapping) else rule


def segment_of(work: Work, ref: Segment | str) -> Segment:
    """The segment that is meant."""
    if isinstance(ref, Segment) or str(ref).startswith("seg_"):
        return work.get(Segment, ref)
    return segment_called(work, ref)


def _members(segment: Segment) -> Rule:
    return (F.segment_id == segment.id) & (F.state == "member")


def _neighbours(work: Work, relation: Relation, row: Any) -> Sequence[Any]:
    if relation.many:
        return work.find(relation.target.cls, F[relation.key] == row.id)
    identifier = getattr(row, relation.key)
    return () if identifier is None else [work.get(relation.target.cls, identifier)]
