"""Trying rules out: nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.customers.people import Customer
from crmkit.customers.segments.definition import Segment, SegmentException, there
from crmkit.customers.segments.members import members_of, segment_of
from crmkit.customers.segments.results import Backtest, Overlap, Preview
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import check_days, shift, start_of_day, utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import AsOf, F, Rule, parse
from crmkit.kernel.rules.check import Findings, check
from crmkit.kernel.rules.explain import Explainer, Explanation
from crmkit.kernel.rules.nodes import a_rule
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.satisfying import neighbours
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

SAMPLE = 10
MOST_STEPS = 10_000
RuleLike = Rule | str | Mapping[str, Any]


def rule_of(rule: RuleLike) -> Rule:
    """A rule as it is, from its text, or from its JSON.

    Raises:
        DefinitionError: it is none, and nothing that can be read as one.
    """
    if isinstance(rule, str):
        return parse(rule)
    return from_json(rule) if isinstance(rule, Mapping) else a_rule(rule)


class Trying(Collection[Segment]):
    """What ``crm.customers.segments`` tells of rules, whether they are those of a segment or not."""

    def preview(
        self, rule: RuleLike, *, against: Segment | str | None = None, as_of: datetime | None = None
    ) -> Preview:
        """Try a rule on the real customers before it is stored; whose data was erased belongs nowhere.

        Args:
            rule: who would belong: a rule, its text or its JSON.
            against: a segment to compare with: who would enter and leave it if it had this rule.  Those who were put
                in or out by hand stay there.
            as_of: the moment in which the rule is judged; now unless given.

        Raises:
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", tags={"couple"})
            ...     wang = crm.customers.register(name="Wang Fang", tags={"couple", "vip"})
            ...     _ = crm.customers.segments.define("couples", members=[wang])
            ...     _ = crm.customers.segments.refresh("couples")
            ...     preview = crm.customers.segments.preview('tags has "couple"', against="couples")
            ...     preview.count, [c.name for c in preview.sample], preview.entering == (li.id,), preview.leaving
            (2, ['Xiao Li', 'Wang Fang'], True, ())
        """
        with self.read() as work:
            wanted = rule_of(rule)
            found = work.find(Customer, there(wanted), limit=SAMPLE, as_of=as_of)
            count = work.count(Customer, there(wanted), as_of=as_of)
            entering = leaving = None
            if against is not None:
                segment = segment_of(work, against)
                then = {c for (c,) in work.columns(Customer, ["id"], segment.with_exceptions(wanted), as_of=as_of)}
                members = F.memberships.where(members_of(segment)).any()
                now = {c for (c,) in work.columns(Customer, ["id"], members)}
                entering, leaving = tuple(sorted(then - now)), tuple(sorted(now - then))
            return Preview(rule=wanted, count=count, sample=tuple(found), entering=entering, leaving=leaving)

    def backtest(self, rule: RuleLike, *, since: date, until: date, step: int = 1) -> Backtest:
        """How many customers a rule would have caught at the end of each day of the past; nothing is stored.

        The past sees the customers and the related rows that there were by then, with their present values; only
        ``held`` knows former ones.  Whoever has been erased since is not counted.

        Args:
            rule: who would have belonged.
            since: the first day.
            until: the last day, included.
            step: every so many days, 1 or more.

        Raises:
            DefinitionError: the rule does not fit customers.
            InvalidInput: *since* or *until* is no calendar day, they are in the wrong order, *step* is no such number,
                or there would be more than 10,000 steps.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     for name in ("Xiao Li", "Wang Fang", "Zhao Lei"):
            ...         _ = crm.customers.register(name=name)
            ...         _ = clock.advance(days=1)
            ...     rule = F.created_at.in_last(days=1)
            ...     tried = crm.customers.segments.backtest(rule, since=date(2026, 3, 1), until=date(2026, 3, 4))
            ...     [(f"{day:%d %b}", count) for day, count in tried.days]
            [('01 Mar', 0), ('02 Mar', 1), ('03 Mar', 2), ('04 Mar', 2)]
        """
        days = _days(since, until, step)
        wanted = rule_of(rule)
        with self.read() as work:
            zone = work.settings.zone
            ends = [start_of_day(shift(day, days=1), zone) - timedelta(microseconds=1) for day in days]
            counts = [work.count(Customer, there(wanted), as_of=min(end, work.now)) for end in ends]
        return Backtest(rule=wanted, days=tuple(zip(days, counts, strict=True)))

    def check(self, rule: RuleLike) -> Findings:
        """Look for mistakes in a rule: contradictions, branches that decide nothing, missing indexes, its cost.

        Raises:
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     findings = crm.customers.segments.check('city = "Chengdu" and city = "Lhasa"')
            >>> [finding.severity for finding in findings]
            ['error']
        """
        with self.read() as work:
            wanted = rule_of(rule)
            work.plan(Customer, wanted)
            return check(wanted, Customer.__schema__)

    def explain(
        self, segment: Segment | str | Rule, customer: Customer | str, *, as_of: datetime | None = None
    ) -> Explanation:
        """Why a customer belongs to a segment (or satisfies a rule), or why not: with the values that decided.

        All that there is counts, as it does for the members.  Values and rows that the actor may not see are covered.

        Args:
            segment: a segment as it is defined now, whether it has been refreshed or not; or a rule.
            customer: whom it is about.
            as_of: the moment in which the rule is judged; now unless given.

        Raises:
            NotFound: there is no such segment or customer.
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     why = crm.customers.segments.explain((F.city == "Chengdu") & (F.orders.count() >= 1), li)
            >>> why.matches
            False
            >>> print(why)
            ✗ all of
            ├── ✓ city = "Chengdu" — it is "Chengdu"
            └── ✗ orders[].count() >= 1 — it is 0
            to bring it in
            └── orders[].count() >= 1 should hold, it is 0
        """
        with self.read() as work:
            who = work.get(Customer, customer)
            at = work.now if as_of is None else utc(as_of, what="as_of")
            explainer = Explainer(
                schema=Customer.__schema__,
                registry=work.house.registry,
                as_of=AsOf(at=at, zone=work.settings.zone, past=at < work.now),
                neighbours=lambda relation, row: neighbours(work, relation, row),
                hidden=lambda rows: _hidden(work, rows),
            )
            asked = self._asked(work, segment, who)
            work.plan(Customer, asked)  # refuses the names of segments that there are not
            return explainer.explain(asked, who)

    def _asked(self, work: Work, segment: Segment | str | Rule, customer: Customer) -> Rule:
        """The rule alone, unless the customer was put in or out by hand, or erased."""
        if isinstance(segment, Rule):
            return segment
        current = segment_of(work, segment)
        if customer.erased_at is not None:
            return there(current.condition())
        with work.as_the_house():
            by_hand = work.count(SegmentException, (F.segment_id == current.id) & (F.customer_id == customer.id))
        return current.members_rule() if by_hand else current.condition()

    def compare(self, first: Segment | str | Rule, second: Segment | str | Rule) -> Overlap:
        """How two groups lie to each other, by their rules as they are now; whose data was erased is in none.

        Args:
            first: a segment, or a rule.
            second: another one.

        Raises:
            NotFound: there is no such segment.
            DefinitionError: a rule does not fit customers.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu", tags={"vip"})
            ...     wang = crm.customers.register(name="Wang Fang", city="Chengdu")
            ...     overlap = crm.customers.segments.compare(F.city == "Chengdu", F.tags.has("vip"))
            ...     overlap.only_first == (wang.id,), overlap.both == (li.id,), overlap.only_second
            (True, True, ())
        """
        with self.read() as work:
            one, two = (
                there(s) if isinstance(s, Rule) else segment_of(work, s).members_rule() for s in (first, second)
            )

            def ids(rule: Rule) -> tuple[str, ...]:
                return tuple(sorted(i for (i,) in work.columns(Customer, ["id"], rule)))

            return Overlap(only_first=ids(one & ~two), both=ids(one & two), only_second=ids(two & ~one))


def _days(since: date | None, until: date | None, step: int) -> list[date]:
    """Every so many days from *since* until *until*."""
    check_days(since=since, until=until)
    if since is None or until is None:
        raise InvalidInput("a backtest goes from one day, since=, to another, until=: give both")
    if type(step) is not int or step < 1:
        raise InvalidInput(f"step= is every how many days it is looked, a whole number from 1, not {shown(step)}")
    distances = range(0, (until - since).days + 1, step)
    if len(distances) > MOST_STEPS:
        raise InvalidInput(
            f"a backtest has {MOST_STEPS:,} steps at the most, and from {since} to {until} there are "
            f"{len(distances):,}: take a larger step= than {step}"
        )
    return [since + timedelta(days=n) for n in distances]


def _hidden(work: Work, rows: Sequence[Any]) -> set[str]:
    """The ids of those of *rows*, all of one kind, that the actor may not see."""
    if not rows or work.sees_all(type(rows[0])):
        return set()
    ids = {row.id for row in rows}
    return ids - {seen for (seen,) in work.columns(type(rows[0]), ["id"], F.id.in_(ids))}
