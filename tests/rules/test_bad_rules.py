"""Bad rules, one line each: what is handed over, and what the refusal says; beside them, large ones that are answered.

``test_refusals.py`` has what does not fit an entity, and odd values that do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_, or_, xor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.errors import CrmError, DefinitionError
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import AsOf, Rule, nodes, none_of, one_of, parse
from crmkit.kernel.rules.querybuilder import QueryBuilder
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.kernel.rules.tokens import Token, Words
from crmkit.plugins.storage.duckdb import DuckEngine

Wrong = Callable[[], object]
A: Any = F.city == "a"
HUNDRED_MEGABYTES = "x" * 100_000_000
MAX, MIN = date.max, date.min
NUMBERS = range(100_000)


def refused(wrong: Wrong, says: str) -> None:
    with pytest.raises(CrmError) as refusal:
        wrong()
    assert says in str(refusal.value)
    assert "<class" not in str(refusal.value)
    assert len(str(refusal.value)) < 1_000


PYTHON: list[tuple[str, Wrong]] = [
    ("value, not a rule", lambda: not F.city),
    ("value, not a rule", lambda: bool(F.city)),
    ("value, not a rule", lambda: ~F.city),
    ("value, not a rule", lambda: F.city & A),
    ("value, not a rule", lambda: "vip" in F.tags),
    ("value, not a rule", lambda: list(F.tags)),
    ("instead of and, or, not", lambda: 1 < F.version < 3),
    ("a rule is needed", lambda: A & True),
    ("a rule is needed", lambda: A | F.orders.any),
    ("a rule is needed", lambda: A ^ "b"),
    ("a rule is needed", lambda: F.orders.where("paid")),  # type: ignore[arg-type]
    ("a rule is needed", lambda: F.orders.all("paid")),  # type: ignore[arg-type]
    ("a rule is needed", lambda: none_of(A, "b")),  # type: ignore[arg-type]
    ("a rule is needed", lambda: one_of("a", A)),  # type: ignore[arg-type]
    ("a list of values", lambda: F.city.in_(None)),  # type: ignore[arg-type]
    ("a list of values", lambda: F.city.in_(3)),  # type: ignore[arg-type]
    ("a list of values", lambda: F.city.in_(b"ab")),
    ("a list of values", lambda: F.city.in_({"a": 1})),
    ("write in_(['abc'])", lambda: F.city.in_("abc")),
    ("cannot compare with", lambda: F.city.in_([["a"]])),
    ("cannot compare with", lambda: F.version.in_([1, float("nan")])),
    ("cannot compare with", lambda: F.version < 1e309),
    ("cannot compare with None", lambda: F.version < None),
    ("naive", lambda: F.created_at.in_([datetime(2026, 1, 1)])),  # noqa: DTZ001 - naive on purpose
    ("1,000 digits", lambda: F.version < 10**5_000),
    ("1,000 digits", lambda: F.version < Decimal("1e400000000")),
    ("1,000 digits", lambda: F.version > Decimal("1e-400000000")),
    ("half a character", lambda: F["\ud800"] == 1),
    ("half a character", lambda: F.bucket(3, salt="\ud800")),
    ("NUL", lambda: F.in_segment("a\0")),
    ("a field is named", lambda: F[""] == 1),
    ("a field is named", lambda: F["company..name"] == 1),
    ("a field is named", lambda: F["x" * 501] == 1),
    ("text with text", lambda: F[3] == 1),  # type: ignore[index]
    ("text with text", lambda: F.orders.sum(None)),  # type: ignore[arg-type]
    ("text with text", lambda: F.tags.has(["a", "b"])),  # type: ignore[arg-type]
    ("takes related rows", lambda: F.orders.then("cases", days=1)),  # type: ignore[arg-type]
    ("say within which time", lambda: F.orders.then(F.cases)),
    ("1,000,000 characters", lambda: F.city == HUNDRED_MEGABYTES),
]


@pytest.mark.parametrize(("says", "wrong"), PYTHON, ids=[f"{n} {says}" for n, (says, _) in enumerate(PYTHON)])
def test_python_that_is_no_rule(says: str, wrong: Wrong) -> None:
    refused(wrong, says)


TEXTS: list[tuple[str, Any]] = [
    ("not from None", None),
    ("not from b'city", b'city = "x"'),
    ("at character 12 ", 'version < 1e309 and city = "x"'),
    ("at character 11 ", "version < " + "9" * 5_000),
    ("at character 11 ", "version < 0." + "9" * 5_000),
    ("a duration", "lasts < 1.5 microseconds"),
    ("a duration", "lasts < " + "9" * 400 + " microseconds"),
    ("an amount of money", "total < " + "9" * 400 + " CNY"),
    ("0 to 100,000", "created_at in last 999999999 years"),
    ("0 to 100,000", 'stage held "new" for 100001 days'),
    ("1 to 1,000,000", 'bucket(0, "a") < 1'),
    ("0 to 366", "birthday anniversary in 367 days"),
    ("within which time", "orders[] then cases[] in 0 hours"),
    ("NUL", "`a\0b` = 1"),
    ("half a character", "`\ud800` = 1"),
    ("a field is named", "`` = 1"),
    ("a path of names", ".".join(["a"] * 100_000) + " = 1"),
    ("a path of names", "a." * 2_000_000 + "b = 1"),
    ("each of them once", "any orders[last " + "1 day " * 800_000 + "]"),
    ("each of them once", "created_at in last 0 days 0 day"),
    ("did you mean 'month'?", "birthday.monht() = 3"),
    ("did you mean 'count'?", "orders.cuont() = 3"),
    ("at character 101 ", "(" * 1_000_000),
    ("levels", "any a[" * 10_000),
    ("levels of 'not'", "not " * 10_000 + "everyone"),
    ("5,000 parts", " and ".join(["everyone"] * 100_000)),
    ("5,000,000 characters", HUNDRED_MEGABYTES),
    ("1,000,000 characters", 'city = "' + "x" * 1_000_001 + '"'),
]


@pytest.mark.parametrize(("says", "text"), TEXTS, ids=[f"{n} {says}" for n, (says, _) in enumerate(TEXTS)])
def test_text_that_is_no_rule(says: str, text: Any) -> None:
    refused(lambda: parse(text), says)


@pytest.mark.parametrize("text", ["a." * 2_000_000 + "b = 1", "any orders[last " + "0 days " * 700_000 + "]"])
def test_what_can_never_become_a_rule_is_not_read_to_its_end(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    furthest, at = 0, Words.at

    def watched(words: Words, position: int) -> Token:
        nonlocal furthest
        furthest = max(furthest, position)
        return at(words, position)

    monkeypatch.setattr(Words, "at", watched)
    with pytest.raises(DefinitionError):
        parse(text)
    assert 0 < furthest < 2_000  # of some millions of words


def compared(value: Any, **more: Any) -> dict[str, Any]:
    return {"left": {"field": "version"}, "op": "<", "right": {"value": value, **more}}


LOOP: dict[str, Any] = {}
LOOP["not"] = LOOP
JSONS: list[tuple[str, Any]] = [
    ("'1,5' is not a value of the kind 'decimal'", compared("1,5", **{"as": "decimal"})),
    ("stands there twice", '{"always": false, "always": true}'),
    ("stands there twice", '{"left": {"field": "city", "field": "name"}, "op": "==", "right": {"value": "x"}}'),
    ("Expecting value", "city"),
    ("Expecting value", ""),
    ("NaN is no number", '{"left": {"field": "version"}, "op": "<", "right": {"value": NaN}}'),
    ("Infinity", '{"left": {"field": "version"}, "op": "<", "right": {"value": 1e309}}'),
    ("Exceeds the limit", '{"left": {"field": "version"}, "op": "<", "right": {"value": ' + "9" * 5_000 + "}}"),
    ("utf-8", b'{"segment": "\xff"}'),
    ("half a character", '{"segment": "\\ud800"}'),
    ("nested deeper", '{"not": ' * 10_000 + '{"always": true}' + "}" * 10_000),
    ("nested deeper", "[" * 1_000_000),
    ("20,000,000 characters", '{"segment": "' + HUNDRED_MEGABYTES + '"}'),
    ("nested deeper", LOOP),
    ("at version", {"version": "crmkit-rule/2", "all": []}),
    ("at $schema", {"$schema": "crmkit-rule/9", "all": []}),
    ("not permitted", {"all": [], "any": []}),
    ("1,000 digits", compared(10**5_000)),
    ("1,000 digits", compared("1e400000000", **{"as": "decimal"})),
    ("decimal", compared("1e999999999999999999999", **{"as": "decimal"})),
    ("microseconds", compared(1e308, **{"as": "microseconds"})),
    ("microseconds", compared(1.5, **{"as": "microseconds"})),
    ("microseconds", compared("9" * 5_000, **{"as": "microseconds"})),
    ("CNY", compared(10**400, **{"as": "CNY"})),
    ("date", compared("True", **{"as": "date"})),
    ("ISO 4217", compared("1", **{"as": ""})),
    ("a field is named", {"missing": {"field": "a..b"}}),
    ("NUL", {"missing": {"field": "a\0"}}),
    ("half a character", {"held": {"field": "stage"}, "value": "\ud800", "window": {"days": 1}}),
    ("half a character", {"left": {"bucket": 3, "salt": "\ud800"}, "op": "==", "right": {"value": 1}}),
    ("right", {"left": {"field": "city"}, "op": "in", "right": "abc"}),
    ("right", {"left": {"field": "tags"}, "op": "has_any", "right": "abc"}),
]


@pytest.mark.parametrize(("says", "spec"), JSONS, ids=[f"{n} {says}" for n, (says, _) in enumerate(JSONS)])
def test_json_that_is_no_rule(says: str, spec: Any) -> None:
    refused(lambda: from_json(spec), says)


def test_json_is_read_as_text_too() -> None:
    rule = F.city.in_(["Rome", "Oslo"]) & F.orders.within(days=90).any()
    assert from_json(json.dumps(to_json(rule))) == from_json(json.dumps(to_json(rule)).encode()) == rule


@pytest.fixture
def builder(registry: Registry) -> QueryBuilder:
    at = AsOf(at=datetime(2026, 3, 2, tzinfo=UTC), zone=ZoneInfo("UTC"))
    return QueryBuilder(schema=Customer.__schema__, registry=registry, as_of=at, currency="CNY")


def one(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value, **more}]}


CITY = {"field": "city", "operator": "=", "value": "a"}
INSIDE = {"combinator": "and", "rules": [{"field": "status", "operator": "=", "value": "paid"}]}
QUERIES: list[tuple[str, Any]] = [
    ("true or false", {"combinator": "and", "not": "false", "rules": [CITY]}),
    ("true or false", {"combinator": "and", "rules": [{**CITY, "muted": "no"}]}),
    ("stands between two rules", {"rules": [CITY, "or"]}),
    ("a rule with a field", {"rules": ["or", CITY, "or"]}),
    ("5,000 rules", {"combinator": "or", "rules": [CITY] * 1_000_000}),
    ("5,000 parts", {"combinator": "or", "rules": [INSIDE | {"rules": [CITY] * 3_000}] * 3}),
    ("5,000 parts", {"combinator": "xor", "rules": [CITY] * 5_000}),
    ("1,000,000 characters", one("city", "=", HUNDRED_MEGABYTES)),
    ("too long", one("city", "in", HUNDRED_MEGABYTES)),
    ("too long", one("city", "in", ["x"] * 1_000_000)),
    ("text with text", one("city", "=", None)),
    ("text with text", one("city", "contains", ["a"])),
    ("text with text", one("city", "=", {"$ne": 1})),
    ("NUL", one("city", "=", "a\0")),
    ("half a character", one("city", "in", ["\ud800"])),
    ("is not a integer", one("version", "<", "1e400000000")),
    ("is not a integer", one("version", "<", "1_000")),
    ("is not a integer", one("version", "<", "NaN")),
    ("is not a integer", one("version", "<", None)),
    ("is not a date", one("birthday", "<", "0000-01-01")),
    ("two values", one("version", "between", "1,2,3")),
    ("valueSource", one("city", "=", "a", valueSource="parameter")),
    ("not with another field", one("city", "contains", "name", valueSource="field")),
    ("did you mean 'orders'", one("order", "=", INSIDE, match={"mode": "some"})),
    ("a group with a list of rules", one("orders", "=", "paid", match={"mode": "some"})),
    ("match.mode", one("orders", "=", INSIDE, match={"mode": "most"})),
    ("match.threshold", one("orders", "=", INSIDE, match={"mode": "atLeast", "threshold": 0.5})),
    ("match.threshold", one("orders", "=", INSIDE, match={"mode": "atLeast", "threshold": -1})),
]


@pytest.mark.parametrize(("says", "query"), QUERIES, ids=[f"{n} {q[0]}" for n, q in enumerate(QUERIES)])
def test_queries_that_are_no_rule(builder: QueryBuilder, says: str, query: Any) -> None:
    refused(lambda: builder.read(query), says)


# ── Rules that are nested or long beyond measure ──


def alternating(levels: int) -> Rule:
    rule: Rule = F.city == "x"
    for _ in range(levels):
        rule = (rule & (F.name == "y")) | (F.city == "z")
    return rule


def negated(levels: int) -> Rule:
    rule: Rule = A
    for _ in range(levels):
        rule = nodes.Not(rule)
    return rule


def related(levels: int) -> Rule:
    def around(rule: Rule, n: int) -> Rule:
        return (F.orders if (levels - n) % 2 else F.customer).where(rule).any()

    return reduce(around, range(levels), F.version > 0)


def of_parts(levels: int) -> Rule:
    expr: nodes.Expr = nodes.Attr(("created_at",))
    for _ in range(levels):
        expr = nodes.Part(expr, "year")
    return nodes.Compare(expr, "==", nodes.Const(3))


ENDLESS: list[tuple[str, Callable[[], Rule]]] = [
    ("nested", lambda: alternating(10_000)),
    ("nested", lambda: negated(10_000)),
    ("nested", lambda: related(10_000)),
    ("nested", lambda: of_parts(10_000)),
    ("rule ", lambda: reduce(and_, (F.city == str(n) for n in NUMBERS))),
    ("rule ", lambda: reduce(or_, (F.city == str(n) for n in NUMBERS))),
    ("rule ", lambda: reduce(xor, (F.city == str(n) for n in NUMBERS))),
]


@pytest.mark.slow
@pytest.mark.parametrize(("says", "made"), ENDLESS, ids=[str(n) for n in range(len(ENDLESS))])
def test_rules_without_end(crm: CRM, says: str, made: Callable[[], Rule]) -> None:
    rule = made()
    assert len(repr(rule)) < 200
    customer = crm.customers.register(name="A")
    for asked in (
        lambda: crm.customers.count(rule),
        lambda: crm.customers.segments.define("s", rule=rule),
        lambda: crm.customers.segments.explain(rule, customer),
        lambda: crm.customers.segments.check(rule),
        lambda: crm.customers.segments.preview(rule),
        lambda: str(rule),
        lambda: to_json(rule),
    ):
        refused(asked, says)


def test_a_hundred_thousand_tildes_are_none() -> None:
    assert reduce(lambda rule, _: ~rule, NUMBERS, A) == A


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 6, 7])
def test_relations_in_relations_are_answered(target: str, levels: int) -> None:
    with CRM.open(target, migrate=True) as crm:
        crm.customers.register(name="A")
        rule = related(levels)
        assert crm.customers.count(rule) == 0
        assert crm.customers.count(~rule) == 1


# ── The ends of the calendar, and lists that are long ──

EDGES: list[tuple[str, Rule]] = [
    ("years 1 to 9999", F.created_at == MAX),
    ("years 1 to 9999", F.created_at <= MAX),
    ("years 1 to 9999", F.created_at.in_([MAX])),
    ("years 1 to 9999", F.created_at >= MIN),
    ("years 1 to 9999", F.orders.since(MIN).any()),
    ("years 1 to 9999", F.birthday.in_last(months=100_000)),
    ("years 1 to 9999", F.created_at.in_next(months=100_000)),
    ("1,000 at the most", F.birthday.age.in_(NUMBERS)),
    ("leads to one company", F.company.count() > 0),
    ("a field is needed", F.birthday.year.month == 3),
    ("levels and relations", related(9)),
    ("levels and relations", F["company" + ".parent" * 10 + ".name"] == "x"),
    ("levels and relations", F["orders" + ".customer.orders" * 10].any()),
]


@pytest.mark.parametrize(("says", "rule"), EDGES, ids=[f"{n} {edge[0]}" for n, edge in enumerate(EDGES)])
def test_beyond_the_edge(crm: CRM, says: str, rule: Rule) -> None:
    refused(lambda: crm.customers.count(rule), says)


def test_huge_numbers_and_long_sets_are_answered(target: str) -> None:
    with CRM.open(target, migrate=True, currency="CNY") as crm:
        crm.customers.register(name="In", birthday=date(1990, 2, 28), tags={"t7", "t8"})
        crm.customers.register(name="Out")
        tags = [f"t{n}" for n in NUMBERS]
        for rule, expected in (
            (F.version < 10**400, 2),
            (F.version > Decimal("1E-400"), 2),
            (F.version.in_([10**400, 1, Decimal("1.5")]), 2),
            (F.birthday.year < 10**400, 1),
            (F.orders.count() < 1e-300, 2),
            (F.orders.sum("total") < Money.from_minor(2**63 - 1, "CNY"), 2),
            (F.orders.then(F.orders, days=100_000), 0),
            (F.birthday.in_last(days=100_000), 1),
            (F.tags.has_any(*tags), 1),
            (F.tags.has_none(*tags), 1),
            (F.tags.has(*tags), 0),
            (F.tags.has("t7", "t8", "t7"), 1),
            (F.name.contains("%_" * 100_000), 0),
        ):
            assert crm.customers.count(rule) == expected, str(rule)[:80]
            assert crm.customers.count(~rule) == 2 - expected, str(rule)[:80]


@pytest.mark.slow
def test_a_hundred_thousand_values_in_every_form(crm: CRM, tmp_path: Path, builder: QueryBuilder) -> None:
    wanted = crm.customers.register(name="In", city="99999", birthday=date(2001, 2, 3))
    crm.customers.register(name="Out")
    cities, days = [str(n) for n in NUMBERS], [date(1800, 1, 1) + timedelta(days=n) for n in NUMBERS]
    export_parquet(crm, tmp_path)
    engine = DuckEngine(crm.storage.registry, tmp_path, zone=ZoneInfo("UTC"))
    for rule in (F.city.in_(cities), F.birthday.in_(days)):
        assert parse(str(rule)) == from_json(to_json(rule)) == rule
        assert engine.ids(Customer, rule, as_of=wanted.created_at) == [wanted.id]
    engine.close()
    segments = crm.customers.segments
    segments.define("listed", rule=F.birthday.in_(days))
    assert [m.customer_id for m in segments.refresh("listed").entered] == [wanted.id]
    for value in (cities, ",".join(cities)):
        assert crm.customers.count(builder.read(one("city", "in", value))) == 1
        assert crm.customers.count(builder.read(one("city", "notIn", value))) == 1


def test_a_hundred_million_characters_are_no_rule(builder: QueryBuilder) -> None:
    with pytest.raises(DefinitionError, match="a group with a list of rules"):
        builder.read(HUNDRED_MEGABYTES)
