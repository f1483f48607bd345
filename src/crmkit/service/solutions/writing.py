"""Writing: how a solution comes to be read, from the draft to the editions that were published."""

from __future__ import annotations

from typing import Any, Final

from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.service.cases.case import Case
from crmkit.service.solutions.merit import used
from crmkit.service.solutions.solution import Solution, SolutionEdition, SolutionWritten
from crmkit.service.solutions.words import counted, index

TEXTS: Final = frozenset({"title", "body", "keywords", "language"})


class Writing(Collection[Solution]):
    """What ``crm.service.solutions`` does with the text of a solution."""

    cls = Solution

    def draft(self, *, title: str, body: str, **fields: Any) -> Solution:
        """Write a solution down; nobody is offered it before it is published.

        Args:
            title: the question or problem in a line.
            body: the answer.
            fields: ``keywords``, ``language``, ``author``.
        """
        with self.work() as work:
            return _written(work, work.new(Solution, title=title, body=body, stage_since=work.now, **fields))

    def draft_from(self, case: Case | str, *, title: str | None = None, **fields: Any) -> Solution:
        """Write down how a case was solved.

        Raises:
            Refused: the case has no solution yet.
        """
        with self.work() as work:
            solved = work.get(Case, case)
            if not solved.solution:
                raise Refused(f"case {solved.id} has no solution yet: resolve it with solution=…")
            drafted = Writing(work).draft(title=title or solved.subject, body=solved.solution, **fields)
            return Writing(work).used(drafted, case=solved)

    def translate(self, solution: Solution | str, *, language: str, title: str, body: str, **fields: Any) -> Solution:
        """Say a solution in another language; a reader of that language is offered this one in its place.

        Args:
            solution: the original, or another translation of it.
            language: BCP 47 tag.
            title: the question or problem in a line.
            body: the answer.
            fields: ``keywords``, ``author``.

        Raises:
            Refused: there is one in that language already.
        """
        with self.work() as work:
            given = work.get(Solution, solution)
            original = given if given.original_id is None else work.get(Solution, given.original_id)
            known = (F.original_id == original.id) & (F.language == language)
            if original.language == language or work.count(Solution, known):
                raise Refused(f"solution {original.id} is there in {language!r} already: revise that one")
            about = {"language": language, "original_id": original.id, "stage_since": work.now}
            return _written(work, work.new(Solution, title=title, body=body, **about, **fields))

    def revise(self, solution: Solution | str, **changes: Any) -> Solution:
        """Change the text; a published solution is a draft again until it is published anew.

        Raises:
            InvalidInput: something else than title, body, keywords or language is given.
        """
        wrong = changes.keys() - TEXTS
        if wrong:
            raise InvalidInput(f"{min(wrong)!r} cannot be revised; title, body, keywords and language can")
        with self.work() as work:
            current = work.get(Solution, solution)
            change = Change(current)
            if current.stage == "published":
                change = work.machine("solution").step(current, "revise", now=work.now)
            after = change.after.evolve(**changes, edition=current.edition + 1)
            return _written(work, after, before=change)

    def editions(self, solution: Solution | str) -> list[SolutionEdition]:
        """What a solution said each time when it was published, the latest first."""
        with self.read() as work:
            known = work.get(Solution, solution)
            return work.find(SolutionEdition, F.solution_id == known.id, order_by="-edition")

    def restore(self, solution: Solution | str, *, edition: int) -> Solution:
        """Take up an earlier edition again, as a draft.

        Raises:
            NotFound: that edition was never published.
        """
        with self.work() as work:
            known = work.get(Solution, solution)
            found = work.first(SolutionEdition, (F.solution_id == known.id) & (F.edition == edition))
            if found is None:
                raise NotFound(f"edition {edition} of solution {known.id} was never published: look at editions()")
            return Writing(work).revise(solution, **{name: getattr(found, name) for name in TEXTS})

    def submit(self, solution: Solution | str) -> Solution:
        """Ask for review."""
        with self.work() as work:
            return _moved(work, solution, "submit")

    def publish(self, solution: Solution | str) -> Solution:
        """Offer it from now on."""
        with self.work() as work:
            saved = _moved(work, solution, "publish")
            said = {name: getattr(saved, name) for name in TEXTS}
            about = {"edition": saved.edition, "published_at": work.now, "published_by": work.actor}
            if not work.count(SolutionEdition, (F.solution_id == saved.id) & (F.edition == saved.edition)):
                work.add([work.new(SolutionEdition, solution_id=saved.id, **said, **about)])
            index(work, saved)
            return saved

    def send_back(self, solution: Solution | str, *, reason: str) -> Solution:
        """Return a solution from review to its author."""
        with self.work() as work:
            return _moved(work, solution, "return", reason=reason)

    def withdraw(self, solution: Solution | str, *, reason: str) -> Solution:
        """Offer it no longer, and don't find it any more."""
        with self.work() as work:
            saved = _moved(work, solution, "withdraw", reason=reason)
            index(work, saved)
            return saved

    def used(self, solution: Solution | str, *, case: Case | str) -> Solution:
        """Note that a solution solved a case; noting it again changes nothing."""
        with self.work() as work:
            helped, solved = work.get(Solution, solution), work.get(Case, case)
            used(work, helped, solved)
            return helped


def _moved(work: Work, solution: Solution | str, trigger: str, **facts: Any) -> Solution:
    current = work.get(Solution, solution)
    return work.save(work.machine("solution").step(current, trigger, now=work.now, **facts))


def _written(work: Work, solution: Solution, *, before: Change[Solution] | None = None) -> Solution:
    """Store a text, and the words by which it is found."""
    events = () if before is None else before.events
    after = solution.evolve(length=counted(solution).total())
    fact = SolutionWritten(solution_id=after.id, edition=after.edition)
    saved = work.save(Change(after, (*events, fact)))
    if events:
        index(work, saved)
    return saved
