"""``crm.service.solutions``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date
from crmkit.kernel.ids import is_id
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.conversation import CaseMessage
from crmkit.service.solutions.merit import rated
from crmkit.service.solutions.searching import Found, fits
from crmkit.service.solutions.self_help import By, Deflections, Enquiry, EnquiryMade, deflections
from crmkit.service.solutions.solution import Solution
from crmkit.service.solutions.suggesting import Suggestion, judged, suggestions
from crmkit.service.solutions.writing import Writing

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

SUGGESTIONS: Final = 5


@attrs.frozen(kw_only=True)
class Offered:
    """What a customer is shown before he opens a case."""

    enquiry: Enquiry
    suggestions: tuple[Suggestion, ...]


class Solutions(Writing):
    """What ``crm.service.solutions`` offers."""

    # ── Finding ──

    def search(self, text: str, *, language: str | None = None, limit: int = 20) -> list[Found]:
        """Published solutions that have words of *text*, the best first by BM25, the same in every store.

        Args:
            text: what is looked for, in any script.
            language: only in this language.
            limit: at most so many, 0 or more.

        Raises:
            InvalidInput: the limit is no such number.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     for title in ("When do you post albums?", "When are you open?", "Do albums come with a box?"):
            ...         _ = solutions.publish(solutions.draft(title=title, body="See our page."))
            ...     [found.solution.title for found in solutions.search("a box for albums")]
            ['Do albums come with a box?', 'When do you post albums?']
        """
        with self.read() as work:
            found = fits(work, text, language=language, limit=limit)
            known = {s.id: s for s in work.find(Solution, F.id.in_(list(found)))}
            return [Found(solution=known[identifier], fit=fit) for identifier, fit in found.items()]

    def suggest(self, about: Case | str, *, language: str | None = None, limit: int = SUGGESTIONS) -> list[Suggestion]:
        """Published solutions that fit a case or a text, the best first.

        Of those that fit about as well, the ones that satisfied most come first: by the scores of the customers whose
        cases they solved, then by how many readers they helped (the lower end of Wilson's interval); few voices count
        little in both.  Of one solution in several languages only one is offered, in the customer's own if it is there.

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
            text, own = _asked(work, about)
            return suggestions(work, text, language=language, own=own, limit=limit)

    # ── Self-help ──

    def offer(
        self,
        text: str,
        *,
        customer: Customer | str | None = None,
        channel: str | None = None,
        language: str | None = None,
        limit: int = SUGGESTIONS,
    ) -> Offered:
        """Offer solutions to somebody who is about to open a case, and remember that he asked.

        Say :meth:`helped` if that was enough.  A case that the customer opens within a day says that it was not.

        Args:
            text: the question.
            customer: who asks, if he is known.
            channel: where: ``web``, ``chat`` …
            language: only solutions in this language.
            limit: at most so many.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.service.solutions.publish(crm.service.solutions.draft(title="Albums", body="Two weeks."))
            ...     offered = crm.service.solutions.offer("How long do albums take?")
            ...     _ = crm.service.solutions.helped(offered.enquiry, solution=offered.suggestions[0].solution)
            ...     crm.service.solutions.deflection().groups[0].rate
            1.0
        """
        with self.work() as work:
            who = None if customer is None else work.get(Customer, customer)
            own = None if who is None else who.language
            found = suggestions(work, text, language=language, own=own, limit=limit)
            enquiry = work.new(
                Enquiry,
                customer_id=None if who is None else who.id,
                text=text,
                language=language or own,
                channel=channel,
                offered=len(found),
                asked_at=work.now,
                day=local_date(work.now, work.settings.zone),
            )
            made = EnquiryMade(enquiry_id=enquiry.id, customer_id=enquiry.customer_id, offered=enquiry.offered)
            return Offered(enquiry=work.save(Change(enquiry, (made,))), suggestions=tuple(found))

    def helped(self, enquiry: Enquiry | str, *, solution: Solution | str) -> Enquiry:
        """The customer says that a solution was enough; it counts as his opinion of it, too.

        To say it again changes nothing.

        Args:
            enquiry: what :meth:`offer` gave.
            solution: which one was enough.

        Raises:
            Refused: he has opened a case meanwhile, or the solution is not published.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     offered = solutions.offer("Where is my album? Do you post albums?", channel="web")
            ...     helped = solutions.helped(offered.enquiry, solution=album)
            ...     helped.outcome, solutions.suggest("albums")[0].helpful
            ('helped', 1)
        """
        with self.work() as work:
            asked, read = work.get(Enquiry, enquiry), work.get(Solution, solution)
            if asked.outcome == "case":
                raise Refused(f"enquiry {asked.id} ended in case {asked.case_id}: self-help was not enough")
            if asked.outcome == "helped" and asked.solution_id == read.id:
                return asked
            Solutions(work).rate(read, helpful=True, customer=asked.customer_id)
            return work.save(asked.ended("helped", solution_id=read.id))

    def not_helped(self, enquiry: Enquiry | str, *, case: Case | str) -> Enquiry:
        """The customer opened a case all the same; of a known one, that is noticed without this.

        Args:
            enquiry: what :meth:`offer` gave.
            case: the one that was opened.

        Raises:
            NotFound: there is no such enquiry or case.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     offered = crm.service.solutions.offer("Where is my album?", channel="chat")  # nobody knows who asks
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is our album?", channel="chat")
            ...     crm.service.solutions.not_helped(offered.enquiry, case=case).outcome
            'case'
        """
        with self.work() as work:
            asked, opened = work.get(Enquiry, enquiry), work.get(Case, case)
            return asked if asked.case_id == opened.id else work.save(asked.ended("case", case_id=opened.id))

    def deflection(
        self, *, by: By | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Deflections:
        """How often self-help was enough, as :mod:`~crmkit.service.solutions.self_help` defines it.

        Args:
            by: in groups by ``week``, ``month``, ``quarter``, ``year``, ``channel`` or ``language``.
            since: enquiries from this moment on.
            until: enquiries before this moment.

        Raises:
            InvalidInput: enquiries are not grouped like this.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     _ = solutions.helped(solutions.offer("albums?", channel="web").enquiry, solution=album)
            ...     _ = solutions.offer("Can I have my money back?", channel="web")  # and went away without a word
            ...     (web,) = solutions.deflection(by="channel").groups
            ...     web.group, web.rate, web.at_most
            ('web', 0.5, 1.0)
        """
        with self.read() as work:
            return deflections(work, by=by, since=since, until=until)

    # ── What became of them ──

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

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     solutions = crm.service.solutions
            ...     album = solutions.publish(
            ...         solutions.draft(title="When do you post albums?", body="Within two weeks.")
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     _ = solutions.rate(album, helpful=False, customer=wang)
            ...     rated = solutions.rate(album, helpful=True, customer=wang)  # he has found the second page
            ...     rated.helpful, rated.unhelpful
            (1, 0)
        """
        with self.work() as work:
            read = work.get(Solution, solution)
            if read.stage != "published":
                raise Refused(f"solution {read.id} is {read.stage}: only published ones are offered")
            within = None if case is None else work.get(Case, case)
            who = None if within is None else within.customer_id
            who = who if customer is None else work.get(Customer, customer).id
            rated(work, read, helpful=helpful, customer_id=who, case_id=None if within is None else within.id)
            return judged(work, {read.id: 1.0}, [read])[0]


def _asked(work: Work, about: Case | str) -> tuple[str, str | None]:
    """What a case says (its subject, and what the customer wrote first), and in whose language."""
    if isinstance(about, str) and not is_id(about, Case.__schema__.prefix):
        return about, None
    case = work.get(Case, about)
    first = work.first(CaseMessage, (F.case_id == case.id) & (F.kind == "customer"), order_by=("at", "id"))
    text = case.subject if first is None else f"{case.subject} {first.text}"
    return text, work.get(Customer, case.customer_id).language
