"""Who may not see everything gets the same answers: what he may not see counts, and is covered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from crmkit import CRM, F, Line, Money
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.errors import AccessDenied
from crmkit.kernel.entity import Record
from crmkit.pipeline.orders import Order

if TYPE_CHECKING:
    from crmkit.kernel.rules import Rule
    from crmkit.testing import FrozenClock

MAY_SEE: dict[type[Record], Rule] = {
    Customer: F.owner == "xu",
    Company: F.name == "Visible",
    Order: F.channel == "web",
}


@pytest.fixture(params=["memory://", "sqlite://"])
def manager(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[CRM]:
    """Two customers of Xu, of whom one has an order and a company that he may not see, and one of Li."""

    def access(actor: str, cls: type[Record]) -> Rule | None:
        return MAY_SEE.get(cls) if actor == "xu" else None

    with CRM.open(request.param, currency="CNY", clock=clock, access=access) as crm:
        manager = crm.acting_as("manager")
        companies = {n: manager.customers.companies.register(name=n, industry="events") for n in ("Visible", "Hidden")}
        for name, owner, company, channels in (
            ("Wang", "xu", "Hidden", ("web", "shop")),
            ("Zhao", "xu", "Visible", ("shop",)),
            ("Chen", "li", "Visible", ("web",)),
        ):
            who = manager.customers.register(name=name, owner=owner, company=companies[company])
            for price, channel in enumerate(channels, start=1):
                line = Line("Album", unit_price=Money(price, "CNY"))
                manager.pipeline.orders.place(who, lines=[line], channel=channel)
        yield manager


RULES: tuple[Rule, ...] = (
    F.company.industry == "events",
    F.company.industry.is_missing(),
    F.company.name.is_missing(),
    F.company.is_missing(),
    F.orders.count() >= 2,
    F.orders.none(),
    F.orders.sum("total") >= Money(3, "CNY"),
    F.orders.last("channel") == "shop",
    F.company.customers.where(F.owner == "li").any(),
    F.company.customers.count() >= 2,
)


@pytest.mark.parametrize("rule", RULES, ids=map(str, RULES))
def test_an_explanation_says_what_the_segment_does(manager: CRM, rule: Rule) -> None:
    xu = manager.acting_as("xu").customers
    manager.customers.segments.define("those", rule=rule)
    manager.customers.segments.refresh("those")
    members = {c.id for c in xu.segments.members("those")}
    assert {c.id for c in xu.find(rule)} == members
    for who in xu.find():
        why = xu.segments.explain("those", who)
        assert why.matches is (who.id in members)
        assert why.matches is manager.customers.segments.explain("those", who).matches


def test_what_the_actor_may_not_see_is_covered(manager: CRM) -> None:
    xu = manager.acting_as("xu").customers
    [wang], [zhao], [chen] = (manager.customers.find(F.name == name) for name in ("Wang", "Zhao", "Chen"))
    spent = F.orders.sum("total") >= Money(1, "CNY")
    of_wang = xu.segments.explain(spent, wang)
    assert of_wang.value == "•••"
    assert [row == "•••" for row in of_wang.rows].count(True) == 1
    assert [row for row in of_wang.rows if row.endswith("1.00 CNY")]
    assert "2.00" not in f"{of_wang}{format(of_wang, 'md')}{format(of_wang, 'html')}{of_wang.change}"
    assert xu.segments.explain(spent, zhao).rows == ("•••",)
    of_web = xu.segments.explain(F.orders.where(F.channel == "web").count() >= 1, wang)
    assert (of_web.value, len(of_web.rows)) == ("1", 1)
    assert xu.segments.explain(F.company.industry == "events", wang).value == "•••"
    assert xu.segments.explain(F.company.industry == "events", zhao).value == '"events"'
    assert manager.customers.segments.explain(spent, wang).value == "3.00 CNY"
    with pytest.raises(AccessDenied):
        xu.segments.explain(spent, chen)


def test_a_preview_names_those_only_whom_the_actor_may_see(manager: CRM) -> None:
    xu = manager.acting_as("xu").customers.segments
    manager.customers.segments.define("buyers", rule=F.orders.any())
    manager.customers.segments.refresh("buyers")
    [wang], [zhao] = (manager.customers.find(F.name == name) for name in ("Wang", "Zhao"))
    same = xu.preview(F.orders.any(), against="buyers")
    assert (same.count, same.entering, same.leaving) == (2, (), ())
    assert xu.preview(F.name == "Wang", against="buyers").leaving == (zhao.id,)
    assert xu.preview(F.name == "Zhao", against="buyers").leaving == (wang.id,)
