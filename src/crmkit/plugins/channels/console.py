"""The console channel: prints what it is asked to send.  It stands in until a channel is configured."""

from __future__ import annotations

import attrs

from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import NO_LIMITS, Limits


@attrs.frozen
class ConsoleChannel:
    """Prints messages.

    Args:
        name: what the channel is called.
        carries: the kinds of message that it takes; ``*`` for all.
        limits: what it can carry.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:  # with no channel at all it stands in
        ...     with crm.work() as work:
        ...         work.post(channel="sms", to="+8613912345678", body="Your table is ready.", key="table 7")
        ...     _ = crm.deliver()
        → sms to +8613912345678: Your table is ready.
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
