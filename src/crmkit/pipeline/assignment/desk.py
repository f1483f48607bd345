"""``crm.pipeline.assignment``."""

from __future__ import annotations

from collections.abc import Iterable

from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import several
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.deciding import FREE, assigned, decided, distributed, entries_of, setup_of
from crmkit.pipeline.assignment.entry import (
    AssignmentAutomated,
    AssignmentEntry,
    AssignmentEntryDefined,
    AssignmentSetup,
    Decision,
    How,
)
from crmkit.pipeline.assignment.salesperson import Salesperson, salesperson
from crmkit.pipeline.leads.lead import Lead


class Assignments(Collection[AssignmentEntry]):
    """What ``crm.pipeline.assignment`` offers: who gets which lead, and why."""

    cls = AssignmentEntry

    def define(
        self,
        name: str,
        *,
        rule: Rule | None = None,
        people: Iterable[Salesperson | str] = (),
        team: str | None = None,
        how: How = "round_robin",
        skills: Iterable[str] = (),
        speaks: str | None = None,
        local: bool = False,
        go_on: bool = False,
        position: int | None = None,
    ) -> AssignmentEntry:
        """Say where some leads go; a name that is known gets the new entry.

        Args:
            name: as people call it.
            rule: over leads; without one it takes all that no entry before it has taken.
            people: salespeople by name; or else
            team: whoever is in it.
            how: ``round_robin``, ``weighted`` or ``least_busy``.
            skills: what one has to be able to do.
            speaks: the attribute of the lead whose value has to be a skill too, such as ``language``.
            local: only those whose territory has the lead's city, region or country; no territory is everywhere.
            go_on: ask the next entries when nobody of this one can take a lead.
            position: entries are asked in this order; behind the others unless given.

        Raises:
            DefinitionError: the rule does not fit leads.
            NotFound: there is no such salesperson, or nobody is in the team.
            InvalidInput: it leads nowhere, or an entry before it takes all leads, so that it is never asked.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     for name in ("Li", "Xu"):
            ...         _ = crm.pipeline.salespeople.register(name, team="south")
            ...     _ = crm.pipeline.assignment.define("south", rule=F.region == "Guangdong", team="south")
            ...     leads = [crm.pipeline.leads.capture(name=n, region="Guangdong") for n in "abc"]
            ...     [crm.pipeline.assignment.assign(lead).owner for lead in leads]
            ['Li', 'Xu', 'Li']
        """
        with self.work() as work:
            if rule is not None:
                work.plan(Lead, rule)
            names = frozenset(salesperson(work, p).name for p in several(people, what="people"))
            if team is not None and not work.count(Salesperson, F.team == team):
                raise NotFound(f"nobody is in the team {team!r}: register salespeople with team={team!r} first")
            known = work.called(AssignmentEntry, name)
            values = {
                "rule": None if rule is None else to_json(rule),
                "people": names,
                "team": team,
                "how": how,
                "skills": frozenset(several(skills, what="skills")),
                "speaks": speaks,
                "local": local,
                "go_on": go_on,
                "position": _position(work, known) if position is None else position,
            }
            entry = work.new(AssignmentEntry, name=name, **values) if known is None else known.evolve(**values)
            _reachable(work, entry)
            return work.save(Change(entry, (AssignmentEntryDefined(assignment_entry_id=entry.id, name=entry.name),)))

    def forget(self, name: str) -> None:
        """Leave an entry out from now on.

        Raises:
            NotFound: there is none called so.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.assignment.define("everybody", people=[crm.pipeline.salespeople.register("Xu")])
            ...     crm.pipeline.assignment.forget("everybody")
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang")
            ...     crm.pipeline.assignment.explain(lead).because
            'no entry fits'
        """
        with self.work() as work:
            work.remove(AssignmentEntry, [work.named(AssignmentEntry, name).id])

    def automate(self, *, at_capture: bool) -> AssignmentSetup:
        """Say whether leads are given out by themselves.

        Args:
            at_capture: as soon as they are captured, unless they come with an owner; who gets one, and why, is what
                :meth:`assign` would say.  Until told so, leads wait for :meth:`assign` and :meth:`distribute`.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     people = [crm.pipeline.salespeople.register(name) for name in ("Li", "Xu")]
            ...     _ = crm.pipeline.assignment.define("everybody", people=people)
            ...     _ = crm.pipeline.assignment.automate(at_capture=True)
            ...     [crm.pipeline.leads.capture(name=name).owner for name in "abc"]
            ['Li', 'Xu', 'Li']
        """
        with self.work() as work:
            known = setup_of(work)
            setup = work.new(AssignmentSetup) if known is None else known
            after = setup.evolve(at_capture=at_capture)
            told = AssignmentAutomated(setup_id=after.id, at_capture=at_capture)
            return work.save(Change(after, (told,)))

    def explain(self, lead: Lead | str) -> Decision:
        """Who would get a lead now, and why; nothing is stored.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     register = crm.pipeline.salespeople.register
            ...     people = [register("Li", active=False), register("Xu")]
            ...     _ = crm.pipeline.assignment.define("everybody", people=people)
            ...     why = crm.pipeline.assignment.explain(crm.pipeline.leads.capture(name="Xiao Wang"))
            ...     why.owner, why.because, why.others
            ('Xu', 'everybody: the first in turn', (('Li', 'takes no new leads'),))
        """
        with self.read() as work:
            return decided(work, work.get(Lead, lead))

    def assign(self, lead: Lead | str) -> Lead:
        """Give a lead to whom the entries say; it stays where it is if nobody can take it.

        Raises:
            InvalidInput: the lead is closed.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     register = crm.pipeline.salespeople.register
            ...     people = [register("Li"), register("Xu", skills={"fr"})]
            ...     _ = crm.pipeline.assignment.define("everybody", people=people, speaks="language")
            ...     lead = crm.pipeline.leads.capture(name="Camille Roux", language="fr")
            ...     crm.pipeline.assignment.assign(lead).owner
            'Xu'
        """
        with self.work() as work:
            current = work.get(Lead, lead)
            if not current.open:
                raise InvalidInput(f"lead {current.id} is {current.stage}: nobody has to look after it any more")
            return assigned(work, current)

    def distribute(self, rule: Rule | None = None, *, limit: int | None = None) -> list[Decision]:
        """Give out all leads that nobody has (and that satisfy *rule*), the most promising first.

        Args:
            rule: which of them; all unless given.
            limit: at most so many, 0 and more.

        Returns:
            a decision for each lead that was looked at, also for those that nobody could take; why the others did not
            get it is what :meth:`explain` tells.

        Raises:
            DefinitionError: the rule does not fit leads.
            InvalidInput: *limit* is no whole number of 0 and more.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     xu = crm.pipeline.salespeople.register("Xu")
            ...     _ = crm.pipeline.assignment.define("fair", rule=F.source == "fair", people=[xu])
            ...     _ = crm.pipeline.leads.capture_many([{"name": "Xiao Wang", "source": "fair"}, {"name": "Xiao Li"}])
            ...     [(d.lead.name, d.owner, d.because) for d in crm.pipeline.assignment.distribute()]
            [('Xiao Wang', 'Xu', 'fair: the first in turn'), ('Xiao Li', None, 'no entry fits')]
        """
        with self.work() as work:
            return distributed(work, FREE if rule is None else FREE & rule, limit=limit)


def _position(work: Work, known: AssignmentEntry | None) -> int:
    if known is not None:
        return known.position
    entries = entries_of(work)
    return entries[-1].position + 1 if entries else 0


def _reachable(work: Work, entry: AssignmentEntry) -> None:
    """No entry stands behind one that takes everything."""
    others = [e for e in entries_of(work) if e.id != entry.id]
    ordered = sorted([*others, entry], key=lambda e: (e.position, e.name))
    for number, candidate in enumerate(ordered[:-1]):
        if candidate.rule is None and not candidate.go_on:
            raise InvalidInput(
                f"the assignment entry {ordered[number + 1].name!r} would never be asked: {candidate.name!r} before it "
                "takes all leads; give it a rule, go_on=True, or a later position"
            )
