"""The verbs of leads that turn out to be one person: found, planned, merged and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

from crmkit.kernel.collection import Collection
from crmkit.pipeline.leads.conversion import same_person
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.leads.merge import applied, planned, planned_into, undone
from crmkit.pipeline.merging import MergePlan, listed
from crmkit.pipeline.opportunities.deal import Opportunity


class Merging(Collection[Lead]):
    """What ``crm.pipeline.leads`` does with leads that turn out to be one."""

    cls = Lead

    def duplicates(self, lead: Lead | str) -> list[Lead]:
        """Other leads with the same e-mail address or telephone number, the oldest first.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(region="CN") as crm:
            ...     form = crm.pipeline.leads.capture(name="Xiao Wang", phone="139 1234 5678")
            ...     call = crm.pipeline.leads.capture(name="Mrs Wang", phone="+86 139 1234 5678")
            ...     [other.name for other in crm.pipeline.leads.duplicates(form)]
            ['Mrs Wang']
        """
        with self.read() as work:
            return [other for other, _ in same_person(work, work.get(Lead, lead))]

    @overload
    def plan_merge(
        self, leads: Iterable[Lead | str], *, into: Opportunity, owner: str | None = None, team: str | None = None
    ) -> MergePlan[Opportunity]: ...
    @overload
    def plan_merge(
        self,
        leads: Iterable[Lead | str],
        *,
        into: Lead | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> MergePlan[Lead]: ...
    def plan_merge(
        self,
        leads: Iterable[Lead | str],
        *,
        into: Lead | Opportunity | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> MergePlan[Lead] | MergePlan[Opportunity]:
        """What merging would do, and where each value comes from; nothing is stored.

        Args:
            leads: two and more, the one that goes on among them; or, into a deal, one and more.
            into: which lead goes on, if it is not the best; or the deal into which they go.
            owner: who has it then; the first owner in their order unless given.
            team: likewise.

        Raises:
            InvalidInput: there are too few, or the lead *into* is not among them.
            TransitionRefused: one is converted or merged already.
            Refused: the deal is won.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     form = crm.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com", interest="album")
            ...     fair = crm.pipeline.leads.capture(name="X. Wang", email="wang@example.com", city="Chengdu")
            ...     plan = crm.pipeline.leads.plan_merge([form, fair])
            ...     plan.survivor.name, plan.after.city, plan.sources == {"city": (fair.id,)}
            ('Xiao Wang', 'Chengdu', True)
        """
        with self.read() as work:
            found = [work.get(Lead, lead) for lead in listed(leads, what="leads")]
            if isinstance(into, Opportunity):
                return planned_into(work, found, work.get(Opportunity, into), owner=owner, team=team)
            chosen = None if into is None else work.get(Lead, into)
            return planned(work, found, into=chosen, owner=owner, team=team)

    @overload
    def merge(
        self, leads: Iterable[Lead | str], *, into: Opportunity, owner: str | None = None, team: str | None = None
    ) -> Opportunity: ...
    @overload
    def merge(
        self,
        leads: Iterable[Lead | str],
        *,
        into: Lead | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> Lead: ...
    def merge(
        self,
        leads: Iterable[Lead | str],
        *,
        into: Lead | Opportunity | str | None = None,
        owner: str | None = None,
        team: str | None = None,
    ) -> Lead | Opportunity:
        """Let leads that are the same person go into one, or into a deal: plan and apply in one.

        The best one goes on (open, furthest stage, highest probability, oldest) with what it lacks from the others;
        activities, tags, notes, consents and custom fields come together.  The others end as ``merged``.

        Args:
            leads: as :meth:`plan_merge` takes them.
            into: likewise.  A deal goes on as an opportunity of its own customer; what the leads tell of the person
                stays on them.
            owner: likewise.
            team: likewise.

        Returns:
            the lead or the deal that goes on.

        Raises:
            InvalidInput: there are too few, or the lead *into* is not among them.
            TransitionRefused: one is converted or merged already.
            Refused: the deal is won.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     one = crm.pipeline.leads.capture(name="Xiao Wang", phone="+8613912345678")
            ...     two = crm.pipeline.leads.capture(name="X. Wang", email="wang@example.com")
            ...     lead = crm.pipeline.leads.merge([one, two])
            ...     apart = crm.pipeline.leads.unmerge(lead)
            ...     (lead.name, lead.email, [again.stage for again in apart])
            ('Xiao Wang', 'wang@example.com', ['new'])
        """
        with self.work() as work:
            desk = Merging(work)
            if isinstance(into, Opportunity):
                return applied(work, desk.plan_merge(leads, into=into, owner=owner, team=team))
            return applied(work, desk.plan_merge(leads, into=into, owner=owner, team=team))

    def unmerge(self, survivor: Lead | Opportunity | str) -> list[Lead]:
        """Take the last merge of leads into a lead or a deal apart.

        The others are what they were; what followed from them goes back, unless somebody has moved it on; the one that
        went on gives back what it got, where it still has it.

        Returns:
            the leads that had ended, as they are again.

        Raises:
            Refused: nothing was merged into it, or it is converted, won or merged itself meanwhile.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     form = crm.pipeline.leads.capture(name="Xiao Wang", email="studio@example.com")
            ...     fair = crm.pipeline.leads.capture(name="Xiao Li", email="studio@example.com", city="Chengdu")
            ...     merged = crm.pipeline.leads.merge([form, fair])
            ...     again = crm.pipeline.leads.unmerge(merged)
            ...     merged.city, crm.pipeline.leads.get(form.id).city, [(lead.name, lead.stage) for lead in again]
            ('Chengdu', None, [('Xiao Li', 'new')])
        """
        with self.work() as work:
            identifier = survivor if isinstance(survivor, str) else survivor.id
            of_deal = work.house.registry.schema_of_id(identifier) is Opportunity.__schema__
            return undone(work, work.get(Opportunity, survivor) if of_deal else work.get(Lead, survivor))  # type: ignore[arg-type]
