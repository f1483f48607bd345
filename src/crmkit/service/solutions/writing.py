"""Writing: how a solution comes to be read, from the draft to the editions that were published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

        Raises:
            InvalidInput: a field is unknown or malformed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     album = crm.service.solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     album.stage, crm.service.solutions.search("albums")
            ('draft', [])
        """
        _check_fields(fields, {"keywords", "language", "author"})
        with self.work() as work:
            return _written(work, work.new(Solution, title=title, body=body, stage_since=work.now, **fields))

    def draft_from(self, case: Case | str, *, title: str | None = None, **fields: Any) -> Solution:
        """Write down how a case was solved.

        Args:
            case: the case; that it used the solution is noted, too.
            title: the question or problem in a line; the subject of the case unless given.
            fields: ``keywords``, ``language``, ``author``.

        Raises:
            Refused: the case has no solution yet.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="The pictures are too dark on my television")
            ...     case = crm.service.cases.resolve(case, solution="Switch the television to its film mode.")
            ...     drafted = crm.service.solutions.draft_from(case, title="Pictures are too dark on a television")
            ...     drafted.stage, drafted.body
            ('draft', 'Switch the television to its film mode.')
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
            InvalidInput: a field is unknown or malformed.
            Refused: there is one in that language already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     chinese = solutions.translate(album, language="zh", title="相册什么时候寄出", body="两周之内。")
            ...     _ = solutions.publish(chinese)
            ...     wang = crm.customers.register(name="Xiao Wang", language="zh")
            ...     case = crm.service.cases.open(wang, subject="When do you post albums?")
            ...     [suggested.solution.title for suggested in solutions.suggest(case)]
            ['相册什么时候寄出']
        """
        _check_fields(fields, {"keywords", "author"})
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

        Args:
            solution: which one.
            changes: ``title``, ``body``, ``keywords``, ``language``.

        Raises:
            InvalidInput: something else is given.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     revised = solutions.revise(album, body="Within three weeks.")
            ...     revised.stage, revised.edition
            ('draft', 2)
        """
        _check_fields(changes, TEXTS)
        with self.work() as work:
            current = work.get(Solution, solution)
            change = Change(current)
            if current.stage == "published":
                change = work.machine("solution").step(current, "revise", now=work.now)
            after = change.after.evolve(**changes, edition=current.edition + 1)
            return _written(work, after, before=change)

    def editions(self, solution: Solution | str) -> list[SolutionEdition]:
        """What a solution said each time when it was published, the latest first.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     album = solutions.publish(solutions.revise(album, body="Within three weeks."))
            ...     [(edition.edition, edition.body) for edition in solutions.editions(album)]
            [(2, 'Within three weeks.'), (1, 'Within two weeks.')]
        """
        with self.read() as work:
            known = work.get(Solution, solution)
            return work.find(SolutionEdition, F.solution_id == known.id, order_by="-edition")

    def restore(self, solution: Solution | str, *, edition: int) -> Solution:
        """Take up an earlier edition again, as a draft.

        Args:
            solution: which one.
            edition: its number, as :meth:`editions` gives it.

        Raises:
            NotFound: that edition was never published.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     album = solutions.publish(solutions.revise(album, body="Within three weeks."))
            ...     again = solutions.restore(album, edition=1)
            ...     again.stage, again.edition, again.body
            ('draft', 3, 'Within two weeks.')
        """
        with self.work() as work:
            known = work.get(Solution, solution)
            found = work.first(SolutionEdition, (F.solution_id == known.id) & (F.edition == edition))
            if found is None:
                raise NotFound(f"edition {edition} of solution {known.id} was never published: look at editions()")
            return Writing(work).revise(solution, **{name: getattr(found, name) for name in TEXTS})

    def submit(self, solution: Solution | str) -> Solution:
        """Ask for review.

        Raises:
            TransitionRefused: it is no draft.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     album = crm.service.solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     crm.service.solutions.submit(album).stage
            'review'
        """
        with self.work() as work:
            return _moved(work, solution, "submit")

    def publish(self, solution: Solution | str) -> Solution:
        """Offer it from now on.

        The text that it has now becomes an edition, which is kept for ever.

        Raises:
            TransitionRefused: it is published already, or withdrawn.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     album = crm.service.solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     _ = crm.service.solutions.publish(album)
            ...     [found.solution.title for found in crm.service.solutions.search("albums")]
            ['When do you post albums?']
        """
        with self.work() as work:
            saved = _moved(work, solution, "publish")
            said = {name: getattr(saved, name) for name in TEXTS}
            about = {"edition": saved.edition, "published_at": work.now, "published_by": work.actor}
            if not work.count(SolutionEdition, (F.solution_id == saved.id) & (F.edition == saved.edition)):
                work.add([work.new(SolutionEdition, solution_id=saved.id, **said, **about)])
            index(work, saved)
            return saved

    def send_back(self, solution: Solution | str, *, reason: str) -> Solution:
        """Return a solution from review to its author.

        Args:
            solution: which one.
            reason: what is to be changed; it stands in the trail.

        Raises:
            TransitionRefused: it is not in review.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     album = crm.service.solutions.draft(title="When do you post albums?", body="Soon.")
            ...     album = crm.service.solutions.submit(album)
            ...     crm.service.solutions.send_back(album, reason="say how soon").stage
            'draft'
        """
        with self.work() as work:
            return _moved(work, solution, "return", reason=reason)

    def withdraw(self, solution: Solution | str, *, reason: str) -> Solution:
        """Offer it no longer, and don't find it any more.

        Args:
            solution: which one.
            reason: why; it stands in the trail.

        Raises:
            TransitionRefused: it is withdrawn already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     fax = solutions.publish(solutions.draft(title="How do I order by fax?", body="Send us your order."))
            ...     fax = solutions.withdraw(fax, reason="the fax is gone")
            ...     fax.stage, solutions.search("fax")
            ('withdrawn', [])
        """
        with self.work() as work:
            saved = _moved(work, solution, "withdraw", reason=reason)
            index(work, saved)
            return saved

    def used(self, solution: Solution | str, *, case: Case | str) -> Solution:
        """Note that a solution solved a case; noting it again changes nothing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?")
            ...     _ = solutions.used(album, case=case)
            ...     [(suggested.solution.title, suggested.uses) for suggested in solutions.suggest("albums")]
            [('When do you post albums?', 1)]
        """
        with self.work() as work:
            helped, solved = work.get(Solution, solution), work.get(Case, case)
            used(work, helped, solved)
            return helped


def _check_fields(given: Mapping[str, Any], known: Iterable[str]) -> None:
    wrong = given.keys() - set(known)
    if wrong:
        raise InvalidInput(f"{min(wrong)!r} cannot be given here; {', '.join(sorted(known))} can")


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
