"""What customers answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.ids import IdSource
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.cases.line import CaseLine
from crmkit.service.escalation.desk import low_score
from crmkit.service.surveys.definition import Survey
from crmkit.service.surveys.questions import check_answers

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


@entity("survey_answer", prefix="ans", when="answered_at")
class SurveyAnswer(Entity):
    """What one customer said.

    Attributes:
        cycle: the how-manieth resolution of the case the answer is about: each can be answered once.
        owner, kind, product_id: those of the case, kept as they were; the product if its lines are about one only.
        answers: those to the further questions of the survey.
        day: the calendar day of the answer.  Of an anonymous answer no more than that is kept: neither customer nor
            case, and all its times, also the one in its id, are the beginning of that day.
    """

    survey_id: str = attribute(references="survey", reverse="answers")
    customer_id: str | None = attribute(default=None, references="customer")
    case_id: str | None = attribute(default=None, references="case")
    key: str = attribute(unique=True)
    score: int = attribute()
    comment: str | None = attribute(default=None, personal=True, multiline=True)
    cycle: int = attribute(default=0)
    owner: str | None = attribute(default=None, index=True)
    kind: str | None = attribute(default=None, index=True)
    product_id: str | None = attribute(default=None, references="product", reverse="survey_answers")
    answers: Mapping[str, Any] = attribute(factory=dict, personal=True)
    day: date = attribute(index=True)
    answered_at: datetime = attribute()


@event("service.survey_answered")
class SurveyAnswered(Event):
    """A customer has said how satisfied he is."""

    answer_id: str
    customer_id: str
    case_id: str | None
    score: int
    low: bool


def check(survey: Survey, score: int, answers: Mapping[str, Any]) -> None:
    """Refuse what does not fit the survey.

    Raises:
        InvalidInput: the score is not on its scale, or a further answer does not fit its question.
    """
    if type(score) is not int or not survey.low <= score <= survey.high:
        raise InvalidInput(f"a score of {survey.name!r} goes from {survey.low} to {survey.high}, got {score!r}")
    check_answers(survey.name, survey.questions, answers)


def give(
    work: Work, survey: Survey, *, customer_id: str, case: Case | None, key: str, said: Mapping[str, Any], cycle: int
) -> SurveyAnswer:
    """Store an answer, tell whoever wants to know of low ones, and let levels of escalation fire.

    Raises:
        Refused: *key* has been answered already.
    """
    if work.count(SurveyAnswer, F.key == key):
        raise Refused(f"{survey.name!r} has been answered for this already: {key}; an answer is given once")
    answer = work.new(
        SurveyAnswer,
        survey_id=survey.id,
        customer_id=customer_id,
        case_id=None if case is None else case.id,
        key=key,
        cycle=cycle,
        day=local_date(work.now, work.settings.zone),
        answered_at=work.now,
        **said,
        **about(work, case),
    )
    low = survey.alert_at is not None and answer.score <= survey.alert_at
    answered = SurveyAnswered(
        answer_id=answer.id, customer_id=customer_id, case_id=answer.case_id, score=answer.score, low=low
    )
    if low:
        _alert(work, survey, answer, case)
    saved = work.save(Change(answer, (answered,)))
    if case is not None:
        low_score(work, case, score=saved.score, number=work.count(SurveyAnswer, F.case_id == case.id))
    return saved


def give_anonymously(work: Work, survey: Survey, *, case: Case | None, said: Mapping[str, Any]) -> SurveyAnswer:
    """Store an answer of which nobody can tell whose it is: no event tells of it, and only its day is kept."""
    day = local_date(work.now, work.settings.zone)
    then = start_of_day(day, work.settings.zone)
    identifier = IdSource().new(SurveyAnswer.__schema__.prefix, then)  # the CRM's own source would go on from now
    answer = SurveyAnswer(
        id=identifier,
        created_at=then,
        survey_id=survey.id,
        key=identifier,
        day=day,
        answered_at=then,
        **said,
        **about(work, case),
    )
    return work.save(Change(answer))


def about(work: Work, case: Case | None) -> dict[str, Any]:
    """What results are grouped by."""
    if case is None:
        return {}
    products = {product for (product,) in work.columns(CaseLine, ["product_id"], F.case_id == case.id)}
    return {"owner": case.owner, "kind": case.kind, "product_id": products.pop() if len(products) == 1 else None}


def satisfaction_of(work: Work, customer_id: str) -> Mapping[str, Any]:
    """The last word of a customer, for the portrait."""
    last = work.first(SurveyAnswer, F.customer_id == customer_id, order_by=("-answered_at", "-id"))
    return {} if last is None else {"satisfaction": last.score}


def _alert(work: Work, survey: Survey, answer: SurveyAnswer, case: Case | None) -> None:
    subject = "" if case is None else f" about “{case.subject}”"
    work.post(
        channel="email",
        to=str(survey.alert_to),
        subject=f"{survey.name}: {answer.score} of {survey.high}{subject}",
        body=answer.comment or "No comment was given.",
        key=f"survey alert:{answer.id}",
        customer_id=answer.customer_id,
        about=answer.id,
    )
