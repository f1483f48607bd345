"""For those who test with crmkit: clocks that stand still, fixtures, strategies and conformance suites.

Only the clock loads with the package; the suites and the strategies bring pytest and Hypothesis, and load when they are
used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmkit.kernel.clock import FrozenClock

if TYPE_CHECKING:
    from crmkit.testing import strategies
    from crmkit.testing.suites import ChannelSuite, StorageSuite

__all__ = ["ChannelSuite", "FrozenClock", "StorageSuite", "strategies"]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return import_module("crmkit.testing.strategies")
    if name in __all__:
        return getattr(import_module("crmkit.testing.suites"), name)
    raise AttributeError(f"crmkit.testing has no {name!r}")
