"""The verbs of conversion: from a lead to a customer, a company and a deal, and back."""

from __future__ import annotations

from typing import Any, Unpack, overload

import attrs

from crmkit.kernel.collection import Collection
from crmkit.pipeline.leads.conversion import ConversionPlan, Converted, Wishes, applied, planned
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.leads.merge import applied as applied_merge
from crmkit.pipeline.leads.undo import undone
from crmkit.pipeline.merging import MergePlan
from crmkit.pipeline.opportunities import Opportunity


class Converting(Collection[Lead]):
    """What ``crm.pipeline.leads`` does to make leads customers."""

    cls = Lead

    def plan(self, lead: Lead | str, **wishes: Unpack[Wishes]) -> ConversionPlan:
        """What converting would do, and why; nothing is stored.

        Args:
            lead: which.
            wishes: what the caller decides: see :class:`~crmkit.pipeline.leads.conversion.Wishes`.

        Raises:
            TransitionRefused: the lead's stage does not allow it.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     lead = crm.pipeline.leads.capture(name="X. Wang", email="wang@example.com", city="Chengdu")
            ...     plan = crm.pipeline.leads.plan(crm.pipeline.leads.qualify(lead))
            ...     plan.customer.because, plan.customer.fills, plan.opportunity.action
            ('has the same e-mail address', {'city': 'Chengdu'}, 'create')
        """
        with self.read() as work:
            current = work.get(Lead, lead)
            work.machine("lead").target(current.stage, "convert", current)
            return planned(work, current, wishes)

    @overload
    def apply(self, plan: ConversionPlan) -> Converted: ...
    @overload
    def apply(self, plan: MergePlan[Lead]) -> Lead: ...
    @overload
    def apply(self, plan: MergePlan[Opportunity]) -> Opportunity: ...
    def apply(self, plan: ConversionPlan | MergePlan[Any]) -> Converted | Lead | Opportunity:
        """Do what *plan* says, a conversion or a merge, in one transaction.

        Raises:
            StaleEntity: a lead has changed since the plan was made.
            TransitionRefused: it has been converted or merged already.
            Duplicate: somebody else has made the customer meanwhile; plan again.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com")
            ...     plan = crm.pipeline.leads.plan(crm.pipeline.leads.qualify(lead), name="Wedding photos")
            ...     customer, company, deal = crm.pipeline.leads.apply(plan)
            ...     customer.name, company, deal.name
            ('Xiao Wang', None, 'Wedding photos')
        """
        with self.work() as work:
            return applied(work, plan) if isinstance(plan, ConversionPlan) else applied_merge(work, plan)

    def convert(self, lead: Lead | str, **wishes: Unpack[Wishes]) -> Converted:
        """Make a lead a customer, with a company if it names one, and an opportunity: plan and apply in one.

        An existing customer (same e-mail address; same telephone number and name) and an existing company (same name)
        are reused.  Campaign, owner, source, custom fields, consents and activities go along.

        Args:
            lead: which.
            wishes: what :meth:`plan` takes.

        Returns:
            what unpacks into customer, company or None, and opportunity or None.

        Raises:
            TransitionRefused: the lead's stage does not allow it; a lead converts once.
            StaleEntity: somebody else has changed the lead since it was read.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com", company="Studio")
            ...     lead = crm.pipeline.leads.qualify(lead)
            ...     customer, company, deal = crm.pipeline.leads.convert(lead)
            ...     customer.name, company.name, deal.lead_id == lead.id
            ('Xiao Wang', 'Studio', True)
        """
        with self.work() as work:
            plan = Converting(work).plan(lead, **wishes)
            return applied(work, attrs.evolve(plan, lead=lead) if isinstance(lead, Lead) else plan)

    def undo(self, lead: Converted | Lead | str) -> Lead:
        """Take the last conversion back: what it made is gone, what it carried over returns to the lead.

        Args:
            lead: which, or what :meth:`convert` gave.

        Raises:
            TransitionRefused: the lead is not converted.
            Refused: somebody has built on it since (an order, a moved deal …); the message lists what.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     lead = crm.pipeline.leads.capture(name="Xiao Wang", email="wang@example.com")
            ...     converted = crm.pipeline.leads.convert(crm.pipeline.leads.qualify(lead))
            ...     lead = crm.pipeline.leads.undo(converted)
            ...     lead.stage, crm.customers.count(), crm.pipeline.opportunities.count()
            ('qualified', 0, 0)
        """
        with self.work() as work:
            return undone(work, work.get(Lead, lead.lead if isinstance(lead, Converted) else lead))
