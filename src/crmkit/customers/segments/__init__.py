"""Segments: groups of customers by rule or by list; who entered and left, and why."""

from crmkit.customers.segments import definition, members
from crmkit.customers.segments.definition import Membership, Segment, SegmentEntered, SegmentLeft
from crmkit.customers.segments.desk import Segments

__all__ = ["Membership", "Segment", "SegmentEntered", "SegmentLeft", "Segments", "definition", "members"]
