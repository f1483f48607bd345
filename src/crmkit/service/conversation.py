"""Conversations: what customers wrote, what they were told, what was noted, and who called."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event

Entry = Literal["customer", "reply", "note", "call"]


@entity("case_message", prefix="cmsg", when="at")
class CaseMessage(Entity):
    """One entry of a conversation.

    Attributes:
        kind: what the ``customer`` wrote, a public ``reply``, an internal ``note``, or a ``call``.
        by: who wrote or called; missing for the customer.
        at: when it was written, which may be before it was stored.
        duration: how long a call took.
        answered: whether somebody was reached by the call.
        from_case_id: the case in which it was written, if it has moved to another one since.
    """

    case_id: str = attribute(references="case", reverse="messages")
    customer_id: str = attribute(references="customer", reverse="case_messages")
    kind: Entry = attribute()
    text: str = attribute(personal=True, multiline=True)
    by: str | None = attribute(default=None)
    channel: str | None = attribute(default=None)
    at: datetime = attribute()
    duration: timedelta | None = attribute(default=None)
    answered: bool = attribute(default=True)
    from_case_id: str | None = attribute(default=None, index=True)

    def check(self) -> None:
        """Only calls take time, and not a negative one."""
        if self.duration is not None and (self.kind != "call" or self.duration < timedelta(0)):
            raise InvalidInput(f"only a call has a duration, 0 or more; got {self.duration} for a {self.kind}")

    @property
    def in_case(self) -> str:
        """The case in which it was written."""
        return self.from_case_id or self.case_id


@event("service.customer_wrote")
class CustomerWrote(Event):
    """The customer wrote in a case."""

    case_id: str
    customer_id: str
    message_id: str
    at: datetime
    channel: str | None


@event("service.case_replied")
class CaseReplied(Event):
    """The customer was answered."""

    case_id: str
    customer_id: str
    message_id: str
    at: datetime
    by: str | None


@event("service.case_noted")
class CaseNoted(Event):
    """Something was noted that the customer does not see."""

    case_id: str
    customer_id: str
    message_id: str
    at: datetime
    by: str | None


@event("service.case_called")
class CaseCalled(Event):
    """Somebody and the customer telephoned.

    Attributes:
        answered: whether they talked; a call that nobody answered is no answer to the customer.
    """

    case_id: str
    customer_id: str
    message_id: str
    at: datetime
    by: str | None
    answered: bool
