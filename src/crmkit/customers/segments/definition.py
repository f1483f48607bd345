"""What a segment is, who belongs to it, and what is said when somebody enters or leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F, Rule, nodes
from crmkit.kernel.rules.specs import from_json

Kind = Literal["dynamic", "static"]


@entity("segment", prefix="seg")
class Segment(Entity):
    """A named group of customers.

    Attributes:
        kind: ``dynamic`` by a rule, ``static`` by a list.
        rule: the condition as JSON; none of a static segment.
        rule_version: raised by every change of the rule; memberships tell which one they come from.
        every: how often the members are determined anew by ``crm.run_due``; only by hand if missing.
        refreshed_at: when the members were last determined; everything until then has been seen.
        next_change_at: when time alone may next move somebody in or out; ``crm.run_due`` looks then.
    """

    name: str = attribute(unique=True)
    kind: Kind = attribute(default="dynamic")
    rule: Mapping[str, Any] | None = attribute(default=None)
    rule_version: int = attribute(default=1)
    every: timedelta | None = attribute(default=None)
    refreshed_at: datetime | None = attribute(default=None)
    refreshed_version: int | None = attribute(default=None)
    next_change_at: datetime | None = attribute(default=None)

    def check(self) -> None:
        """A dynamic segment has a rule, a static one has none."""
        if (self.rule is None) is not (self.kind == "static"):
            raise InvalidInput(f"segment {self.name!r}: a dynamic segment needs a rule, a static one has none")
        if self.every is not None and self.every < timedelta(minutes=1):
            raise InvalidInput(f"segment {self.name!r}: every is at least a minute, not {self.every}")

    def condition(self) -> Rule:
        """The rule alone, without those who were put in or out by hand."""
        return nodes.Always(value=False) if self.rule is None else from_json(self.rule)

    def members_rule(self) -> Rule:
        """Who should be a member: the rule, and those put in by hand, but not those put out by hand."""
        return self.with_exceptions(self.condition())

    def with_exceptions(self, rule: Rule) -> Rule:
        """The same if *rule* were that of this segment; whose data was erased belongs nowhere."""
        mine = F.segment_id == self.id
        put_in = F.segment_exceptions.where(mine & (F.kind == "include")).any()
        put_out = F.segment_exceptions.where(mine & (F.kind == "exclude")).any()
        return there((rule | put_in) & ~put_out)


def there(rule: Rule) -> Rule:
    """Those who satisfy *rule* and have not been erased: of them nothing is known any more, so they belong nowhere."""
    return rule & F.erased_at.is_missing()


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
        as_of: the moment in which the rule was judged.
    """

    segment_id: str = attribute(references="segment", reverse="memberships")
    customer_id: str = attribute(references="customer", reverse="memberships")
    state: Literal["member", "former"] = attribute(default="member")
    rule_version: int = attribute()
    as_of: datetime = attribute()
    entered_at: datetime = attribute()
    left_at: datetime | None = attribute(default=None)


@entity(
    "segment_exception",
    prefix="exc",
    indexes=[Index(attributes=("segment_id", "customer_id"), unique=True)],
)
class SegmentException(Entity):
    """A customer who was put in or out by hand, whatever the rule says."""

    segment_id: str = attribute(references="segment", reverse="exceptions")
    customer_id: str = attribute(references="customer", reverse="segment_exceptions")
    kind: Literal["include", "exclude"] = attribute()
    reason: str | None = attribute(default=None)


@event("customers.segment_defined")
class SegmentDefined(Event):
    """A segment is new or has a new rule."""

    segment_id: str
    name: str
    rule: Mapping[str, Any] | None
    rule_version: int


@event("customers.segment_deleted")
class SegmentDeleted(Event):
    """A segment is forgotten."""

    segment_id: str
    name: str


@event("customers.segment_exception_made")
class SegmentExceptionMade(Event):
    """A customer was put in or out by hand, or is left to the rule again (no kind)."""

    segment_id: str
    customer_id: str
    kind: str | None
    reason: str | None


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
