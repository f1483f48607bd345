"""The memory channel: keeps what it is asked to send, for tests and for trying things out."""

from __future__ import annotations

import threading

import attrs

from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import NO_LIMITS, Limits


@attrs.frozen(eq=False)
class MemoryChannel:
    """Keeps messages.

    Attributes:
        sent: the messages so far, each idempotency key once.

    Args:
        name: what the channel is called.
        carries: the kinds of message that it takes; ``*`` for all.
        limits: what it can carry.

    Example:
        >>> from crmkit import CRM
        >>> channel = MemoryChannel()
        >>> with CRM.open(channels=[channel]) as crm:
        ...     with crm.work() as work:
        ...         work.post(channel="sms", to="+8613912345678", body="Your table is ready.", key="table 7")
        ...     _ = crm.deliver()
        >>> [(message.to, message.body) for message in channel.sent]
        [('+8613912345678', 'Your table is ready.')]
    """

    name: str = "memory"
    carries: frozenset[str] = frozenset({"*"})
    limits: Limits = NO_LIMITS
    sent: list[Message] = attrs.field(factory=list, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def send(self, message: Message) -> str | None:
        """Keep the message."""
        with self._lock:
            if all(message.id != known.id for known in self.sent):
                self.sent.append(message)
        return f"memory-{message.id}"
