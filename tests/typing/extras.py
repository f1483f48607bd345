"""What type checkers promise a host: this file is checked by mypy --strict and by pyright, and never run."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import date
from typing import Any, assert_type

from crmkit import CRM, Change, Entity, Extra, F, Money, Rule, Transaction, attribute, entity
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.kernel.collection import Page
from crmkit.kernel.machine import Machine
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.orders import Order


class Loyalty(Extra, key="loyalty"):
    tier: str = "silver"
    points: int = 0
    since: date | None = None


@entity("pet", prefix="pet")
class Pet(Entity):
    name: str = attribute()
    customer_id: str = attribute(references="customer")


def custom_fields(customer: Customer, order: Order, pet: Pet) -> None:
    assert_type(customer.extra(Loyalty), Loyalty)
    assert_type(customer.extra(Loyalty).points, int)
    assert_type(customer.extra(Loyalty).tier, str)
    assert_type(order.extra(Loyalty).since, date | None)
    assert_type(customer.with_extra(Loyalty(points=7)), Customer)
    assert_type(pet.with_extra(Loyalty(tier="gold")), Pet)


def entities(customer: Customer, pet: Pet) -> None:
    assert_type(customer.name, str)
    assert_type(customer.email, str | None)
    assert_type(customer.tags, frozenset[str])
    assert_type(customer.evolve(city="Chengdu"), Customer)
    assert_type(pet.customer_id, str)
    assert_type(Change(pet).after, Pet)


def rules() -> None:
    chengdu = F.city == "Chengdu"
    assert_type(chengdu, Rule)
    assert_type(chengdu & (F.orders.count() > 2), Rule)
    assert_type(chengdu | ~chengdu, Rule)


def collections(crm: CRM, tx: Transaction) -> None:
    assert_type(crm.customers.get("cus_1"), Customer)
    assert_type(crm.customers.find(F.city == "Chengdu"), list[Customer])
    assert_type(crm.customers.count(), int)
    assert_type(crm.customers.register(name="Xiao Wang", extras=[Loyalty(points=7)]), Customer)
    assert_type(crm.customers.find_by_email("wang@example.com"), Customer | None)
    assert_type(crm.customers.page(size=10), Page[Customer])
    assert_type(crm.customers.page(size=10).items, tuple[Customer, ...])
    assert_type(crm.customers.page(size=10).next, str | None)
    assert_type(crm.pipeline.orders.page(F.status == "paid"), Page[Order])
    assert_type(crm.pipeline.orders.find(F.status == "paid", order_by="-placed_at"), list[Order])
    assert_type(tx.pipeline.leads.get("lead_1"), Lead)
    for customer in crm.customers.page():
        assert_type(customer, Customer)


def conversion(crm: CRM) -> None:
    lead = crm.pipeline.leads.qualify(crm.pipeline.leads.capture(name="Xiao Wang"))
    assert_type(lead, Lead)
    converted = crm.pipeline.leads.convert(lead, amount=Money("12.50", "EUR"))
    assert_type(converted.customer, Customer)
    assert_type(converted.company, Company | None)
    assert_type(converted.opportunity, Opportunity | None)
    customer, company, opportunity = converted
    assert_type([customer, company, opportunity], list[Any])


def own_entities(crm: CRM) -> None:
    with crm.work() as work:
        assert_type(work.get(Pet, "pet_1"), Pet)
        assert_type(work.find(Pet, F.customer.city == "Chengdu"), list[Pet])
        assert_type(work.save(Change(work.new(Pet, name="Mimi", customer_id="cus_1"))), Pet)
        assert_type(work.machine("lead"), Machine)
        assert_type(work.machine("lead").step(work.get(Lead, "lead_1"), "qualify", now=work.now), Change[Lead])


def refused_by_the_checkers(crm: CRM, customer: Customer) -> None:
    """Each line is an error for both checkers; a needless ignore would itself be reported."""
    customer.name = "Xiao Li"  # type: ignore[misc]
    customer.extra(Loyalty).pionts  # type: ignore[attr-defined]  # noqa: B018
    Pet(id="pet_1", name="Mimi")  # type: ignore[call-arg]
    crm.customers.register()  # type: ignore[call-arg]
