"""Entries of a conversation, made together with the events that tell of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmkit.errors import InvalidInput
from crmkit.kernel.events import Event
from crmkit.service.cases.case import Case
from crmkit.service.conversation import CaseCalled, CaseMessage, CaseNoted, CaseReplied, CustomerWrote, Entry

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


def entry(
    work: Work,
    case: Case,
    kind: Entry,
    text: str,
    *,
    at: datetime,
    by: str | None = None,
    channel: str | None = None,
    duration: timedelta | None = None,
    answered: bool = True,
) -> tuple[CaseMessage, Event]:
    """An entry of the conversation, and the event that tells of it."""
    if at < case.opened_at:
        raise InvalidInput(f"at ({at.isoformat()}) lies before the case was opened ({case.opened_at.isoformat()})")
    message = work.new(
        CaseMessage,
        case_id=case.id,
        customer_id=case.customer_id,
        kind=kind,
        text=text,
        by=by,
        channel=channel,
        at=at,
        duration=duration,
        answered=answered,
    )
    return message, _told(message)


def _told(message: CaseMessage) -> Event:
    case_id, customer_id, at, by = message.case_id, message.customer_id, message.at, message.by
    match message.kind:
        case "customer":
            return CustomerWrote(
                case_id=case_id, customer_id=customer_id, message_id=message.id, at=at, channel=message.channel
            )
        case "reply":
            return CaseReplied(case_id=case_id, customer_id=customer_id, message_id=message.id, at=at, by=by)
        case "note":
            return CaseNoted(case_id=case_id, customer_id=customer_id, message_id=message.id, at=at, by=by)
        case "call":
            return CaseCalled(
                case_id=case_id,
                customer_id=customer_id,
                message_id=message.id,
                at=at,
                by=by,
                answered=message.answered,
            )
