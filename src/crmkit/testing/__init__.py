"""For those who test with crmkit: clocks that stand still, fixtures, strategies and conformance suites."""

from crmkit.kernel.clock import FrozenClock

__all__ = ["FrozenClock"]
