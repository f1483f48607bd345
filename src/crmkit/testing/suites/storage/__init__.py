"""The conformance suite of stores: the exact meaning of every method of the port."""

from crmkit.testing.suites.storage.queries import Queries
from crmkit.testing.suites.storage.records import Records
from crmkit.testing.suites.storage.refusals import Refusals
from crmkit.testing.suites.storage.tenants import Tenants
from crmkit.testing.suites.storage.transactions import Transactions


class StorageSuite(Records, Refusals, Queries, Transactions, Tenants):
    """What every store must do.  Inherit it and give the fixture ``store``, built on ``suite_registry()``.

    Every test works in tenants of its own, so the fixture may have the scope of a class or a module.

    Attributes:
        examples: how many generated cases a property is tried with.
    """


__all__ = ["StorageSuite"]
