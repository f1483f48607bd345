"""Lines: what is bought, how many, at what price and with what discount."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.checking import decimal
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.money import Money
from crmkit.pipeline.products import Product


def _quantity(value: Any) -> Decimal:
    quantity = decimal(value, what="the quantity of a line")
    if quantity <= 0:
        raise InvalidInput(f"the quantity of a line is above 0, got {value}: what comes back is a return")
    return quantity


def _discount(value: Any) -> Decimal:
    discount = decimal(value, what="the discount of a line")
    if not 0 <= discount <= 100:
        raise InvalidInput(f"the discount of a line is 0 to 100 per cent, got {value}")
    return discount


@attrs.frozen
class Line:
    """One line of an order, a quote or an opportunity, as a caller writes it.

    The amount is the unit price times the quantity, less the discount; each of the two steps rounds once to the minor
    unit, as on an invoice.  Taxes are the business of the host's invoicing and kept out.

    Args:
        name: what it is called; the product's name unless given.
        quantity: how many, above 0, with up to six decimal places.
        unit_price: what one costs; the product's price unless given.
        discount: per cent that are taken off, 0 to 100.
        product: what it is, if it is in the assortment.
        unit_cost: what one costs the seller; the product's cost unless given.

    Raises:
        InvalidInput: a value does not fit.

    Example:
        >>> Line("Print", quantity=10, unit_price=Money(100, "CNY"), discount=10).amount
        Money('900.00', 'CNY')
    """

    name: str | None = None
    quantity: Decimal = attrs.field(default=Decimal(1), converter=_quantity, kw_only=True)
    unit_price: Money | None = attrs.field(default=None, kw_only=True)
    discount: Decimal = attrs.field(default=Decimal(0), converter=_discount, kw_only=True)
    product: Product | str | None = attrs.field(default=None, kw_only=True)
    unit_cost: Money | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.name is None and self.product is None:
            raise InvalidInput("a line needs a name or a product")
        for what, money in (("price", self.unit_price), ("cost", self.unit_cost)):
            if money is not None and not isinstance(money, Money):
                raise InvalidInput(f'the unit {what} of a line is Money, as in Money("12.50", "EUR"), got {money!r}')
            if money is not None and money.minor < 0:
                raise InvalidInput(f"the unit {what} of a line is 0 or more, got {money}")

    @property
    def gross(self) -> Money:
        """The unit price times the quantity, before the discount.

        Raises:
            InvalidInput: the line has no price.
        """
        if self.unit_price is None:
            raise InvalidInput(f"the line {self.name!r} has no price: give unit_price=, or the product a price")
        return self.unit_price.times(self.quantity)

    @property
    def reduction(self) -> Money:
        """What the discount takes off."""
        return self.gross.percent(self.discount)

    @property
    def amount(self) -> Money:
        """What the line costs."""
        return self.gross - self.reduction


@entity("order_line", prefix="line")
class OrderLine(Entity):
    """One line of an order, as it was agreed.

    Attributes:
        discount: per cent that were taken off.
        amount: what the line costs, after the discount.
        cost: what the line costs the seller; missing when nobody knows.
        returned: how many of it came back.
    """

    order_id: str = attribute(references="order", reverse="lines", index=True)
    customer_id: str = attribute(references="customer", reverse="purchases")
    product_id: str | None = attribute(default=None, references="product", index=True)
    position: int = attribute(at_least=1)
    name: str = attribute()
    category: str | None = attribute(default=None, index=True)
    quantity: Decimal = attribute()
    unit_price: Money = attribute()
    discount: Decimal = attribute(default=Decimal(0))
    amount: Money = attribute()
    cost: Money | None = attribute(default=None)
    returned: Decimal = attribute(default=Decimal(0))
