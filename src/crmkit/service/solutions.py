"""Solutions: answers that have helped, so that they help again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import attrs

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold
from crmkit.kernel.work import Work
from crmkit.service.cases.case import Case
from crmkit.service.surveys import SurveyAnswer

WORD: Final = re.compile(r"[^\W_]+")
UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+")
SUGGESTIONS = 5


@entity("solution", prefix="sol")
class Solution(Entity):
    """An answer to a question that customers ask.

    Attributes:
        language: BCP 47 tag of the text.
        edition: raised by every change of the text.
        words: the folded words of title, text and keywords; scripts without spaces give pairs of characters.
    """

    title: str = attribute(search=True)
    body: str = attribute(multiline=True)
    keywords: frozenset[str] = attribute(default=frozenset())
    language: str = attribute(default="en", index=True)
    stage: str = attribute(default="draft", index=True)
    stage_since: datetime = attribute()
    author: str | None = attribute(default=None)
    edition: int = attribute(default=1)
    words: frozenset[str] = attribute(default=frozenset())


@entity(
    "solution_use", prefix="use", indexes=[Index(attributes=("solution_id", "case_id"), unique=True)], when="used_at"
)
class SolutionUse(Entity):
    """A solution that solved a case."""

    solution_id: str = attribute(references="solution", reverse="uses")
    case_id: str = attribute(references="case", reverse="solution_uses")
    customer_id: str = attribute(references="customer", reverse="")
    used_at: datetime = attribute()


@event("service.solution_written")
class SolutionWritten(Event):
    """A solution is new or says something else."""

    solution_id: str
    edition: int


@event("service.solution_used")
class SolutionUsed(Event):
    """A solution solved a case."""

    solution_id: str
    case_id: str
    customer_id: str


SOLUTION = Machine(
    "solution",
    initial="draft",
    final={"withdrawn"},
    table=(
        on("submit", "draft", "review"),
        on("return", "review", "draft", needs="reason"),
        on("publish", {"draft", "review"}, "published"),
        on("revise", "published", "draft"),
        on("withdraw", {"draft", "review", "published"}, "withdrawn", needs="reason"),
    ),
)


@attrs.frozen(kw_only=True)
class Suggestion:
    """A published solution that may fit.

    Attributes:
        fit: the share of the asked words that it has, rare ones weighing more; 0 to 1.
        uses: how many cases it has solved.
        satisfaction: the mean score of the customers whose cases it solved; none without answers.
    """

    solution: Solution
    fit: float
    uses: int
    satisfaction: float | None


class Solutions(Collection[Solution]):
    """What ``crm.service.solutions`` offers."""

    cls = Solution

    def draft(self, *, title: str, body: str, **fields: Any) -> Solution:
        """Write a solution down; nobody is offered it before it is published.

        Args:
            title: the question or problem in a line.
            body: the answer.
            fields: ``keywords``, ``language``, ``author``.
        """
        with self.work() as work:
            solution = work.new(Solution, title=title, body=body, stage_since=work.now, **fields)
            solution = solution.evolve(words=_words_of(solution))
            return work.save(Change(solution, (SolutionWritten(solution_id=solution.id, edition=1),)))

    def draft_from(self, case: Case | str, *, title: str | None = None, **fields: Any) -> Solution:
        """Write down how a case was solved.

        Raises:
            Refused: the case has no solution yet.
        """
        with self.work() as work:
            solved = work.get(Case, case)
            if not solved.solution:
                raise Refused(f"case {solved.id} has no solution yet: resolve it with solution=…")
            drafted = Solutions(work).draft(title=title or solved.subject, body=solved.solution, **fields)
            return Solutions(work).used(drafted, case=solved)

    def revise(self, solution: Solution | str, **changes: Any) -> Solution:
        """Change the text; a published solution is a draft again until it is published anew.

        Raises:
            InvalidInput: something else than title, body, keywords or language is given.
        """
        wrong = changes.keys() - {"title", "body", "keywords", "language"}
        if wrong:
            raise InvalidInput(f"{min(wrong)!r} cannot be revised; title, body, keywords and language can")
        with self.work() as work:
            current = work.get(Solution, solution)
            change = Change(current)
            if current.stage == "published":
                change = work.machine("solution").step(current, "revise", now=work.now)
            after = change.after.evolve(**changes, edition=current.edition + 1)
            after = after.evolve(words=_words_of(after))
            return work.save(
                Change(after, (*change.events, SolutionWritten(solution_id=after.id, edition=after.edition)))
            )

    def submit(self, solution: Solution | str) -> Solution:
        """Ask for review."""
        return self._move(solution, "submit")

    def publish(self, solution: Solution | str) -> Solution:
        """Offer it from now on."""
        return self._move(solution, "publish")

    def send_back(self, solution: Solution | str, *, reason: str) -> Solution:
        """Return a solution from review to its author."""
        return self._move(solution, "return", reason=reason)

    def withdraw(self, solution: Solution | str, *, reason: str) -> Solution:
        """Offer it no longer."""
        return self._move(solution, "withdraw", reason=reason)

    def used(self, solution: Solution | str, *, case: Case | str) -> Solution:
        """Note that a solution solved a case; noting it again changes nothing."""
        with self.work() as work:
            helped, solved = work.get(Solution, solution), work.get(Case, case)
            if not work.count(SolutionUse, (F.solution_id == helped.id) & (F.case_id == solved.id)):
                use = work.new(
                    SolutionUse,
                    solution_id=helped.id,
                    case_id=solved.id,
                    customer_id=solved.customer_id,
                    used_at=work.now,
                )
                fact = SolutionUsed(solution_id=helped.id, case_id=solved.id, customer_id=solved.customer_id)
                work.save(Change(use, (fact,)))
            return helped

    def suggest(self, about: Case | str, *, language: str | None = None, limit: int = SUGGESTIONS) -> list[Suggestion]:
        """Published solutions that fit a case or a text, the best first.

        They are ranked by how well they fit, and then by how satisfied the customers were whose cases they solved.

        Args:
            about: a case (or its id), or the text of a question.
            language: only solutions in this language.
            limit: at most so many.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     album = crm.service.solutions.draft(title="相册什么时候寄出", body="两周之内。", language="zh")
            ...     _ = crm.service.solutions.publish(album)
            ...     [s.solution.title for s in crm.service.solutions.suggest("我的相册在哪里？")]
            ['相册什么时候寄出']
        """
        with self.read() as work:
            asked = words(_text_of(work, about))
            if not asked:
                return []
            rule = (F.stage == "published") & F.words.has_any(*sorted(asked))
            found = work.find(Solution, rule if language is None else rule & (F.language == language))
            rarity = {word: 1 / (1 + sum(word in s.words for s in found)) for word in asked}
            whole = sum(rarity.values())
            offers = [_suggestion(work, s, sum(rarity[w] for w in asked & s.words) / whole) for s in found]
            offers.sort(key=lambda s: (-round(s.fit, 2), -(s.satisfaction or 0), -s.uses, s.solution.id))
            return offers[:limit]

    def _move(self, solution: Solution | str, trigger: str, **facts: Any) -> Solution:
        with self.work() as work:
            current = work.get(Solution, solution)
            return work.save(work.machine("solution").step(current, trigger, now=work.now, **facts))


def words(text: str) -> frozenset[str]:
    """The folded words of a text; of scripts without spaces between words, each pair of neighbouring characters.

    >>> sorted(words("Where is my album?")), sorted(words("我的相册"))
    (['album', 'is', 'my', 'where'], ['我的', '的相', '相册'])
    """
    found: set[str] = set()
    for word in WORD.findall(fold(text)):
        spaced = word
        for run in UNSPACED.findall(word):
            found |= {run[n : n + 2] for n in range(max(1, len(run) - 1))}
            spaced = spaced.replace(run, " ")
        found |= set(spaced.split())
    return frozenset(w[:200] for w in found)


def _words_of(solution: Solution) -> frozenset[str]:
    return words(" ".join([solution.title, solution.body, *solution.keywords]))


def _text_of(work: Work, about: Case | str) -> str:
    if isinstance(about, str) and not about.startswith("case_"):
        return about
    return work.get(Case, about).subject


def _suggestion(work: Work, solution: Solution, fit: float) -> Suggestion:
    cases = [case for (case,) in work.columns(SolutionUse, ["case_id"], F.solution_id == solution.id)]
    scores = work.tally(SurveyAnswer, F.case_id.in_(cases), sums=("score",)) if cases else []
    mean = scores[0].sums["score"] / scores[0].count if scores else None
    return Suggestion(solution=solution, fit=fit, uses=len(cases), satisfaction=mean)
