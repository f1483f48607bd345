"""The ledger: one line for each time that somebody earns something, or loses it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.commissions.plans import CommissionPlan, Source, margin
from crmkit.pipeline.opportunities.deal import FULL, Opportunity
from crmkit.pipeline.opportunities.people import DealSplit, parts_of
from crmkit.pipeline.orders.line import OrderLine
from crmkit.pipeline.orders.order import Order
from crmkit.pipeline.payments import Payment


@entity(
    "commission",
    prefix="comm",
    when="earned_at",
    indexes=[Index(attributes=("person", "earned_at")), Index(attributes=("order_id", "person"))],
)
class Commission(Entity):
    """One line of the ledger.

    Attributes:
        kind: earned by a sale; reversed because the money went back or the deal is open again; or corrected by hand.
        plan: the name of the plan.
        key: tells it from all others for ever, so that nothing is earned twice.
        base: the money that earned it: the payment, the refund or the deal, times the person's share.
        amount: what was earned; below 0 when it is taken back.
        reason: why it was taken back or corrected.
        corrects_id: for corrections, the line that was wrong.
        settlement_id: where it was settled; from then on it does not change.
    """

    person: str = attribute(index=True)
    kind: Literal["earned", "reversed", "corrected"] = attribute(default="earned")
    plan: str = attribute()
    key: str = attribute(unique=True, limit=400)
    customer_id: str | None = attribute(default=None, references="customer")
    order_id: str | None = attribute(default=None, references="order")
    payment_id: str | None = attribute(default=None, references="payment")
    opportunity_id: str | None = attribute(default=None, references="opportunity", index=True)
    settlement_id: str | None = attribute(default=None, references="settlement", index=True)
    base: Money = attribute()
    amount: Money = attribute()
    reason: str | None = attribute(default=None)
    corrects_id: str | None = attribute(default=None, references="commission", reverse="corrections")
    earned_at: datetime = attribute(index=True)


@event("pipeline.commission_earned")
class CommissionEarned(Event):
    """Somebody has earned a commission."""

    commission_id: str
    person: str
    amount: Money


@event("pipeline.commission_reversed")
class CommissionReversed(Event):
    """A commission is taken back, or corrected to less; *amount* is below 0."""

    commission_id: str
    person: str
    amount: Money


def earn_by_payment(work: Work, payment: Payment) -> list[Commission]:
    """What the people who sold an order earn by a payment for it.

    The plan is judged for the whole order, and what the order earns is shared out without losing a cent; each payment
    earns its part of each share, and these parts add up to the share.
    """
    plans = _plans(work, "payment")
    if not plans:
        return []
    order = work.get(Order, payment.order_id)
    shares = shares_of(work, order)
    if not shares:
        return []
    received = _sum(_money(work, order, "payment"), order)
    bases = parts_of(payment.amount, shares)
    made = []
    for person in shares:
        plan = _fitting(work, plans, person, order)
        if plan is None:
            continue
        whole = parts_of(plan.commission(_base(work, plan, order)), shares)[person]
        due = whole.times(received / order.total) if received < order.total else whole
        amount = due - _earned(work, order, person, plan)
        made.append(
            work.new(
                Commission,
                person=person,
                plan=plan.name,
                key=f"{payment.id}:{plan.id}:{person}",
                customer_id=order.customer_id,
                order_id=order.id,
                payment_id=payment.id,
                base=bases[person],
                amount=amount,
                earned_at=payment.received_at,
            )
        )
    return _kept(work, made)


def reverse_by_refund(work: Work, refund: Payment) -> list[Commission]:
    """Take back what the refunded money had earned: the same share of it, and after a full refund all of it."""
    order = work.get(Order, refund.order_id)
    lines = work.find(Commission, F.order_id == order.id, order_by="id")
    received = _sum(_money(work, order, "payment"), order)
    refunded = _sum(_money(work, order, "refund"), order)
    made = []
    for person, plan in dict.fromkeys((line.person, line.plan) for line in lines):
        mine = [line for line in lines if (line.person, line.plan) == (person, plan)]
        earned = Money.total((li.amount for li in mine if li.kind != "reversed"), currency=order.total.currency)
        taken = Money.total((li.amount for li in mine if li.kind == "reversed"), currency=order.total.currency)
        due = earned.times(refunded / received) if refunded < received else earned
        made.append(
            work.new(
                Commission,
                person=person,
                kind="reversed",
                plan=plan,
                key=f"{refund.id}:{plan}:{person}",
                customer_id=order.customer_id,
                order_id=order.id,
                payment_id=refund.id,
                base=-refund.amount,
                amount=-(due + taken),
                reason=refund.reason or "refund",
                earned_at=refund.received_at,
            )
        )
    return _kept(work, made)


def earn_by_deal(work: Work, deal: Opportunity) -> list[Commission]:
    """What the people who won a deal earn by it."""
    plans = _plans(work, "won")
    shares = deal_shares(work, deal) if plans else {}
    if not shares or deal.amount is None or deal.closed_at is None:
        return []
    bases = parts_of(deal.amount, shares)
    made = []
    for person in shares:
        plan = _fitting(work, plans, person, deal)
        if plan is not None:
            made.append(
                work.new(
                    Commission,
                    person=person,
                    plan=plan.name,
                    key=f"{deal.id}:{deal.closed_at.isoformat()}:{plan.id}:{person}",
                    customer_id=deal.customer_id,
                    opportunity_id=deal.id,
                    base=bases[person],
                    amount=parts_of(plan.commission(deal.amount), shares)[person],
                    earned_at=deal.closed_at,
                )
            )
    return _kept(work, made)


def reverse_by_reopening(work: Work, deal: Opportunity) -> list[Commission]:
    """Take back everything that a deal had earned which is open again."""
    lines = work.find(Commission, F.opportunity_id == deal.id, order_by="id")
    made = []
    for person, plan, code in dict.fromkeys((li.person, li.plan, li.amount.currency) for li in lines):
        mine = [li for li in lines if (li.person, li.plan, li.amount.currency) == (person, plan, code)]
        made.append(
            work.new(
                Commission,
                person=person,
                kind="reversed",
                plan=plan,
                key=f"{deal.id}:{mine[-1].id}:reopened",
                customer_id=deal.customer_id,
                opportunity_id=deal.id,
                base=-Money.total((li.base for li in mine), currency=code),
                amount=-Money.total((li.amount for li in mine), currency=code),
                reason="the deal is open again",
                earned_at=work.now,
            )
        )
    return _kept(work, made)


def corrected(work: Work, line: Commission, *, amount: Money, reason: str) -> list[Commission]:
    """Write the difference between what a line should have been and what it is, earlier corrections included."""
    earlier = work.find(Commission, F.corrects_id == line.id)
    now = Money.total((li.amount for li in (line, *earlier)), currency=line.amount.currency)
    made = work.new(
        Commission,
        person=line.person,
        kind="corrected",
        plan=line.plan,
        key=f"{line.id}:corrected:{len(earlier) + 1}",
        customer_id=line.customer_id,
        order_id=line.order_id,
        opportunity_id=line.opportunity_id,
        base=Money.zero(amount.currency),
        amount=amount - now,
        reason=reason,
        corrects_id=line.id,
        earned_at=work.now,
    )
    return _kept(work, [made])


def shares_of(work: Work, order: Order) -> dict[str, Decimal]:
    """Who sold an order, in per cent: the revenue splits of its deal, else its owner."""
    if order.opportunity_id is not None:
        splits = _splits(work, order.opportunity_id)
        if splits:
            return splits
    return {} if order.owner is None else {order.owner: FULL}


def deal_shares(work: Work, deal: Opportunity) -> dict[str, Decimal]:
    """Who won a deal, in per cent: its revenue splits, else its owner."""
    splits = _splits(work, deal.id)
    return splits or ({} if deal.owner is None else {deal.owner: FULL})


def _splits(work: Work, deal_id: str) -> dict[str, Decimal]:
    rule = (F.opportunity_id == deal_id) & (F.kind == "revenue")
    return {split.person: split.percent for split in work.find(DealSplit, rule, order_by="person")}


def _plans(work: Work, source: Source) -> list[CommissionPlan]:
    rule = (F.active == True) & (F.source == source)  # noqa: E712 - a rule
    return work.find(CommissionPlan, rule, order_by=("position", "name"))


def _fitting(
    work: Work, plans: Iterable[CommissionPlan], person: str, sale: Order | Opportunity
) -> CommissionPlan | None:
    """The first plan that is for this person and this sale."""
    worth = sale.total if isinstance(sale, Order) else sale.amount
    for plan in plans:
        if worth is None or not plan.serves(person, worth.currency):
            continue
        rule = plan.read()
        if rule is None or work.count(type(sale), rule & (F.id == sale.id)):
            return plan
    return None


def _base(work: Work, plan: CommissionPlan, order: Order) -> Money:
    if plan.basis == "amount":
        return order.total
    lines = work.find(OrderLine, F.order_id == order.id)
    return Money.total((margin(line.amount, line.cost) for line in lines), currency=order.total.currency)


def _money(work: Work, order: Order, kind: str) -> list[Payment]:
    return work.find(Payment, (F.order_id == order.id) & (F.kind == kind))


def _sum(payments: Iterable[Payment], order: Order) -> Money:
    return Money.total((payment.amount for payment in payments), currency=order.total.currency)


def _earned(work: Work, order: Order, person: str, plan: CommissionPlan) -> Money:
    """What the payments before have earned; reversals and corrections stand for themselves."""
    rule = (F.order_id == order.id) & (F.person == person) & (F.plan == plan.name) & (F.kind == "earned")
    return Money.total((line.amount for line in work.find(Commission, rule)), currency=order.total.currency)


def _kept(work: Work, lines: Iterable[Commission]) -> list[Commission]:
    changes = list(_with_events(line for line in lines if line.amount))
    return work.save_new(changes) if changes else []


def _with_events(lines: Iterable[Commission]) -> Iterator[Change[Commission]]:
    for line in lines:
        kind = CommissionEarned if line.amount.minor > 0 else CommissionReversed
        yield Change(line, (kind(commission_id=line.id, person=line.person, amount=line.amount),))
