"""The product lines of a deal: what it is worth when they say so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.money import Money
from crmkit.kernel.rules.fields import F
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.products import Product


@entity("deal_line", prefix="dline")
class DealLine(Entity):
    """One line of a deal.

    Attributes:
        discount: per cent that are taken off.
        amount: what the line costs, after the discount.
    """

    opportunity_id: str = attribute(references="opportunity", reverse="lines", index=True)
    product_id: str | None = attribute(default=None, references="product", index=True)
    position: int = attribute(at_least=1)
    name: str = attribute()
    quantity: Decimal = attribute()
    unit_price: Money = attribute()
    discount: Decimal = attribute(default=Decimal(0))
    amount: Money = attribute()

    def as_line(self) -> Line:
        """The line as an order or a quote takes it."""
        return Line(
            self.name,
            quantity=self.quantity,
            unit_price=self.unit_price,
            discount=self.discount,
            product=self.product_id,
        )


def lines_of(work: Work, deal_id: str) -> list[DealLine]:
    """The lines of a deal, in order."""
    return work.find(DealLine, F.opportunity_id == deal_id, order_by="position")


def replace_lines(work: Work, deal: Opportunity, lines: Sequence[Line]) -> None:
    """Take *lines*, which have their prices, instead of those that the deal had."""
    work.remove(DealLine, [line.id for line in lines_of(work, deal.id)])
    work.save_new(
        Change(
            work.new(
                DealLine,
                opportunity_id=deal.id,
                product_id=line.product.id if isinstance(line.product, Product) else None,
                position=position,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount=line.discount,
                amount=line.amount,
            )
        )
        for position, line in enumerate(lines, start=1)
    )


def refuse_amount(work: Work, deal: Opportunity, changes: Collection[str]) -> None:
    """Refuse to set an amount by hand while lines make it (as in Salesforce).

    Raises:
        InvalidInput: the deal has lines.
    """
    if "amount" in changes and work.count(DealLine, F.opportunity_id == deal.id):
        raise InvalidInput("the lines of this opportunity make its amount: change them with set_lines(…)")
