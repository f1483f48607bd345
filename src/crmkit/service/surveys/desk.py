"""``crm.service.surveys``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.clock import local_date
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.surveys.answers import SurveyAnswer, check, give, give_anonymously
from crmkit.service.surveys.defining import Defining, ready
from crmkit.service.surveys.definition import Survey, survey_called
from crmkit.service.surveys.invitations import opened_by, spent
from crmkit.service.surveys.planning import Planning
from crmkit.service.surveys.reach import Reach, reach_of
from crmkit.service.surveys.results import Dimension, SurveyResults, results
from crmkit.service.surveys.sending import key_of

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class Surveys(Defining, Planning):
    """What ``crm.service.surveys`` offers."""

    # ── Answering ──

    def answer(
        self,
        about: Case | Customer | str,
        *,
        score: int,
        survey: Survey | str = "satisfaction",
        comment: str | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> SurveyAnswer:
        """Note what a customer said about a case, or in general.

        Args:
            about: the case, or the customer.
            score: on the scale of the survey.
            survey: which; one of the ready-made ones is defined when it is first answered.
            comment: in the customer's words.
            answers: to the further questions, by their names.

        Raises:
            InvalidInput: the score is not on the scale, or an answer does not fit its question.
            Refused: this resolution of the case (or, in general, this day) has been answered already, or the survey is
                anonymous.
            NotFound: there is no such survey.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     case = crm.service.cases.open(li, kind="question", subject="Opening hours?")
            ...     case = crm.service.cases.resolve(case, solution="We open at nine.")
            ...     crm.service.surveys.answer(case, score=5).score
            5
        """
        with self.work() as work:
            asked = ready(work, survey)
            if asked.anonymous:
                raise Refused(f"{asked.name!r} is anonymous: it is answered by link only")
            said = _said(asked, score, comment, answers)
            case, customer_id, key = _subject(work, about, asked)
            cycle = 0 if case is None else case.resolutions
            return give(work, asked, customer_id=customer_id, case=case, key=key, said=said, cycle=cycle)

    def read_link(self, token: str) -> Survey:
        """The survey that a link asks for, so that the host can show its questions.

        Raises:
            InvalidInput: the link is incomplete or forged.
            Refused: it has been used, or it has expired.

        Example:
            >>> from crmkit import CRM
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret) as crm:
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     _ = crm.service.cases.resolve(crm.service.cases.open(wang, subject="Opening hours?"))
            ...     _ = crm.run_due()
            ...     token = crm.outbox.due()[0].body.rpartition("/")[2]
            ...     survey = crm.service.surveys.read_link(token)
            ...     survey.question, survey.low, survey.high
            ('How satisfied are you?', 1, 5)
        """
        with self.read() as work:
            return work.get(Survey, opened_by(work, token).survey_id)

    def answer_link(
        self, token: str, *, score: int, comment: str | None = None, answers: Mapping[str, Any] | None = None
    ) -> SurveyAnswer:
        """Store what a customer answered by a link; it can be used once.

        Args:
            token: from the link.
            score: on the scale of the survey.
            comment: in the customer's words.
            answers: to the further questions, by their names.

        Raises:
            InvalidInput: the link is incomplete or forged, or an answer does not fit; the link can still be used then.
            Refused: the link has been used or has expired, or this was answered in another way already.

        Example:
            >>> from crmkit import CRM
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret) as crm:
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     _ = crm.service.cases.resolve(crm.service.cases.open(wang, subject="Opening hours?"))
            ...     _ = crm.run_due()
            ...     token = crm.outbox.due()[0].body.rpartition("/")[2]
            ...     _ = crm.service.surveys.answer_link(token, score=4, comment="Friendly, but slow")
            ...     crm.service.surveys.answer_link(token, score=1)
            Traceback (most recent call last):
            crmkit.errors.Refused: this link has been used: it can be answered once
        """
        with self.work() as work:
            with work.holding():
                invitation = opened_by(work, token)
            asked = work.get(Survey, invitation.survey_id)
            said = _said(asked, score, comment, answers)
            case = None if invitation.case_id is None else work.get(Case, invitation.case_id)
            spent(work, invitation)
            if asked.anonymous:
                return give_anonymously(work, asked, case=case, said=said)
            cycle = invitation.cycle
            key = f"{asked.id}:{invitation.id}" if case is None else key_of(asked.id, case, cycle)
            return give(work, asked, customer_id=invitation.customer_id, case=case, key=key, said=said, cycle=cycle)

    # ── Results ──

    def results(
        self,
        survey: Survey | str = "satisfaction",
        *,
        by: Dimension | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> SurveyResults:
        """What the answers come to, with an interval that says how much they can be trusted.

        Args:
            survey: which.
            by: in groups by ``owner``, ``kind`` or ``product`` of the case, or by ``week``, ``month``, ``quarter`` or
                ``year``; all together unless given.
            since: answers from this moment on.
            until: answers before this moment.

        Raises:
            NotFound: there is no such survey.
            InvalidInput: answers are not grouped like this.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     for name, score in (("Xiao Wang", 5), ("Xiao Li", 4), ("Xiao Chen", 2)):
            ...         customer = crm.customers.register(name=name)
            ...         case = crm.service.cases.open(customer, kind="complaint", subject="The soup was cold")
            ...         _ = crm.service.surveys.answer(crm.service.cases.resolve(case), score=score)
            ...     (complaints,) = crm.service.surveys.results(by="kind").groups
            ...     complaints.answers, round(complaints.score, 2), [round(end, 2) for end in complaints.interval]
            (3, 0.67, [0.21, 0.94])
        """
        with self.read() as work:
            return results(work, survey_called(work, survey), by=by, since=since, until=until)

    def choices(self, survey: Survey | str, question: str) -> dict[Any, int]:
        """How often each answer to a further question was given.

        Args:
            survey: which.
            question: the name of the further question; it has a scale or choices.

        Returns:
            by answer, how often; an answer that nobody gave is there with 0.

        Raises:
            NotFound: there is no such survey.
            InvalidInput: the survey has no such question, or it is answered in free words.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     again = {"again": {"question": "Would you come back?", "choices": ["yes", "perhaps", "no"]}}
            ...     _ = crm.service.surveys.define("satisfaction", questions=again)
            ...     for name, answer in (("Xiao Wang", "yes"), ("Xiao Li", "yes"), ("Xiao Chen", "perhaps")):
            ...         customer = crm.customers.register(name=name)
            ...         _ = crm.service.surveys.answer(customer, score=4, answers={"again": answer})
            ...     crm.service.surveys.choices("satisfaction", "again")
            {'yes': 2, 'perhaps': 1, 'no': 0}
        """
        with self.read() as work:
            asked = survey_called(work, survey)
            spec = asked.questions.get(question)
            if spec is None or spec.keys() == {"question"}:
                raise InvalidInput(f"{asked.name!r} has no question {question!r} with a scale or choices")
            possible: Sequence[Any] = spec.get("choices") or range(spec["low"], spec["high"] + 1)
            counts: dict[Any, int] = dict.fromkeys(possible, 0)
            for (answers,) in work.columns(SurveyAnswer, ["answers"], F.survey_id == asked.id):
                if answers.get(question) in counts:
                    counts[answers[question]] += 1
            return counts

    def reach(self, survey: Survey | str, *, since: datetime | None = None, until: datetime | None = None) -> Reach:
        """How many of those who were asked by link have answered.

        Args:
            survey: which.
            since: asked from this moment on.
            until: asked before this moment.

        Raises:
            NotFound: there is no such survey.

        Definitions: the interval is Wilson's (1927), at 95 %.

        Example:
            >>> from crmkit import CRM
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret) as crm:
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     _ = crm.service.cases.resolve(crm.service.cases.open(wang, subject="Opening hours?"))
            ...     _ = crm.run_due()
            ...     reach = crm.service.surveys.reach("satisfaction")
            ...     reach.sent, reach.answered, reach.rate, round(reach.interval[1], 2)
            (1, 0, 0.0, 0.79)
        """
        with self.read() as work:
            return reach_of(work, survey_called(work, survey), since=since, until=until)


def _said(survey: Survey, score: int, comment: str | None, answers: Mapping[str, Any] | None) -> dict[str, Any]:
    check(survey, score, answers or {})
    return {"score": score, "comment": comment, "answers": dict(answers or {})}


def _subject(work: Work, about: Case | Customer | str, survey: Survey) -> tuple[Case | None, str, str]:
    """The case, whose it is, and what may be answered only once."""
    identifier = about if isinstance(about, str) else about.id
    if work.house.registry.schema_of_id(identifier).cls is Customer:
        customer = work.get(Customer, identifier)
        today = local_date(work.now, work.settings.zone)
        return None, customer.id, f"{survey.id}:{customer.id}:{today}"
    case = work.get(Case, identifier)
    return case, case.customer_id, key_of(survey.id, case, case.resolutions)
