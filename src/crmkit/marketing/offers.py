"""Offers: what is offered to one customer, for how long, and what came of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.kernel.work import Work
from crmkit.marketing.campaigns import Campaign, campaign_of
from crmkit.pipeline.orders.order import Order

EXPIRE = "marketing.offer_expire"


@entity("offer", prefix="off")
class Offer(Entity):
    """Something that a customer gets cheaper, or for nothing, until a day.

    Attributes:
        code: what the customer says to get it; no two offers of a tenant share it.
        percent: the discount in percent, above 0 up to 100.
        amount: the discount as an amount.
        valid_until: the last day, in the zone of the CRM.
        order_id: the order for which it was taken.
    """

    customer_id: str = attribute(references="customer")
    name: str = attribute()
    terms: str | None = attribute(default=None, multiline=True)
    code: str | None = attribute(default=None, unique=True)
    percent: Decimal | None = attribute(default=None)
    amount: Money | None = attribute(default=None)
    campaign_id: str | None = attribute(default=None, references="campaign", index=True)
    valid_until: date | None = attribute(default=None)
    status: str = attribute(default="open", index=True)
    status_since: datetime = attribute()
    order_id: str | None = attribute(default=None, references="order")
    reason: str | None = attribute(default=None)

    def check(self) -> None:
        """A percentage or an amount, both above zero."""
        if self.percent is not None and self.amount is not None:
            raise InvalidInput(f"offer {self.name!r}: give a percentage or an amount, not both")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise InvalidInput(f"offer {self.name!r}: a discount is above 0 up to 100 percent, got {self.percent}")
        if self.amount is not None and self.amount.minor <= 0:
            raise InvalidInput(f"offer {self.name!r}: a discount is above zero, got {self.amount}")

    def discount(self, price: Money) -> Money:
        """How much cheaper *price* is: never more than the price, rounded half up to the smallest unit.

        Raises:
            InvalidInput: the offer is in another currency.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open(currency="CNY") as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     offer = crm.marketing.offers.make(zhao, name="a pot of tea", amount=Money(48, "CNY"))
            ...     [str(offer.discount(Money(price, "CNY"))) for price in (168, 30)]
            ['48.00 CNY', '30.00 CNY']
        """
        if self.amount is not None:
            return min(self.amount, price)
        if self.percent is None:
            return Money.zero(price.currency)
        hundredths = price.minor * int(self.percent.scaleb(6))
        return Money.from_minor((2 * hundredths + 10**8) // (2 * 10**8), price.currency)


@event("marketing.offer_made")
class OfferMade(Event):
    """A customer was offered something."""

    offer_id: str
    customer_id: str
    name: str
    valid_until: date | None


@event("marketing.offer_taken")
class OfferTaken(Event):
    """A customer has accepted an offer."""

    offer_id: str
    customer_id: str
    order_id: str | None


@event("marketing.offer_declined")
class OfferDeclined(Event):
    """A customer does not want an offer."""

    offer_id: str
    customer_id: str
    reason: str


@event("marketing.offer_expired")
class OfferExpired(Event):
    """The last day of an offer is over."""

    offer_id: str
    customer_id: str


OFFER = Machine(
    "offer",
    initial="open",
    final={"taken", "declined", "expired", "withdrawn"},
    field="status",
    table=(
        on("take", "open", "taken"),
        on("decline", "open", "declined", needs="reason"),
        on("withdraw", "open", "withdrawn", needs="reason"),
        on("expire", "open", "expired"),
    ),
)


class Offers(Collection[Offer]):
    """What ``crm.marketing.offers`` offers."""

    cls = Offer

    def make(
        self,
        customer: Customer | str,
        *,
        name: str,
        percent: Decimal | int | None = None,
        amount: Money | None = None,
        terms: str | None = None,
        code: str | None = None,
        valid_until: date | None = None,
        campaign: Campaign | str | None = None,
    ) -> Offer:
        """Offer a customer something.

        Args:
            customer: to whom.
            name: what it is.
            percent: the discount in percent, above 0 up to 100.
            amount: or as an amount.
            terms: the small print.
            code: what the customer says to get it.
            valid_until: the last day, today or later.
            campaign: the activity that it belongs to.

        Raises:
            InvalidInput: the discount or the day makes no sense.
            NotFound: there is no such customer, or no such campaign.
            Duplicate: the code is taken.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     offer = crm.marketing.offers.make(li, name="family set", percent=50)
            ...     print(offer.discount(Money("199.99", "EUR")))
            100.00 EUR
        """
        with self.work() as work:
            who = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            today = local_date(work.now, work.settings.zone)
            if valid_until is not None and valid_until < today:
                raise InvalidInput(f"an offer cannot end on {valid_until}: today is {today}")
            offer = work.new(
                Offer,
                customer_id=who.id,
                name=name,
                percent=percent,
                amount=amount,
                terms=terms,
                code=code,
                valid_until=valid_until,
                campaign_id=None if campaign is None else campaign_of(work, campaign).id,
                status_since=work.now,
            )
            made = OfferMade(offer_id=offer.id, customer_id=who.id, name=offer.name, valid_until=offer.valid_until)
            saved = work.save(Change(offer, (made,)))
            if saved.valid_until is not None:
                end = start_of_day(saved.valid_until + timedelta(days=1), work.settings.zone)
                work.schedule(EXPIRE, due_at=end, subject=saved.id, key=f"{EXPIRE}:{saved.id}")
            return saved

    def by_code(self, code: str) -> Offer:
        """The offer with a code, letter by letter, whatever became of it.

        Raises:
            NotFound: there is none.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     _ = crm.marketing.offers.make(zhao, name="a duck at half price", percent=50, code="DUCK-7")
            ...     crm.marketing.offers.by_code("DUCK-7").name
            'a duck at half price'
        """
        with self.read() as work:
            found = work.first(Offer, F.code == code)
            if found is None:
                raise NotFound(f"no offer has the code {code!r}")
            return found

    def take(self, offer: Offer | str, *, order: Order | str | None = None) -> Offer:
        """The customer accepts.

        Args:
            offer: which one.
            order: the order for which it is taken, placed at the price less :meth:`Offer.discount`.

        Raises:
            NotFound: there is no such offer, or no such order.
            TransitionRefused: it is no longer open.
            InvalidInput: its last day is over, or the order is somebody else's.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     offer = crm.marketing.offers.make(zhao, name="a duck at half price", percent=50)
            ...     price = Money(168, "CNY")
            ...     duck = Line("Duck", quantity=1, unit_price=price - offer.discount(price))
            ...     order = crm.pipeline.orders.place(zhao, lines=[duck])
            ...     taken = crm.marketing.offers.take(offer, order=order)
            ...     taken.status, taken.order_id == order.id, str(order.total)
            ('taken', True, '84.00 CNY')
        """
        with self.work() as work:
            current = work.get(Offer, offer)
            today = local_date(work.now, work.settings.zone)
            if current.status == "open" and current.valid_until is not None and current.valid_until < today:
                raise InvalidInput(f"offer {current.id} ended on {current.valid_until}")
            bought = None
            if order is not None:
                bought = work.get(Order, order.id if isinstance(order, Order) else order)
                if bought.customer_id != current.customer_id:
                    raise InvalidInput(
                        f"offer {current.id} was made to {current.customer_id}, not to the order's customer"
                    )
            order_id = None if bought is None else bought.id
            step = work.machine("offer").step(current, "take", now=work.now, changes={"order_id": order_id})
            return work.save(
                step.and_also(OfferTaken(offer_id=current.id, customer_id=current.customer_id, order_id=order_id))
            )

    def decline(self, offer: Offer | str, *, reason: str) -> Offer:
        """The customer does not want it.

        Args:
            offer: which one.
            reason: what the customer says.

        Raises:
            NotFound: there is no such offer.
            TransitionRefused: it is no longer open, or the reason is missing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     offer = crm.marketing.offers.make(zhao, name="a duck at half price", percent=50)
            ...     declined = crm.marketing.offers.decline(offer, reason="eats no meat")
            ...     declined.status, declined.reason
            ('declined', 'eats no meat')
        """
        with self.work() as work:
            current = work.get(Offer, offer)
            step = work.machine("offer").step(
                current, "decline", now=work.now, changes={"reason": reason}, reason=reason
            )
            return work.save(
                step.and_also(OfferDeclined(offer_id=current.id, customer_id=current.customer_id, reason=reason))
            )

    def withdraw(self, offer: Offer | str, *, reason: str) -> Offer:
        """Take it back: the house no longer offers it.

        Args:
            offer: which one.
            reason: why.

        Raises:
            NotFound: there is no such offer.
            TransitionRefused: it is no longer open, or the reason is missing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     offer = crm.marketing.offers.make(zhao, name="a duck at half price", percent=50)
            ...     crm.marketing.offers.withdraw(offer, reason="no ducks this week").status
            'withdrawn'
        """
        with self.work() as work:
            current = work.get(Offer, offer)
            return work.save(
                work.machine("offer").step(current, "withdraw", now=work.now, changes={"reason": reason}, reason=reason)
            )


def expire_due(work: Work, item: AgendaItem) -> None:
    """What the agenda calls when the last day of an offer is over."""
    offer = work.get(Offer, item.subject)
    if offer.status == "open":
        step = work.machine("offer").step(offer, "expire", now=work.now)
        work.save(step.and_also(OfferExpired(offer_id=offer.id, customer_id=offer.customer_id)))
