"""The courier: takes messages from the outbox, sends them outside of any transaction, and notes what became of them."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from crmkit.errors import DeliveryFailed, PluginError, StaleEntity
from crmkit.kernel.collection import Desk, Scope
from crmkit.kernel.due import check_batch
from crmkit.kernel.outbox import LEASE, Message, Receipt
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.plugins.channels.port import AsyncChannel, Channel
from crmkit.plugins.registry import Plugins

log = logging.getLogger("crmkit.outbox")


@attrs.define(kw_only=True)
class Attempt:
    """What one try to send has come to so far."""

    channel: str
    reference: str | None = None
    error: DeliveryFailed | None = None


class Courier(Desk):
    """Sends what is due.

    A message is leased before it is sent and marked after it, each in a transaction of its own.  A courier that dies in
    between leaves a lease that runs out; the message is then sent again with the same idempotency key: at least once.
    """

    def __init__(self, scope: Scope, plugins: Plugins) -> None:
        super().__init__(scope)
        self._plugins = plugins

    def deliver(self, *, batch: int, rounds: int | None = None) -> Iterator[Receipt]:
        """Send until nothing is due, or messages have been taken *rounds* times.

        Raises:
            PluginError: a channel sends asynchronously.
        """
        for channel in self._plugins.channels.values():
            if sends_asynchronously(channel):
                raise PluginError(f"the channel {channel.name} sends asynchronously: deliver with crmkit.AsyncCRM")
        while (rounds is None or rounds > 0) and (messages := self.take(batch)):
            rounds = None if rounds is None else rounds - 1
            for message in in_time(messages):
                with self.trying(message) as attempt:
                    attempt.reference = self.way(message, attempt).send(message)
                yield self.note(message, attempt)

    def take(self, batch: int) -> list[Message]:
        """Lease up to *batch* messages: those that are due, and those whose courier has died.

        Raises:
            InvalidInput: *batch* is no whole number from 1.
        """
        check_batch(batch)
        with self.work() as work:
            waiting = (F.state == "due") & (F.due_at <= work.now)
            found = work.claim(Message, waiting, order_by="due_at", limit=batch)
            if len(found) < batch:
                abandoned = (F.state == "sending") & (F.leased_until < work.now)
                found += work.claim(Message, abandoned, order_by="leased_until", limit=batch - len(found))
            return work.put([message.leased(now=work.now) for message in found])

    def way(self, message: Message, attempt: Attempt) -> Channel:
        """The channel that *message* goes by.

        Raises:
            DeliveryFailed: there is none, or the message does not fit through it; for good.
        """
        way = self._plugins.route(message)
        attempt.channel = way.name
        longest = way.limits.max_body
        if longest is not None and len(message.body) > longest:
            raise DeliveryFailed(
                f"the body has {len(message.body)} characters, the channel {way.name} carries {longest}", permanent=True
            )
        return way

    @contextmanager
    def trying(self, message: Message) -> Iterator[Attempt]:
        """What goes wrong inside is what the attempt came to."""
        attempt = Attempt(channel=message.channel)
        try:
            yield attempt
        except DeliveryFailed as failure:
            attempt.error = failure
        except Exception as unexpected:
            log.warning("channel %s broke on message %s", attempt.channel, message.id, exc_info=True)
            attempt.error = DeliveryFailed(f"{type(unexpected).__name__}: {unexpected}")

    def note(self, message: Message, attempt: Attempt) -> Receipt:
        """Write down what became of *message*."""
        error = None if attempt.error is None else str(attempt.error)
        if error is not None:
            log.warning("message %s was not sent: %s", message.id, error)
        with self.work() as work:
            at = work.now
            try:
                work.put([_after(message, attempt, work)])
            except StaleEntity:
                log.warning("message %s took longer than its lease; whoever has it now will note the end", message.id)
        return Receipt(
            message_id=message.id,
            to=message.to,
            channel=attempt.channel,
            at=at,
            reference=attempt.reference,
            error=error,
        )


def _after(message: Message, attempt: Attempt, work: Work) -> Message:
    error = attempt.error
    if error is None:
        return message.sent(attempt.reference, now=work.now)
    return message.failed(str(error), now=work.now, permanent=error.permanent, retry_after=error.retry_after)


def in_time(messages: list[Message]) -> Iterator[Message]:
    """Those of *messages* that still are ours when their turn has come: a slow channel can outlast the lease."""
    end = time.monotonic() + LEASE.total_seconds()
    for message in messages:
        if time.monotonic() < end:
            yield message


def sends_asynchronously(channel: Channel | AsyncChannel) -> bool:
    """Whether ``send`` is a coroutine function."""
    return inspect.iscoroutinefunction(channel.send)
