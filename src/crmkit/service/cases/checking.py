"""Checking: the things that a repair, a return or an exchange is about."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Collection
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.service.cases.case import Case
from crmkit.service.cases.line import CaseLine, CaseLineAdded, CaseLineDecided, Fault, Outcome, entitlement

if TYPE_CHECKING:
    from crmkit.kernel.entity import Entity
    from crmkit.kernel.work import Work


class Checking(Collection[Case]):
    """What ``crm.service.cases`` does with the lines of a case."""

    cls = Case

    def add_line(
        self,
        case: Case | str,
        name: str | None = None,
        *,
        order_line: Entity | str | None = None,
        product: Entity | str | None = None,
        quantity: Decimal | int = 1,
        serial: str | None = None,
        fault: Fault = "other",
        bought_on: date | None = None,
        warranty_months: int | None = None,
        note: str | None = None,
    ) -> CaseLine:
        """Add a thing, and see whether the warranty covers it on the day on which the case was opened.

        Args:
            case: which one.
            name: what it is; what the order line says unless given.
            order_line: the line by which the customer bought it; its product and the day of the order are taken over.
            product: what it is in the catalogue.
            quantity: how many; not more than were bought.
            serial: its number.
            fault: ``defective``, ``damaged``, ``wrong item``, ``not as described``, ``changed mind``, ``wear`` or
                ``other``.
            bought_on: when it was bought.
            warranty_months: how long the warranty lasts.
            note: what is wrong with it, in words.

        Raises:
            InvalidInput: the case is closed, somebody else bought it, or more than was bought comes back.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     repair = crm.service.cases.open(wang, kind="repair", subject="The camera does not focus")
            ...     line = crm.service.cases.add_line(repair, "Camera", bought_on=date(2020, 1, 1), warranty_months=24)
            ...     line.covered, line.covered_why
            (False, 'the warranty ended on 2022-01-01')
        """
        with self.work() as work:
            current = work.get(Case, case)
            if current.status == "closed":
                raise InvalidInput(f"case {current.id} is closed: reopen it first")
            bought = _bought(work, current, order_line, quantity)
            said: dict[str, Any] = {"name": name, "bought_on": bought_on, "product_id": getattr(product, "id", product)}
            facts = {**bought, **{field: value for field, value in said.items() if value is not None}}
            judged = entitlement(
                bought_on=facts.get("bought_on"),
                warranty_months=warranty_months,
                fault=fault,
                on=local_date(current.opened_at, work.settings.zone),
            )
            if facts.get("name") is None:
                raise InvalidInput("a line needs a name, or the order line by which it was bought")
            line = work.new(
                CaseLine,
                case_id=current.id,
                quantity=Decimal(quantity),
                serial=serial,
                fault=fault,
                note=note,
                warranty_months=warranty_months,
                covered=judged.covered,
                covered_why=judged.why,
                **facts,
            )
            added = CaseLineAdded(
                case_line_id=line.id, case_id=current.id, customer_id=current.customer_id, covered=line.covered
            )
            return work.save(Change(line, (added,)))

    def decide(
        self, line: CaseLine | str, *, outcome: Outcome, note: str | None = None, amount: Money | None = None
    ) -> CaseLine:
        """Say what becomes of a thing; a case is resolved when every line has an outcome.

        Args:
            line: which one.
            outcome: ``repaired``, ``replaced``, ``refunded``, ``credited``, ``rejected`` or ``sent back``.
            note: why.
            amount: what is paid back, or is to be paid.

        Raises:
            InvalidInput: the case is closed, or a refund has no amount.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     repair = crm.service.cases.open(wang, kind="repair", subject="The camera does not focus")
            ...     line = crm.service.cases.add_line(repair, "Camera", fault="defective")
            ...     line = crm.service.cases.decide(line, outcome="refunded", amount=Money("4200.00", "CNY"))
            ...     str(line.amount), crm.service.cases.resolve(repair).status
            ('4,200.00 CNY', 'resolved')
        """
        with self.work() as work:
            current = work.get(CaseLine, line)
            case = work.get(Case, current.case_id)
            if case.status == "closed":
                raise InvalidInput(f"case {case.id} is closed: reopen it first")
            if outcome in {"refunded", "credited"} and amount is None:
                raise InvalidInput(f"a line that is {outcome} needs the amount")
            decided_at = None if outcome == "pending" else work.now
            after = current.evolve(outcome=outcome, outcome_note=note, amount=amount, decided_at=decided_at)
            decided = CaseLineDecided(
                case_line_id=after.id,
                case_id=case.id,
                customer_id=case.customer_id,
                outcome=after.outcome,
                amount=after.amount,
            )
            return work.save(Change(after, (decided,)))

    def lines(self, case: Case | str) -> list[CaseLine]:
        """The things that a case is about, in the order in which they were added.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     back = crm.service.cases.open(wang, kind="return", subject="Two frames come back")
            ...     _ = crm.service.cases.add_line(back, "Frame", quantity=2, fault="changed mind", warranty_months=24)
            ...     [(line.name, str(line.quantity), line.covered_why) for line in crm.service.cases.lines(back)]
            [('Frame', '2', 'a warranty does not cover: changed mind')]
        """
        with self.read() as work:
            return work.find(CaseLine, F.case_id == work.get(Case, case).id, order_by="created_at")


def _bought(work: Work, case: Case, order_line: Entity | str | None, quantity: Decimal | int) -> dict[str, Any]:
    """What the order line says; orders belong to another room, so they are asked by name."""
    if order_line is None:
        return {}
    bought: Any = work.get(work.house.registry.schema("order_line").cls, order_line)
    order: Any = work.get(work.house.registry.schema("order").cls, bought.order_id)
    if order.customer_id != case.customer_id:
        raise InvalidInput(f"order line {bought.id} belongs to another customer, {order.customer_id}")
    if quantity > bought.quantity:
        raise InvalidInput(f"{bought.quantity} of {bought.name} were bought, {quantity} cannot come back")
    return {
        "order_line_id": bought.id,
        "product_id": bought.product_id,
        "name": bought.name,
        "bought_on": local_date(order.placed_at, work.settings.zone),
    }
