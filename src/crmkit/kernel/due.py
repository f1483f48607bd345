"""Doing what is due, and looking at what is planned, done and dead."""

from __future__ import annotations

import logging

from crmkit.errors import Conflict, InvalidInput
from crmkit.kernel.agenda import AgendaItem, DueReport
from crmkit.kernel.collection import Collection
from crmkit.kernel.outbox import Message
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work

log = logging.getLogger("crmkit.agenda")
CHANCES = 5  # of an item whose entities others are changing at the same moment


def round_of_work(work: Work, *, limit: int) -> DueReport:
    """Claim up to *limit* due items and do each in a savepoint of its own; all of it commits together.

    An item and its effects are one transaction: after a crash it has been done completely, or is still due.  An item
    that others are in the way of is left for the next round, when both sides have let go of what they hold; only if
    nothing else could be done, one of those is done at any rate.

    Raises:
        InvalidInput: *limit* is no whole number from 1.
    """
    check_batch(limit)
    items = work.claim(AgendaItem, (F.state == "due") & (F.due_at <= work.now), order_by="due_at", limit=limit)
    report, left = DueReport(), []
    for item in items:
        try:
            report += _tried(work, item)
        except Conflict as lost:
            log.debug("agenda item %s (%s) has to wait: %s", item.id, item.kind, lost)
            left.append(item)
    if left and not report.ran:
        report += _at_any_rate(work, left[0])
    return report


def _at_any_rate(work: Work, item: AgendaItem, *, chances: int = CHANCES) -> DueReport:
    """Do *item* on what the others have left, and hold on to it."""
    try:
        with work.holding():
            return _tried(work, item)
    except Conflict as lost:
        log.debug("agenda item %s (%s) lost, %d chances are left: %s", item.id, item.kind, chances - 1, lost)
        return _at_any_rate(work, item, chances=chances - 1) if chances > 1 else _failed(work, item, lost)


def _tried(work: Work, item: AgendaItem) -> DueReport:
    try:
        return _once(work, item)
    except Conflict:
        raise
    except Exception as error:
        log.warning("agenda item %s (%s) failed: %s", item.id, item.kind, error, exc_info=True)
        return _failed(work, item, error)


def _failed(work: Work, item: AgendaItem, error: Exception) -> DueReport:
    failed = item.failed(f"{type(error).__name__}: {error}", now=work.now)
    work.put([failed])
    dead = failed.state == "dead"
    return DueReport(failed=int(not dead), dead=int(dead), errors=(f"{item.kind} {item.id}: {error}",))


def _once(work: Work, item: AgendaItem) -> DueReport:
    with work.savepoint():
        if work.session.get(AgendaItem, item.id) is None:  # an earlier item of this transaction has cancelled it
            return DueReport()
        work.put([item.done(now=work.now)])
        work.house.handlers[item.kind](work, item)
    return DueReport(ran=1)


def check_batch(batch: int) -> None:
    """Insist on a number of rows that gets something done.

    Raises:
        InvalidInput: it is no whole number from 1.
    """
    if type(batch) is not int or batch < 1:
        raise InvalidInput(f"a batch is a whole number from 1, got {batch!r}")


class Agenda(Collection[AgendaItem]):
    """What ``crm.agenda`` offers."""

    cls = AgendaItem

    def due(self) -> list[AgendaItem]:
        """What is still to be done, now or later, the earliest first.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM
            >>> with CRM.open(timezone="Asia/Shanghai") as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.marketing.offers.make(li, name="family set", percent=50, valid_until=date(2099, 5, 31))
            ...     [(item.kind, item.due_at.isoformat()) for item in crm.agenda.due()]
            [('marketing.offer_expire', '2099-05-31T16:00:00+00:00')]
        """
        return self.find(F.state == "due", order_by="due_at")

    def dead(self) -> list[AgendaItem]:
        """What was given up after the eighth try, the earliest first; ``last_error`` says why.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     _ = crm.marketing.offers.make(li, name="family set", percent=50, valid_until=date(2099, 5, 31))
            ...     [item] = crm.agenda.due()
            ...     with crm.work() as work:  # what the eighth failure leaves
            ...         _ = work.put([item.evolve(state="dead", attempts=8, last_error="OSError: disk full")])
            ...     [(item.kind, item.last_error) for item in crm.agenda.dead()]
            [('marketing.offer_expire', 'OSError: disk full')]
        """
        return self.find(F.state == "dead", order_by="due_at")

    def retry(self, item: AgendaItem | str) -> AgendaItem:
        """Let a dead item be due again now, with eight new tries.

        Raises:
            NotFound: there is no such item.
            Refused: it is not dead.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     offer = crm.marketing.offers.make(li, name="family set", percent=50, valid_until=date(2026, 3, 2))
            ...     [item] = crm.agenda.due()
            ...     with crm.work() as work:  # what the eighth failure leaves
            ...         [dead] = work.put([item.evolve(state="dead", attempts=8, last_error="OSError: disk full")])
            ...     _ = clock.advance(days=2)
            ...     crm.run_due().ran, crm.agenda.retry(dead).state, crm.run_due().ran
            ...     crm.marketing.offers.get(offer.id).status
            (0, 'due', 1)
            'expired'
        """
        with self.work() as work:
            return work.put([work.get(AgendaItem, item).revived(now=work.now)])[0]


class Outbox(Collection[Message]):
    """What ``crm.outbox`` offers."""

    cls = Message

    def due(self) -> list[Message]:
        """What is still to be sent, now or later, the earliest first.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...     [(message.to, message.body) for message in crm.outbox.due()]
            [('+8613912345678', 'Your album is ready')]
        """
        return self.find(F.state == "due", order_by="due_at")

    def dead(self) -> list[Message]:
        """What was given up after the eighth try, or could never be sent; ``last_error`` says why.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.plugins.channels.memory import MemoryChannel
            >>> with CRM.open(channels=[MemoryChannel(carries=frozenset({"email"}))]) as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...     _ = crm.deliver()
            ...     [message.last_error for message in crm.outbox.dead()]
            ["no channel carries 'sms': pass one to CRM.open(channels=[…])"]
        """
        return self.find(F.state == "dead", order_by="due_at")

    def retry(self, message: Message | str) -> Message:
        """Let a dead message be due again now, with eight new tries: :meth:`crmkit.CRM.deliver` sends it.

        Raises:
            NotFound: there is no such message.
            Refused: it is not dead.

        Example:
            >>> from crmkit import CRM, DeliveryFailed
            >>> from crmkit.plugins.channels.memory import MemoryChannel
            >>> class Phone(MemoryChannel):
            ...     known = set()
            ...
            ...     def send(self, message):
            ...         if message.to not in self.known:
            ...             raise DeliveryFailed("unknown number", permanent=True)
            >>> with CRM.open(channels=[Phone()]) as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...     [first.error for first in crm.deliver()]
            ...     Phone.known.add("+8613912345678")
            ...     _ = [crm.outbox.retry(message) for message in crm.outbox.dead()]
            ...     [second.sent for second in crm.deliver()]
            ['unknown number']
            [True]
        """
        with self.work() as work:
            return work.put([work.get(Message, message).revived(now=work.now)])[0]
