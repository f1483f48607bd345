"""Conformance suites: what a store and a channel of your own must do, as tests that you inherit.

A store::

    from crmkit.testing.suites import StorageSuite, suite_registry


    class TestMyStore(StorageSuite):
        @pytest.fixture
        def store(self):
            return MyStore(suite_registry())

A channel::

    from crmkit.testing.suites import ChannelSuite


    class TestMyChannel(ChannelSuite):
        @pytest.fixture
        def channel(self):
            return MyChannel(...)
"""

from crmkit.testing.suites.channels import ChannelSuite
from crmkit.testing.suites.library import Book, Loan, Shelf, suite_registry
from crmkit.testing.suites.storage import StorageSuite

__all__ = ["Book", "ChannelSuite", "Loan", "Shelf", "StorageSuite", "suite_registry"]
