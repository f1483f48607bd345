"""Merit: what became of solutions: which cases they solved, how satisfied those customers were, whom they helped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.intervals import share_between
from crmkit.kernel.rules import F
from crmkit.service.surveys.answers import SurveyAnswer, SurveyAnswered
from crmkit.service.surveys.definition import Survey

if TYPE_CHECKING:
    from crmkit.kernel.work import Work
    from crmkit.service.cases.case import Case
    from crmkit.service.solutions.solution import Solution

DOUBT: Final = 2  # so many voices that say neither good nor bad are added to those that there are


@entity("solution_merit", prefix="mer")
class SolutionMerit(Entity):
    """What became of one solution, kept up to date so that a ranking need not count.

    Attributes:
        uses: how many cases it solved.
        answers: how many survey answers there are about those cases.
        content: their scores added up, each as a share of its survey's scale, from 0 to 1.
        helpful, unhelpful: how many readers said so.
    """

    solution_id: str = attribute(references="solution", reverse="merits", unique=True)
    uses: int = attribute(default=0, at_least=0)
    answers: int = attribute(default=0, at_least=0)
    content: Decimal = attribute(default=Decimal(0))
    helpful: int = attribute(default=0, at_least=0)
    unhelpful: int = attribute(default=0, at_least=0)

    @property
    def satisfaction(self) -> float | None:
        """The mean score of the customers whose cases it solved, on a scale from 1 to 5; none without answers."""
        return float(1 + 4 * self.content / self.answers) if self.answers else None

    @property
    def standing(self) -> tuple[float, float, int, int]:
        """What ranks it among others that fit as well; the larger, the better."""
        content = (float(self.content) + DOUBT / 2) / (self.answers + DOUBT)
        voices = self.helpful + self.unhelpful
        helped = share_between(self.helpful, voices)[0] if self.helpful else 0.0
        return round(content, 6), round(helped, 6), -self.unhelpful, self.uses


@entity("solution_rating", prefix="rate", when="rated_at")
class SolutionRating(Entity):
    """Whether a solution helped somebody who read it.

    Attributes:
        key: a customer has one say about a solution, the last one.
        case_id: the case in which it was offered; missing if the customer looked for it before opening one.
    """

    solution_id: str = attribute(references="solution", reverse="ratings")
    customer_id: str | None = attribute(default=None, references="customer")
    case_id: str | None = attribute(default=None, references="case", reverse="solution_ratings")
    key: str = attribute(unique=True)
    helpful: bool = attribute()
    rated_at: datetime = attribute()


@entity(
    "solution_use", prefix="use", indexes=[Index(attributes=("solution_id", "case_id"), unique=True)], when="used_at"
)
class SolutionUse(Entity):
    """A solution that solved a case."""

    solution_id: str = attribute(references="solution", reverse="uses")
    case_id: str = attribute(references="case", reverse="solution_uses")
    customer_id: str = attribute(references="customer", reverse="")
    used_at: datetime = attribute()


@event("service.solution_used")
class SolutionUsed(Event):
    """A solution solved a case."""

    solution_id: str
    case_id: str
    customer_id: str


@event("service.solution_rated")
class SolutionRated(Event):
    """Somebody said whether a solution helped."""

    solution_id: str
    customer_id: str | None
    helpful: bool


def used(work: Work, solution: Solution, case: Case) -> None:
    """Note that *solution* solved *case*, with what its customer has already said about it; once."""
    if work.count(SolutionUse, (F.solution_id == solution.id) & (F.case_id == case.id)):
        return
    about = {"solution_id": solution.id, "case_id": case.id, "customer_id": case.customer_id}
    work.save(Change(work.new(SolutionUse, used_at=work.now, **about), (SolutionUsed(**about),)))
    merit = _held(work, solution.id)
    said = [_content(work, *row) for row in work.columns(SurveyAnswer, ["survey_id", "score"], F.case_id == case.id)]
    after = merit.evolve(uses=merit.uses + 1, answers=merit.answers + len(said), content=merit.content + sum(said))
    work.save(Change(after))


def answered(work: Work, happened: SurveyAnswered) -> None:
    """Somebody said how satisfied he is with the end of a case: so he is with what solved it."""
    if happened.case_id is None:
        return
    uses = work.columns(SolutionUse, ["solution_id"], F.case_id == happened.case_id)
    if not uses:
        return
    content = _content(work, work.get(SurveyAnswer, happened.answer_id).survey_id, happened.score)
    for (solution_id,) in sorted(uses):
        merit = _held(work, solution_id)
        work.save(Change(merit.evolve(answers=merit.answers + 1, content=merit.content + content)))


def rated(work: Work, solution: Solution, *, helpful: bool, customer_id: str | None, case_id: str | None) -> None:
    """Note what a reader says; the last word of a customer counts."""
    facts = {"helpful": helpful, "case_id": case_id, "rated_at": work.now}
    known = None if customer_id is None else work.first(SolutionRating, F.key == f"{solution.id}:{customer_id}")
    if known is None:
        rating = work.new(SolutionRating, solution_id=solution.id, customer_id=customer_id, key="new", **facts)
        rating = rating.evolve(key=f"{solution.id}:{customer_id or rating.id}")
    else:
        rating = known.evolve(**facts)
    told = SolutionRated(solution_id=solution.id, customer_id=customer_id, helpful=helpful)
    work.save(Change(rating, (told,)))
    merit = _held(work, solution.id)
    voices = {"helpful": merit.helpful, "unhelpful": merit.unhelpful}
    voices["helpful" if helpful else "unhelpful"] += 1
    if known is not None:
        voices["helpful" if known.helpful else "unhelpful"] -= 1
    work.save(Change(merit.evolve(**voices)))


def merits(work: Work, solutions: Iterable[str]) -> Mapping[str, SolutionMerit]:
    """By the id of the solution, what became of it; nothing of those to which nothing has happened."""
    return {m.solution_id: m for m in work.find(SolutionMerit, F.solution_id.in_(list(solutions)))}


def merit_of(work: Work, known: Mapping[str, SolutionMerit], solution: Solution) -> SolutionMerit:
    """What became of *solution*."""
    return known.get(solution.id) or work.new(SolutionMerit, solution_id=solution.id)


def _held(work: Work, solution_id: str) -> SolutionMerit:
    """The merit of a solution, kept from others until the transaction ends: answers come from many at once."""
    known = work.first(SolutionMerit, F.solution_id == solution_id)
    if known is None:
        return work.save(Change(work.new(SolutionMerit, solution_id=solution_id)))
    with work.holding():
        return work.get(SolutionMerit, known.id)


def _content(work: Work, survey_id: str, score: int) -> Decimal:
    survey = work.get(Survey, survey_id)
    return Decimal(score - survey.low) / (survey.high - survey.low)
