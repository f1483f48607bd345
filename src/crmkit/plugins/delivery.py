"""The courier: takes messages from the outbox, sends them outside of any transaction, and notes what became of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from crmkit.errors import DeliveryFailed
from crmkit.kernel.collection import Desk, Scope
from crmkit.kernel.outbox import Message, Receipt
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.plugins.registry import Plugins

log = logging.getLogger("crmkit.outbox")


class Courier(Desk):
    """Sends what is due.

    A message is leased before it is sent and marked after it, each in a transaction of its own.  A courier that dies in
    between leaves a lease that runs out; the message is then sent again with the same idempotency key: at least once.
    """

    def __init__(self, scope: Scope, plugins: Plugins) -> None:
        super().__init__(scope)
        self._plugins = plugins

    def deliver(self, *, batch: int) -> Iterator[Receipt]:
        """Send until nothing is due."""
        while messages := self._take(batch):
            for message in messages:
                yield self._send(message)

    def _take(self, batch: int) -> list[Message]:
        with self.work() as work:
            waiting = (F.state == "due") & (F.due_at <= work.now)
            found = work.claim(Message, waiting, order_by="due_at", limit=batch)
            if len(found) < batch:
                abandoned = (F.state == "sending") & (F.leased_until < work.now)
                found += work.claim(Message, abandoned, order_by="leased_until", limit=batch - len(found))
            return work.put([message.leased(now=work.now) for message in found])

    def _send(self, message: Message) -> Receipt:
        channel, reference, error = message.channel, None, None
        try:
            way = self._plugins.route(message)
            channel = way.name
            reference = way.send(_fitting(message, way.limits.max_body, way.name))
        except DeliveryFailed as failure:
            error = failure
        except Exception as unexpected:
            log.warning("channel %s broke on message %s", channel, message.id, exc_info=True)
            error = DeliveryFailed(f"{type(unexpected).__name__}: {unexpected}")
        with self.work() as work:
            self._note(work, message, reference, error)
            return Receipt(
                message_id=message.id,
                to=message.to,
                channel=channel,
                at=work.now,
                reference=reference,
                error=None if error is None else str(error),
            )

    def _note(self, work: Work, message: Message, reference: str | None, error: DeliveryFailed | None) -> None:
        if error is None:
            work.put([message.sent(reference, now=work.now)])
            return
        log.warning("message %s was not sent: %s", message.id, error)
        work.put([message.failed(str(error), now=work.now, permanent=error.permanent, retry_after=error.retry_after)])


def _fitting(message: Message, longest: int | None, channel: str) -> Message:
    if longest is not None and len(message.body) > longest:
        raise DeliveryFailed(
            f"the body has {len(message.body)} characters, the channel {channel} carries {longest}", permanent=True
        )
    return message
