"""Solutions: answers that have helped, so that they help again.

They are found by their words, which the store keeps in an index of their own: a row a word.  It is the same in every
store, answers from a plain index, and knows scripts without spaces between words, where the full-text engines of SQLite
and PostgreSQL need a dictionary; it does not know the stems of words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.ports import Group
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold
from crmkit.kernel.work import Work
from crmkit.service.cases.case import Case
from crmkit.service.conversation import CaseMessage
from crmkit.service.surveys import SurveyAnswer, wilson

WORD: Final = re.compile(r"[^\W_]+")
UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+")
SUGGESTIONS = 5
CLOSER: Final = 10  # so many times as many as are wanted are looked at more closely
MOST_WORDS: Final = 500


@entity("solution", prefix="sol")
class Solution(Entity):
    """An answer to a question that customers ask.

    Attributes:
        language: BCP 47 tag of the text.
        edition: raised by every change of the text.
    """

    title: str = attribute(search=True)
    body: str = attribute(multiline=True)
    keywords: frozenset[str] = attribute(default=frozenset())
    language: str = attribute(default="en", index=True)
    stage: str = attribute(default="draft", index=True)
    stage_since: datetime = attribute()
    author: str | None = attribute(default=None)
    edition: int = attribute(default=1)


@entity("solution_word", prefix="word", append_only=True, indexes=[Index(attributes=("word", "solution_id"))])
class SolutionWord(Record):
    """A folded word of the title, text or keywords of a solution; scripts without spaces give pairs of characters."""

    solution_id: str = attribute(references="solution", reverse="words")
    word: str = attribute()


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


@event("service.solution_rated")
class SolutionRated(Event):
    """Somebody said whether a solution helped."""

    solution_id: str
    customer_id: str | None
    helpful: bool


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
        helpful, unhelpful: how many readers said so.
    """

    solution: Solution
    fit: float
    uses: int
    satisfaction: float | None
    helpful: int
    unhelpful: int


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
            saved = work.save(Change(solution, (SolutionWritten(solution_id=solution.id, edition=1),)))
            _index(work, saved)
            return saved

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
            written = SolutionWritten(solution_id=after.id, edition=after.edition)
            saved = work.save(Change(after, (*change.events, written)))
            _index(work, saved)
            return saved

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

    def rate(
        self,
        solution: Solution | str,
        *,
        helpful: bool,
        customer: Customer | str | None = None,
        case: Case | str | None = None,
    ) -> Suggestion:
        """Note whether a solution helped a reader; what a customer says again takes the place of what he said before.

        Args:
            solution: which one.
            helpful: whether it helped.
            customer: who says so, if he is known.
            case: the case in which it was offered, if there is one already.

        Raises:
            Refused: the solution is not published.
        """
        with self.work() as work:
            read = work.get(Solution, solution)
            if read.stage != "published":
                raise Refused(f"solution {read.id} is {read.stage}: only published ones are offered")
            within = None if case is None else work.get(Case, case)
            who = None if within is None else within.customer_id
            who = who if customer is None else work.get(Customer, customer).id
            facts = {"helpful": helpful, "case_id": None if within is None else within.id, "rated_at": work.now}
            known = None if who is None else work.first(SolutionRating, F.key == f"{read.id}:{who}")
            if known is None:
                rating = work.new(SolutionRating, solution_id=read.id, customer_id=who, key="new", **facts)
                rating = rating.evolve(key=f"{read.id}:{who or rating.id}")
            else:
                rating = known.evolve(**facts)
            told = SolutionRated(solution_id=read.id, customer_id=who, helpful=helpful)
            work.save(Change(rating, (told,)))
            return _judged(work, {read.id: 1.0})[0]

    def suggest(self, about: Case | str, *, language: str | None = None, limit: int = SUGGESTIONS) -> list[Suggestion]:
        """Published solutions that fit a case or a text, the best first.

        They are ranked by how well they fit, then by how satisfied the customers were whose cases they solved, and by
        how many readers they helped (the lower end of Wilson's interval, so that few voices count little).  Show them
        before a case is opened, and the customer may need none.

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
            asked = sorted(words(_text_of(work, about)))[:MOST_WORDS]
            rule = F.word.in_(asked) & (F.solution.stage == "published")
            rule = rule if language is None else rule & (F.solution.language == language)
            having: dict[str, set[str]] = {word: set() for word in asked}
            for identifier, word in work.columns(SolutionWord, ["solution_id", "word"], rule):
                having[word].add(identifier)
            rarity = {word: 1 / (1 + len(found)) for word, found in having.items()}
            fits: dict[str, float] = {}
            for word, found in having.items():
                for identifier in found:
                    fits[identifier] = fits.get(identifier, 0) + rarity[word] / sum(rarity.values())
            best = sorted(fits, key=lambda identifier: (-fits[identifier], identifier))[: limit * CLOSER]
            offers = _judged(work, {identifier: fits[identifier] for identifier in best})
            offers.sort(key=_rank)
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


def _index(work: Work, solution: Solution) -> None:
    """Keep the words by which a solution is found."""
    wanted = words(" ".join([solution.title, solution.body, *solution.keywords]))
    known = dict(work.columns(SolutionWord, ["word", "id"], F.solution_id == solution.id))
    work.remove(SolutionWord, [identifier for word, identifier in known.items() if word not in wanted])
    fresh = sorted(wanted - known.keys())
    if fresh:
        work.add([work.new(SolutionWord, solution_id=solution.id, word=word) for word in fresh])


def _text_of(work: Work, about: Case | str) -> str:
    """What a case says: its subject, and what the customer wrote first."""
    if isinstance(about, str) and not about.startswith("case_"):
        return about
    case = work.get(Case, about)
    first = work.first(CaseMessage, (F.case_id == case.id) & (F.kind == "customer"), order_by=("at", "id"))
    return case.subject if first is None else f"{case.subject} {first.text}"


def _judged(work: Work, fits: Mapping[str, float]) -> list[Suggestion]:
    """Solutions with what became of them so far."""
    these = F.solution_id.in_(list(fits))
    cases: dict[str, list[str]] = {identifier: [] for identifier in fits}
    for identifier, case in work.columns(SolutionUse, ["solution_id", "case_id"], these):
        cases[identifier].append(case)
    said = work.tally(SolutionRating, these, by=("solution_id", "helpful"))
    voices = {group.key: group.count for group in said}
    asked = [case for several in cases.values() for case in several]
    scores = {g.key[0]: g for g in work.tally(SurveyAnswer, F.case_id.in_(asked), by=("case_id",), sums=("score",))}
    return [
        Suggestion(
            solution=solution,
            fit=fits[solution.id],
            uses=len(cases[solution.id]),
            satisfaction=_mean([scores[case] for case in cases[solution.id] if case in scores]),
            helpful=voices.get((solution.id, True), 0),
            unhelpful=voices.get((solution.id, False), 0),
        )
        for solution in work.find(Solution, F.id.in_(list(fits)))
    ]


def _mean(groups: Sequence[Group]) -> float | None:
    return sum(g.sums["score"] for g in groups) / sum(g.count for g in groups) if groups else None


def _rank(offer: Suggestion) -> tuple[Any, ...]:
    voices = offer.helpful + offer.unhelpful
    helped = wilson(offer.helpful, voices)[0] if offer.helpful else 0.0
    return -round(offer.fit, 2), -(offer.satisfaction or 0), -helped, offer.unhelpful, -offer.uses, offer.solution.id
