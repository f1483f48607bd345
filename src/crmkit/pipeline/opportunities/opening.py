"""Opening: note a chance to sell, and change what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.extras import Extra
from crmkit.kernel.money import Money
from crmkit.pipeline.opportunities.deal import Opportunity, OpportunityChanged, OpportunityOpened
from crmkit.pipeline.opportunities.guards import guard_open, guard_update
from crmkit.pipeline.opportunities.history import keep
from crmkit.pipeline.opportunities.lines import refuse_amount
from crmkit.pipeline.opportunities.ways import id_of, open_stage, settable, way_of
from crmkit.pipeline.stages.desk import pipeline_of
from crmkit.pipeline.stages.presets import STANDARD

if TYPE_CHECKING:
    from crmkit.pipeline.leads import Lead


class Opening(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` does with what is known of a deal."""

    cls = Opportunity

    def open(
        self,
        *,
        name: str,
        customer: Customer | str,
        company: Company | str | None = None,
        amount: Money | None = None,
        close_on: date | None = None,
        campaign: Record | str | None = None,
        lead: Lead | str | None = None,
        owner: str | None = None,
        source: str | None = None,
        pipeline: str = STANDARD.name,
        stage: str | None = None,
        extras: Iterable[Extra] = (),
        **fields: Any,
    ) -> Opportunity:
        """Note a chance to sell.

        Args:
            name: what it is about.
            customer: with whom.
            company: for which company; the customer's unless given.
            amount: what it is worth, taxes kept out.
            close_on: the day when it should be decided.
            campaign: the activity that brought it.
            lead: the lead that it came from.
            owner: who is responsible; the customer's unless given.
            source: how it was found; the customer's unless given.
            pipeline: the pipeline whose stages it passes.
            stage: the open stage in which it begins; the first one unless given.
            extras: custom fields of the host.
            fields: further attributes of :class:`Opportunity`.

        Raises:
            NotFound: the customer, company, campaign, lead or pipeline does not exist.
            InvalidInput: a field is unknown or malformed, or the stage asks for more.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     deal = crm.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(100, "CNY"))
            ...     deal = crm.pipeline.opportunities.advance(deal, to="proposal")
            ...     deal.stage, deal.expected_revenue, crm.pipeline.opportunities.win(deal).stage
            ('proposal', Money('50.00', 'CNY'), 'won')
        """
        with self.work() as work:
            whom = work.get(Customer, id_of(customer))
            process = pipeline_of(work, pipeline)
            begins = process.first if stage is None else process[open_stage(process, stage)]
            settable(fields)
            values = {
                "probability": begins.probability,
                "category": begins.category,
                "company_id": whom.company_id if company is None else work.get(Company, id_of(company)).id,
                "owner": owner or whom.owner,
                "source": source or whom.source,
                "extras": {type(extra).key: extra.dump() for extra in extras},
                **fields,
            }
            deal = work.new(
                Opportunity,
                name=name,
                customer_id=whom.id,
                amount=amount,
                close_on=close_on,
                campaign_id=id_of(campaign),
                lead_id=id_of(lead),
                pipeline=process.name,
                stage=begins.name,
                stage_since=work.now,
                **values,
            )
            guard_open(deal, begins)
            opened = OpportunityOpened(
                opportunity_id=deal.id,
                customer_id=whom.id,
                amount=deal.amount,
                lead_id=deal.lead_id,
                campaign_id=deal.campaign_id,
            )
            return keep(work, None, Change(deal, (opened,)))

    def update(self, deal: Opportunity | str, **changes: Any) -> Opportunity:
        """Change attributes; the stage changes by ``advance``, ``win``, ``lose`` and ``reopen``.

        Args:
            deal: which one.
            changes: attributes of :class:`Opportunity`; a closing day that moves to a later one counts as a slip.

        Raises:
            InvalidInput: a field is unknown or malformed, only a verb changes it, or the stage asks for it.
            StaleEntity: somebody else has changed the deal since it was read.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, close_on=date(2026, 3, 20))
            ...     deal = deals.update(deal, amount=Money(10_000, "CNY"), close_on=date(2026, 4, 10))
            ...     str(deal.amount), str(deal.expected_revenue), deal.slips
            ('10,000.00 CNY', '1,000.00 CNY', 1)
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            settable(changes)
            refuse_amount(work, current, changes)
            after = current.evolve(**changes)
            different = tuple(sorted(n for n in changes if getattr(current, n) != getattr(after, n)))
            if not different:
                return current
            process, _ = way_of(work, current)
            if current.stage in process:
                guard_update(after, process[current.stage], different)
            return keep(work, current, Change(_slipped(current, after), (changed(current, different),)))


def changed(deal: Opportunity, fields: tuple[str, ...]) -> OpportunityChanged:
    """The event that tells of other values in *fields*."""
    return OpportunityChanged(opportunity_id=deal.id, customer_id=deal.customer_id, fields=fields)


def _slipped(before: Opportunity, after: Opportunity) -> Opportunity:
    if before.close_on is None or after.close_on is None or after.close_on <= before.close_on:
        return after
    return after.evolve(slips=before.slips + 1)
