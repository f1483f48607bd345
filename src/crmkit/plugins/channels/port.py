"""What a channel is: a way to send a message to one address."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.outbox import Message


@attrs.frozen(kw_only=True)
class Limits:
    """What a channel can carry.

    Attributes:
        max_body: the longest body in characters, 0 or more; none if there is no limit.
        html: whether it shows HTML beside the plain text.

    Raises:
        InvalidInput: *max_body* is no whole number from 0.

    Example:
        >>> from crmkit import CRM
        >>> from crmkit.plugins.channels.memory import MemoryChannel
        >>> with CRM.open(channels=[MemoryChannel(limits=Limits(max_body=70))]) as crm:
        ...     with crm.work() as work:
        ...         work.post(channel="sms", to="+8613912345678", body="Dear guests! " * 9, key="greetings")
        ...     crm.deliver()[0].error
        'the body has 116 characters, the channel memory carries 70'
    """

    max_body: int | None = None
    html: bool = False

    def __attrs_post_init__(self) -> None:
        if self.max_body is not None and (type(self.max_body) is not int or self.max_body < 0):
            raise InvalidInput(f"max_body= is a whole number of characters, 0 or more, got {self.max_body!r}")


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
    """A way to send.  The message's id is its idempotency key: the same id twice must reach the person once.

    Example:
        >>> class Fax:
        ...     name, carries, limits = "fax", frozenset({"fax"}), NO_LIMITS
        ...
        ...     def send(self, message: Message) -> str | None:
        ...         return f"fax-{message.id}"
        >>> isinstance(Fax(), Channel)
        True
    """

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
