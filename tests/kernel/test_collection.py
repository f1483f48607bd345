"""Reading collections: find, page, count, and what they refuse."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import date

import pytest

from crmkit.crm import CRM
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.collection import Page
from crmkit.kernel.rules import F

BORN = [date(1990, 1, 1), None, date(1980, 5, 5), date(1990, 1, 1), None]


@pytest.fixture(params=["memory://", "sqlite://"])
def crm(request: pytest.FixtureRequest) -> Iterator[CRM]:
    with CRM.open(request.param) as opened:
        opened.customers.register_many(
            [{"name": f"No. {n}", "birthday": born, "city": "Wuhan" if n % 2 else None} for n, born in enumerate(BORN)]
        )
        yield opened


def pages(crm: CRM, **wanted: object) -> list[Page[Customer]]:
    found = [crm.customers.page(**wanted)]  # type: ignore[arg-type]
    while found[-1].next is not None:
        found.append(crm.customers.page(after=found[-1].next, **wanted))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("order", ["name", "-name", "birthday", "-birthday", ("city", "-birthday"), ()])
@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_pages_put_together_are_the_whole(crm: CRM, order: str, size: int) -> None:
    found = pages(crm, order_by=order, size=size)
    assert [c for page in found for c in page] == crm.customers.find(order_by=order)
    assert {page.total for page in found} == {5}
    assert all(len(page) == size for page in found[:-1])
    assert len(found[-1]) > 0


def test_a_page_stays_in_place_when_others_come_before_it(crm: CRM) -> None:
    first = crm.customers.page(size=2, order_by="name")
    crm.customers.register(name="A newcomer")
    second = crm.customers.page(size=2, order_by="name", after=first.next)
    assert [c.name for c in (*first, *second)] == ["No. 0", "No. 1", "No. 2", "No. 3"]
    assert second.total == 6


def test_missing_values_come_last_in_both_directions(crm: CRM) -> None:
    for order in ("birthday", "-birthday"):
        born = [c.birthday for c in crm.customers.find(order_by=order)]
        assert born[3:] == [None, None]
        assert born[:3] == sorted(born[:3], reverse=order.startswith("-"))  # type: ignore[type-var]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "",
        "ü",
        base64.urlsafe_b64encode(b'["a"]').decode(),
        base64.urlsafe_b64encode(b'["a", "b", "c"]').decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[[1], [2]]").decode(),
    ],
)
def test_a_cursor_of_another_kind_is_refused(crm: CRM, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="not the `next` of a page with this order"):
        crm.customers.page(order_by="birthday", after=cursor)


@pytest.mark.parametrize(
    ("order", "held"),
    [
        ("created_at", "2026-03-02T00:00:00"),
        ("created_at", 5),
        ("version", {}),
        ("version", "abc"),
        ("version", 10**400),
        ("name", 5),
        ("name", "\ud800"),
        ("birthday", "x"),
        ("birthday", []),
    ],
)
def test_a_cursor_that_somebody_has_changed_is_refused(crm: CRM, order: str, held: object) -> None:
    made = base64.urlsafe_b64encode(json.dumps([held, "cus_01m8367qx4e18st4vn19yjwvha"]).encode()).decode()
    with pytest.raises(InvalidInput, match="not the `next` of a page with this order"):
        crm.customers.page(order_by=order, after=made)


def test_a_cursor_without_end_is_refused(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="not the `next` of a page with this order"):
        crm.customers.page(order_by="name", after=base64.urlsafe_b64encode(b"[" * 100_000).decode())


@pytest.mark.parametrize("size", [0, -1, 10_001, "5", 2.0, True])
def test_a_page_has_a_size(crm: CRM, size: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 10000"):
        crm.customers.page(size=size)


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_a_limit_is_a_whole_number(crm: CRM, limit: object) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        crm.customers.find(limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["colour", "tags", "-extras", "--name", ""])
def test_what_has_no_order_sorts_nothing(crm: CRM, order: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be sorted by"):
        crm.customers.find(order_by=order)


def test_counts_and_finds_agree(crm: CRM) -> None:
    assert crm.customers.count() == 5
    assert crm.customers.count(F.city == "Wuhan") == len(crm.customers.find(F.city == "Wuhan")) == 2
    assert crm.customers.count(F.city != "Wuhan") == 3
    assert crm.customers.find(limit=0) == []


def test_a_page_prints_without_what_nobody_has(crm: CRM) -> None:
    page = crm.customers.page(size=2, order_by="name")
    text = format(page, "md")
    assert "No. 0" in text
    assert "occupation" not in text
    assert "2 of 5" in page._repr_html_()
    assert format(crm.customers.page(F.city == "Rome"), "md").startswith("| nothing")
