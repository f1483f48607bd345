"""Findings of a check, one by one: what is called a mistake, and what is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import reduce
from operator import and_, or_
from typing import Any

import pytest

from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.customers.segments import Segment
from crmkit.errors import CrmError, DefinitionError, InvalidInput
from crmkit.kernel.rules import Rule
from crmkit.kernel.rules.check import check, check_order

CRM.open("memory://").close()  # all rooms are declared
PAID = F.status == "paid"
spent = F.orders.sum("total")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def messages(rule: Rule) -> str:
    return "; ".join(f"{f.about}: {f.message}" for f in check(rule, Customer.__schema__) if f.severity != "hint")


@pytest.mark.parametrize(
    "rule",
    [
        (spent > Money(5, "CNY")) & (spent > Money(5, "EUR")),
        (F.orders.min("total") > Money(5, "CNY")) & (F.orders.min("total") > Money(5, "EUR")),
        (F.orders.avg("total") > Money("10.00", "CNY")) & (F.orders.avg("total") < Money("10.01", "CNY")),
        (F.created_at >= date(2026, 1, 1)) & (F.created_at < NEW_YEAR),
        (F.created_at >= date(2027, 1, 1)) & (F.created_at < NEW_YEAR),  # west of Greenwich it began later, east before
        (F.created_at > date(2026, 12, 31)) & (F.created_at < NEW_YEAR),
        F.city.starts_with("Bo") & (F.city > "Boston"),
        F.orders.within(days=60).any() & F.orders.within(days=30).none(),
        F.orders.within(hours=60).any() & F.orders.within(days=3).none(),  # it depends on the hour
        F.orders.where(PAID).none() & F.orders.where(F.channel == "web").any(),
        F.created_at.in_last(days=30) & ~F.created_at.in_last(months=1),
        (F.birthday.year == 2000) & (F.birthday < date(2000, 2, 1)),
        (F.name < F.city) & (F.name > "a"),
    ],
    ids=str,
)
def test_what_can_be_is_left_alone(rule: Rule) -> None:
    assert messages(rule) == ""


@pytest.mark.parametrize(
    "rule",
    [
        F.birthday.month == 13,
        F.birthday.weekday == 0,
        F.birthday.weekday > 7,
        F.created_at.hour > 23,
        F.bucket(10) == 10,
        F.bucket(10) < 0,
        F.name.is_missing(),
        F.tags.has("a") & F.tags.has_none("a"),
        F.city.starts_with("A") & (F.city == "Boston"),
        F.city.starts_with("A") & F.city.starts_with("B"),
        F.city.ends_with("a") & F.city.ends_with("b"),
        F.city.contains("bcd") & ~F.city.contains("c"),
        F.city.iequals("Rome") & (F.city == "Oslo"),
        F.city.in_(str(n) for n in range(1_000)) & (F.city == "Rome"),
        F.created_at.in_last(days=7) & F.created_at.before_last(days=7),
        F.created_at.in_last(days=7) & ~F.created_at.in_last(days=30),
        F.created_at.in_last(days=28) & ~F.created_at.in_last(months=1),
        F.created_at.in_last(hours=7) & F.created_at.in_next(hours=7),
        (F.created_at >= date(2027, 1, 3)) & (F.created_at < NEW_YEAR),
        (F.birthday.year == 2000) & (F.birthday < date(2000, 1, 1)),
        F.orders.where(PAID).any() & F.orders.where(PAID).none(),
        (F.orders.count() >= 1) & F.orders.none(),
        (F.orders.max("total") > Money(5, "EUR")) & F.orders.none(),
        (spent > Money(0, "EUR")) & F.orders.none(),
        (F.orders.distinct("status") >= 3) & (F.orders.count() < 2),
        (F.orders.count() >= 3) & (F.orders.count() < 2.5),
        F.orders.where((F.channel == "web") & (F.channel == "shop")).count() > 0,
        F.orders.where(PAID & F.status.in_(["placed", "cancelled"])).any(),
        F.orders.since(date(2026, 1, 1)).until(date(2025, 1, 1)).any(),
        F.orders.within(days=30).any() & F.orders.within(days=60).none(),
        F.orders.where(PAID & (F.channel == "web")).any() & F.orders.where(PAID).none(),
        F.orders.then(F.cases, days=1) & F.cases.none(),
        F.company.is_missing() & (F.company.industry == "events"),
        (F.name < F.city) & (F.city <= F.name),
    ],
    ids=lambda rule: str(rule)[:80],
)
def test_what_cannot_be_is_found(rule: Rule) -> None:
    assert "it holds of nobody" in messages(rule)
    assert "it holds of everybody" in messages(~rule)


@pytest.mark.parametrize("rule", [F.bucket(10) < 10, F.birthday.month.is_missing() | (F.birthday.month <= 12)], ids=str)
def test_what_must_be_is_found(rule: Rule) -> None:
    assert "it holds of everybody" in messages(rule)


def test_what_an_entity_can_be_is_known_from_its_declaration() -> None:
    found = check((F.kind == "dynamic") | (F.kind == "static"), Segment.__schema__)
    assert [f.message for f in found if f.severity == "error"] == ["it holds of everybody: it says nothing"]
    found = check((F.kind > "dynamic") & (F.kind < "static"), Segment.__schema__)
    assert [f.message[:18] for f in found if f.severity == "error"] == ["it holds of nobody"]


def test_a_wider_stretch_of_time_decides_nothing_beside_a_narrower_one() -> None:
    assert (
        messages(F.orders.within(days=30).any() & F.orders.within(days=60).any())
        == "any orders[last 60 days]: it decides nothing: without it the rule means the same"
    )


def test_conditions_of_related_rows_are_looked_at() -> None:
    found = messages((F.city == "Rome") & (F.orders.where((F.channel == "web") & (F.channel == "shop")).count() < 3))
    assert "there are no such rows: the conditions contradict each other" in found
    assert 'channel = "web": it decides nothing' in messages(
        F.orders.where((F.channel == "web") & F.channel.in_(["web", "shop"])).any()
    ).replace('channel in ("web", "shop")', 'channel = "web"')


def test_what_is_idle_can_be_taken_away_all_at_once() -> None:
    """Of two branches each of which makes the other one idle, only one is."""
    assert messages((F.city == "Rome") & (F.city == "Rome")).count("decides nothing") == 1


# ── Large rules ──

MANY_TAGS = [F.tags.has(f"t{n}") for n in range(1_500)]


def test_seventeen_conditions_are_looked_at_as_a_whole() -> None:
    rule = reduce(and_, MANY_TAGS[:17])
    assert not check(rule, Customer.__schema__).findings
    assert check(rule & ~MANY_TAGS[3], Customer.__schema__).complete
    assert "it holds of nobody" in messages(rule & ~MANY_TAGS[3])


@pytest.mark.parametrize(
    ("rule", "about"),
    [
        (reduce(and_, MANY_TAGS) & (F.birthday.month == 13), "birthday.month() = 13"),
        (reduce(and_, MANY_TAGS) & (F.city == "Rome") & (F.city == "Oslo"), 'city = "Rome" and city = "Oslo"'),
        (reduce(or_, MANY_TAGS) | (F.city == "Rome") & (F.city == "Oslo"), 'city = "Rome" and city = "Oslo"'),
        (reduce(or_, MANY_TAGS) | (F.city == "Rome") | (F.city != "Rome"), 'city = "Rome" or city != "Rome"'),
        (reduce(or_, MANY_TAGS) | (F.city == "Rome") | F.city.in_(["Rome", "Oslo"]), 'city = "Rome"'),
    ],
    ids=["alone", "both", "below", "either", "idle"],
)
def test_conditions_and_pairs_of_them_are_looked_at_when_the_whole_is_too_large(rule: Rule, about: str) -> None:
    found = check(rule, Customer.__schema__)
    assert not found.complete
    assert about in [f.about for f in found if f.severity != "hint"]


def test_a_large_list_of_entries_is_compared_in_pairs() -> None:
    entries = {str(n): reduce(or_, MANY_TAGS[n * 100 : n * 100 + 100]) for n in range(8)}
    found = check_order({**entries, "again": MANY_TAGS[5] & (F.city == "Rome")}, Customer.__schema__)
    assert not found.complete
    assert ("again", "it is never reached: the entries before it take everyone") in [
        (f.about, f.message) for f in found
    ]


# ── Ordered lists ──


def test_another_currency_takes_nobody_away() -> None:
    small, big = ~(spent > Money(5, "EUR")), spent > Money(5, "CNY")
    assert not [f for f in check_order({"no big EUR": small, "big CNY": big}) if f.severity == "error"]


@pytest.mark.parametrize("schema", [None, Customer.__schema__])
def test_texts_and_json_are_rules_too(schema: Any) -> None:
    found = check_order(
        {
            "a": "orders[].count() >= 1",
            "b": {"left": {"aggregate": "count", "rows": "orders"}, "op": ">=", "right": {"value": 2}},
        },
        schema,
    )
    assert ("b", "error") in [(f.about, f.severity) for f in found]


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ({"a": F.citi == "Rome"}, DefinitionError, "'citi', did you mean 'city'"),
        ({"a": 'citi = "Rome"'}, DefinitionError, "did you mean 'city'"),
        ({"a": F.ordres.any()}, DefinitionError, "did you mean 'orders'"),
        ({"a": F.orders.where(F.statos == "paid").any()}, DefinitionError, "did you mean 'status'"),
        ({"a": "in the city of Rome"}, DefinitionError, "understood|expected|rule"),
        ({"a": True}, DefinitionError, "a rule is needed"),
        ({"a": F.city}, DefinitionError, "a rule is needed"),
        ([F.city == "Rome"], InvalidInput, "given by name"),
    ],
)
@pytest.mark.parametrize("schema", [None, Customer.__schema__])
def test_what_is_no_list_of_rules_is_refused(rules: Any, error: type[CrmError], message: str, schema: Any) -> None:
    with pytest.raises(error, match=message):
        check_order(rules, schema)


def test_entries_about_different_things_are_refused() -> None:
    with pytest.raises(DefinitionError, match="no single one"):
        check_order({"a": F.birthday.is_missing(), "b": F.quantity == 2})


def test_a_field_that_nothing_has_is_refused_by_a_check() -> None:
    with pytest.raises(DefinitionError, match="a customer has no 'citi', did you mean 'city'"):
        check(F.citi == "Rome", Customer.__schema__)


# ── Costs ──


@pytest.mark.parametrize(
    ("rule", "cost"),
    [
        (F.city == "Rome", "indexed"),
        (F.city.in_(["Rome"]), "indexed"),
        (F.city < "Rome", "indexed"),
        ((F.city == "Rome") & (F.country == "IT"), "indexed"),
        ((F.city == "Rome") | (F.email == "a@example.com"), "indexed"),
        (F.company_id == "com_1", "indexed"),
        ((F.city == "Rome") | (F.country == "IT"), "field"),
        (F.city != "Rome", "field"),
        (~(F.city == "Rome"), "field"),
        (F.email == F.phone, "field"),
        (F.city.starts_with("R"), "field"),
        (F.birthday.month == 3, "field"),
        (F.company.industry == "events", "related"),
        (F.in_segment("vip"), "related"),
        (F.orders.where(F.campaign.name == "x").any(), "nested"),
    ],
    ids=str,
)
def test_the_cost_class_says_what_an_index_can_do(rule: Rule, cost: str) -> None:
    assert check(rule, Customer.__schema__).cost == cost


@pytest.mark.parametrize(
    ("rule", "about"),
    [
        (F.country == "IT", ["country"]),
        (F.country.in_(["IT"]), ["country"]),
        (F.country.starts_with("I"), ["country"]),
        ((F.city == "Rome") | (F.country == "IT"), ["country"]),
        ((F.city == "Rome") & (F.country == "IT"), []),
        (F.company.region == "Lazio", ["company.region"]),
        (F.country != "IT", []),
        (F.email == F.phone, []),
        (F.birthday.month == 3, []),
    ],
    ids=str,
)
def test_fields_without_an_index_are_named_where_one_would_help(rule: Rule, about: list[str]) -> None:
    assert [f.about for f in check(rule, Customer.__schema__) if f.severity == "hint"] == about
