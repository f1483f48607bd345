"""The console channel: prints what it is asked to send.  It stands in until a channel is configured."""

from __future__ import annotations

import attrs

from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import NO_LIMITS, Limits


@attrs.frozen
class ConsoleChannel:
    """Prints messages.

    >>> ConsoleChannel().name
    'console'
    """

    name: str = "console"
    carries: frozenset[str] = frozenset({"*"})
    limits: Limits = NO_LIMITS

    def send(self, message: Message) -> str | None:
        """Print the message: its subject, or the first line of its body."""
        gist = message.subject or message.body.partition("\n")[0]
        print(
            f"→ {message.channel} to {message.to}: {gist}\n", end=""
        )  # in one piece, so that threads do not mix lines
        return None
