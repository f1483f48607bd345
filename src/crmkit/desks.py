"""The desks: all rooms side by side, over the store of a CRM or within one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crmkit.analytics import Analytics
from crmkit.customers import Customers
from crmkit.kernel.collection import Scope
from crmkit.kernel.due import Agenda, Outbox
from crmkit.kernel.trail import Trail
from crmkit.kernel.work import Work
from crmkit.lifecycle import Lifecycle
from crmkit.marketing import Marketing
from crmkit.pipeline import Pipeline
from crmkit.service import Service


class Desks:
    """The rooms of a CRM, each over the same scope, and beside them what is due, is to be sent and has happened.

    Attributes:
        agenda: what is due, done and dead.
        outbox: what is to be sent, sent and dead.
        events: all that ever happened.
    """

    def __init__(self, scope: Scope) -> None:
        self.customers = Customers(scope)
        self.pipeline = Pipeline(scope)
        self.lifecycle = Lifecycle(scope)
        self.service = Service(scope)
        self.marketing = Marketing(scope)
        self.analytics = Analytics(scope)
        self.agenda = Agenda(scope)
        self.outbox = Outbox(scope)
        self.events = Trail(scope)


class Transaction(Desks):
    """Several changes that happen together or not at all; it has the same desks as the CRM.

    A verb that fails is undone alone: whoever catches the error can go on.

    Example:
        >>> from crmkit import CRM, Duplicate
        >>> with CRM.open() as crm:
        ...     with crm.transaction() as tx:
        ...         for email in ("wang@example.com", "li@example.com", "Wang@example.com"):
        ...             try:
        ...                 _ = tx.customers.register(name=email.split("@")[0], email=email)
        ...             except Duplicate:
        ...                 pass
        ...     crm.customers.count()
        2
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        super().__init__(self)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """One verb: undone alone when it fails, so that a refusal can be caught and the rest goes on."""
        with self._work.savepoint():
            yield self._work

    @contextmanager
    def read(self) -> Iterator[Work]:
        """What has been written so far is seen."""
        yield self._work
