"""People, companies, relationships and their timeline."""

from __future__ import annotations

from datetime import date

import pytest

from crmkit import CRM, Extra, F
from crmkit.errors import Duplicate, InvalidInput, NotFound, StaleEntity


def test_contact_points_are_kept_in_their_normal_form(crm: CRM) -> None:
    wang = crm.customers.register(name=" Xiao Wang ", email="Wang@Example.com", phone="139 1234 5678")
    assert (wang.name, wang.email, wang.phone) == ("Xiao Wang", "wang@example.com", "+8613912345678")
    assert crm.customers.find_by_email("WANG@example.COM") == wang
    assert crm.customers.find_by_phone("+86 (139) 1234-5678") == [wang]


def test_an_address_belongs_to_one_customer(crm: CRM) -> None:
    crm.customers.register(name="Xiao Wang", email="wang@example.com")
    with pytest.raises(Duplicate, match=r"email 'wang@example\.com'"):
        crm.customers.register(name="Another", email="WANG@example.com")
    assert crm.customers.count() == 1


def test_a_change_notes_which_fields_and_not_what(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang")
    wang = crm.customers.update(wang, city="Xi'an", birthday=date(1996, 2, 29))
    latest = crm.customers.timeline(wang)[0]
    assert latest.name == "customers.customer_updated"
    assert latest.facts == {"customer_id": wang.id, "fields": ["birthday", "city"]}


def test_nothing_is_stored_when_nothing_changes(crm: CRM) -> None:
    wang = crm.customers.register(name="Xiao Wang", city="Xi'an")
    assert crm.customers.update(wang, city="Xi'an").version == 1
    assert len(crm.customers.timeline(wang)) == 1


def test_a_stale_customer_is_refused(crm: CRM) -> None:
    read = crm.customers.register(name="Xiao Wang")
    crm.customers.update(read, city="Xi'an")
    with pytest.raises(StaleEntity, match="version 1 but is at version 2"):
        crm.customers.update(read, city="Chengdu")
    assert crm.customers.get(read.id).city == "Xi'an"


def test_many_are_registered_together_or_not_at_all(crm: CRM) -> None:
    rows = [{"name": f"Guest {n}", "email": f"guest{n}@example.com"} for n in range(250)]
    assert len(crm.customers.register_many(rows)) == 250
    with pytest.raises(InvalidInput, match=r"^row 2: "):
        crm.customers.register_many([{"name": "fine"}, {"name": "", "email": "x@example.com"}])
    with pytest.raises(Duplicate):
        crm.customers.register_many([{"name": "new"}, {"name": "old", "email": "guest7@example.com"}])
    assert crm.customers.count() == 250


def test_companies_have_customers_who_speak_for_them(crm: CRM) -> None:
    studio = crm.customers.companies.register(name="Straße & Söhne", industry="photo", domain="WWW.Example.com")
    xu = crm.customers.register(name="Xu", company=studio)
    assert studio.domain == "example.com"
    assert crm.customers.find(F.company.industry == "photo") == [xu]
    assert crm.customers.companies.find(F.customers.count() == 1) == [studio]
    assert crm.customers.companies.find_by_name("STRASSE & SÖHNE") == studio
    with pytest.raises(NotFound):
        crm.customers.register(name="Li", company_id="com_01kjp0y9m0edzrnk5yfaajnvk9")


def test_relationships_go_both_ways(crm: CRM) -> None:
    wang, li = crm.customers.register(name="Wang"), crm.customers.register(name="Li")
    crm.customers.relate(wang, li, kind="partner")
    assert crm.customers.related(wang) == [li]
    assert crm.customers.related(li, kind="partner") == [wang]
    with pytest.raises(Duplicate):
        crm.customers.relate(wang, li, kind="partner")
    with pytest.raises(InvalidInput, match="himself"):
        crm.customers.relate(wang, wang, kind="partner")


def test_pages_stay_in_place_while_others_are_added(crm: CRM) -> None:
    names = ["d", "b", "É", "a", "c"]
    for name in names:
        crm.customers.register(name=name)
    first = crm.customers.page(size=2, order_by="name")
    crm.customers.register(name="A first one")
    second = crm.customers.page(size=2, order_by="name", after=first.next)
    third = crm.customers.page(size=2, order_by="name", after=second.next)
    assert [c.name for page in (first, second, third) for c in page] == sorted(names)
    assert third.next is None
    with pytest.raises(InvalidInput, match="not the `next`"):
        crm.customers.page(after="nonsense")


def test_consent_is_needed_for_everything_but_service(crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", email="wang@example.com")
    consents = crm.customers.consents
    assert consents.allows(wang, channel="email", purpose="service")
    assert not consents.allows(wang, channel="email", purpose="marketing")
    consents.grant(wang, channel="email", purpose="marketing", source="order form")
    assert consents.allows(wang, channel="email", purpose="marketing")
    assert not consents.allows(wang, channel="sms", purpose="marketing")
    consents.revoke(wang, channel="email", purpose="marketing", source="unsubscribe link")
    assert not consents.allows(wang, channel="email", purpose="marketing")
    names = [m.name for m in crm.customers.timeline(wang)]
    assert names[:2] == ["customers.consent_revoked", "customers.consent_granted"]


class Style(Extra, key="style"):
    mood: str = "classic"


class Table(Extra, key="table"):
    seats: int = 2


def test_custom_fields_are_taken_alike_by_one_row_and_by_many(crm: CRM) -> None:
    one = crm.customers.register(name="Xiao Sun", extras=[Style(mood="street")])
    [other] = crm.customers.register_many([{"name": "Xiao Li", "extras": [Style(mood="street")]}])
    assert one.extras == other.extras == {"style": {"mood": "street"}}


def test_custom_fields_of_one_owner_change_alone(crm: CRM) -> None:
    sun = crm.customers.register(name="Xiao Sun", extras=[Style(mood="street"), Table(seats=6)])
    sun = crm.customers.update(sun, extras=[Table(seats=8)])
    assert (sun.extra(Style).mood, sun.extra(Table).seats) == ("street", 8)
    assert crm.customers.update(sun, extras={}).extras == {}
    with pytest.raises(InvalidInput, match="extras"):
        crm.customers.update(sun, extras=["street"])


def test_a_timeline_has_a_length(crm: CRM) -> None:
    sun = crm.customers.register(name="Xiao Sun")
    assert crm.customers.timeline(sun, limit=0) == []
    for limit in (-1, "one"):
        with pytest.raises(InvalidInput, match="a limit is a whole number"):
            crm.customers.timeline(sun, limit=limit)  # type: ignore[arg-type]
