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
    about = {"case_id": case.id, "customer_id": case.customer_id, "message_id": message.id, "at": at}
    match kind:
        case "customer":
            return message, CustomerWrote(**about, channel=channel)
        case "reply":
            return message, CaseReplied(**about, by=by)
        case "note":
            return message, CaseNoted(**about, by=by)
        case "call":
            return message, CaseCalled(**about, by=by, answered=answered)
