"""What is to be a list, a mapping or a file and is something else is refused with a word about how it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from crmkit import CRM, InvalidInput, Line, Money
from crmkit.errors import DefinitionError
from crmkit.pipeline.sales import Sale

BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "people of a plan": (lambda p: p.commissions.plans.define("x", percent=5, people="xu"), r"as in \['xu'\]"),
    "people of an entry": (lambda p: p.assignment.define("x", people="xu"), r"as in \['xu'\]"),
    "skills of an entry": (lambda p: p.assignment.define("x", people=["xu"], skills="fr"), r"as in \['fr'\]"),
    "skills of a person": (lambda p: p.salespeople.update("xu", skills="fr"), "a set of texts"),
    "fields of a model": (lambda p: p.scoring.learn(fields="source"), r"as in \['source'\]"),
    "bounds": (lambda p: p.receivables.ageing(bounds="ab"), "takes several"),
    "bounds that are no numbers": (lambda p: p.receivables.ageing(bounds=["a"]), "whole numbers"),
    "days": (lambda p: p.forecast.backtest(seen_on=date(2026, 1, 1)), "takes several"),
    "rows": (lambda p: p.leads.capture_many("x"), "takes several"),
    "a row": (lambda p: p.leads.capture_many([{"name": "Li"}, "x"]), "row 2: a lead is given by its fields"),
    "sales": (lambda p: p.sales.record(5), "takes several"),
    "a sale": (lambda p: p.sales.record(["x"]), "sale 1: sales are made of Sale"),
    "lines of a sale": (lambda p: p.sales.record([Sale(customer="x", lines="x", at=None)]), "sale 1: lines="),  # type: ignore[arg-type]
    "lines of an order": (lambda p: p.orders.place(the(p).customer_id, lines=5), "takes several"),
    "lines of a return": (lambda p: p.returns.request(the(p).id, lines=["x"], reason="x"), r"as in \{id: 1\}"),
    "a line twice": (lambda p: p.returns.request(the(p).id, lines=twice(p), reason="x"), "given twice"),
    "a calendar": (lambda p: p.activities.load_calendar(5), "is text or bytes, got 5"),
    "shares": (lambda p: p.opportunities.split(deal(p), ["xu"]), "per cent by person"),
    "a lead twice": (lambda p: p.leads.merge([lead := p.leads.capture(name="Li"), lead]), "is given twice"),
    "a deal twice": (lambda p: p.opportunities.merge([deal(p), deal(p)]), "is given twice"),
}


def the(sales: Any) -> Any:
    return sales.orders.find()[0]


def deal(sales: Any) -> Any:
    return sales.opportunities.find()[0]


def twice(sales: Any) -> dict[Any, int]:
    line = sales.orders.lines(the(sales))[0]
    return {line: 1, line.id: 1}


@pytest.fixture(scope="module")
def sales() -> Any:
    with CRM.open("memory://") as crm:
        wang = crm.customers.register(name="Xiao Wang")
        crm.pipeline.salespeople.register("xu")
        crm.pipeline.opportunities.open(name="Album", customer=wang)
        crm.pipeline.orders.place(wang, lines=[Line("Album", unit_price=Money(9, "EUR"))])
        yield crm.pipeline


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_list_is_refused(sales: Any, what: str) -> None:
    call, message = BAD[what]
    with pytest.raises(InvalidInput, match=message):
        call(sales)
    assert (sales.returns.count(), sales.orders.count(), sales.commissions.plans.count()) == (0, 1, 0)


def test_sections_are_sections(sales: Any) -> None:
    with pytest.raises(DefinitionError, match="made of Section"):
        sales.commissions.plans.define("x", sections=["5 %"])
