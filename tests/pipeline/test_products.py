"""Products and price lists."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmkit import CRM, F, Money
from crmkit.errors import Duplicate, InvalidInput, NotFound, StaleEntity
from crmkit.pipeline.products import Product
from crmkit.testing import FrozenClock

CNY = "CNY"


@pytest.fixture
def crm(anywhere: CRM) -> CRM:
    return anywhere


@pytest.fixture
def album(crm: CRM) -> Product:
    return crm.pipeline.products.add(name="Album", code="ALB", price=cny(90))


def cny(amount: int) -> Money:
    return Money(amount, CNY)


def test_products_are_told_apart_by_code(crm: CRM, album: Product) -> None:
    with pytest.raises(Duplicate):
        crm.pipeline.products.add(name="Other", code="ALB")
    after = crm.pipeline.products.update(album, price=cny(95), tags={"gift"})
    assert after.price == cny(95)
    assert after.tags == {"gift"}
    assert crm.pipeline.products.update(after, price=cny(95)) == after
    with pytest.raises(StaleEntity):
        crm.pipeline.products.update(album, name="Late")
    assert crm.pipeline.products.count(F.active == True) == 1  # noqa: E712 - a rule
    crm.pipeline.products.retire(after)
    assert crm.pipeline.products.count(F.active == True) == 0  # noqa: E712 - a rule


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "must not be empty"),
        ({"name": "x", "price": cny(-1)}, "0 or more"),
        ({"name": "x", "cost": cny(-1)}, "0 or more"),
        ({"name": "x", "price": 5}, "must be Money"),
        ({"name": "x", "colour": "red"}, "no field 'colour'"),
        ({"name": "x", "version": 3}, "no field 'version'"),
    ],
)
def test_bad_products(crm: CRM, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.products.add(**fields)
    assert crm.pipeline.products.count() == 0


def test_the_largest_quantity_that_is_reached_counts(crm: CRM, album: Product) -> None:
    prices = crm.pipeline.prices
    wholesale = prices.define("wholesale", currency=CNY)
    prices.set(wholesale, album, cny(80), from_quantity=5)
    prices.set("wholesale", album, cny(75), from_quantity=10)
    prices.set(wholesale.id, album, cny(70), from_quantity=10)  # the same quantity again: it is changed
    found = [prices.of(album, quantity=many, prices="wholesale") for many in (1, 4, 5, "9.5", 10, 1000)]
    assert found == [cny(90), cny(90), cny(80), cny(80), cny(70), cny(70)]
    assert prices.of(album, quantity=1000) == cny(90)


def test_a_list_holds_for_its_time(crm: CRM, album: Product, clock: FrozenClock) -> None:
    prices = crm.pipeline.prices
    prices.define("spring", currency=CNY, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31))
    prices.set("spring", album, cny(60))
    assert prices.of(album, prices="spring") == cny(60)
    assert prices.of(album, prices="spring", on=date(2026, 3, 31)) == cny(60)
    clock.advance(days=30)
    with pytest.raises(InvalidInput, match="does not hold on 2026-04-01"):
        prices.of(album, prices="spring")


@pytest.mark.parametrize("quantity", [0, -3])
def test_a_price_is_for_some_quantity(crm: CRM, album: Product, quantity: int) -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        crm.pipeline.prices.of(album, quantity=quantity)


def test_a_price_is_asked_for_by_the_day(crm: CRM, album: Product) -> None:
    crm.pipeline.prices.define("spring", currency=CNY, starts_on=date(2026, 3, 1))
    with pytest.raises(InvalidInput, match="on must be a date"):
        crm.pipeline.prices.of(album, prices="spring", on=datetime(2026, 3, 2, tzinfo=UTC))


def test_bad_prices(crm: CRM, album: Product) -> None:
    prices = crm.pipeline.prices
    prices.define("dollars", currency="USD")
    with pytest.raises(InvalidInput, match="is in USD"):
        prices.set("dollars", album, cny(1))
    with pytest.raises(InvalidInput, match="0 or more"):
        prices.set("dollars", album, Money(-1, "USD"))
    with pytest.raises(InvalidInput, match="above 0"):
        prices.set("dollars", album, Money(1, "USD"), from_quantity=0)
    with pytest.raises(InvalidInput, match="no USD price"):
        prices.of(album, prices="dollars")
    with pytest.raises(NotFound, match="did you mean 'dollars'"):
        prices.of(album, prices="dolars")
    with pytest.raises(InvalidInput, match="before it starts"):
        prices.define("x", currency=CNY, starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 1))
    with pytest.raises(InvalidInput):
        prices.define("x", currency="XYZ")
    prices.set("dollars", album, Money(13, "USD"))
    with pytest.raises(InvalidInput, match="define another"):
        prices.define("dollars", currency=CNY)
    with pytest.raises(InvalidInput, match="has no price"):
        prices.of(crm.pipeline.products.add(name="Free"))
