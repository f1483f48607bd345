"""Price lists: what products cost for whom, from which quantity, and when."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.checking import day, decimal
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.products import Product


@entity("price_list", prefix="plist")
class PriceList(Entity):
    """Prices in one currency, perhaps for some time only.

    Attributes:
        starts_on: the first day on which it holds.
        ends_on: the last day on which it holds.
    """

    name: str = attribute(unique=True)
    currency: str = attribute(limit=3)
    starts_on: date | None = attribute(default=None)
    ends_on: date | None = attribute(default=None)

    def check(self) -> None:
        """The currency exists, and the days are in order."""
        Money.zero(self.currency)
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            raise InvalidInput(f"the price list {self.name} ends on {self.ends_on}, before it starts")

    def holds(self, *, on: date) -> bool:
        """Whether it holds on that day."""
        return (self.starts_on is None or self.starts_on <= on) and (self.ends_on is None or on <= self.ends_on)


@entity(
    "price",
    prefix="price",
    indexes=[Index(attributes=("price_list_id", "product_id", "from_quantity"), unique=True)],
)
class Price(Entity):
    """What one unit of a product costs when at least *from_quantity* are bought."""

    price_list_id: str = attribute(references="price_list", index=True)
    product_id: str = attribute(references="product", index=True)
    from_quantity: Decimal = attribute(default=Decimal(1))
    unit_price: Money = attribute()


@event("pipeline.price_set")
class PriceSet(Event):
    """A product has a price in a list."""

    product_id: str
    price_list: str
    from_quantity: str
    unit_price: Money


class Prices(Collection[PriceList]):
    """What ``crm.pipeline.prices`` offers."""

    cls = PriceList

    def define(
        self, name: str, *, currency: str, starts_on: date | None = None, ends_on: date | None = None
    ) -> PriceList:
        """Lay down a price list, or change when it holds.

        Raises:
            InvalidInput: the currency is unknown or not that of the prices in it, or the days are not in order.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     album = crm.pipeline.products.add(name="Album", price=Money(90, "EUR"))
            ...     _ = crm.pipeline.prices.define("wholesale", currency="EUR")
            ...     _ = crm.pipeline.prices.set("wholesale", album, Money(70, "EUR"), from_quantity=10)
            ...     [crm.pipeline.prices.of(album, quantity=q, prices="wholesale").amount for q in (9, 10)]
            [Decimal('90.00'), Decimal('70.00')]
        """
        with self.work() as work:
            known = work.called(PriceList, name)
            if known is None:
                made = work.new(PriceList, name=name, currency=currency, starts_on=starts_on, ends_on=ends_on)
                return work.save(Change(made))
            if known.currency != currency and work.count(Price, F.price_list_id == known.id):
                raise InvalidInput(
                    f"the price list {name!r} has prices in {known.currency}: define another for {currency}"
                )
            return work.save(Change(known.evolve(currency=currency, starts_on=starts_on, ends_on=ends_on)))

    def set(
        self,
        prices: PriceList | str,
        product: Product | str,
        unit_price: Money,
        *,
        from_quantity: Decimal | int | str = 1,
    ) -> Price:
        """Say what a product costs.

        Args:
            prices: the list, or its name.
            product: what.
            unit_price: what one unit costs, 0 or more, in the currency of the list.
            from_quantity: from which quantity on, above 0.

        Raises:
            InvalidInput: the price is negative or in another currency, or the quantity is not above 0.
            NotFound: there is no such list or product.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     tea = crm.pipeline.products.add(name="Tea", price=Money(9, "EUR"))
            ...     _ = crm.pipeline.prices.define("wholesale", currency="EUR")
            ...     for least, price in ((1, 8), (100, 6)):
            ...         _ = crm.pipeline.prices.set("wholesale", tea, Money(price, "EUR"), from_quantity=least)
            ...     [str(crm.pipeline.prices.of(tea, quantity=q, prices="wholesale")) for q in (1, 99, 100)]
            ['8.00 EUR', '8.00 EUR', '6.00 EUR']
        """
        least = decimal(from_quantity, what="from_quantity")
        if least <= 0 or unit_price.minor < 0:
            raise InvalidInput(f"a price is 0 or more, from a quantity above 0; got {unit_price} from {from_quantity}")
        with self.work() as work:
            where = list_called(work, prices)
            if unit_price.currency != where.currency:
                raise InvalidInput(f"the price list {where.name!r} is in {where.currency}, got {unit_price}")
            what = work.get(Product, product.id if isinstance(product, Product) else product)
            same = (F.price_list_id == where.id) & (F.product_id == what.id) & (F.from_quantity == least)
            known = work.first(Price, same)
            after = (
                work.new(
                    Price,
                    price_list_id=where.id,
                    product_id=what.id,
                    from_quantity=least,
                    unit_price=unit_price,
                )
                if known is None
                else known.evolve(unit_price=unit_price)
            )
            said = PriceSet(product_id=what.id, price_list=where.name, from_quantity=str(least), unit_price=unit_price)
            return work.save(Change(after, (said,)))

    def of(
        self,
        product: Product | str,
        *,
        quantity: Decimal | int | str = 1,
        prices: PriceList | str | None = None,
        on: date | None = None,
    ) -> Money:
        """What one unit costs: in the list, by the largest quantity that is reached, else the product's own price.

        Args:
            product: what.
            quantity: how many are bought, above 0.
            prices: the list, or its name; none for the product's own price.
            on: the day; today unless given.

        Raises:
            InvalidInput: there is no price, the list does not hold on that day, or the quantity is not above 0.
            NotFound: there is no such list or product.

        Example:
            >>> from datetime import date
            >>> from crmkit import CRM, Money
            >>> with CRM.open() as crm:
            ...     tea = crm.pipeline.products.add(name="Tea", price=Money(9, "EUR"))
            ...     spring = crm.pipeline.prices.define("spring", currency="EUR", ends_on=date(2026, 5, 31))
            ...     _ = crm.pipeline.prices.set(spring, tea, Money(7, "EUR"))
            ...     crm.pipeline.prices.of(tea), crm.pipeline.prices.of(tea, prices=spring, on=date(2026, 5, 31))
            (Money('9.00', 'EUR'), Money('7.00', 'EUR'))
        """
        many = decimal(quantity, what="quantity")
        if many <= 0:
            raise InvalidInput(f"a price is for a quantity above 0, got {quantity}")
        if on is not None:
            day(on, what="on")
        with self.read() as work:
            what = work.get(Product, product.id if isinstance(product, Product) else product)
            return price_of(work, what, quantity=many, prices=prices, on=on)


def list_called(work: Work, ref: PriceList | str) -> PriceList:
    """The price list that is meant, by object, id or name.

    Raises:
        NotFound: there is none.
    """
    return work.named(PriceList, ref)


def price_of(
    work: Work, product: Product, *, quantity: Decimal, prices: PriceList | str | None, on: date | None
) -> Money:
    """What one unit of *product* costs; see :meth:`Prices.of`."""
    if prices is not None:
        when = local_date(work.now, work.settings.zone) if on is None else on
        where = list_called(work, prices)
        if not where.holds(on=when):
            raise InvalidInput(
                f"the price list {where.name!r} does not hold on {when}: take another or change its days"
            )
        rule = (F.price_list_id == where.id) & (F.product_id == product.id) & (F.from_quantity <= quantity)
        found = work.first(Price, rule, order_by="-from_quantity")
        if found is not None:
            return found.unit_price
        if product.price is not None and product.price.currency != where.currency:
            raise InvalidInput(f"{product.name} has no {where.currency} price in {where.name!r}: set one")
    if product.price is None:
        raise InvalidInput(f"{product.name} has no price: give unit_price=, or the product a price")
    return product.price
