"""Parts: what belongs to a deal. Its lines, the people at the customer, and the sales people who share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from crmkit.customers.people import Customer
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules.fields import F
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.history import keep
from crmkit.pipeline.opportunities.lines import DealLine, lines_of, replace_lines
from crmkit.pipeline.opportunities.opening import changed
from crmkit.pipeline.opportunities.people import ContactRole, DealSplit, SplitKind, involved, shared
from crmkit.pipeline.opportunities.ways import id_of
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.orders.pricing import priced, total_of
from crmkit.pipeline.prices import PriceList


class Parts(Collection[Opportunity]):
    """What ``crm.pipeline.opportunities`` does with what belongs to a deal."""

    cls = Opportunity

    def set_lines(
        self, deal: Opportunity | str, lines: Sequence[Line], *, prices: PriceList | str | None = None
    ) -> Opportunity:
        """Say what a deal consists of; the lines make its amount from now on.

        Args:
            deal: which one.
            lines: all of its lines, in one currency; they take the place of those before.  With no lines the amount is
                set by hand again.
            prices: the price list for products without a price on their line.

        Raises:
            InvalidInput: a line has no price, or they have several currencies.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(5_000, "CNY"))
            ...     tables = Line("Table of ten", quantity=12, unit_price=Money(800, "CNY"), discount=5)
            ...     deals.set_lines(deal, [tables]).amount
            Money('9120.00', 'CNY')
        """
        with self.work() as work:
            current = work.get(Opportunity, deal)
            taken = priced(work, lines, prices=prices) if lines else []
            replace_lines(work, current, taken)
            after = current.evolve(amount=total_of(taken) if taken else current.amount)
            return keep(work, current, Change(after, (changed(current, ("amount", "lines")),)))

    def lines(self, deal: Opportunity | str) -> list[DealLine]:
        """What a deal consists of, in order; nothing while its amount is set by hand.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     lines = [
            ...         Line(name, unit_price=Money(price, "CNY")) for name, price in (("Album", 900), ("Prints", 100))
            ...     ]
            ...     deal = deals.set_lines(deals.open(name="Wedding photos", customer=wang), lines)
            ...     [(line.position, line.name, str(line.amount)) for line in deals.lines(deal)]
            [(1, 'Album', '900.00 CNY'), (2, 'Prints', '100.00 CNY')]
        """
        with self.read() as work:
            return lines_of(work, work.get(Opportunity, deal).id)

    def involve(
        self, deal: Opportunity | str, customer: Customer | str, *, role: str, primary: bool = False
    ) -> ContactRole:
        """Note the part that a person at the customer plays.

        Args:
            deal: which one.
            customer: who.
            role: decision maker, economic buyer, champion, influencer, user, blocker …
            primary: whether it is the one to talk to first; who was so before is it no longer.

        Raises:
            Duplicate: it has been noted already.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang)
            ...     mother = crm.customers.register(name="Mrs Wang")
            ...     part = deals.involve(deal, mother, role="decision maker", primary=True)
            ...     part.customer_id == mother.id, part.role
            (True, 'decision maker')
        """
        with self.work() as work:
            current, whom = work.get(Opportunity, id_of(deal)), work.get(Customer, id_of(customer))
            return involved(work, current, customer_id=whom.id, role=role, primary=primary)

    def roles(self, deal: Opportunity | str) -> list[ContactRole]:
        """Who plays which part, the primary contact first.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding photos", customer=wang)
            ...     mother = crm.customers.register(name="Mrs Wang")
            ...     _ = deals.involve(deal, wang, role="user", primary=True)
            ...     _ = deals.involve(deal, mother, role="decision maker", primary=True)
            ...     [(part.role, part.primary) for part in deals.roles(deal)]
            [('decision maker', True), ('user', False)]
        """
        with self.read() as work:
            rule = F.opportunity_id == work.get(Opportunity, deal).id
            return sorted(work.find(ContactRole, rule, order_by="created_at"), key=lambda part: not part.primary)

    def split(
        self, deal: Opportunity | str, shares: Mapping[str, Decimal | int | str], *, kind: SplitKind = "revenue"
    ) -> list[DealSplit]:
        """Say for whom a deal counts, and how much; forecasts, quotas and commissions follow the revenue splits.

        Args:
            deal: which one.
            shares: per cent by person; revenue shares add up to 100, overlay shares need not.  Nothing takes the splits
                away.
            kind: ``"revenue"`` or ``"overlay"`` (for those who helped), as in Salesforce.

        Raises:
            InvalidInput: a share is not above 0, or revenue shares don't add up to 100.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, amount=Money(10_000, "CNY"), owner="Xu")
            ...     _ = deals.split(deal, {"Xu": 70, "Li": 30}), deals.win(deal)
            ...     sorted((line.person, str(line.amount)) for line in crm.pipeline.commissions.find())
            [('Li', '300.00 CNY'), ('Xu', '700.00 CNY')]
        """
        with self.work() as work:
            return shared(work, work.get(Opportunity, id_of(deal)), shares, kind=kind)

    def splits(self, deal: Opportunity | str, *, kind: SplitKind = "revenue") -> dict[str, Decimal]:
        """Per cent by person, sorted by name; nothing when the deal counts for its owner alone.

        Args:
            deal: which one.
            kind: ``"revenue"`` or ``"overlay"``.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     deal = deals.open(name="Wedding banquet", customer=wang, owner="Xu")
            ...     _ = deals.split(deal, {"Xu": 70, "Li": 30}), deals.split(deal, {"Chen": 20}, kind="overlay")
            ...     deals.splits(deal), deals.splits(deal, kind="overlay")
            ({'Li': Decimal('30'), 'Xu': Decimal('70')}, {'Chen': Decimal('20')})
        """
        with self.read() as work:
            rule = (F.opportunity_id == work.get(Opportunity, deal).id) & (F.kind == kind)
            return {split.person: split.percent for split in work.find(DealSplit, rule, order_by="person")}
