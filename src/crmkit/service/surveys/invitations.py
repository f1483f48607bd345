"""Invitations: who was asked, by which way, and whether he has answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from crmkit.customers.consents import allowed
from crmkit.customers.contact_points.reach import addresses
from crmkit.customers.people import Customer
from crmkit.errors import NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.service.surveys.asking import PURPOSE, REMIND, Asking
from crmkit.service.surveys.definition import Survey
from crmkit.service.surveys.links import fingerprint, secrets_of, sign, signed

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work
    from crmkit.service.cases.case import Case


@entity("invitation", prefix="inv", when="sent_at", indexes=[Index(attributes=("customer_id", "sent_at"))])
class Invitation(Entity):
    """A customer was asked to answer a survey by a link.

    Attributes:
        cycle: the how-manieth resolution of the case it is about.
        key: tells it from all others for ever: nobody is asked twice on one occasion.
        token_hash: SHA-256 of the token in the link; the token itself is in the message only.
        state: ``open`` or ``answered``; an open one is of no use after ``expires_at``.
        reminders: how often it has been sent again.
    """

    survey_id: str = attribute(references="survey", reverse="invitations")
    asking_id: str = attribute(references="asking", reverse="invitations")
    customer_id: str = attribute(references="customer", reverse="invitations")
    case_id: str | None = attribute(default=None, references="case", reverse="invitations")
    cycle: int = attribute(default=0, at_least=0)
    key: str = attribute(unique=True, limit=500)
    channel: str = attribute()
    token_hash: str | None = attribute(default=None)
    state: Literal["open", "answered"] = attribute(default="open", index=True)
    sent_at: datetime = attribute()
    expires_at: datetime = attribute()
    reminders: int = attribute(default=0, at_least=0)


@event("service.survey_sent")
class SurveySent(Event):
    """A customer was asked to answer a survey."""

    invitation_id: str
    customer_id: str
    case_id: str | None
    channel: str


@event("service.survey_reminded")
class SurveyReminded(Event):
    """A customer was asked again."""

    invitation_id: str
    customer_id: str
    times: int


@event("service.survey_returned")
class SurveyReturned(Event):
    """A customer has answered by the link; what he said is not told here, for it may be anonymous."""

    invitation_id: str
    customer_id: str


def invite(work: Work, asking: Asking, customer: Customer, *, key: str, case: Case | None = None) -> Invitation | None:
    """Ask a customer, unless he has been asked lately, or has agreed to no way by which he could be.

    Args:
        work: the transaction.
        asking: by which plan.
        customer: whom.
        key: the occasion; a second invitation for it is never sent.
        case: what it is about.
    """
    with work.holding():
        customer = work.get(Customer, customer.id)  # two workers who ask the same person take turns
    way = way_to(work, asking, customer)
    lately = (F.customer_id == customer.id) & (F.sent_at > work.now - asking.rest)
    if way is None or work.count(Invitation, F.key == key) or (asking.rest and work.count(Invitation, lately)):
        return None
    survey = work.get(Survey, asking.survey_id)
    invitation = work.new(
        Invitation,
        survey_id=survey.id,
        asking_id=asking.id,
        customer_id=customer.id,
        case_id=None if case is None else case.id,
        cycle=0 if case is None else case.resolutions,
        key=key,
        channel=way,
        sent_at=work.now,
        expires_at=work.now + asking.expires_after,
    )
    token = sign(secrets_of(work)[0], invitation.id)
    sent = SurveySent(invitation_id=invitation.id, customer_id=customer.id, case_id=invitation.case_id, channel=way)
    saved = work.save(Change(invitation.evolve(token_hash=fingerprint(token)), (sent,)))
    _post(work, asking, survey, saved, token=token)
    return saved


def way_to(work: Work, asking: Asking, customer: Customer) -> str | None:
    """The first way of *asking* on which the customer has an address and has agreed to be asked."""
    reached = addresses(work, customer)
    for channel in asking.channels:
        if channel in reached and allowed(work, customer.id, channel=channel, purpose=PURPOSE):
            return channel
    return None


def _post(work: Work, asking: Asking, survey: Survey, invitation: Invitation, *, token: str) -> None:
    customer = work.get(Customer, invitation.customer_id)
    link = asking.link.replace("{token}", token)
    body = asking.text.replace("{question}", survey.question).replace("{name}", customer.name).replace("{link}", link)
    work.post(
        channel=invitation.channel,
        to=addresses(work, customer)[invitation.channel],
        subject=survey.question.splitlines()[0][:200],
        body=body,
        key=f"survey:{invitation.id}:{invitation.reminders}",
        customer_id=customer.id,
        purpose=PURPOSE,
        about=invitation.id,
    )
    if asking.remind_after is not None and invitation.reminders < asking.reminders:
        again = work.now + asking.remind_after
        if again < invitation.expires_at:
            work.schedule(
                REMIND, due_at=again, subject=invitation.id, key=f"remind/{invitation.id}/{invitation.reminders + 1}"
            )


def remind(work: Work, item: AgendaItem) -> None:
    """Send the same link again, if it is still of use and the customer still agrees."""
    invitation = work.get(Invitation, item.subject)
    asking = work.get(Asking, invitation.asking_id)
    customer = work.get(Customer, invitation.customer_id)
    way = way_to(work, asking, customer)
    if invitation.state != "open" or work.now >= invitation.expires_at or not asking.active or way is None:
        return
    token = next(
        (t for s in secrets_of(work) if fingerprint(t := sign(s, invitation.id)) == invitation.token_hash), None
    )
    if token is None:
        return
    again = invitation.evolve(reminders=invitation.reminders + 1, channel=way)
    told = SurveyReminded(invitation_id=again.id, customer_id=again.customer_id, times=again.reminders)
    saved = work.save(Change(again, (told,)))
    _post(work, asking, work.get(Survey, saved.survey_id), saved, token=token)


def opened_by(work: Work, token: str) -> Invitation:
    """The invitation to which a link belongs, if it can still be answered.

    Within ``work.holding()``, whoever comes at the same moment waits, and finds it answered.

    Raises:
        InvalidInput: the link was not sent by this CRM: incomplete, forged, or of another tenant.
        Refused: it has been used, or it has expired.
    """
    identifier = signed(secrets_of(work), token)
    try:
        found = work.get(Invitation, identifier)
    except NotFound:
        found = None
    if found is None or found.token_hash != fingerprint(token):
        raise Refused("this link belongs to no invitation here: it was withdrawn, or sent by somebody else")
    if found.state == "answered":
        raise Refused("this link has been used: it can be answered once")
    if work.now >= found.expires_at:
        raise Refused(f"this link was to be answered before {found.expires_at.isoformat()}; nothing was stored")
    return found


def spent(work: Work, invitation: Invitation) -> None:
    """The link has done its duty; reminders are dropped."""
    work.cancel(invitation.id, kind=REMIND)
    told = SurveyReturned(invitation_id=invitation.id, customer_id=invitation.customer_id)
    work.save(Change(invitation.evolve(state="answered"), (told,)))
