"""What would have to be otherwise, and what an explanation shows, one case at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_, or_

import pytest

from crmkit import CRM, F, Line, Money
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.rules import Rule
from crmkit.kernel.rules.explain import Explanation
from crmkit.testing import FrozenClock

ROME, OSLO = F.city == "Rome", F.city == "Oslo"
A, B, C = (F.tags.has(letter) for letter in "abc")


@pytest.fixture
def li(crm: CRM) -> Customer:
    return crm.customers.register(name="Li", city="Chengdu", tags={"b"}, birthday=date(1996, 2, 29))


def explained(crm: CRM, rule: Rule, who: Customer) -> Explanation:
    told = crm.customers.segments.explain(rule, who)
    assert told.matches is (crm.customers.find(rule & (F.id == who.id)) == [who])
    return told


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (
            ROME & (~ROME | F.orders.any()),
            ('city = "Rome" should hold, it is "Chengdu"', "any orders[] should hold, it is 0"),
        ),
        ((A | B) ^ B, ('tags has ("a") should hold, it is "b"', 'tags has ("b") should not hold, it is "b"')),
        ((C | A) & (F.orders.any() | A), ('tags has ("a") should hold, it is "b"',)),
        (A & A, ('tags has ("a") should hold, it is "b"',)),
        (
            A & ~F.tags.has_none("a"),
            ('tags has ("a") should hold, it is "b"', 'not tags has none ("a") should hold, it is "b"'),
        ),
        (ROME & OSLO, ("no change can bring it in: its parts contradict each other",)),
        (ROME & (F.city != "Rome"), ("no change can bring it in: its parts contradict each other",)),
        (ROME | ~ROME, ("no change can make it leave: it holds of everybody",)),
        (F.birthday.month == 13, ("no change can bring it in: its parts contradict each other",)),
        (ROME & (F.city != "Oslo"), ('city = "Rome" should hold, it is "Chengdu"',)),
        (
            (ROME & OSLO) | (ROME & C),
            ('city = "Rome" should hold, it is "Chengdu"', 'tags has ("c") should hold, it is "b"'),
        ),
        (
            (F.orders.count() >= 1) & (F.orders.count() >= 3),
            ("orders[].count() >= 1 should hold, it is 0", "orders[].count() >= 3 should hold, it is 0"),
        ),
        (~(B & (F.city == "Chengdu")) & (F.city == "Chengdu"), ('tags has ("b") should not hold, it is "b"',)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_change_suffices_and_is_the_smallest(crm: CRM, li: Customer, rule: Rule, change: tuple[str, ...]) -> None:
    assert explained(crm, rule, li).change == change


def test_following_the_change_brings_somebody_in(crm: CRM, li: Customer) -> None:
    rule = ROME & (~ROME | F.orders.any())
    moved = crm.customers.update(li, city="Rome")
    assert explained(crm, rule, moved).change == ("any orders[] should hold, it is 0",)
    crm.pipeline.orders.place(moved, lines=[Line("Album", unit_price=Money(80, "CNY"))])
    assert explained(crm, rule, moved).matches


def test_that_no_change_helps_is_shown(crm: CRM, li: Customer) -> None:
    for form in ("", "text", "md", "html"):
        assert "no change can bring it in" in format(explained(crm, ROME & OSLO, li), form)
        assert "no change can bring it in" in format(explained(crm, F.birthday.month == 13, li), form)
    with pytest.raises(InvalidInput, match="'md' or 'html', not as 'pdf'"):
        format(explained(crm, ROME, li), "pdf")


@pytest.mark.slow
def test_of_a_very_large_rule_a_change_is_named_but_not_called_the_smallest(crm: CRM, li: Customer) -> None:
    tags = [F.tags.has(f"t{n}") for n in range(600)]
    why = explained(crm, reduce(or_, tags) & ROME, li)
    assert not why.turn.smallest
    assert why.change[1:] == (
        'city = "Rome" should hold, it is "Chengdu"',
        "a smaller change was not ruled out: the rule is too large to try them all",
    )
    assert explained(crm, reduce(and_, tags) & ROME & OSLO, li).change == (
        "no change was found: the rule is too large to try them all",
    )


def test_somebody_of_later_is_out_because_he_was_not_there_yet(crm: CRM, clock: FrozenClock, li: Customer) -> None:
    before = clock.now() - timedelta(days=1)
    for rule in (F.city == "Chengdu", ~ROME, ~(ROME | OSLO)):
        why = crm.customers.segments.explain(rule, li, as_of=before)
        assert not why.matches
        [line] = why.change
        assert line.startswith("created_at <= 2026-03-01")
        assert not crm.customers.find(rule, as_of=before)


# ── Values ──


@pytest.fixture
def buyer(crm: CRM, li: Customer) -> Customer:
    for price, currency in (("100", "CNY"), ("25", "CNY"), ("0.01", "CNY"), ("7", "EUR")):
        crm.pipeline.orders.place(li, lines=[Line("Album", unit_price=Money(price, currency))])
    return li


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (F.birthday.age >= 18, "30"),
        (F.birthday.age.is_missing(), "30"),
        (F.created_at.age >= 18, "0"),
        (F.orders.avg("total") > Money(5, "CNY"), "41.67 CNY"),
        (F.orders.avg("total") > Money(5, "EUR"), "7 EUR"),
        (F.orders.avg("total") > Money(5, "JPY"), "missing"),
        (F.orders.avg("total").is_missing(), "41.67 CNY, 7 EUR"),
        (F.orders.sum("total").is_missing(), "125.01 CNY, 7.00 EUR"),
        (F.orders.sum("total") > Money(5, "JPY"), "0 JPY"),
        (F.orders.sum("total").in_([Money(5, "JPY"), Money(7, "EUR")]), "7.00 EUR, 0 JPY"),
        (F.orders.max("total").is_missing(), "100.00 CNY, 7.00 EUR"),
        (F.orders.where(F.channel == "none").min("total").is_missing(), "missing"),
        (F.email == F.phone, "missing and missing"),
        (F.extras.is_missing(), "{}"),
        (F.bucket(1) == 0, "0"),
    ],
    ids=str,
)
def test_the_value_that_decided_is_shown(crm: CRM, clock: FrozenClock, buyer: Customer, rule: Rule, value: str) -> None:
    why = explained(crm, rule, buyer)
    assert why.value == value
    assert f"it is {value}" in str(why)
    assert clock.now().year == 2026


@pytest.mark.parametrize(
    ("day", "age"), [((2026, 2, 28), 29), ((2026, 3, 1), 30), ((2028, 2, 28), 31), ((2028, 2, 29), 32)]
)
def test_an_age_is_shown_as_rules_count_it(
    crm: CRM, clock: FrozenClock, li: Customer, day: tuple[int, int, int], age: int
) -> None:
    noon = datetime(*day, 4, tzinfo=UTC)
    why = crm.customers.segments.explain(F.birthday.age == age, li, as_of=max(noon, clock.now()))
    if noon >= clock.now():
        assert why.matches
        assert why.value == str(age)


def test_a_mean_that_lies_between_two_amounts_is_shown_with_more_digits(crm: CRM, buyer: Customer) -> None:
    crm.pipeline.orders.place(buyer, lines=[Line("Print", unit_price=Money("0.02", "CNY"))])
    assert explained(crm, F.orders.avg("total") > Money(31, "CNY"), buyer).value == "31.2575 CNY"
    crm.pipeline.orders.place(buyer, lines=[Line("Print", unit_price=Money(1, "EUR"))])
    crm.pipeline.orders.place(buyer, lines=[Line("Print", unit_price=Money(2, "EUR"))])
    assert explained(crm, F.orders.avg("total") > Money(3, "EUR"), buyer).value == "about 3.333333 EUR"


def test_the_rows_of_a_sequence_are_shown(crm: CRM, clock: FrozenClock, buyer: Customer) -> None:
    clock.advance(days=1)
    case = crm.service.cases.open(buyer, subject="Where is it?", kind="question")
    why = explained(crm, F.orders.then(F.cases, days=2), buyer)
    assert why.matches
    assert len(why.rows) == 5
    assert why.rows[-1].startswith(case.id)
    assert "and" not in why.rows[0]
