"""The outbox: messages written in the same transaction as what they are about, and sent after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from crmkit.errors import Refused
from crmkit.kernel.agenda import TRIES, backoff
from crmkit.kernel.entity import Entity, Index, attribute, entity

LEASE = timedelta(minutes=5)


@entity(
    "message",
    prefix="msg",
    when="due_at",
    indexes=[
        Index(attributes=("due_at",), where={"state": "due"}),
        Index(attributes=("leased_until",), where={"state": "sending"}),
    ],
)
class Message(Entity):
    """One message to one address.  Its id is the idempotency key that the channel is given.

    Attributes:
        channel: the kind of way: ``email``, ``sms``, ``webhook`` …
        to: the address on that way.
        body: plain text; ``html`` beside it where the channel can.
        purpose: why it is sent (``marketing``, ``service`` …); consents are given by purpose.
        key: tells it from all others for ever: posting the same key again changes nothing.
        state: ``due``, ``sending`` while somebody has it, ``sent``, or ``dead`` after the last try.
        reference: what the channel calls it.
    """

    channel: str = attribute()
    to: str = attribute(personal=True, limit=500)
    subject: str | None = attribute(default=None, personal=True, limit=1000)
    body: str = attribute(personal=True, multiline=True)
    html: str | None = attribute(default=None, personal=True, multiline=True, limit=1_000_000)
    purpose: str = attribute(default="service")
    customer_id: str | None = attribute(default=None, index=True)
    about: str | None = attribute(default=None, index=True)
    key: str = attribute(unique=True, limit=500)
    headers: Mapping[str, Any] = attribute(factory=dict)
    state: Literal["due", "sending", "sent", "dead"] = attribute(default="due")
    due_at: datetime = attribute()
    leased_until: datetime | None = attribute(default=None)
    attempts: int = attribute(default=0)
    last_error: str | None = attribute(default=None, multiline=True)
    sent_at: datetime | None = attribute(default=None)
    reference: str | None = attribute(default=None)

    def leased(self, *, now: datetime) -> Message:
        """Somebody sends it now; if he never reports back, another one may try after the lease."""
        return self.evolve(state="sending", leased_until=now + LEASE, attempts=self.attempts + 1)

    def sent(self, reference: str | None, *, now: datetime) -> Message:
        """The channel has taken it."""
        return self.evolve(state="sent", sent_at=now, reference=reference, leased_until=None, last_error=None)

    def failed(self, error: str, *, now: datetime, permanent: bool, retry_after: float | None = None) -> Message:
        """The channel has not taken it; it is tried again later unless that is pointless."""
        dead = permanent or self.attempts >= TRIES
        wait = backoff(self.attempts) if retry_after is None else timedelta(seconds=retry_after)
        return self.evolve(
            state="dead" if dead else "due", last_error=error[:1000], due_at=now + wait, leased_until=None
        )

    def revived(self, *, now: datetime) -> Message:
        """A dead message that is tried again.

        Raises:
            Refused: it is still to be sent, or has been sent.
        """
        if self.state != "dead":
            raise Refused(f"message {self.id} is {self.state}: only what was given up is tried again")
        return self.evolve(state="due", attempts=0, due_at=now)


@attrs.frozen(kw_only=True)
class Receipt:
    """What became of one try to send a message.

    Attributes:
        message_id: the id of the message, and its idempotency key.
        error: why it was not sent; missing when it was.
    """

    message_id: str
    to: str
    channel: str
    at: datetime
    reference: str | None = None
    error: str | None = None

    @property
    def sent(self) -> bool:
        """Whether the channel took it."""
        return self.error is None
