"""What a survey is: a question, a scale, and a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.ids import is_id
from crmkit.kernel.text import nearest
from crmkit.service.surveys.questions import check_questions

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Formula = Literal["top_two", "nps", "mean"]


@entity("survey", prefix="sur")
class Survey(Entity):
    """A question with a scale, and further questions if there are any.

    Attributes:
        low, high: the ends of the scale, both included.
        formula: how answers become one figure: ``top_two`` (CSAT), ``nps`` or ``mean``.
        alert_at: answers of this score and below are told to ``alert_to``.
        alert_to: an e-mail address.
        questions: further questions by name; :mod:`~crmkit.service.surveys.questions` tells how they read.
        anonymous: nobody can tell whose an answer is; it is given by link only.
    """

    name: str = attribute(unique=True)
    question: str = attribute(multiline=True, limit=1000)
    low: int = attribute()
    high: int = attribute()
    formula: Formula = attribute()
    alert_at: int | None = attribute(default=None)
    alert_to: str | None = attribute(default=None)
    questions: Mapping[str, Any] = attribute(factory=dict)
    anonymous: bool = attribute(default=False)

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
        if self.alert_at is not None and not self.low <= self.alert_at <= self.high:
            raise InvalidInput(
                f"survey {self.name!r}: alert_at= is on its scale, from {self.low} to {self.high}, not {self.alert_at}"
            )
        if self.anonymous and self.alert_at is not None:
            raise InvalidInput(
                f"survey {self.name!r}: an alert about one answer would tell whose it is; it is anonymous"
            )
        check_questions(self.name, self.questions)


@event("service.survey_defined")
class SurveyDefined(Event):
    """A survey is new, or asks differently."""

    survey_id: str
    name: str


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


def survey_called(work: Work, ref: Survey | str) -> Survey:
    """The survey with this name or id.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    if isinstance(ref, Survey) or is_id(ref, Survey.__schema__.prefix):
        return work.get(Survey, ref)
    found = work.called(Survey, ref)
    if found is None and ref in PRESETS:
        raise NotFound(
            f"{ref!r} has not been used yet: it comes ready-made, and define({ref!r}) or an answer begins it"
        )
    if found is None:
        known: Sequence[str] = [name for (name,) in work.columns(Survey, ["name"])]
        near = nearest(ref, [*known, *PRESETS])
        raise NotFound(f"there is no survey {ref!r}" + (f", did you mean {near!r}?" if near else ": define it first"))
    return found
