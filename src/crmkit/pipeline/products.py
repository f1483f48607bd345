"""Products: what is sold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.extras import Extra
from crmkit.kernel.money import Money


@entity("product", prefix="prod")
class Product(Entity):
    """A thing or a service that is sold.

    Attributes:
        code: how the host calls it, as on an invoice (a stock-keeping unit).
        category: the group that it belongs to.
        price: what one unit costs when no price list says otherwise, taxes kept out.
        cost: what one unit costs the seller; margins are counted with it.
        active: whether it is still sold.
    """

    name: str = attribute(search=True)
    code: str | None = attribute(default=None, unique=True)
    category: str | None = attribute(default=None, index=True)
    price: Money | None = attribute(default=None)
    cost: Money | None = attribute(default=None)
    unit: str | None = attribute(default=None)
    active: bool = attribute(default=True)
    tags: frozenset[str] = attribute(default=frozenset())

    def check(self) -> None:
        """Prices are 0 and more."""
        for what, money in (("price", self.price), ("cost", self.cost)):
            if money is not None and money.minor < 0:
                raise InvalidInput(f"the {what} of a product is 0 or more, got {money}")


@event("pipeline.product_added")
class ProductAdded(Event):
    """Something new is sold."""

    product_id: str
    name: str


@event("pipeline.product_updated")
class ProductUpdated(Event):
    """Fields of a product have changed."""

    product_id: str
    fields: tuple[str, ...]


class Products(Collection[Product]):
    """What ``crm.pipeline.products`` offers."""

    cls = Product

    def add(
        self,
        *,
        name: str,
        price: Money | None = None,
        cost: Money | None = None,
        extras: Iterable[Extra] = (),
        **fields: Any,
    ) -> Product:
        """Take something into the assortment.

        Args:
            name: what it is called.
            price: what one unit costs, taxes kept out.
            cost: what one unit costs the seller.
            extras: custom fields of the host.
            fields: further attributes of :class:`Product`.

        Raises:
            InvalidInput: a field is unknown or malformed.
            Duplicate: another product has the code.

        Example:
            >>> from crmkit import CRM, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     crm.pipeline.products.add(name="Album", code="ALB-1", price=Money(900, "CNY")).code
            'ALB-1'
        """
        with self.work() as work:
            kept = {type(extra).key: extra.dump() for extra in extras}
            product = work.new(Product, name=name, price=price, cost=cost, extras=kept, **_known(fields))
            return work.save(Change(product, (ProductAdded(product_id=product.id, name=product.name),)))

    def update(self, product: Product | str, **changes: Any) -> Product:
        """Change attributes; orders keep the prices that they were placed with.

        Args:
            product: which.
            changes: attributes of :class:`Product`.

        Raises:
            InvalidInput: a field is unknown or malformed.
            Duplicate: another product has the code.
            StaleEntity: somebody else has changed the product since it was read.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     noodles = crm.pipeline.products.add(name="Dan dan noodles", price=Money(18, "CNY"))
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     order = crm.pipeline.orders.place(wang, lines=[Line(product=noodles)])
            ...     noodles = crm.pipeline.products.update(noodles, price=Money(20, "CNY"))
            ...     noodles.price, crm.pipeline.orders.get(order.id).total
            (Money('20.00', 'CNY'), Money('18.00', 'CNY'))
        """
        with self.work() as work:
            current = work.get(Product, product)
            after = current.evolve(**_known(changes))
            different = tuple(sorted(n for n in changes if getattr(current, n) != getattr(after, n)))
            if not different:
                return current
            return work.save(Change(after, (ProductUpdated(product_id=current.id, fields=different),)))

    def retire(self, product: Product | str) -> Product:
        """It is not sold any more: no new line takes it, and what was sold keeps referring to it.

        Example:
            >>> from crmkit import CRM, F, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     for name in ("Album", "Photo disc"):
            ...         disc = crm.pipeline.products.add(name=name, price=Money(90, "CNY"))
            ...     _ = crm.pipeline.products.retire(disc)
            ...     [product.name for product in crm.pipeline.products.find(F.active == True)]
            ['Album']
        """
        return self.update(product, active=False)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    fixed = {"id", "version", "created_at", "updated_at"}
    known = [a.name for a in Product.__schema__ if a.name not in fixed]
    unknown = sorted(fields.keys() - set(known))
    if unknown:
        raise InvalidInput(f"a product has no field {unknown[0]!r} to set; it has {', '.join(known)}")
    return fields
