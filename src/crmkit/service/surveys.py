"""Surveys: how satisfied customers are, by a scale and a formula that stand in the survey itself.

Definitions: CSAT is the share of the two best answers, NPS the share of 9–10 minus the share of 0–6 on a scale from 0
to 10 (Reichheld, Harvard Business Review 12/2003), CES the mean.  Shares come with Wilson's interval, means and NPS
with the normal one, both at 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import nearest
from crmkit.service.cases.case import Case
from crmkit.service.escalation.desk import low_score

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Formula = Literal["top_two", "nps", "mean"]
Dimension = Literal["owner", "kind"]
Z: Final = 1.959964  # the 97.5th percentile of the standard normal distribution


@entity("survey", prefix="sur")
class Survey(Entity):
    """A question with a scale.

    Attributes:
        low, high: the ends of the scale, both included.
        formula: how answers become one figure: ``top_two`` (CSAT), ``nps`` or ``mean``.
        alert_at: answers of this score and below are told to ``alert_to``.
        alert_to: an e-mail address.
    """

    name: str = attribute(unique=True)
    question: str = attribute(multiline=True, limit=1000)
    low: int = attribute()
    high: int = attribute()
    formula: Formula = attribute()
    alert_at: int | None = attribute(default=None)
    alert_to: str | None = attribute(default=None)

    def check(self) -> None:
        """The scale goes up; NPS has its own."""
        if self.low >= self.high:
            raise InvalidInput(
                f"survey {self.name!r}: the scale goes from a lower score up, not {self.low} to {self.high}"
            )
        if self.formula == "nps" and (self.low, self.high) != (0, 10):
            raise InvalidInput(f"survey {self.name!r}: NPS is defined on the scale from 0 to 10 only")
        if (self.alert_at is None) is not (self.alert_to is None):
            raise InvalidInput(f"survey {self.name!r}: an alert needs both alert_at= and alert_to=")


@entity("survey_answer", prefix="ans", when="answered_at")
class SurveyAnswer(Entity):
    """What one customer said.

    Attributes:
        cycle: the how-manieth resolution of the case the answer is about: each can be answered once.
        owner, kind: those of the case, kept as they were.
    """

    survey_id: str = attribute(references="survey", reverse="answers")
    customer_id: str = attribute(references="customer")
    case_id: str | None = attribute(default=None, references="case")
    key: str = attribute(unique=True)
    score: int = attribute()
    comment: str | None = attribute(default=None, personal=True, multiline=True)
    cycle: int = attribute(default=0)
    owner: str | None = attribute(default=None, index=True)
    kind: str | None = attribute(default=None, index=True)
    answered_at: datetime = attribute()


@event("service.survey_defined")
class SurveyDefined(Event):
    """A survey is new, or asks differently."""

    survey_id: str
    name: str


@event("service.survey_answered")
class SurveyAnswered(Event):
    """A customer has said how satisfied he is."""

    answer_id: str
    customer_id: str
    case_id: str | None
    score: int
    low: bool


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "satisfaction": {"question": "How satisfied are you?", "low": 1, "high": 5, "formula": "top_two"},
        "recommendation": {
            "question": "How likely is it that you recommend us to a friend or colleague?",
            "low": 0,
            "high": 10,
            "formula": "nps",
        },
        "effort": {"question": "How easy was it to get what you needed?", "low": 1, "high": 7, "formula": "mean"},
    }
)


@attrs.frozen(kw_only=True)
class Satisfaction:
    """What the answers come to.

    Attributes:
        group: whose answers: an owner, a kind of case, or everybody.
        score: by the survey's formula: a share from 0 to 1, an NPS from -100 to 100, or a mean; none without answers.
        interval: where the true figure lies, at 95 %; wide for few answers.
    """

    group: str
    answers: int
    score: float | None
    interval: tuple[float, float] | None


@attrs.frozen(kw_only=True)
class SurveyResults:
    """The results of one survey, in groups."""

    survey: Survey
    groups: tuple[Satisfaction, ...]

    def __format__(self, form: str) -> str:
        return table_md(*self._table()) if form == "md" else repr(self)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=self.survey.question)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [[g.group, str(g.answers), _shown(g.score), _range(g.interval)] for g in self.groups]
        return ["who", "answers", self.survey.formula.replace("_", " "), "95 %"], rows


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

        Raises:
            InvalidInput: something is missing, or the scale does not fit the formula.
        """
        given = {"question": question, "low": low, "high": high, "formula": formula}
        values = {**PRESETS.get(name, {}), **{k: v for k, v in given.items() if v is not None}}
        missing = [k for k in given if k not in values]
        if missing:
            raise InvalidInput(f"survey {name!r} needs {', '.join(missing)}; ready-made are {', '.join(PRESETS)}")
        with self.work() as work:
            known = work.first(Survey, F.name == name)
            alerts = {"alert_at": alert_at, "alert_to": alert_to}
            if known is None:
                survey = work.new(Survey, name=name, **values, **alerts)
            else:
                survey = known.evolve(**values, **alerts)
                if survey == known:
                    return known
                if (survey.low, survey.high, survey.formula) != (known.low, known.high, known.formula):
                    _refuse_new_scale(work, known)
            return work.save(Change(survey, (SurveyDefined(survey_id=survey.id, name=survey.name),)))

    def answer(
        self,
        about: Case | Customer | str,
        *,
        score: int,
        survey: Survey | str = "satisfaction",
        comment: str | None = None,
    ) -> SurveyAnswer:
        """Note what a customer said about a case, or in general.

        Args:
            about: the case, or the customer.
            score: on the scale of the survey.
            survey: which; one of the ready-made ones is defined when it is first answered.
            comment: in the customer's words.

        Raises:
            InvalidInput: the score is not on the scale.
            Refused: this resolution of the case (or, in general, this day) has been answered already.
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
            if type(score) is not int or not asked.low <= score <= asked.high:
                raise InvalidInput(f"a score of {asked.name!r} goes from {asked.low} to {asked.high}, got {score!r}")
            case, customer_id, key = _subject(work, about, asked)
            if work.count(SurveyAnswer, F.key == key):
                raise Refused(f"{asked.name!r} has been answered for this already: {key}; an answer is given once")
            answer = work.new(
                SurveyAnswer,
                survey_id=asked.id,
                customer_id=customer_id,
                case_id=None if case is None else case.id,
                key=key,
                score=score,
                comment=comment,
                cycle=0 if case is None else case.resolutions,
                owner=None if case is None else case.owner,
                kind=None if case is None else case.kind,
                answered_at=work.now,
            )
            low = asked.alert_at is not None and score <= asked.alert_at
            answered = SurveyAnswered(
                answer_id=answer.id, customer_id=customer_id, case_id=answer.case_id, score=score, low=low
            )
            if low and asked.alert_to is not None:
                _alert(work, asked, answer, case)
            saved = work.save(Change(answer, (answered,)))
            if case is not None:
                low_score(work, case, score=score, number=work.count(SurveyAnswer, F.case_id == case.id))
            return saved

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
            by: in groups by ``owner`` or ``kind`` of the case; all together unless given.
            since: answers from this moment on.
            until: answers before this moment.

        Raises:
            NotFound: there is no such survey.
        """
        with self.read() as work:
            asked = _survey_called(work, survey)
            rule = _answers_of(asked, since, until)
            keys = ("score",) if by is None else (by, "score")
            scores: dict[str, dict[int, int]] = {}
            for group in work.tally(SurveyAnswer, rule, by=keys):
                name = "everybody" if by is None else group.key[0] or "nobody"
                scores.setdefault(name, {})[group.key[-1]] = group.count
            groups = tuple(satisfaction(asked, counts, group=name) for name, counts in scores.items())
            return SurveyResults(survey=asked, groups=groups or (satisfaction(asked, {}, group="everybody"),))

    def _survey(self, work: Work, survey: Survey | str) -> Survey:
        if survey in PRESETS and work.first(Survey, F.name == survey) is None:
            return Surveys(work).define(str(survey))
        return _survey_called(work, survey)


def satisfaction(survey: Survey, counts: Mapping[int, int], *, group: str) -> Satisfaction:
    """One figure out of how often each score was given."""
    answers = sum(counts.values())
    if not answers:
        return Satisfaction(group=group, answers=0, score=None, interval=None)
    if survey.formula == "top_two":
        good = sum(n for score, n in counts.items() if score >= survey.high - 1)
        return Satisfaction(group=group, answers=answers, score=good / answers, interval=wilson(good, answers))
    points = [(score, n) for score, n in counts.items()]
    if survey.formula == "nps":
        points = [(100 if score >= 9 else -100 if score <= 6 else 0, n) for score, n in points]
    mean = sum(value * n for value, n in points) / answers
    spread = sqrt(sum(n * (value - mean) ** 2 for value, n in points) / max(answers - 1, 1) / answers)
    ends = (-100.0, 100.0) if survey.formula == "nps" else (float(survey.low), float(survey.high))
    low, high = max(ends[0], mean - Z * spread), min(ends[1], mean + Z * spread)
    return Satisfaction(group=group, answers=answers, score=mean, interval=(low, high) if answers > 1 else ends)


def wilson(good: int, answers: int) -> tuple[float, float]:
    """Wilson's score interval for a share (Journal of the American Statistical Association 22, 1927), at 95 %.

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    share, z2 = good / answers, Z * Z
    middle = share + z2 / (2 * answers)
    reach = Z * sqrt((share * (1 - share) + z2 / (4 * answers)) / answers)
    return (middle - reach) / (1 + z2 / answers), (middle + reach) / (1 + z2 / answers)


def satisfaction_of(work: Work, customer_id: str) -> Mapping[str, Any]:
    """The last word of a customer, for the portrait."""
    last = work.first(SurveyAnswer, F.customer_id == customer_id, order_by=("-answered_at", "-id"))
    return {} if last is None else {"satisfaction": last.score}


def _subject(work: Work, about: Case | Customer | str, survey: Survey) -> tuple[Case | None, str, str]:
    """The case, whose it is, and what may be answered only once."""
    identifier = about if isinstance(about, str) else about.id
    if work.house.registry.schema_of_id(identifier).cls is Customer:
        customer = work.get(Customer, identifier)
        today = local_date(work.now, work.settings.zone)
        return None, customer.id, f"{survey.id}:{customer.id}:{today}"
    case = work.get(Case, identifier)
    return case, case.customer_id, f"{survey.id}:{case.id}:{case.resolutions}"


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


def _refuse_new_scale(work: Work, survey: Survey) -> None:
    if work.count(SurveyAnswer, F.survey_id == survey.id):
        raise Refused(f"survey {survey.name!r} has answers on its scale: define one with another name")


def _survey_called(work: Work, ref: Survey | str) -> Survey:
    if isinstance(ref, Survey) or ref.startswith("sur_"):
        return work.get(Survey, ref)
    found = work.first(Survey, F.name == ref)
    if found is None:
        known: Sequence[str] = [name for (name,) in work.columns(Survey, ["name"])]
        near = nearest(ref, [*known, *PRESETS])
        raise NotFound(f"there is no survey {ref!r}" + (f", did you mean {near!r}?" if near else ": define it first"))
    return found


def _answers_of(survey: Survey, since: datetime | None, until: datetime | None) -> Rule:
    rule: Rule = F.survey_id == survey.id
    if since is not None:
        rule &= F.answered_at >= since
    return rule if until is None else rule & (F.answered_at < until)


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.2f} – {interval[1]:.2f}"
