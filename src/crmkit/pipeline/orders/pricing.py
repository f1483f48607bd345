"""Pricing: lines with what the assortment and the price lists say."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.text import several
from crmkit.kernel.work import Work
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.prices import PriceList, price_of
from crmkit.pipeline.products import Product


def priced(work: Work, lines: Sequence[Line], *, prices: PriceList | str | None = None) -> list[Line]:
    """*lines* with names, prices and costs; what the caller wrote wins.

    Raises:
        InvalidInput: there are none, one is no line or has no price, or a product is not sold any more.
        NotFound: a product or the price list does not exist.
    """
    wanted = several(lines, what="lines")
    if not wanted:
        raise InvalidInput("there is no line: say what is bought, as in lines=[Line('Album', unit_price=…)]")
    return [_priced(work, line, prices) for line in wanted]


def _priced(work: Work, line: Line, prices: PriceList | str | None) -> Line:
    if not isinstance(line, Line):
        raise InvalidInput(f"lines are made of Line(…), got {line!r}")
    if line.product is None:
        return line
    product = work.get(Product, line.product.id if isinstance(line.product, Product) else line.product)
    if not product.active:
        raise InvalidInput(f"{product.name} ({product.id}) is not sold any more")
    price = line.unit_price
    if price is None:
        price = price_of(work, product, quantity=line.quantity, prices=prices, on=None)
    return attrs.evolve(
        line,
        product=product,
        name=line.name or product.name,
        unit_price=price,
        unit_cost=product.cost if line.unit_cost is None else line.unit_cost,
    )


def total_of(lines: Sequence[Line]) -> Money:
    """The sum of *lines*.

    Raises:
        InvalidInput: they have several currencies.
    """
    return Money.total([line.amount for line in lines], currency=lines[0].amount.currency)
