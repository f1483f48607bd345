"""Defining: surveys of one's own, and those that come with all they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.addresses import email
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.service.surveys.answers import SurveyAnswer
from crmkit.service.surveys.definition import PRESETS, Formula, Survey, SurveyDefined, survey_called
from crmkit.service.surveys.invitations import Invitation

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class Defining(Collection[Survey]):
    """What ``crm.service.surveys`` does with a survey itself."""

    cls = Survey

    def define(
        self,
        name: str,
        *,
        question: str | None = None,
        low: int | None = None,
        high: int | None = None,
        formula: Formula | None = None,
        alert_at: int | None = None,
        alert_to: str | None = None,
        questions: Mapping[str, Any] | None = None,
        anonymous: bool = False,
    ) -> Survey:
        """Define a survey, or change one; ``satisfaction``, ``recommendation`` and ``effort`` come with all they need.

        Args:
            name: what it is called.
            question: what is asked.
            low: the lowest score.
            high: the highest score.
            formula: ``top_two`` (CSAT), ``nps`` or ``mean``.
            alert_at: tell *alert_to* of answers with this score and below.
            alert_to: an e-mail address.
            questions: further questions, as in :mod:`~crmkit.service.surveys.questions`.
            anonymous: answers keep neither customer nor case, and of their time the day only.

        Raises:
            InvalidInput: something is missing, the scale does not fit the formula, *alert_at* is not on it, or
                *alert_to* is no e-mail address.
            Refused: it was answered on another scale, or promised to be anonymous, already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     pictures = crm.service.surveys.define(
            ...         "pictures",
            ...         question="How do you like your pictures?",
            ...         low=1,
            ...         high=5,
            ...         formula="top_two",
            ...         questions={"again": {"question": "Would you come back?", "choices": ["yes", "no"]}},
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     crm.service.surveys.answer(wang, survey="pictures", score=5, answers={"again": "yes"}).score
            5
        """
        given = {"question": question, "low": low, "high": high, "formula": formula}
        values = {**PRESETS.get(name, {}), **{k: v for k, v in given.items() if v is not None}}
        missing = [k for k in given if k not in values]
        if missing:
            raise InvalidInput(f"survey {name!r} needs {', '.join(missing)}; ready-made are {', '.join(PRESETS)}")
        with self.work() as work:
            known = work.called(Survey, name)
            further = {"questions": dict(questions or {}), "anonymous": anonymous}
            told = None if alert_to is None else email(alert_to, what="alert_to")
            alerts = {"alert_at": alert_at, "alert_to": told, **further}
            if known is None:
                survey = work.new(Survey, name=name, **values, **alerts)
            else:
                survey = known.evolve(**values, **alerts)
                if survey == known:
                    return known
                if (survey.low, survey.high, survey.formula) != (known.low, known.high, known.formula):
                    _refuse_new_scale(work, known)
                if survey.anonymous is not known.anonymous:
                    _refuse_other_promise(work, known)
            return work.save(Change(survey, (SurveyDefined(survey_id=survey.id, name=survey.name),)))


def ready(work: Work, survey: Survey | str) -> Survey:
    """A survey by name, id or entity; a ready-made one is defined when it is first used.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    if survey in PRESETS and work.called(Survey, survey) is None:
        return Defining(work).define(str(survey))
    return survey_called(work, survey)


def _refuse_new_scale(work: Work, survey: Survey) -> None:
    if work.count(SurveyAnswer, F.survey_id == survey.id):
        raise Refused(f"survey {survey.name!r} has answers on its scale: define one with another name")


def _refuse_other_promise(work: Work, survey: Survey) -> None:
    if work.count(SurveyAnswer, F.survey_id == survey.id) or work.count(Invitation, F.survey_id == survey.id):
        word = "anonymous" if survey.anonymous else "not anonymous"
        raise Refused(f"survey {survey.name!r} has been sent or answered as {word}: define one with another name")
