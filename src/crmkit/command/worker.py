"""The worker: does what is due and sends what is to be sent, for every tenant, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import attrs

from crmkit.crm import CRM
from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import DueReport
from crmkit.kernel.text import several

log = logging.getLogger("crmkit.worker")


@attrs.frozen(kw_only=True)
class Round:
    """What one round over all tenants did.

    Attributes:
        ran: agenda items done.
        failed: agenda items that raised; they are tried again later, or given up.
        sent: messages sent.
        unsent: messages that were not sent; they are tried again later, or given up.
    """

    ran: int = 0
    failed: int = 0
    sent: int = 0
    unsent: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(
            ran=self.ran + other.ran,
            failed=self.failed + other.failed,
            sent=self.sent + other.sent,
            unsent=self.unsent + other.unsent,
        )

    def __str__(self) -> str:
        return f"{self.ran} done, {self.failed} failed, {self.sent} sent, {self.unsent} not sent"


class Worker:
    """Runs the agenda and the outbox of every tenant.

    Any number of workers may run on one database, in one process or in many: each agenda item is done by one of them.

    Args:
        crm: whose store is worked on.
        every: seconds from the end of a round to the next one, above 0.
        tenants: for whom; all that the store has unless given, newly come ones too.

    Raises:
        InvalidInput: *every* is not above 0.

    Example:
        >>> with CRM.open() as crm:
        ...     Worker(crm).once()
        Round(ran=0, failed=0, sent=0, unsent=0)
    """

    def __init__(self, crm: CRM, *, every: float = 5.0, tenants: Sequence[str] = ()) -> None:
        if not every > 0:
            raise InvalidInput(f"every is a number of seconds above 0, got {every!r}")
        self.crm, self.every, self.tenants = crm, every, several(tenants, what="tenants")
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish the batch that is being worked on, and then no more; may be called from anywhere."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def once(self) -> Round:
        """One round: until nothing is due any more, or it is told to stop."""
        done = Round()
        for tenant in self._waiting():
            crm = self.crm.for_tenant(tenant)
            done += self._agenda(crm)
            done += self._outbox(crm)
        return done

    def run(self) -> Round:
        """Round after round until it is told to stop; a failure of the database is logged and tried again.

        Returns:
            what was done in all.
        """
        total = Round()
        while not self.stopped:
            try:
                done = self.once()
            except Exception:
                log.exception("the round was broken off; trying again in %s seconds", self.every)
                done = Round()
            if done != Round():
                log.info("%s", done)
            total += done
            self._stop.wait(self.every)
        return total

    def _waiting(self) -> list[str]:
        waiting = self.crm.tenants(with_work=True)
        return [tenant for tenant in waiting if not self.tenants or tenant in self.tenants]

    def _agenda(self, crm: CRM) -> Round:
        done = Round()
        while not self.stopped:
            report = crm.run_due(rounds=1)
            if report == DueReport():
                break
            done += Round(ran=report.ran, failed=report.failed + report.dead)
        return done

    def _outbox(self, crm: CRM) -> Round:
        done = Round()
        while not self.stopped:
            receipts = crm.deliver(rounds=1)
            if not receipts:
                break
            sent = sum(receipt.sent for receipt in receipts)
            done += Round(sent=sent, unsent=len(receipts) - sent)
        return done


@contextmanager
def stopped_by_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and SIGINT (Ctrl+C) tell *worker* to stop; what it has begun is finished."""

    def stop(number: int, _: FrameType | None) -> None:
        log.info("%s: finishing what has been begun", signal.Signals(number).name)
        worker.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
