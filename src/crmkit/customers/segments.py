"""Segments: groups of customers, by rule; who entered and left, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import AsOf, F, Rule
from crmkit.kernel.rules.explain import Explainer, Explanation
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.text import nearest

if TYPE_CHECKING:
    from crmkit.kernel.registry import Relation
    from crmkit.kernel.work import Work

SAMPLE = 10


@entity("segment", prefix="seg")
class Segment(Entity):
    """A named group of customers.

    Attributes:
        rule: the condition as JSON.
        rule_version: raised by every change of the rule; memberships tell which one they come from.
        refreshed_at: when the members were last determined.
    """

    name: str = attribute(unique=True)
    rule: Mapping[str, Any] = attribute()
    rule_version: int = attribute(default=1)
    refreshed_at: datetime | None = attribute(default=None)

    def read(self) -> Rule:
        """The condition."""
        return from_json(self.rule)


@entity(
    "membership",
    prefix="mem",
    when="entered_at",
    indexes=[Index(attributes=("segment_id", "customer_id"), where={"state": "member"}, unique=True)],
)
class Membership(Entity):
    """A stay of one customer in one segment.

    Attributes:
        state: ``member``, or ``former`` after leaving.
        rule_version: the version of the rule by which the customer entered.
    """

    segment_id: str = attribute(references="segment", reverse="memberships")
    customer_id: str = attribute(references="customer", reverse="memberships")
    state: Literal["member", "former"] = attribute(default="member")
    rule_version: int = attribute()
    entered_at: datetime = attribute()
    left_at: datetime | None = attribute(default=None)


@event("customers.segment_defined")
class SegmentDefined(Event):
    """A segment has a new rule."""

    segment_id: str
    name: str
    rule: Mapping[str, Any]
    rule_version: int


@event("customers.segment_entered")
class SegmentEntered(Event):
    """A customer became a member."""

    segment_id: str
    customer_id: str
    name: str


@event("customers.segment_left")
class SegmentLeft(Event):
    """A customer is no longer a member."""

    segment_id: str
    customer_id: str
    name: str


@attrs.frozen(kw_only=True)
class Preview:
    """Who a rule would catch; nothing is stored.

    Attributes:
        count: how many customers.
        sample: the first of them.
    """

    rule: Rule
    count: int
    sample: tuple[Customer, ...]

    def __format__(self, form: str) -> str:
        return table_md(["customer", "id"], self._rows()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(["customer", "id"], self._rows(), caption=f"{self.rule} — {self.count}")

    def _rows(self) -> list[tuple[str, str]]:
        return [(c.name, c.id) for c in self.sample]


@attrs.frozen(kw_only=True)
class MembershipChange:
    """Who entered and who left at a refresh."""

    segment: Segment
    entered: tuple[Membership, ...]
    left: tuple[Membership, ...]


class Segments(Collection[Segment]):
    """What ``crm.customers.segments`` offers; a segment is named by its name, its id or the entity."""

    cls = Segment

    def define(self, name: str, *, rule: Rule) -> Segment:
        """Name a group; a name that is known gets the new rule.

        Members change at the next :meth:`refresh`.

        Args:
            name: as people call the group.
            rule: who belongs to it.

        Raises:
            DefinitionError: the rule does not fit customers; it names the field and the nearest one.
        """
        with self.work() as work:
            work.plan(Customer, rule)
            known = work.first(Segment, F.name == name)
            spec = to_json(rule)
            if known is None:
                segment = work.new(Segment, name=name, rule=spec)
            elif known.rule == spec:
                return known
            else:
                segment = known.evolve(rule=spec, rule_version=known.rule_version + 1)
            defined = SegmentDefined(
                segment_id=segment.id, name=segment.name, rule=spec, rule_version=segment.rule_version
            )
            return work.save(Change(segment, (defined,)))

    def get(self, ref: Segment | str) -> Segment:
        """One segment by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        with self.read() as work:
            return segment_of(work, ref)

    def preview(self, rule: Rule, *, as_of: datetime | None = None) -> Preview:
        """Try a rule on the real customers before it is stored.

        Raises:
            DefinitionError: the rule does not fit customers.
        """
        with self.read() as work:
            found = work.find(Customer, rule, limit=SAMPLE, as_of=as_of)
            return Preview(rule=rule, count=work.count(Customer, rule, as_of=as_of), sample=tuple(found))

    def refresh(self, segment: Segment | str) -> MembershipChange:
        """Determine the members anew; a customer enters and leaves exactly once."""
        with self.work() as work:
            current = segment_of(work, segment)
            wanted = {c for (c,) in work.columns(Customer, ["id"], current.read())}
            members = {m.customer_id: m for m in work.find(Membership, _members_of(current))}
            left = [
                work.save(
                    Change(
                        m.evolve(state="former", left_at=work.now),
                        (SegmentLeft(segment_id=current.id, customer_id=m.customer_id, name=current.name),),
                    )
                )
                for m in members.values()
                if m.customer_id not in wanted
            ]
            entered = work.save_new(_entering(work, current, sorted(wanted - members.keys())))
            saved = work.save(Change(current.evolve(refreshed_at=work.now)))
            return MembershipChange(segment=saved, entered=tuple(entered), left=tuple(left))

    def members(self, segment: Segment | str) -> list[Customer]:
        """The customers in it since the last refresh."""
        with self.read() as work:
            current = segment_of(work, segment)
            among = F.memberships.where((F.segment_id == current.id) & (F.state == "member")).any()
            return work.find(Customer, among)

    def explain(
        self, segment: Segment | str | Rule, customer: Customer | str, *, as_of: datetime | None = None
    ) -> Explanation:
        """Why a customer belongs to a segment (or satisfies a rule), or why not."""
        with self.read() as work:
            rule = segment if isinstance(segment, Rule) else segment_of(work, segment).read()
            schema = Customer.__schema__
            explainer = Explainer(
                schema=schema,
                registry=work.house.registry,
                as_of=AsOf(at=as_of or work.now, zone=work.settings.zone),
                neighbours=lambda relation, row: _neighbours(work, relation, row),
            )
            return explainer.explain(rule, work.get(Customer, customer))

    def delete(self, segment: Segment | str) -> None:
        """Forget a segment and its memberships; the events stay."""
        with self.work() as work:
            current = segment_of(work, segment)
            stays = [i for (i,) in work.columns(Membership, ["id"], F.segment_id == current.id)]
            work.remove(Membership, stays)
            work.remove(Segment, [current.id])


def segment_of(work: Work, ref: Segment | str) -> Segment:
    """The segment that is meant."""
    if isinstance(ref, Segment) or str(ref).startswith("seg_"):
        return work.get(Segment, ref)
    found = work.first(Segment, F.name == ref)
    if found is None:
        near = nearest(ref, [name for (name,) in work.columns(Segment, ["name"])])
        raise NotFound(f"there is no segment {ref!r}" + (f", did you mean {near!r}?" if near else ": define it first"))
    return found


def _entering(work: Work, segment: Segment, customers: Sequence[str]) -> list[Change[Membership]]:
    return [
        Change(
            work.new(
                Membership,
                segment_id=segment.id,
                customer_id=customer_id,
                rule_version=segment.rule_version,
                entered_at=work.now,
            ),
            (SegmentEntered(segment_id=segment.id, customer_id=customer_id, name=segment.name),),
        )
        for customer_id in customers
    ]


def _members_of(segment: Segment) -> Rule:
    return (F.segment_id == segment.id) & (F.state == "member")


def _neighbours(work: Work, relation: Relation, row: Any) -> Sequence[Any]:
    if relation.many:
        return work.find(relation.target.cls, F[relation.key] == row.id)
    identifier = getattr(row, relation.key)
    return () if identifier is None else [work.get(relation.target.cls, identifier)]
