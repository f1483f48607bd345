"""``crm.service.surveys``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.service.cases.case import Case
from crmkit.service.surveys.answers import SurveyAnswer, check, give, give_anonymously
from crmkit.service.surveys.asking import ROUND, Asking, AskingPlanned
from crmkit.service.surveys.definition import PRESETS, Formula, Survey, SurveyDefined, survey_called
from crmkit.service.surveys.invitations import Invitation, opened_by, spent
from crmkit.service.surveys.links import secrets_of
from crmkit.service.surveys.reach import Reach, reach_of
from crmkit.service.surveys.results import Dimension, SurveyResults, results
from crmkit.service.surveys.sending import deals_of, key_of, plan_round

if TYPE_CHECKING:
    from crmkit.kernel.work import Work


class Surveys(Collection[Survey]):
    """What ``crm.service.surveys`` offers."""

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
            InvalidInput: something is missing, or the scale does not fit the formula.
            Refused: it was answered on another scale, or promised to be anonymous, already.
        """
        given = {"question": question, "low": low, "high": high, "formula": formula}
        values = {**PRESETS.get(name, {}), **{k: v for k, v in given.items() if v is not None}}
        missing = [k for k in given if k not in values]
        if missing:
            raise InvalidInput(f"survey {name!r} needs {', '.join(missing)}; ready-made are {', '.join(PRESETS)}")
        with self.work() as work:
            known = work.first(Survey, F.name == name)
            further = {"questions": dict(questions or {}), "anonymous": anonymous}
            alerts = {"alert_at": alert_at, "alert_to": alert_to, **further}
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

    # ── Asking ──

    def ask_after_resolution(
        self,
        survey: Survey | str,
        *,
        link: str,
        rule: Rule | None = None,
        delay: timedelta = timedelta(0),
        **how: Any,
    ) -> Asking:
        """Send a survey after each resolution of a case, from now on; customers who agreed to ``research`` get it.

        Args:
            survey: which.
            link: the address of the host's page, as in ``"https://studio.example/survey/{token}"``.
            rule: which cases, judged when the message is due.
            delay: how long after the resolution; a case that has gone on meanwhile is not asked about.
            how: ``channels``, ``rest``, ``text``, ``expires_after``, ``remind_after`` and ``reminders``, as
                :class:`~crmkit.service.surveys.asking.Asking` explains them.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit cases.

        Example:
            >>> from crmkit import CRM
            >>> secret = {"service.survey_secret": lambda: "known to nobody else"}
            >>> with CRM.open(answers=secret) as crm:
            ...     page = "https://studio.example/survey/{token}"
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.consents.grant(li, channel="email", purpose="research", source="form")
            ...     case = crm.service.cases.open(li, subject="Opening hours?")
            ...     _ = crm.service.cases.resolve(case, solution="We open at nine.")
            ...     _ = crm.run_due()
            ...     token = crm.outbox.due()[0].body.rpartition("/")[2]
            ...     crm.service.surveys.answer_link(token, score=5).score
            5
        """
        return self._ask(survey, Case, rule, occasion="resolution", link=link, delay=delay, every=None, **how)

    def ask_after_winning(
        self,
        survey: Survey | str,
        *,
        link: str,
        rule: Rule | None = None,
        delay: timedelta = timedelta(0),
        **how: Any,
    ) -> Asking:
        """Send a survey after each deal that is won, from now on; customers who agreed to ``research`` get it.

        Args:
            survey: which.
            link: as in :meth:`ask_after_resolution`.
            rule: which deals, judged when the message is due.
            delay: how long after the win; a deal that was reopened meanwhile is not asked about.
            how: as in :meth:`ask_after_resolution`.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit deals.
        """
        with self.work() as work:
            desk, deals = Surveys(work), deals_of(work)
            return desk._ask(survey, deals, rule, occasion="win", link=link, delay=delay, every=None, **how)

    def ask_regularly(
        self,
        survey: Survey | str,
        *,
        every: timedelta,
        link: str,
        rule: Rule | None = None,
        start: datetime | None = None,
        **how: Any,
    ) -> Asking:
        """Send a survey in rounds to the customers who agreed to ``research``.

        Args:
            survey: which.
            every: from the beginning of a round to that of the next.
            link: as in :meth:`ask_after_resolution`.
            rule: which customers, judged in each round anew.
            start: when the first round begins; now unless given.
            how: as in :meth:`ask_after_resolution`.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit customers.
        """
        with self.work() as work:
            asking = Surveys(work)._ask(survey, Customer, rule, occasion="period", link=link, every=every, **how)  # noqa: SLF001
            begin = work.now if start is None else utc(start, what="start")
            plan_round(work, asking, due_at=begin, began=begin)
            return asking

    def stop_asking(self, survey: Survey | str) -> None:
        """Send a survey no longer; links that are on their way can still be answered."""
        with self.work() as work:
            known = work.first(Asking, F.survey_id == survey_called(work, survey).id)
            if known is not None and known.active:
                work.cancel(known.id, kind=ROUND)
                work.save(_planned(known.evolve(active=False)))

    def _ask(self, survey: Survey | str, about: type[Record], rule: Rule | None, **how: Any) -> Asking:
        unknown = sorted(how.keys() - Asking.__schema__.by_name.keys())
        if unknown:
            raise InvalidInput(f"a survey is not sent with {unknown[0]!r}=; see Asking for what there is")
        with self.work() as work:
            secrets_of(work)
            if rule is not None:
                work.plan(about, rule)
            if isinstance(how.get("channels"), str):
                raise InvalidInput(f"channels= is a list, as in [{how['channels']!r}]")
            if "channels" in how:
                how["channels"] = tuple(how["channels"])
            asked = self._survey(work, survey)
            values = {**how, "rule": None if rule is None else to_json(rule), "active": True}
            known = work.first(Asking, F.survey_id == asked.id)
            if known is None:
                return work.save(_planned(work.new(Asking, survey_id=asked.id, **values)))
            work.cancel(known.id, kind=ROUND)
            return work.save(_planned(known.evolve(**values)))

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
            asked = self._survey(work, survey)
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
        """
        with self.read() as work:
            return results(work, survey_called(work, survey), by=by, since=since, until=until)

    def choices(self, survey: Survey | str, question: str) -> dict[Any, int]:
        """How often each answer to a further question was given.

        Raises:
            InvalidInput: the survey has no such question, or it is answered in free words.
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
        """
        with self.read() as work:
            return reach_of(work, survey_called(work, survey), since=since, until=until)

    def _survey(self, work: Work, survey: Survey | str) -> Survey:
        if survey in PRESETS and work.first(Survey, F.name == survey) is None:
            return Surveys(work).define(str(survey))
        return survey_called(work, survey)


def _said(survey: Survey, score: int, comment: str | None, answers: Mapping[str, Any] | None) -> dict[str, Any]:
    check(survey, score, answers or {})
    return {"score": score, "comment": comment, "answers": dict(answers or {})}


def _planned(asking: Asking) -> Change[Asking]:
    return Change(asking, (AskingPlanned(asking_id=asking.id, survey_id=asking.survey_id, active=asking.active),))


def _subject(work: Work, about: Case | Customer | str, survey: Survey) -> tuple[Case | None, str, str]:
    """The case, whose it is, and what may be answered only once."""
    identifier = about if isinstance(about, str) else about.id
    if work.house.registry.schema_of_id(identifier).cls is Customer:
        customer = work.get(Customer, identifier)
        today = local_date(work.now, work.settings.zone)
        return None, customer.id, f"{survey.id}:{customer.id}:{today}"
    case = work.get(Case, identifier)
    return case, case.customer_id, key_of(survey.id, case, case.resolutions)


def _refuse_new_scale(work: Work, survey: Survey) -> None:
    if work.count(SurveyAnswer, F.survey_id == survey.id):
        raise Refused(f"survey {survey.name!r} has answers on its scale: define one with another name")


def _refuse_other_promise(work: Work, survey: Survey) -> None:
    if work.count(SurveyAnswer, F.survey_id == survey.id) or work.count(Invitation, F.survey_id == survey.id):
        word = "anonymous" if survey.anonymous else "not anonymous"
        raise Refused(f"survey {survey.name!r} has been sent or answered as {word}: define one with another name")
