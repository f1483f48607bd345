"""Returns and exchanges: what came back, why, and what the customer gets for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.checking import decimal
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.text import shown
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.desk import Orders
from crmkit.pipeline.orders.line import Line, OrderLine
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment, Payments

Wish = Literal["refund", "exchange"]


@entity("return", prefix="ret")
class Return(Entity):
    """A customer brings something back.

    Attributes:
        wish: what the customer wants for it.
        status: requested, approved, rejected, received (the goods are here) or settled.
        amount: what the goods have cost the customer.
        exchange_order_id: the order that took their place.
    """

    order_id: str = attribute(references="order", index=True)
    customer_id: str = attribute(references="customer", index=True)
    exchange_order_id: str | None = attribute(default=None, references="order", reverse="exchanged_returns")
    wish: Wish = attribute(default="refund")
    reason: str = attribute(index=True)
    status: str = attribute(default="requested", index=True)
    status_since: datetime = attribute()
    amount: Money = attribute()
    note: str | None = attribute(default=None, multiline=True)


@entity("return_line", prefix="rline")
class ReturnLine(Entity):
    """How many of one line of an order come back."""

    return_id: str = attribute(references="return", reverse="lines", index=True)
    order_line_id: str = attribute(references="order_line", reverse="returns", index=True)
    quantity: Decimal = attribute()
    amount: Money = attribute()


@event("pipeline.return_requested")
class ReturnRequested(Event):
    """A customer wants to bring something back."""

    return_id: str
    order_id: str
    customer_id: str
    reason: str


@event("pipeline.return_received")
class ReturnReceived(Event):
    """The goods are here."""

    return_id: str
    order_id: str
    customer_id: str
    amount: Money


@event("pipeline.return_settled")
class ReturnSettled(Event):
    """The customer got the money back, or something else instead."""

    return_id: str
    order_id: str
    customer_id: str
    wish: str


RETURN = Machine(
    "return",
    initial="requested",
    final={"settled", "rejected"},
    field="status",
    table=(
        on("approve", "requested", "approved"),
        on("reject", {"requested", "approved"}, "rejected", needs="reason"),
        on("receive", {"requested", "approved"}, "received"),
        on("settle", "received", "settled"),
    ),
)


class Returns(Collection[Return]):
    """What ``crm.pipeline.returns`` offers."""

    cls = Return

    def request(
        self,
        order: Order | str,
        *,
        lines: Mapping[str, Decimal | int | str],
        reason: str,
        wish: Wish = "refund",
        note: str | None = None,
    ) -> Return:
        """A customer wants to bring something back.

        Args:
            order: where it was bought.
            lines: by the id of the order line, how many.
            reason: why.
            wish: ``"refund"`` or ``"exchange"``.
            note: more about it.

        Raises:
            InvalidInput: a quantity is not above 0, or a line belongs to another order.
            Refused: more would come back than was bought, or the order is cancelled.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     lines = [Line("Print", quantity=3, unit_price=Money(10, "EUR"))]
            ...     order = crm.pipeline.orders.place(wang, lines=lines)
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     first = crm.pipeline.orders.lines(order)[0]
            ...     back = crm.pipeline.returns.request(order, lines={first.id: 1}, reason="scratched")
            ...     back = crm.pipeline.returns.receive(back)
            ...     crm.pipeline.returns.refund(back).amount
            Money('10.00', 'EUR')
        """
        with self.work() as work:
            current = work.get(Order, order.id if isinstance(order, Order) else order)
            if current.status == "cancelled":
                raise Refused(f"order {current.id} is cancelled: pay back what was paid with payments.refund")
            if not isinstance(lines, Mapping):
                raise InvalidInput(
                    f"lines are quantities by the id of the order line, as in {{id: 1}}, got {shown(lines)}"
                )
            parts = [_part(work, current, line, quantity) for line, quantity in lines.items()]
            if not parts:
                raise InvalidInput("say what comes back, as in lines={order_line.id: 1}")
            if len({bought.id for bought, _, _ in parts}) < len(parts):
                raise InvalidInput("one order line is given twice: say once how many of it come back")
            made = work.new(
                Return,
                order_id=current.id,
                customer_id=current.customer_id,
                wish=wish,
                reason=reason,
                note=note,
                amount=Money.total([amount for _, _, amount in parts], currency=current.total.currency),
                status_since=work.now,
            )
            asked = ReturnRequested(
                return_id=made.id, order_id=current.id, customer_id=current.customer_id, reason=made.reason
            )
            saved = work.save(Change(made, (asked,)))
            work.save_new(_lines(work, saved, parts))
            return saved

    def lines(self, ret: Return | str) -> list[ReturnLine]:
        """What comes back, line by line.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     (part,) = crm.pipeline.returns.lines(back)
            ...     part.order_line_id == line.id, part.quantity, part.amount
            (True, Decimal('2'), Money('20.00', 'EUR'))
        """
        with self.read() as work:
            return work.find(ReturnLine, F.return_id == work.get(Return, ret).id, order_by="created_at")

    def approve(self, ret: Return | str) -> Return:
        """It may come back; nothing is credited before it is here.

        Raises:
            TransitionRefused: it has been decided.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     back = crm.pipeline.returns.approve(back)
            ...     back.status, back.amount, crm.pipeline.orders.get(order.id).outstanding
            ('approved', Money('20.00', 'EUR'), Money('30.00', 'EUR'))
        """
        with self.work() as work:
            return work.save(work.machine("return").step(work.get(Return, ret), "approve", now=work.now))

    def reject(self, ret: Return | str, *, reason: str) -> Return:
        """It may not come back; the customer keeps it, and may ask again.

        Raises:
            TransitionRefused: the goods are here already, or there is no reason.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     crm.pipeline.returns.reject(back, reason="they were scratched by hand").status
            'rejected'
        """
        with self.work() as work:
            step = work.machine("return").step
            return work.save(step(work.get(Return, ret), "reject", now=work.now, reason=reason))

    def receive(self, ret: Return | str) -> Return:
        """The goods are here: the customer owes their price no more, and what was paid for them is owed back.

        What was refunded for the order before, as a favour, is not owed twice: an order is credited with its total at
        the most, and never more is owed back than was paid.

        Raises:
            TransitionRefused: it was rejected, or they are here already.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     _ = crm.pipeline.returns.receive(back)
            ...     crm.pipeline.orders.get(order.id).outstanding, crm.pipeline.orders.lines(order)[0].returned
            (Money('10.00', 'EUR'), Decimal('2'))
        """
        with self.work() as work:
            current = work.get(Return, ret)
            came = ReturnReceived(
                return_id=current.id,
                order_id=current.order_id,
                customer_id=current.customer_id,
                amount=current.amount,
            )
            change = work.machine("return").step(current, "receive", now=work.now).and_also(came)
            for line in work.find(ReturnLine, F.return_id == current.id):
                bought = work.get(OrderLine, line.order_line_id)
                work.save(Change(bought.evolve(returned=bought.returned + line.quantity)))
            order = work.get(Order, current.order_id)
            work.save(order.credit(current.amount, machine=work.machine("order"), now=work.now))
            return work.save(change)

    def refund(self, ret: Return | str, *, method: str | None = None, reference: str | None = None) -> Payment:
        """Pay back what the customer has paid for the goods.

        Raises:
            TransitionRefused: the goods are not here yet, or it is settled.
            Refused: nothing is owed back for them: :meth:`settle` it.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     paid = crm.pipeline.returns.refund(crm.pipeline.returns.receive(back), method="card")
            ...     paid.amount, paid.reason, crm.pipeline.returns.get(back.id).status
            (Money('20.00', 'EUR'), 'scratched', 'settled')
        """
        with self.work() as work:
            current = work.get(Return, ret)
            settled = _settled(work, current, wish="refund")
            back = _owed(work, current)
            if not back:
                raise Refused(f"nothing was paid for {current.id}, or all of it went back: end it with returns.settle")
            work.save(settled)
            return Payments(work).refund(
                current.order_id, back, reason=current.reason, method=method, reference=reference
            )

    def settle(self, ret: Return | str) -> Return:
        """End a return for which nothing is to be paid back: nothing was paid, or all of it went back before.

        Raises:
            TransitionRefused: the goods are not here yet, or it is settled.
            Refused: something is owed back for them.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", unit_price=price)])
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 1}, reason="scratched")
            ...     back = crm.pipeline.returns.settle(crm.pipeline.returns.receive(back))
            ...     back.status, crm.pipeline.orders.get(order.id).status
            ('settled', 'refunded')
        """
        with self.work() as work:
            current = work.get(Return, ret)
            settled, owed = _settled(work, current, wish=current.wish), _owed(work, current)
            if owed:
                raise Refused(f"{owed} are owed back for {current.id}: use returns.refund or returns.exchange")
            return work.save(settled)

    def exchange(self, ret: Return | str, *, lines: Sequence[Line]) -> Order:
        """Give the customer something else: a new order, to which the worth of the goods goes over.

        The books stay whole: the worth is refunded on the old order and paid on the new one, both by the method
        ``"exchange"``.  What the new goods cost more is still to be paid; what they cost less stays owed back.

        Raises:
            TransitionRefused: the goods are not here yet, or it is settled.
            InvalidInput: as for ``orders.place``; or another currency.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, price = crm.customers.register(name="Xiao Wang"), Money(10, "EUR")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Print", quantity=3, unit_price=price)])
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     (line,) = crm.pipeline.orders.lines(order)
            ...     back = crm.pipeline.returns.request(order, lines={line.id: 2}, reason="scratched")
            ...     _ = crm.pipeline.returns.receive(back)
            ...     new = crm.pipeline.returns.exchange(back.id, lines=[Line("Frame", unit_price=Money(25, "EUR"))])
            ...     new.paid, new.outstanding
            (Money('20.00', 'EUR'), Money('5.00', 'EUR'))
        """
        with self.work() as work:
            current = work.get(Return, ret)
            old = work.get(Order, current.order_id)
            machine = work.machine("return")
            machine.target(current.status, "settle", current)
            order = Orders(work).place(
                current.customer_id,
                lines=lines,
                campaign=old.campaign_id,
                company=old.company_id,
                channel=old.channel,
                owner=old.owner,
            )
            over = min(_owed(work, current), order.total)
            if over:
                Payments(work).refund(old.id, over, reason=current.reason, method="exchange")
                Payments(work).receive(order, over, method="exchange")
            work.save(_settled(work, current, wish="exchange", exchange_order_id=order.id))
            return work.get(Order, order.id)


def _part(work: Work, order: Order, line: str, quantity: Decimal | int | str) -> tuple[OrderLine, Decimal, Money]:
    """One line that comes back: how many, and what they have cost."""
    bought, many = work.get(OrderLine, line), decimal(quantity, what="the quantity that comes back")
    if bought.order_id != order.id:
        raise InvalidInput(f"{line} is a line of another order than {order.id}")
    if many <= 0:
        raise InvalidInput(f"the quantity that comes back is above 0, got {quantity}")
    gone = work.find(ReturnLine, (F.order_line_id == bought.id) & (F["return"].status != "rejected"))
    left = bought.quantity - sum(line.quantity for line in gone)
    if many > left:
        raise Refused(
            f"{many.normalize():f} of {bought.name} cannot come back: "
            f"only {left.normalize():f} are left with the customer"
        )
    # The part of what is left, so that the last one takes the rest, whichever returns were rejected in between.
    rest = bought.amount - Money.total((line.amount for line in gone), currency=bought.amount.currency)
    return bought, many, rest.times(many / left)


def _lines(work: Work, ret: Return, parts: Iterable[tuple[OrderLine, Decimal, Money]]) -> Iterable[Change[ReturnLine]]:
    for bought, many, amount in parts:
        yield Change(work.new(ReturnLine, return_id=ret.id, order_line_id=bought.id, quantity=many, amount=amount))


def _settled(work: Work, ret: Return, *, wish: Wish, exchange_order_id: str | None = None) -> Change[Return]:
    changes = {"wish": wish, "exchange_order_id": exchange_order_id}
    done = ReturnSettled(return_id=ret.id, order_id=ret.order_id, customer_id=ret.customer_id, wish=wish)
    return work.machine("return").step(ret, "settle", now=work.now, changes=changes).and_also(done)


def _owed(work: Work, ret: Return) -> Money:
    """What is to be paid back for what came back."""
    return min(ret.amount, work.get(Order, ret.order_id).owed_back)
