"""``crm.pipeline.orders``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, overload

from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.checking import day
from crmkit.kernel.clock import local_date, start_of_day, utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.extras import Extra
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.people import deal_of
from crmkit.pipeline.orders.channels import ChannelResult, results
from crmkit.pipeline.orders.line import Line, OrderLine
from crmkit.pipeline.orders.order import Order, OrderFulfilled, OrderPlaced
from crmkit.pipeline.orders.pricing import priced, total_of
from crmkit.pipeline.orders.rhythm import Rhythm, expected_between, rhythm_of
from crmkit.pipeline.prices import PriceList
from crmkit.pipeline.products import Product

PAYMENT_DUE = "pipeline.payment_due"
FREE = {"number", "team", "partner_id", "due_at", "note"}


class Orders(Collection[Order]):
    """What ``crm.pipeline.orders`` offers."""

    cls = Order

    def place(
        self,
        customer: Customer | str,
        *,
        lines: Sequence[Line],
        opportunity: Opportunity | str | None = None,
        campaign: Record | str | None = None,
        company: Company | str | None = None,
        channel: str | None = None,
        owner: str | None = None,
        prices: PriceList | str | None = None,
        placed_at: datetime | None = None,
        extras: Iterable[Extra] = (),
        **fields: Any,
    ) -> Order:
        """Note that a customer has bought.

        Args:
            customer: who.
            lines: what, at least one line, all in one currency.
            opportunity: the deal that it comes from: the customer's, the company's, or one that the customer plays a
                part in.
            campaign: the activity that brought it; the deal's unless given.
            company: for which company; the deal's or the customer's unless given.
            channel: where: online, shop, field, telephone, partner …; the deal's unless given.
            owner: who has sold it; the deal's or the customer's unless given.
            prices: the price list for products without a price on their line.
            placed_at: when, for orders of the past; now unless given.
            extras: custom fields of the host.
            fields: ``number``, ``team``, ``partner_id``, ``due_at``, ``note``.

        Raises:
            InvalidInput: there is no line, a line has no price, two have different currencies, or the deal is somebody
                else's.
            NotFound: the customer, a product, the deal, the campaign or the company does not exist.
            Duplicate: another order has the number.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "CNY"))])
            ...     _ = crm.pipeline.payments.receive(order, Money(60, "CNY"), method="cash")
            ...     order = crm.pipeline.orders.get(order.id)
            ...     order.status, order.outstanding
            ('placed', Money('40.00', 'CNY'))
        """
        unknown = sorted(fields.keys() - FREE)
        if unknown:
            raise InvalidInput(f"an order has no {unknown[0]!r} to set; it has {', '.join(sorted(FREE))}")
        with self.work() as work:
            whom = work.get(Customer, _id(customer))
            deal = None if opportunity is None else deal_of(work, _id(opportunity), whom)
            bought = priced(work, lines, prices=prices)
            total = total_of(bought)
            order = work.new(
                Order,
                customer_id=whom.id,
                opportunity_id=None if deal is None else deal.id,
                campaign_id=_id(campaign) or (None if deal is None else deal.campaign_id),
                company_id=_company(work, company, deal, whom),
                channel=channel or (None if deal is None else deal.channel),
                owner=owner or (whom.owner if deal is None else deal.owner),
                placed_at=_past(work, placed_at),
                status="placed",
                status_since=work.now,
                total=total,
                paid=Money.zero(total.currency),
                credited=Money.zero(total.currency),
                extras={type(extra).key: extra.dump() for extra in extras},
                **fields,
            )
            saved = work.save(Change(order, (placed(order),)))
            work.save_new(Change(made) for made in lines_of(work, saved, bought))
            remember_due(work, saved)
            settled = saved.settled(machine=work.machine("order"), now=work.now)
            return work.save(settled) if settled.events else saved

    def lines(self, order: Order | str) -> list[OrderLine]:
        """What was bought, line by line, in order.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, album = crm.customers.register(name="Xiao Wang"), Line("Album", unit_price=Money(900, "CNY"))
            ...     prints = Line("Print", quantity=20, unit_price=Money(5, "CNY"), discount=10)
            ...     order = crm.pipeline.orders.place(wang, lines=[album, prints])
            ...     [(line.name, str(line.quantity), str(line.amount)) for line in crm.pipeline.orders.lines(order)]
            [('Album', '1', '900.00 CNY'), ('Print', '20', '90.00 CNY')]
        """
        with self.read() as work:
            return work.find(OrderLine, F.order_id == work.get(Order, order).id, order_by="position")

    def fulfil(self, order: Order | str) -> Order:
        """The host tells that the customer has received everything; what is paid is another matter (the status).

        Raises:
            Refused: the order is cancelled, or was fulfilled before.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(900, "CNY"))])
            ...     order = crm.pipeline.orders.fulfil(order)
            ...     order.fulfilled_at is not None, order.status
            (True, 'placed')
        """
        with self.work() as work:
            current = work.get(Order, order)
            if current.status == "cancelled" or current.fulfilled_at is not None:
                state = "cancelled" if current.fulfilled_at is None else f"fulfilled since {current.fulfilled_at}"
                raise Refused(f"order {current.id} is {state}: there is nothing to deliver")
            done = OrderFulfilled(order_id=current.id, customer_id=current.customer_id)
            return work.save(Change(current.evolve(fulfilled_at=work.now), (done,)))

    def cancel(self, order: Order | str, *, reason: str) -> Order:
        """It does not happen; what was paid is owed back (``order.owed_back``).

        Raises:
            TransitionRefused: it has been delivered or is cancelled, or there is no reason.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(900, "CNY"))])
            ...     _ = crm.pipeline.payments.receive(order, Money(300, "CNY"))
            ...     order = crm.pipeline.orders.cancel(order.id, reason="the wedding is put off")
            ...     order.status, order.outstanding, order.owed_back
            ('cancelled', Money('0.00', 'CNY'), Money('300.00', 'CNY'))
        """
        with self.work() as work:
            current = work.get(Order, order)
            return work.save(current.cancelled(reason=reason, machine=work.machine("order"), now=work.now))

    def rhythm(self, customer: Customer | str, *, product: Product | str | None = None) -> Rhythm | None:
        """When a customer should buy again, by the customer's own rhythm; none before the third day of buying.

        Definition: the median wait between the days of buying, see :class:`Rhythm`; cancelled orders don't count.

        Args:
            customer: who.
            product: only purchases of it.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang, soup = crm.customers.register(name="Xiao Wang"), Line("Soup", unit_price=Money(3, "EUR"))
            ...     for at in (datetime(2026, 2, day, tzinfo=UTC) for day in (1, 11, 22)):
            ...         _ = crm.pipeline.orders.place(wang, lines=[soup], placed_at=at)
            ...     rhythm = crm.pipeline.orders.rhythm(wang)
            ...     rhythm.every_days, str(rhythm.next_on), rhythm.is_late(on=date(2026, 3, 6))
            (10.5, '2026-03-04', True)
        """
        with self.read() as work:
            whom = work.get(Customer, _id(customer))
            return next(iter(_rhythms(work, F.customer_id == whom.id, product=product)), None)

    def expected(self, *, since: date, until: date, product: Product | str | None = None) -> list[Rhythm]:
        """Who should buy again from *since* up to and without *until*, the earliest first.

        Args:
            since: the first day.
            until: the day after the last one.
            product: only purchases of it.

        Raises:
            InvalidInput: *until* is not after *since*.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> with CRM.open(clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
            ...     wang, soup = crm.customers.register(name="Xiao Wang"), Line("Soup", unit_price=Money(3, "EUR"))
            ...     for at in (datetime(2026, 2, day, tzinfo=UTC) for day in (1, 11, 22)):
            ...         _ = crm.pipeline.orders.place(wang, lines=[soup], placed_at=at)
            ...     found = crm.pipeline.orders.expected(since=date(2026, 3, 2), until=date(2026, 3, 9))
            ...     [(rhythm.customer_id == wang.id, str(rhythm.next_on)) for rhythm in found]
            [(True, '2026-03-04')]
        """
        with self.read() as work:
            return expected_between(_rhythms(work, None, product=product), since, until)

    def channels(self, *, since: date | None = None, until: date | None = None) -> list[ChannelResult]:
        """What each sales channel brought, by the day on which orders were placed; cancelled ones are left out.

        Args:
            since: the first day; from the beginning unless given.
            until: the day after the last one; up to now unless given.

        Raises:
            InvalidInput: a day is none, or *until* is not after *since*.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang, soup = crm.customers.register(name="Xiao Wang"), Line("Soup", unit_price=Money(3, "EUR"))
            ...     for channel in ("shop", "online", "online"):
            ...         order = crm.pipeline.orders.place(wang, lines=[soup], channel=channel)
            ...     _ = crm.pipeline.payments.receive(order, order.total)
            ...     online = next(found for found in crm.pipeline.orders.channels() if found.channel == "online")
            ...     online.orders, online.customers, online.total["EUR"], online.paid["EUR"]
            (2, 1, Money('6.00', 'EUR'), Money('3.00', 'EUR'))
        """
        for name, given in (("since", since), ("until", until)):
            if given is not None:
                day(given, what=name)
        if since is not None and until is not None and until <= since:
            raise InvalidInput(f"until {until} must lie after since {since}")
        with self.read() as work:
            rule: Rule = F.status != "cancelled"
            if since is not None:
                rule &= F.placed_at >= start_of_day(since, work.settings.zone)
            if until is not None:
                rule &= F.placed_at < start_of_day(until, work.settings.zone)
            return results(work, rule)


def _rhythms(work: Work, rule: Rule | None, *, product: Product | str | None) -> list[Rhythm]:
    bought: Rule = F.status != "cancelled"
    if rule is not None:
        bought &= rule
    if product is not None:
        bought &= F.lines.where(F.product_id == work.get(Product, _id(product)).id).any()
    days: dict[str, list[date]] = {}
    for who, at in work.columns(Order, ["customer_id", "placed_at"], bought):
        days.setdefault(who, []).append(local_date(at, work.settings.zone))
    return [rhythm for who, on in days.items() if (rhythm := rhythm_of(who, on)) is not None]


def remember_due(work: Work, order: Order) -> None:
    """The agenda tells when *order* has not been paid in time."""
    if order.due_at is not None:
        key = f"payment-due:{order.id}:{order.due_at.isoformat()}"
        work.schedule(PAYMENT_DUE, due_at=order.due_at, subject=order.id, key=key)


def lines_of(work: Work, order: Order, lines: Sequence[Line]) -> Iterable[OrderLine]:
    """The lines of *order* as they are stored; *lines* are priced."""
    for position, line in enumerate(lines, start=1):
        product = line.product if isinstance(line.product, Product) else None
        cost = None if line.unit_cost is None else line.unit_cost.times(line.quantity)
        yield work.new(
            OrderLine,
            order_id=order.id,
            customer_id=order.customer_id,
            product_id=None if product is None else product.id,
            category=None if product is None else product.category,
            position=position,
            name=line.name,
            quantity=line.quantity,
            unit_price=line.unit_price,
            discount=line.discount,
            amount=line.amount,
            cost=cost,
        )


def placed(order: Order) -> OrderPlaced:
    """The customer has bought *order*."""
    return OrderPlaced(
        order_id=order.id,
        customer_id=order.customer_id,
        total=order.total,
        opportunity_id=order.opportunity_id,
        campaign_id=order.campaign_id,
        channel=order.channel,
    )


def _company(work: Work, company: Company | str | None, deal: Opportunity | None, customer: Customer) -> str | None:
    if company is not None:
        return work.get(Company, _id(company)).id
    return customer.company_id if deal is None or deal.company_id is None else deal.company_id


def _past(work: Work, at: datetime | None) -> datetime:
    moment = work.now if at is None else utc(at, what="placed_at")
    if moment > work.now:
        raise InvalidInput(f"placed_at {moment} lies in the future; an order that will come is a quote or a deal")
    return moment


@overload
def _id(ref: Record | str) -> str: ...
@overload
def _id(ref: Record | str | None) -> str | None: ...
def _id(ref: Record | str | None) -> str | None:
    return ref.id if isinstance(ref, Record) else ref
