"""What a channel is: a way to send a message to one address."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import attrs

from crmkit.kernel.outbox import Message


@attrs.frozen(kw_only=True)
class Limits:
    """What a channel can carry.

    Attributes:
        max_body: the longest body in characters; none if there is no limit.
        html: whether it shows HTML beside the plain text.
    """

    max_body: int | None = None
    html: bool = False


NO_LIMITS = Limits()


class Described(Protocol):
    """What every channel says of itself."""

    @property
    def name(self) -> str:
        """What the channel is called."""
        ...

    @property
    def carries(self) -> frozenset[str]:
        """The kinds of message that it can take (``email``, ``sms`` …); ``*`` for all."""
        ...

    @property
    def limits(self) -> Limits:
        """What it can carry."""
        ...


@runtime_checkable
class Channel(Described, Protocol):
    """A way to send.  The message's id is its idempotency key: the same id twice must reach the person once."""

    def send(self, message: Message) -> str | None:
        """Send *message*; what the other side calls it.

        Raises:
            DeliveryFailed: it did not; the error says whether trying again makes sense.
        """
        ...


class AsyncChannel(Described, Protocol):
    """The same for hosts that live in an event loop; ``crmkit.AsyncCRM`` takes both kinds."""

    async def send(self, message: Message) -> str | None:
        """Send *message*, like :meth:`Channel.send`."""
        ...
