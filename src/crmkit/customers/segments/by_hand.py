"""Who is put into a segment or out of it by hand, whatever its rule says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from crmkit.customers.people import Customer
from crmkit.customers.segments.definition import Segment, SegmentException, SegmentExceptionMade
from crmkit.customers.segments.members import segment_of
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class ByHand(Collection[Segment]):
    """What ``crm.customers.segments`` takes from people."""

    def include(self, segment: Segment | str, customer: Customer | str, *, reason: str | None = None) -> None:
        """Put a customer in, whatever the rule says; it shows at the next refresh and survives all of them.

        Args:
            segment: which.
            customer: who.
            reason: why, for those who come later.

        Raises:
            NotFound: there is no such segment or customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Lhasa")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     crm.customers.segments.include("locals", li, reason="moves here in May")
            ...     crm.customers.segments.refresh("locals").entered_count
            1
        """
        with self.work() as work:
            decide(work, segment_of(work, segment), customer, kind="include", reason=reason)

    def exclude(self, segment: Segment | str, customer: Customer | str, *, reason: str | None = None) -> None:
        """Put a customer out, whatever the rule says; it shows at the next refresh and survives all of them.

        Args:
            segment: which.
            customer: who.
            reason: why, for those who come later.

        Raises:
            NotFound: there is no such segment or customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     crm.customers.segments.exclude("locals", li, reason="wants no letters")
            ...     crm.customers.segments.refresh("locals").entered_count
            0
        """
        with self.work() as work:
            decide(work, segment_of(work, segment), customer, kind="exclude", reason=reason)

    def leave_to_rule(self, segment: Segment | str, customer: Customer | str) -> None:
        """Take back what was decided by hand; it shows at the next refresh.

        Raises:
            NotFound: there is no such segment or customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.segments.define("locals", rule='city = "Chengdu"')
            ...     crm.customers.segments.exclude("locals", li)
            ...     crm.customers.segments.leave_to_rule("locals", li)
            ...     crm.customers.segments.refresh("locals").entered_count
            1
        """
        with self.work() as work:
            decide(work, segment_of(work, segment), customer, kind=None, reason=None)


def only(work: Work, segment: Segment, members: Sequence[str]) -> None:
    """Let exactly *members* be those who are put in."""
    put_in = work.find(SegmentException, (F.segment_id == segment.id) & (F.kind == "include"))
    listed = {exception.customer_id for exception in put_in}
    for gone in sorted(listed - {*members}):
        decide(work, segment, gone, kind=None, reason=None)
    for come in dict.fromkeys(c for c in members if c not in listed):
        decide(work, segment, come, kind="include", reason=None)


def decide(
    work: Work,
    segment: Segment,
    customer: Customer | str,
    *,
    kind: Literal["include", "exclude"] | None,
    reason: str | None,
) -> None:
    """Put a customer in or out by hand, or leave him to the rule (no kind)."""
    who = work.get(Customer, customer).id
    known = work.find(SegmentException, (F.segment_id == segment.id) & (F.customer_id == who))
    work.remove(SegmentException, [k.id for k in known])
    made = SegmentExceptionMade(segment_id=segment.id, customer_id=who, kind=kind, reason=reason)
    if kind is None:
        work.emit(made)
        return
    exception = work.new(SegmentException, segment_id=segment.id, customer_id=who, kind=kind, reason=reason)
    work.save(Change(exception, (made,)))
