"""Several ways to reach a customer; the primary ones stand on the customer alone."""

from __future__ import annotations

import pytest

from crmkit import CRM, F, InvalidInput, NotFound, Refused
from crmkit.customers.people import Customer
from crmkit.errors import Duplicate
from crmkit.testing import FrozenClock


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Xiao Li", email="li@example.com", phone="13912345678")


def shown(crm: CRM, customer: Customer) -> list[tuple[str, str, bool]]:
    return [(w.kind, w.value, w.primary) for w in crm.customers.contact_points.of(customer.id)]


def test_addresses_and_numbers_are_found_by_whatever_way(crm: CRM, li: Customer) -> None:
    points = crm.customers.contact_points
    points.add(li, kind="Email", value=" Li@Studio.Example ", label="office")
    points.add(li, kind="phone", value="010 6552 9988")
    points.add(li, kind="wechat", value="xiao-li")
    assert points.add(li, kind="email", value="li@studio.example").label == "office"
    assert shown(crm, li) == [
        ("email", "li@example.com", True),
        ("phone", "+8613912345678", True),
        ("email", "li@studio.example", False),
        ("phone", "+861065529988", False),
        ("wechat", "xiao-li", False),
    ]
    assert crm.customers.find_by_email("LI@studio.example") == li
    wang = crm.customers.register(name="Wang", phone="010 6552 9988")
    assert crm.customers.find_by_phone("+86 10 6552 9988") == [wang, li]
    assert crm.customers.find(F.contact_points.where(F.kind == "wechat").any()) == [li]


def test_an_address_belongs_to_one_customer(crm: CRM, li: Customer) -> None:
    points = crm.customers.contact_points
    points.add(li, kind="email", value="li@studio.example")
    wang = crm.customers.register(name="Wang", email="wang@example.com")
    for attempt in (
        lambda: points.add(wang, kind="email", value="li@studio.example"),
        lambda: points.add(wang, kind="email", value="li@example.com"),
        lambda: crm.customers.update(wang, email="li@studio.example"),
        lambda: crm.customers.register(name="Wu", email="LI@studio.example"),
        lambda: crm.customers.register_many([{"name": "Wu"}, {"name": "Wu", "email": "li@studio.example"}]),
    ):
        with pytest.raises(Duplicate, match=f"one of customer {li.id}"):
            attempt()
    assert crm.customers.count() == 2
    assert crm.customers.update(li, email="li@studio.example").email == "li@studio.example"  # one of his own


def test_another_one_becomes_primary(crm: CRM, li: Customer, clock: FrozenClock) -> None:
    points = crm.customers.contact_points
    points.add(li, kind="email", value="li@studio.example")
    verified = points.verify(li, kind="email", value="li@example.com")
    assert verified.verified_at == clock.now()
    changed = points.make_primary(li, kind="email", value="li@studio.example")
    assert changed.email == "li@studio.example"
    assert crm.customers.contact_points.of(changed)[0].verified_at is None
    assert shown(crm, li)[-1] == ("email", "li@example.com", False)
    assert points.make_primary(changed, kind="email", value="li@studio.example") == changed
    points.remove(changed, kind="email", value="li@example.com")
    assert crm.customers.find_by_email("li@example.com") is None


def test_every_channel_has_its_address(crm: CRM, clock: FrozenClock) -> None:
    li = crm.customers.register(name="Xiao Li", email="li@example.com")
    points = crm.customers.contact_points

    def add(kind: str, value: str) -> None:
        clock.advance(hours=1)
        points.add(li, kind=kind, value=value)

    add("wechat", "first")
    add("wechat", "second")
    add("email", "office@example.com")
    before = {"email": "li@example.com", "wechat": "first"}
    assert points.addresses(li) == before
    points.verify(li, kind="wechat", value="second")  # rather one that is known to be hers
    assert points.addresses(li)["wechat"] == "second"
    add("phone", "+86 28 8765 4321")
    number = "+862887654321"
    assert {k: v for k, v in points.addresses(li).items() if v == number} == dict.fromkeys(
        ["phone", "sms", "whatsapp"], number
    )
    crm.customers.update(li.id, phone="+86 139 1234 5678")  # the primary one goes before
    add("whatsapp", "+86 139 0000 0000")
    assert points.addresses(li)["sms"] == "+8613912345678"
    assert points.addresses(li)["whatsapp"] == "+86 139 0000 0000"  # of just this kind


def test_bad_input(crm: CRM, li: Customer) -> None:
    points = crm.customers.contact_points
    with pytest.raises(InvalidInput, match="no e-mail address"):
        points.add(li, kind="email", value="nobody")
    with pytest.raises(InvalidInput, match="must not be empty"):
        points.add(li, kind=" ", value="x")
    with pytest.raises(Refused, match="make another one primary first"):
        points.remove(li, kind="email", value="li@example.com")
    for verb in (points.remove, points.verify, points.make_primary):
        with pytest.raises(NotFound, match="no such email"):
            verb(li, kind="email", value="unknown@example.com")
    with pytest.raises(InvalidInput, match="have a primary one"):
        points.make_primary(points.add(li, kind="wechat", value="x").customer_id, kind="wechat", value="x")
    with pytest.raises(NotFound):
        points.add(crm.for_tenant("other").customers.register(name="Stranger"), kind="wechat", value="x")
