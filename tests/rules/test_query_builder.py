"""The JSON that browsers write: every operator, groups in groups, and what is no query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import CRM, F
from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import AsOf, Rule, nodes
from crmkit.kernel.rules.querybuilder import QueryBuilder
from crmkit.kernel.rules.specs import from_json, to_json


@pytest.fixture
def builder(registry: Registry) -> QueryBuilder:
    at = AsOf(at=datetime(2026, 3, 2, tzinfo=UTC), zone=ZoneInfo("UTC"))
    return QueryBuilder(schema=Customer.__schema__, registry=registry, as_of=at, currency="CNY")


def one(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "combinator": "and",
        "rules": [{"field": field, "operator": operator, "value": value, **more}],
    }


PAID = {"combinator": "and", "rules": [{"field": "status", "operator": "=", "value": "paid"}]}
WAS_PAID = nodes.AllOf((F.status == "paid",))


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        (one("city", "=", "Rome"), F.city == "Rome"),
        (one("city", "!=", "Rome"), F.city != "Rome"),
        (one("birthday", "<", "2000-02-29"), F.birthday < date(2000, 2, 29)),
        (one("birthday", ">", "2000-02-29"), F.birthday > date(2000, 2, 29)),
        (one("version", "<=", "3"), F.version <= 3),
        (one("version", ">=", 3), F.version >= 3),
        (one("name", "contains", "%"), F.name.contains("%")),
        (one("name", "beginsWith", "A"), F.name.starts_with("A")),
        (one("name", "endsWith", "z"), F.name.ends_with("z")),
        (one("name", "doesNotContain", "x"), ~F.name.contains("x")),
        (one("name", "doesNotBeginWith", "x"), ~F.name.starts_with("x")),
        (one("name", "doesNotEndWith", "x"), ~F.name.ends_with("x")),
        (one("city", "null"), F.city.is_missing()),
        (one("city", "notNull"), ~F.city.is_missing()),
        (one("city", "in", "Rome, Oslo"), F.city.in_(["Rome", "Oslo"])),
        (one("city", "notIn", ["Rome", "Oslo"]), F.city.not_in(["Rome", "Oslo"])),
        (one("tags", "in", ["vip"]), F.tags.has_any("vip")),
        (one("tags", "notIn", "vip,old"), ~F.tags.has_any("vip", "old")),
        (one("tags", "contains", "vip"), F.tags.has("vip")),
        (one("tags", "doesNotContain", "vip"), ~F.tags.has("vip")),
        (one("version", "between", "1,3"), F.version.between(1, 3)),
        (one("version", "notBetween", [1, 3]), ~F.version.between(1, 3)),
        (one("created_at", ">=", "2026-03-02"), F.created_at >= date(2026, 3, 2)),
        (one("created_at", "<", "updated_at", valueSource="field"), F.created_at < F.updated_at),
        (one("company.industry", "=", "film"), F.company.industry == "film"),
        (one("name", "doesnotcontain", "x"), ~F.name.contains("x")),
        (one("name", "=", 7), F.name == "7"),
        (one("city", "in", r"Rome\, Italy,Oslo"), F.city.in_(["Rome, Italy", "Oslo"])),
        (one("city", "in", ""), F.city.in_([])),
        (one("city", "notIn", []), F.city.not_in([])),
        (one("version", "between", ["1", "3"]), F.version.between(1, 3)),
        (one("version", "=", "1e2"), F.version == 100),
        (one("city", "!=", "name", valueSource="field"), F.city != F.name),
        (one("city", "in", "name,country", valueSource="field"), (F.city == F.name) | (F.city == F.country)),
        (
            one("updated_at", "notBetween", ["company.created_at", "created_at"], valueSource="field"),
            ~F.updated_at.between(F.company.created_at, F.created_at),
        ),
        (one("orders", "=", PAID, match={"mode": "some"}), F.orders.where(WAS_PAID).any()),
        (one("orders", "=", PAID, match={"mode": "none"}), F.orders.where(WAS_PAID).none()),
        (one("orders", "=", PAID, match={"mode": "all"}), F.orders.all(WAS_PAID)),
        (one("orders", "=", PAID, match={"mode": "atLeast", "threshold": 2}), F.orders.where(WAS_PAID).count() >= 2),
        (one("orders", "=", PAID, match={"mode": "atMost", "threshold": 2}), F.orders.where(WAS_PAID).count() <= 2),
        (one("orders", "=", PAID, match={"mode": "exactly", "threshold": 0}), F.orders.where(WAS_PAID).count() == 0),
    ],
    ids=str,
)
def test_every_operator_is_understood(builder: QueryBuilder, query: Any, meant: Rule) -> None:
    assert builder.read(query) == nodes.AllOf((meant,))


@pytest.mark.parametrize(("written", "hour"), [("2026-03-02T09:30", 1), ("2026-03-02T09:30Z", 9)])
def test_an_instant_without_a_zone_is_one_of_the_crms(registry: Registry, written: str, hour: int) -> None:
    at = AsOf(at=datetime(2026, 3, 2, tzinfo=UTC), zone=ZoneInfo("Asia/Shanghai"))
    shanghai = QueryBuilder(schema=Customer.__schema__, registry=registry, as_of=at, currency="CNY")
    (rule,) = nodes.children(shanghai.read(one("created_at", ">=", written)))
    assert rule == (F.created_at >= datetime(2026, 3, 2, hour, 30, tzinfo=UTC))


A, B, C = ({"field": "city", "operator": "=", "value": name} for name in "abc")
RULES = [F.city == name for name in "abc"]


def test_groups_stand_in_groups(builder: QueryBuilder) -> None:
    query = {"combinator": "or", "not": True, "rules": [A, {"combinator": "and", "rules": [B, C]}]}
    assert builder.read(query) == ~nodes.AnyOf((RULES[0], nodes.AllOf((RULES[1], RULES[2]))))
    assert builder.read({"combinator": "and", "rules": []}) == nodes.AllOf(())


def test_and_binds_more_strongly_between_independent_combinators(builder: QueryBuilder) -> None:
    a, b, c = RULES
    query = {"rules": [A, "or", B, "and", C]}
    assert builder.read(query) == nodes.AnyOf((nodes.AllOf((a,)), nodes.AllOf((b, c))))


def test_what_is_muted_is_left_out(builder: QueryBuilder) -> None:
    a, _, c = RULES
    quiet = {**B, "muted": True}
    assert builder.read({"combinator": "and", "rules": [A, quiet, {**C, "disabled": True}]}) == nodes.AllOf((a, c))
    assert builder.read({"combinator": "or", "rules": [A, {"combinator": "and", "muted": True, "rules": [B]}]}) == (
        nodes.AnyOf((a,))
    )
    independent = {"rules": [A, "and", quiet, "or", quiet, "or", C]}
    assert builder.read(independent) == nodes.AnyOf((nodes.AllOf((a,)), nodes.AllOf((c,))))


def test_matches_are_counted_over_several_relations(builder: QueryBuilder, people: CRM) -> None:
    lines = {"combinator": "and", "rules": [{"field": "order.status", "operator": "=", "value": "placed"}]}
    rule = builder.read(one("orders.lines", "=", lines, match={"mode": "atMost", "threshold": 0}))
    assert people.customers.count(rule) == 8


@pytest.fixture
def people() -> Iterator[CRM]:
    with CRM.open("memory://") as crm:
        for n in range(8):
            tags = {name for bit, name in enumerate("abc") if n >> bit & 1}
            crm.customers.register(name=str(n), tags=tags)
        yield crm


def test_xor_holds_of_an_odd_number(builder: QueryBuilder, people: CRM) -> None:
    parts = [{"field": "tags", "operator": "in", "value": [name]} for name in "abc"]
    rule = builder.read({"combinator": "xor", "rules": parts})
    assert {c.name for c in people.customers.find(rule)} == {str(n) for n in range(8) if n.bit_count() % 2}
    many = builder.read({"combinator": "xor", "rules": parts * 7})
    assert {c.name for c in people.customers.find(many)} == {str(n) for n in range(8) if n.bit_count() % 2}
    assert from_json(to_json(rule)) == rule


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (None, "a group with a list of rules"),
        ([], "a group with a list of rules"),
        ({"combinator": "and"}, "a group with a list of rules"),
        ({"combinator": "nand", "rules": [A]}, "'and', 'or' or 'xor'"),
        ({"rules": [A, "xor", B]}, "'and' or 'or'"),
        ({"combinator": "and", "rules": ["and"]}, "a rule with a field"),
        ({"combinator": "and", "rules": [{"operator": "="}]}, "a rule with a field"),
        (one("cty", "=", "x"), r"query.rules\[0\].*did you mean 'city'"),
        (one("city", "==", "x"), "no operator '=='"),
        (one("city", "betwen", "1,2"), "did you mean 'between'"),
        (one("birthday", "<", "30.2.2000"), "not a date"),
        (one("version", "<", "three"), "not a"),
        (one("version", "<", "NaN"), "rule cannot|not a"),
        (one("version", "between", "1"), "two values"),
        (one("city", "in", 3), "a list"),
        (
            one("tags", "=", "vip"),
            r"query.rules\[0\]: tags is a set of texts: ask for them with contains or in, not with '='",
        ),
        (one("tags", "beginsWith", "v"), r"query.rules\[0\]: tags is a set"),
        (one("tags", "between", "a,b"), r"query.rules\[0\]: tags is a set"),
        (one("version", "contains", "1"), r"query.rules\[0\]: version is a integer; only stored text is searched"),
        (one("birthday", "<", "created_at", valueSource="field"), r"query.rules\[0\]: birthday \(date\) cannot be"),
        (one("birthday.month", "=", "3"), r"query.rules\[0\]: .* no 'month' as a field"),
    ],
    ids=str,
)
def test_what_is_no_query_is_refused(builder: QueryBuilder, query: Any, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        builder.read(query)


def test_queries_without_end_are_refused(builder: QueryBuilder) -> None:
    query: Any = {"combinator": "and", "rules": [A]}
    for _ in range(10_000):
        query = {"combinator": "and", "rules": [query]}
    with pytest.raises(DefinitionError, match="nested deeper"):
        builder.read(query)
