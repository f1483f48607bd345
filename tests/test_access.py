"""Access: what an actor may see is a rule, and lists, totals and single reads obey the same one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from crmkit import CRM, AccessDenied, BusinessCalendar, F, Line, Money, Rule
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Record
from crmkit.pipeline.orders import Order


def own(actor: str, cls: type[Record]) -> Rule | None:
    """Sales people see their own customers, and what belongs to them."""
    if actor == "manager":
        return None
    if cls is Customer:
        return F.owner == actor
    return F.customer.owner == actor if "customer_id" in cls.__schema__ and cls.__schema__.name == "order" else None


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest) -> Iterator[CRM]:
    with CRM.open(request.param, currency="EUR", access=own) as crm:
        yield crm


def test_lists_counts_and_single_reads_obey_the_same_rule(crm: CRM) -> None:
    mine = crm.customers.register(name="Mine", owner="xu", city="Rome")
    theirs = crm.customers.register(name="Theirs", owner="li", city="Rome")
    xu = crm.acting_as("xu")
    assert xu.customers.find(F.city == "Rome") == [mine]
    assert xu.customers.count() == 1
    assert [c.id for c in xu.customers.page(size=5)] == [mine.id]
    assert xu.customers.get(mine.id) == mine
    with pytest.raises(AccessDenied, match="xu may not see customer"):
        xu.customers.get(theirs.id)
    with pytest.raises(AccessDenied):
        xu.customers.update(theirs.id, city="Oslo")
    assert crm.customers.get(theirs.id).city == "Rome"
    assert crm.acting_as("manager").customers.count() == 2


def test_what_belongs_to_others_is_not_added_up(crm: CRM) -> None:
    from crmkit import Line

    for owner in ("xu", "li", "li"):
        customer = crm.customers.register(name=owner, owner=owner)
        crm.pipeline.orders.place(customer, lines=[Line("Album", quantity=1, unit_price=Money("10", "EUR"))])
    assert crm.acting_as("xu").pipeline.orders.count() == 1
    assert crm.acting_as("li").pipeline.orders.count() == 2
    assert crm.pipeline.orders.count() == 3


def test_reactions_see_everything(crm: CRM) -> None:
    """A verb that is allowed has all its consequences, also where the actor could not look himself."""
    xu = crm.acting_as("xu")
    lead = xu.pipeline.leads.qualify(xu.pipeline.leads.capture(name="Wang", email="wang@example.com", owner="xu"))
    wang, _, deal = xu.pipeline.leads.convert(lead, amount=Money("5", "EUR"))
    assert deal is not None
    xu.pipeline.opportunities.win(deal)
    assert crm.lifecycle.stage_of(wang) == "customer"


def test_what_the_house_decides_depends_on_nobodys_view() -> None:
    def access(actor: str, cls: type[Record]) -> Rule | None:
        return F.channel == "web" if cls is Order and actor == "xu" else None

    with CRM.open("memory://", currency="CNY", access=access) as crm:
        always = BusinessCalendar.always_open()
        crm.service.policies.define(
            "buyers", calendar=always, resolution=timedelta(hours=4), when=F.customer.orders.count() >= 1
        )
        crm.service.routing.define("buyers", rule=F.customer.orders.count() >= 1, automatic=True)
        crm.service.agents.define("agent:li", queues=["buyers"])
        wang = crm.customers.register(name="Xiao Wang")
        crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(100, "CNY"))], channel="shop")
        xu = crm.acting_as("xu")
        assert xu.pipeline.orders.count() == 0
        case = xu.service.cases.open(wang, subject="Where is it?")
        assert (case.policy, crm.service.cases.get(case.id).owner) == ("buyers", "agent:li")
