"""``crm.pipeline.commissions``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import several
from crmkit.kernel.work import Work
from crmkit.pipeline.commissions.ledger import Commission, corrected
from crmkit.pipeline.commissions.plans import Basis, CommissionPlan, Section, Source, ordered
from crmkit.pipeline.commissions.settlements import Period, Settlement, settle
from crmkit.pipeline.orders.order import Order


class Plans(Collection[CommissionPlan]):
    """What ``crm.pipeline.commissions.plans`` offers."""

    cls = CommissionPlan

    def define(
        self,
        name: str,
        *,
        percent: Decimal | int | str | None = None,
        fixed: Money | None = None,
        sections: Sequence[Section] = (),
        basis: Basis = "amount",
        source: Source = "payment",
        rule: Rule | None = None,
        people: Iterable[str] = (),
        position: int = 100,
    ) -> CommissionPlan:
        """Lay down a plan, or change one; what was earned by it before stays as it is.

        Args:
            name: how it is called.
            percent: per cent of the base, 0 to 1000.
            fixed: the same for each order or deal; for sales in its currency.
            sections: per cent by the size of the base; for sales in their currency.
            basis: ``"amount"``, or ``"margin"`` for the amount less the cost, at least 0.
            source: ``"payment"``: earned as the money comes in; ``"won"``: earned when a deal is won.
            rule: which orders (or, for won deals, opportunities) it is for, as in ``F.channel == "shop"``.
            people: for whom; everybody when empty.
            position: of several plans that fit, the lowest counts alone.

        Raises:
            DefinitionError: sections overlap or are upside down, or the rule does not fit.
            InvalidInput: not exactly one of percent, fixed and sections is given.

        Example:
            >>> from crmkit import CRM, Line
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10)
            ...     wang = crm.customers.register(name="Xiao Wang", owner="ann")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(90, "EUR"))])
            ...     _ = crm.pipeline.payments.receive(order, Money(90, "EUR"))
            ...     [(line.person, line.amount) for line in crm.pipeline.commissions.find()]
            [('ann', Money('9.00', 'EUR'))]
        """
        with self.work() as work:
            if rule is not None:
                work.plan(work.house.registry.schema("order" if source == "payment" else "opportunity").cls, rule)
            values = {
                "percent": percent,
                "fixed": fixed,
                "sections": tuple(ordered(several(sections, what="sections"))),
                "basis": basis,
                "source": source,
                "rule": None if rule is None else to_json(rule),
                "people": frozenset(several(people, what="people")),
                "position": position,
                "active": True,
            }
            known = work.called(CommissionPlan, name)
            after = work.new(CommissionPlan, name=name, **values) if known is None else known.evolve(**values)
            return work.save(Change(after))

    def stop(self, name: str) -> CommissionPlan:
        """Nothing is earned by it any more; what was earned before stays.

        Raises:
            NotFound: there is no such plan.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     _ = crm.pipeline.commissions.plans.stop("ten")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     crm.pipeline.commissions.find()
            []
        """
        with self.work() as work:
            return work.save(Change(work.named(CommissionPlan, name).evolve(active=False)))


class Commissions(Collection[Commission]):
    """What ``crm.pipeline.commissions`` offers: the ledger, the plans and the settlements."""

    cls = Commission

    @property
    def plans(self) -> Plans:
        """By what rule a sale earns a commission."""
        return Plans(self._scope)

    @property
    def settlements(self) -> Settlements:
        """What was paid out."""
        return Settlements(self._scope)

    def correct(self, commission: Commission | str, *, amount: Money, reason: str) -> list[Commission]:
        """Say what a line should have come to: the difference becomes a line of its own, and the line stays.

        So a settled line never changes, and what was wrong in it is put right in the next settlement.

        Args:
            commission: the line.
            amount: what it should have come to, in its currency.
            reason: why.

        Returns:
            the new line; none if nothing is different.

        Raises:
            InvalidInput: another currency, no reason, or the line is itself a correction or a reversal.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     ledger = crm.pipeline.commissions
            ...     _ = ledger.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     (line,) = ledger.find()
            ...     (more,) = ledger.correct(line, amount=Money(100, "EUR"), reason="found the customer, too")
            ...     line.amount, more.amount, ledger.open_balance("Xu")["EUR"]
            (Money('90.00', 'EUR'), Money('10.00', 'EUR'), Money('100.00', 'EUR'))
        """
        if not reason:
            raise InvalidInput("a correction needs a reason")
        with self.work() as work:
            current = work.get(Commission, commission)
            if amount.currency != current.amount.currency:
                raise InvalidInput(f"commission {current.id} is in {current.amount.currency}, got {amount}")
            if current.kind != "earned":
                raise InvalidInput(f"commission {current.id} is {current.kind}: correct the line that was earned")
            return corrected(work, current, amount=amount, reason=reason)

    def settle(self, *, until: date, period: Period = "month", person: str | None = None) -> list[Settlement]:
        """Settle what was earned in the periods that end by *until*: one settlement a person, period and currency.

        A settlement takes further lines of its period until it is invoiced; after that they get a new one.

        Args:
            until: the day after the last one that counts; periods that end later wait.
            period: ``"half_month"`` (1st to 15th, 16th to the end), ``"month"``, ``"quarter"``, ``"half_year"``,
                ``"year"``.
            person: for this person only.

        Returns:
            the settlements that were made or have grown.

        Raises:
            InvalidInput: there is no such period, or *until* is no date.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     early = crm.pipeline.commissions.settle(until=date(2026, 3, 31))
            ...     (march,) = crm.pipeline.commissions.settle(until=date(2026, 4, 1))
            ...     early, march.person, march.total, str(march.starts_on), str(march.ends_on)
            ([], 'Xu', Money('90.00', 'EUR'), '2026-03-01', '2026-04-01')
        """
        with self.work() as work:
            return settle(work, until=until, period=period, person=person)

    def open_balance(self, person: str) -> dict[str, Money]:
        """What a person has earned and was not settled yet, by currency; nothing for one who has earned nothing.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     before = crm.pipeline.commissions.open_balance("Xu")
            ...     _ = crm.pipeline.commissions.settle(until=date(2026, 4, 1))
            ...     before, crm.pipeline.commissions.open_balance("Xu")
            ({'EUR': Money('90.00', 'EUR')}, {})
        """
        with self.read() as work:
            rule = (F.person == person) & F.settlement_id.is_missing()
            sums: dict[str, Money] = {}
            for group in work.tally(Commission, rule, sums=("amount",)):
                sums |= group.sums["amount"]
            return sums

    def of(self, order: Order | str) -> list[Commission]:
        """The lines of one order, in the order in which they were earned.

        Raises:
            NotFound: there is no such order.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10)
            ...     wang = crm.customers.register(name="Xiao Wang", owner="Xu")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(900, "EUR"))])
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     _ = crm.pipeline.payments.refund(order, Money(300, "EUR"), reason="two pictures are missing")
            ...     [(line.kind, str(line.amount)) for line in crm.pipeline.commissions.of(order)]
            [('earned', '90.00 EUR'), ('reversed', '-30.00 EUR')]
        """
        with self.read() as work:
            return work.find(Commission, F.order_id == work.get(Order, order).id, order_by=("earned_at", "id"))


class Settlements(Collection[Settlement]):
    """What ``crm.pipeline.commissions.settlements`` offers."""

    cls = Settlement

    def lines(self, settlement: Settlement | str) -> list[Commission]:
        """What it consists of, in the order in which it was earned; nothing once it is cancelled.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     ledger = crm.pipeline.commissions
            ...     _ = ledger.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     (march,) = ledger.settle(until=date(2026, 4, 1))
            ...     [(line.plan, str(line.base), str(line.amount)) for line in ledger.settlements.lines(march)]
            [('ten', '900.00 EUR', '90.00 EUR')]
        """
        with self.read() as work:
            return _lines(work, work.get(Settlement, settlement))

    def invoice(self, settlement: Settlement | str, *, reference: str | None = None) -> Settlement:
        """There is a payout document: nothing is added any more, and it cannot be cancelled.

        Args:
            settlement: which.
            reference: how the document is called.

        Raises:
            TransitionRefused: it is invoiced already, or cancelled.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     (march,) = crm.pipeline.commissions.settle(until=date(2026, 4, 1))
            ...     march = crm.pipeline.commissions.settlements.invoice(march, reference="payroll 2026-03")
            ...     march.status, march.reference
            ('invoiced', 'payroll 2026-03')
        """
        return self._move(settlement, "invoice", {"reference": reference})

    def withdraw_invoice(self, settlement: Settlement | str, *, reason: str) -> Settlement:
        """The payout document is gone: it is only settled again.

        Raises:
            TransitionRefused: it is not invoiced, or there is no reason.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     ledger = crm.pipeline.commissions
            ...     _ = ledger.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     (march,) = ledger.settle(until=date(2026, 4, 1))
            ...     march = ledger.settlements.invoice(march, reference="payroll 2026-03")
            ...     march = ledger.settlements.withdraw_invoice(march, reason="wrong account")
            ...     march.status, march.reference, march.reason
            ('settled', None, 'wrong account')
        """
        return self._move(settlement, "withdraw invoice", {"reference": None, "reason": reason}, reason=reason)

    def cancel(self, settlement: Settlement | str, *, reason: str) -> Settlement:
        """Undo it: its lines wait for another settlement.

        Raises:
            TransitionRefused: it is invoiced, or there is no reason.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     _ = crm.pipeline.commissions.plans.define("ten", percent=10, source="won")
            ...     wang, deals = crm.customers.register(name="Xiao Wang"), crm.pipeline.opportunities
            ...     _ = deals.win(deals.open(name="Album", customer=wang, amount=Money(900, "EUR"), owner="Xu"))
            ...     (march,) = crm.pipeline.commissions.settle(until=date(2026, 4, 1))
            ...     march = crm.pipeline.commissions.settlements.cancel(march, reason="settled too early")
            ...     march.status, crm.pipeline.commissions.open_balance("Xu")
            ('cancelled', {'EUR': Money('90.00', 'EUR')})
        """
        with self.work() as work:
            current = work.get(Settlement, settlement)
            step = work.machine("settlement").step
            change = step(current, "cancel", now=work.now, changes={"reason": reason}, reason=reason)
            lines = _lines(work, current)
            if lines:
                work.put([line.evolve(settlement_id=None) for line in lines])
            return work.save(change)

    def _move(
        self, settlement: Settlement | str, trigger: str, changes: dict[str, str | None], **facts: str
    ) -> Settlement:
        with self.work() as work:
            current = work.get(Settlement, settlement)
            step = work.machine("settlement").step
            return work.save(step(current, trigger, now=work.now, changes=changes, **facts))


def _lines(work: Work, settlement: Settlement) -> list[Commission]:
    return work.find(Commission, F.settlement_id == settlement.id, order_by=("earned_at", "id"))
