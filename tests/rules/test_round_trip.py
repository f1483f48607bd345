"""What is written down is read back as the same rule: as text and as JSON, for every rule that can be generated."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import F, Money
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError
from crmkit.kernel.entity import Record
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import AsOf, Rule, none_of, one_of, parse, plan
from crmkit.kernel.rules.specs import from_json, json_schema, to_json
from crmkit.kernel.text import fold
from crmkit.testing.strategies import rules
from crmkit.testing.suites import suite_registry
from crmkit.testing.suites.library import Book, Shelf

REGISTRY = suite_registry()
NAMES = ("locals", 'the "best"', "小王", "a\\b\n")
AS_OF = AsOf(at=datetime(2026, 3, 2, 9, tzinfo=UTC), zone=ZoneInfo("Asia/Shanghai"))


def anything() -> st.SearchStrategy[tuple[type[Record], Rule]]:
    """A rule beside the class that it is about."""
    classes: list[type[Record]] = [Book, Shelf, Customer]
    return st.one_of([st.tuples(st.just(c), rules(c, REGISTRY, max_leaves=6, segments=NAMES)) for c in classes])


@cache
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.slow
@settings(max_examples=500)
@given(anything())
def test_text_is_read_back_as_the_same_rule(about: tuple[type[Record], Rule]) -> None:
    _, rule = about
    assert parse(str(rule)) == rule


@pytest.mark.slow
@settings(max_examples=500)
@given(anything())
def test_json_is_read_back_as_the_same_rule(about: tuple[type[Record], Rule]) -> None:
    _, rule = about
    carried = json.loads(json.dumps(to_json(rule)))
    assert from_json(carried) == rule


@pytest.mark.slow
@settings(max_examples=100)
@given(anything())
def test_the_published_schema_accepts_every_rule(about: tuple[type[Record], Rule]) -> None:
    _, rule = about
    validator().validate(to_json(rule))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        None,
        "city",
        {"left": {"field": "city"}, "op": "~", "right": {"value": 1}},
        {"left": {"field": "city"}, "op": "==", "right": {"value": 1}, "also": 1},
        {"all": {"always": True}},
        {"not": None},
        {"left": {"field": ""}, "op": "==", "right": {"value": 1}},
        {"left": {"aggregate": "sum", "rows": "orders"}, "op": ">", "right": {"value": 1}},
        {"left": {"aggregate": "sum", "rows": "orders", "of": None}, "op": ">", "right": {"value": 1}},
        {"left": {"aggregate": "count", "rows": "orders", "of": {"field": "total"}}, "op": ">", "right": {"value": 1}},
        {"left": {"field": "city"}, "op": "==", "right": {"value": "x", "as": "text"}},
        {"exists": {"rows": "orders", "window": {}}},
        {"exists": {"rows": "orders", "window": {"days": None}}},
        {"exists": {"rows": "orders", "window": {"since": {"value": "2026-03-02"}}}},
        {"exists": {"rows": "orders", "window": {"until": {"value": "1", "as": "decimal"}}}},
        {"exists": {"rows": "orders", "window": {"until": {"value": "2026-03-02", "as": "date"}, "side": "before"}}},
    ],
)
def test_the_published_schema_refuses_what_is_no_rule(wrong: Any) -> None:
    assert not validator().is_valid(wrong)
    with pytest.raises(DefinitionError):
        from_json(wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"left": {"aggregate": "count", "rows": "orders", "of": None}, "op": ">", "right": {"value": 1, "as": None}},
        {"exists": {"rows": "orders", "window": {"since": {"value": "2026-03-02", "as": "date"}, "until": None}}},
        {"exists": {"rows": "orders", "window": {"days": 3, "hours": None, "side": "before"}}},
    ],
)
def test_the_published_schema_accepts_what_stands_there_for_nothing(right: Any) -> None:
    validator().validate(right)
    assert from_json(to_json(from_json(right))) == from_json(right)


EVERY_WORD = [
    F.city == "Chengdu",
    F.city.in_([]),
    F.city.in_(["Chengdu", "Xi'an", 'a "b" \\ \n']),
    F.city.not_in(["Rome"]),
    F.name.contains("%_\\"),
    F.name.starts_with(""),
    F.name.ends_with("王"),
    F.name.icontains("STRASSE"),
    F.name.iequals("İ"),
    F.city.is_missing(),
    ~F.city.is_missing(),
    F.tags.has("vip", "couple") | F.tags.has_any("a,b") | F.tags.has_none("x"),
    F.birthday == date(1996, 2, 29),
    F.birthday.between(date(1990, 1, 1), date(1999, 12, 31)),
    F.birthday.month == 3,
    F.birthday.age >= 18,
    F.created_at.hour < 12,
    F.created_at.weekday.in_([6, 7]),
    F.birthday.anniversary() | F.birthday.anniversary(days=7),
    F.created_at.in_last(days=90) | F.created_at.in_next(hours=3) | F.created_at.before_last(months=2),
    F.created_at >= datetime(2026, 3, 2, 1, 0, 0, 5, tzinfo=UTC),
    F.orders.count() >= 3,
    F.orders.where(F.status == "paid").within(days=90).count() >= 3,
    F.orders.sum("total") > Money("500", "CNY"),
    F.orders.avg("total") <= Money("-0.50", "CNY"),
    F.orders.min("total").is_missing(),
    F.orders.where((F.status == "paid") & (F.channel == "web")).any(),
    F.orders.since(date(2026, 1, 1)).until(datetime(2026, 2, 1, tzinfo=UTC)).none(),
    F.orders.all(F.status == "paid"),
    F.orders.lines.product.distinct("category") >= 2,
    F.orders.where(F.lines.where(F.quantity > Decimal("1.5")).any()).any(),
    F.orders.first("channel") == "web",
    F.orders.last("placed_at") < F.created_at,
    F.orders.stopped(days=90),
    F.cases.then(F.orders, days=30),
    F.orders.where(F.status == "paid").within(months=1).then(F.cases.where(F.priority == "high"), hours=5),
    F.stage.held("qualified", days=7) | F.stage.held(months=1, days=3),
    F.bucket(10, salt="spring") < 3,
    F.in_segment('the "best"'),
    F.company.industry == "photography",
    F["and"]["in"]["last"] == 3,
    F.done == True,  # noqa: E712 - that is how it is asked
    F.duration >= timedelta(days=-1, microseconds=3),
    F.extra.loyalty.tier == "gold",
    (F.a == 1) ^ (F.b == 2),
    none_of(F.a == 1, F.b == 2),
    none_of(),
    one_of(F.a == 1, F.b == 2, F.c == 3),
    ((F.a == 1) | (F.b == 2)) & ~((F.c == 3) & (F.d == 4)),
    F.a == Decimal("1.0"),
    F.a == 10**30,
]


@pytest.mark.parametrize("rule", EVERY_WORD, ids=str)
def test_every_word_of_the_language_goes_there_and_back(rule: Rule) -> None:
    assert parse(str(rule)) == rule
    assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
    validator().validate(to_json(rule))


def test_a_field_may_be_called_followed() -> None:
    assert parse("followed = 1") == (F.followed == 1)


def test_exactly_one_of_the_same_rule_twice_is_none() -> None:
    rome = F.city == "Rome"
    assert one_of(rome, rome) == one_of(F.city == "Rome", F.city == "Rome")
    assert one_of(rome, rome, F.age > 3) != one_of(rome, F.age > 3)
    assert one_of(rome) == parse('any of (all of (city = "Rome", not any of ()))')
    assert one_of() == parse("any of ()")


def test_the_same_rule_is_the_same_plan_however_it_came(registry: Registry) -> None:
    text = 'orders[status = "paid", last 90 days].count >= 3 and not tags has "vip"'
    rule = (F.orders.where(F.status == "paid").within(days=90).count() >= 3) & ~F.tags.has("vip")
    plans = [plan(r, Customer.__schema__, registry, AS_OF) for r in (rule, parse(text), from_json(to_json(rule)))]
    assert plans[0] == plans[1] == plans[2]


@given(st.text(max_size=40))
def test_any_text_in_a_rule_is_one_value(text: str) -> None:
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return
    rule = (F.city == text) & F.name.contains(text)
    assert parse(str(rule)) == rule
    assert from_json(to_json(rule)) == rule


def test_folding_is_the_same_on_both_sides() -> None:
    for one, other in (("STRASSE", "straße"), ("Café", "CAFE\u0301"), ("ΣΑΣ", "σας")):
        assert fold(one) == fold(other)
