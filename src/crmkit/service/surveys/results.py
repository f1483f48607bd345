"""What answers come to: one figure by the formula of the survey, with an interval that says how far to trust it.

Definitions: CSAT is the share of the two best answers, NPS the share of 9–10 minus the share of 0–6 on a scale from 0
to 10 (Reichheld, Harvard Business Review 12/2003), CES the mean.  Shares come with Wilson's interval, NPS with the
adjusted Wald interval that Rocks found best (The American Statistician 70, 2016), and means with the same on their own
scale; all of them at 95 %, and honest about few answers: three times the best score is no certainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.intervals import Z, share_between
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F, Rule
from crmkit.service.surveys.answers import SurveyAnswer
from crmkit.service.surveys.definition import Survey

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Dimension = Literal["owner", "kind", "product", "week", "month", "quarter", "year"]
FIELDS: Final[Mapping[str, str]] = {
    "owner": "owner",
    "kind": "kind",
    "product": "product_id",
    **dict.fromkeys(("week", "month", "quarter", "year"), "day"),
}


@attrs.frozen(kw_only=True)
class Satisfaction:
    """What the answers come to.

    Attributes:
        group: whose answers, or when: an owner, a kind of case, a product, a month …, or everybody.
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
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=self.survey.question)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [[g.group, str(g.answers), _shown(g.score), _range(g.interval)] for g in self.groups]
        return ["who", "answers", self.survey.formula.replace("_", " "), "95 %"], rows


def results(
    work: Work, survey: Survey, *, by: Dimension | None, since: datetime | None, until: datetime | None
) -> SurveyResults:
    """Count the scores in the store, and make one figure a group of them."""
    if by is not None and by not in FIELDS:
        raise InvalidInput(f"answers are grouped by {', '.join(FIELDS)}, not by {by!r}")
    keys = ("score",) if by is None else (FIELDS[by], "score")
    scores: dict[str, dict[int, int]] = {}
    for group in work.tally(SurveyAnswer, _answers_of(survey, since, until), by=keys):
        name = "everybody" if by is None else _label(by, group.key[0])
        counts = scores.setdefault(name, {})
        counts[group.key[-1]] = counts.get(group.key[-1], 0) + group.count
    names = _product_names(work, list(scores)) if by == "product" else {}
    groups = tuple(satisfaction(survey, counts, group=names.get(name, name)) for name, counts in scores.items())
    return SurveyResults(survey=survey, groups=groups or (satisfaction(survey, {}, group="everybody"),))


def _label(by: str, value: Any) -> str:
    if isinstance(value, date):
        return period(value, by)
    return value or ("nothing" if by == "product" else "nobody")


def period(day: date, by: str) -> str:
    """The week (ISO 8601), month, quarter or year of a day.

    >>> [period(date(2027, 1, 1), by) for by in ("week", "month", "quarter", "year")]
    ['2026-W53', '2027-01', '2027-Q1', '2027']
    """
    if by == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return {"month": f"{day:%Y-%m}", "quarter": f"{day.year}-Q{(day.month + 2) // 3}", "year": str(day.year)}[by]


def _product_names(work: Work, identifiers: list[str]) -> dict[str, str]:
    """What products are called: the catalogue belongs to another room, so it is found by its name."""
    product: Any = work.house.registry.schema("product").cls
    return dict(work.columns(product, ["id", "name"], F.id.in_(identifiers)))


def satisfaction(survey: Survey, counts: Mapping[int, int], *, group: str) -> Satisfaction:
    """One figure out of how often each score was given.

    Args:
        survey: whose scale and formula it is.
        counts: by score, how often it was given.
        group: what the figure is called.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:
        ...     survey = crm.service.surveys.define("recommendation")  # NPS
        >>> nps = satisfaction(survey, {10: 3, 9: 2, 7: 2, 3: 1}, group="everybody")
        >>> nps.answers, nps.score, [round(end) for end in nps.interval]
        (8, 50.0, [-7, 80])
    """
    answers = sum(counts.values())
    if not answers:
        return Satisfaction(group=group, answers=0, score=None, interval=None)
    if survey.formula == "top_two":
        good = sum(n for score, n in counts.items() if score >= survey.high - 1)
        return Satisfaction(group=group, answers=answers, score=good / answers, interval=share_between(good, answers))
    ends = (float(survey.low), float(survey.high))
    points = [(float(score), n) for score, n in counts.items()]
    if survey.formula == "nps":
        ends = (-100.0, 100.0)
        points = [(100.0 if score >= 9 else -100.0 if score <= 6 else 0.0, n) for score, n in counts.items()]
    mean = sum(value * n for value, n in points) / answers
    return Satisfaction(group=group, answers=answers, score=mean, interval=adjusted_wald(points, ends))


def adjusted_wald(points: Sequence[tuple[float, int]], ends: tuple[float, float]) -> tuple[float, float]:
    """Where a true mean lies, at 95 %: the normal interval after three more answers, 3/4 at either end of the scale.

    Args:
        points: the values that were given, and how often; one at least.
        ends: the lowest and the highest value of the scale.

    >>> [round(end) for end in adjusted_wald([(100.0, 3)], (-100.0, 100.0))]
    [-7, 100]
    """
    low, high = ends
    more: list[tuple[float, float]] = [*points, (low, 0.75), ((low + high) / 2, 1.5), (high, 0.75)]
    number = sum(n for _, n in more)
    middle = sum(value * n for value, n in more) / number
    reach = Z * sqrt(sum(n * (value - middle) ** 2 for value, n in more)) / number
    mean = sum(value * n for value, n in points) / sum(n for _, n in points)
    return max(low, min(mean, middle - reach)), min(high, max(mean, middle + reach))


def _answers_of(survey: Survey, since: datetime | None, until: datetime | None) -> Rule:
    rule: Rule = F.survey_id == survey.id
    if since is not None:
        rule &= F.answered_at >= since
    return rule if until is None else rule & (F.answered_at < until)


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


def _range(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.2f} – {interval[1]:.2f}"
