"""Bad input: a clear error that points at the place, or the right answer; never a crash, never silently everyone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, FrozenClock, Line, Money
from crmkit.errors import CrmError, DefinitionError, InvalidInput
from crmkit.kernel.rules import Rule, none_of, parse
from crmkit.kernel.rules.specs import from_json, to_json

# ── Text ──


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", 1, "not the end"),
        ("   ", 1, "not the end"),
        ("city", 5, "a comparison is needed, not the end"),
        ("city = ", 7, "a value"),
        ("city = Chengdu and", 19, "not the end"),
        ('city cotains "x"', 6, "did you mean 'contains'"),
        ('city hs "x"', 6, "did you mean 'has'"),
        ('city = "x" und name = "y"', 12, "'and' or 'or' is needed, not 'und'"),
        ('(city = "x"', 12, "')' is needed"),
        ('city = "x")', 11, "the end, or 'and' or 'or' is needed"),
        ("orders[last 90 dayz].count() > 1", 16, "did you mean 'days'"),
        ("orders[].cuont() > 1", 10, "did you mean 'count'"),
        ("orders[].sum() > 1", 16, "sum of a field"),
        ("orders[].count(total) > 1", 23, "count without a field"),
        ("orders[last 90 days; since 2026-01-01", 22, "is needed"),
        ("birthday = 2026-02-30", 12, "a date or an instant"),
        ("birthday in last -3 days", 18, "a whole number, 0 or more"),
        ("total = 12 CNX", 12, "an amount of money"),
        ("city = 'x'", 8, "is not understood"),
        ('city = "x', 8, "is not understood"),
        ("city is mising", 9, "did you mean 'missing'"),
        ("and = 3", 1, "back-ticks"),
        ("city in segment", 9, "a window"),
        ('city = "\\ud800"', 8, "half a character"),
        ("; DROP TABLE crm_customer", 1, "a value"),
        ("created_at > 2026-03-02T09:00:00", 14, "an instant in a rule"),
    ],
)
def test_an_error_points_at_the_place(text: str, place: int, says: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        parse(text)
    assert says in str(refused.value)
    assert f"at character {place} " in str(refused.value)


@pytest.mark.parametrize("levels", [101, 10_000])
def test_brackets_without_end_are_refused(levels: int) -> None:
    with pytest.raises(DefinitionError, match="levels of brackets"):
        parse("(" * levels + "everyone" + ")" * levels)
    with pytest.raises(DefinitionError):
        parse("any orders[" * levels + "everyone" + "]" * levels)
    with pytest.raises(DefinitionError):
        parse("all of (" * levels + "everyone" + ")" * levels)


def test_a_very_long_text_is_refused() -> None:
    with pytest.raises(DefinitionError, match="characters"):
        parse('city = "' + "x" * 6_000_000 + '"')


def test_ten_thousand_negations_are_refused_or_understood() -> None:
    with pytest.raises(DefinitionError, match="levels"):
        parse("not " * 10_001 + "everyone")


@given(st.text(st.sampled_from('ab()[];,."=<>! 019-`\\\n\0é'), max_size=30))
def test_any_text_is_a_rule_or_a_refusal(text: str) -> None:
    try:
        rule = parse(text)
    except CrmError:
        return
    assert parse(str(rule)) == rule


WORDS = (
    "(", ")", "[", "]", ";", ",", ".", "=", "<", ">", "and", "or", "not", "any", "all", "of", "in", "last", "90",
    "days", "orders", "city", '"x"', "count", "sum", "then", "held", "for", "is", "missing", "has", "2026-03-02",
    "since", "100", "CNY", "bucket", "anniversary",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_any_words_are_a_rule_or_a_refusal(words: list[str]) -> None:
    test_any_text_is_a_rule_or_a_refusal.hypothesis.inner_test(" ".join(words))  # type: ignore[attr-defined]


# ── JSON ──


def nested(kind: str, levels: int) -> Any:
    spec: Any = {"always": True}
    for _ in range(levels):
        spec = {"not": spec} if kind == "not" else {kind: [spec]}
        if kind == "exists":
            spec = {"exists": {"rows": "orders", "where": spec["exists"][0]}}
    return spec


@pytest.mark.parametrize("kind", ["not", "all", "any", "exists"])
@pytest.mark.parametrize("levels", [200, 10_000])
def test_json_without_end_is_refused(kind: str, levels: int) -> None:
    with pytest.raises(DefinitionError, match="nested deeper"):
        from_json(nested(kind, levels))


@pytest.mark.parametrize("kind", ["not", "all", "any", "exists"])
def test_json_of_thirty_levels_is_a_rule(kind: str) -> None:
    rule = from_json(nested(kind, 30))
    assert from_json(to_json(rule)) == rule


@pytest.mark.parametrize(
    "spec",
    [
        {"all": [{"always": True}] * 1_000_000},
        {"left": {"field": "city"}, "op": "in", "right": [{"value": 1}] * 1_000_000},
        {"left": {"field": "x" * 1_000_000}, "op": "==", "right": {"value": 1}},
        {"left": {"field": "city"}, "op": "==", "right": {"value": "x" * 100_000_000}},
    ],
    ids=["rules", "values", "name", "text"],
)
def test_huge_json_is_refused(spec: Any) -> None:
    with pytest.raises(DefinitionError) as refused:
        from_json(spec)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (None, "the top"),
        ([], "the top"),
        ("everyone", "the top"),
        ({}, "required"),
        ({"always": 1}, "at always"),
        ({"all": {}}, "all"),
        ({"all": [{"always": True}, {"nonsense": 1}]}, "1"),
        ({"left": {"field": "city"}, "op": "===", "right": {"value": 1}}, "at op"),
        ({"left": {"field": "city"}, "op": "==", "right": {"value": None}}, "right"),
        ({"left": {"field": "city"}, "op": "==", "right": {"value": {"$ne": 1}}}, "right"),
        ({"left": {"field": "b"}, "op": "==", "right": {"value": "30 Feb", "as": "date"}}, "30 Feb"),
        ({"left": {"field": "b"}, "op": "==", "right": {"value": "NaN", "as": "decimal"}}, "NaN"),
        ({"left": {"field": "b"}, "op": "==", "right": {"value": float("nan")}}, "NaN"),
        ({"left": {"field": "b"}, "op": "==", "right": {"value": "1", "as": "XXY"}}, "XXY"),
        ({"left": {"field": "b"}, "op": "==", "right": {"value": "2026-01-01T00:00:00", "as": "instant"}}, "naive"),
        ({"during": {"field": "b"}, "window": {"days": -1}}, "days"),
        ({"during": {"field": "b"}, "window": {"days": 10**9}}, "days"),
        ({"during": {"field": "b"}, "window": {}}, "window"),
        ({"exists": {"rows": "orders", "window": {"side": "before"}}}, "window"),
        ({"aggregate": "count", "rows": "orders"}, ""),
        ({"left": {"aggregate": "sum", "rows": "orders"}, "op": ">", "right": {"value": 1}}, "sum"),
        ({"left": {"aggregate": "count", "rows": "orders", "of": {"field": "total"}}, "op": ">",
          "right": {"value": 1}}, "count"),
        ({"first": {"rows": "a"}, "then": {"rows": "b"}, "hours": 10**12}, "hours"),
        ({"left": {"field": "name"}, "op": "contains", "right": "half \ud800"}, "half"),
        ({"segment": "\0"}, "NUL"),
        ({1: 2}, "Keys should be strings"),
    ],
)  # fmt: skip
def test_json_that_is_no_rule_is_refused(spec: Any, says: str) -> None:
    with pytest.raises(CrmError) as refused:
        from_json(spec)
    assert says in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "left", "op", "right", "field", "value", "as", "rows"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_rule_or_a_refusal(spec: Any) -> None:
    try:
        rule = from_json(spec)
    except CrmError:
        return
    assert from_json(to_json(rule)) == rule


# ── Python ──


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: F.score == Decimal("sNaN"),
        lambda: F.score < float("inf"),
        lambda: F.score >= Decimal("NaN"),
        lambda: F.created_at > datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
        lambda: F.city == object(),
        lambda: F.city == ["a"],
        lambda: F.city.in_("abc"),
        lambda: F.city.contains(3),  # type: ignore[arg-type]
        lambda: F.city == "a\0b",
        lambda: F.city == "\ud800",
        F.orders.within,
        lambda: F.orders.within(days=-1),
        lambda: F.orders.within(days=1.5),  # type: ignore[arg-type]
        lambda: F.orders.within(days=True),
        lambda: F.orders.then(F.cases),
        lambda: F.birthday.anniversary(days=400),
        lambda: F.bucket(0),
        lambda: F.orders.since("2026-01-01"),  # type: ignore[arg-type]
    ],
    ids=lambda wrong: f"line {wrong.__code__.co_firstlineno}",
)
def test_values_that_mean_nothing_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        wrong()


def test_words_of_python_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"& \| ~"):
        bool((F.city == "a") and (F.name == "b"))
    with pytest.raises(DefinitionError):
        F.city == "a" & (F.name == "b")  # noqa: B015 - brackets forgotten


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (F.cty == "x", "a customer has no 'cty', did you mean 'city'"),
        (F.company.industri == "x", "did you mean 'industry'"),
        (F.ordrs.count() > 1, "did you mean 'orders'"),
        (F.orders.sum("totl") > Money(1, "CNY"), "did you mean 'total'"),
        (F.orders == 1, "leads to many orders"),
        (F.city.count() > 1, "is a value, not a relation"),
        (F.city == 3, "cannot be compared with 3"),
        (F.birthday > 3, "cannot be compared with 3"),
        (F.birthday == "1990-01-01", "cannot be compared"),
        (F.created_at.in_(["now"]), "cannot be compared"),
        (F.city.month == 3, "has no month"),
        (F.birthday.hour == 3, "has no hour"),
        (F.orders.sum("status") > 1, "has no sum"),
        (F.orders.sum("total") > 5, "cannot be compared with 5"),
        (F.orders.sum("total") > F.orders.sum("paid"), "compare one of them with Money"),
        (F.tags == "vip", "cannot be compared"),
        (F.city.has("x"), "not a set of texts"),
        (F.tags.contains("x"), "only stored text is searched"),
        (F.country.icontains("x"), "search=True"),
        (F.city.in_last(days=3), "only dates and instants"),
        (F.city < F.birthday, "cannot be compared"),
        (F.memberships.where(F.state == "membr").any(), "never 'membr', did you mean 'member'"),
        (F.orders.where(F.city == "x").any(), "an order has no 'city'|a order has no 'city'"),
        (F.extra.loyalty.tier == "gold", "no custom field"),
        (F.birthday.age > 1.5, "whole number of years"),
        (F.company == "x", "is a company, not a value"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_anything_runs(crm: CRM, rule: Rule, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        crm.customers.count(rule)
    with pytest.raises(DefinitionError, match=says):
        crm.customers.segments.define("s", rule=rule)


def test_deep_rules_are_refused_by_every_engine(crm: CRM) -> None:
    crm.customers.register(name="A")
    rule: Rule = F.city == "x"
    for _ in range(10_000):
        rule = (rule & (F.name == "y")) | (F.city == "z")
    with pytest.raises(DefinitionError, match="nested"):
        crm.customers.count(rule)
    with pytest.raises(DefinitionError, match="nested"):
        crm.customers.segments.define("deep", rule=rule)


def test_fifty_levels_are_answered(crm: CRM) -> None:
    crm.customers.register(name="A", city="z")
    rule: Rule = F.city == "x"
    for _ in range(25):
        rule = (rule & (F.name == "y")) | (F.city == "z")
    assert crm.customers.count(rule) == 1


def test_a_thousand_conditions_are_answered(target: str) -> None:
    with CRM.open(target, migrate=True) as crm:
        crm.customers.register(name="A", city="city 999")
        crm.customers.register(name="B")
        each = [F.city == f"city {n}" for n in range(1_000)]
        assert crm.customers.count(~none_of(*each)) == 1
        assert crm.customers.count(none_of(*each)) == 1
        with pytest.raises(DefinitionError, match="parts"):
            crm.customers.count(none_of(*each * 10))


# ── Values that programs stumble over ──


@pytest.mark.slow
def test_a_hundred_thousand_values_are_answered(target: str) -> None:
    with CRM.open(target, migrate=True) as crm:
        crm.customers.register(name="In", email="guest99999@example.com", city="7")
        crm.customers.register(name="Out", email="other@example.com", city="-")
        crm.customers.register(name="None")
        emails = [f"guest{n}@example.com" for n in range(100_000)]
        cities = [str(n) for n in range(100_000)]
        assert crm.customers.count(F.email.in_(emails)) == 1
        assert crm.customers.count(F.email.not_in(emails)) == 2
        assert crm.customers.count(F.city.in_(cities) & ~F.email.is_missing()) == 1
        days = [date.fromordinal(700_000 + n) for n in range(30_000)]
        assert crm.customers.count(F.birthday.in_(days)) == 0
        assert crm.customers.count(F.bucket(1_000_000).in_(range(1_000_000 // 10))) <= 3


@pytest.mark.slow
def test_a_hundred_thousand_amounts_and_instants_are_answered(target: str) -> None:
    with CRM.open(target, migrate=True, currency="CNY", clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))) as crm:
        wang, li = (crm.customers.register(name=name) for name in ("Wang", "Li"))
        place = crm.pipeline.orders.place
        cheap = place(
            wang, lines=[Line("Print", unit_price=Money("9.99", "CNY"))], placed_at=datetime(2026, 3, 1, tzinfo=UTC)
        )
        dear = place(
            li, lines=[Line("Album", unit_price=Money("9999", "CNY"))], placed_at=datetime(2025, 3, 1, tzinfo=UTC)
        )
        amounts = [Money.from_minor(n, currency) for n in range(50_000) for currency in ("CNY", "EUR")]
        instants = [datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(100_000)]
        for rule in (F.total.in_(amounts), F.placed_at.in_(instants), F.placed_at.in_([*instants, date(2026, 3, 1)])):
            assert [order.id for order in crm.pipeline.orders.find(rule)] == [cheap.id]
            assert [order.id for order in crm.pipeline.orders.find(~rule)] == [dear.id]
        with pytest.raises(DefinitionError, match="1,000 at the most"):
            crm.customers.find(F.orders.count().in_(range(2_000)))


ODD = ("100%", "a_b", "a\\b", "O'Brien", '"q"', "'; DROP TABLE crm_customer; --", "%(x)s", ":x", "?", "$1", "{}", "%%")


def test_odd_characters_are_characters(target: str) -> None:
    with CRM.open(target, migrate=True) as crm:
        for name in ODD:
            crm.customers.register(name=f"<{name}>", city=name, tags={name})
        crm.customers.register(name="plain", city="100x")
        for name in ODD:
            for rule in (
                F.city == name,
                F.city.in_([name]),
                F.city.starts_with(name) & F.city.ends_with(name),
                F.name.contains(f"<{name}>"),
                F.name.icontains(f"<{name}>"),
                F.name.iequals(f"<{name}>"),
                F.tags.has(name),
                parse(str(F.city == name)),
            ):
                assert crm.customers.count(rule) == 1, rule
        assert crm.customers.count() == len(ODD) + 1
        crm.customers.segments.define("'; --\"%", rule=F.city == "100%")
        assert len(crm.customers.segments.refresh("'; --\"%").entered) == 1
        assert crm.customers.count(F.in_segment("'; --\"%")) == 1


def test_letters_are_compared_as_people_read_them(target: str) -> None:
    with CRM.open(target, migrate=True) as crm:
        for name in ("Café", "Cafe\u0301", "Straße", "STRASSE", "İstanbul", "istanbul", "ΣΑΣ", "σας", "ﬁne", "小王"):
            crm.customers.register(name=name, city=name)
        count = crm.customers.count
        assert count(F.city == "Caf\u00e9") == count(F.city == "Cafe\u0301") == 2
        assert count(F.city.contains("e\u0301")) == 2
        assert count(F.city == "café") == 0
        assert count(F.name.iequals("CAFÉ")) == 2
        assert count(F.name.iequals("strasse")) == count(F.name.iequals("straße")) == 2
        assert count(F.name.icontains("ASS")) == 2
        assert count(F.name.icontains("ß")) == 2
        assert count(F.name.iequals("σασ")) == 2
        assert count(F.name.iequals("i\u0307stanbul")) == 1  # the dot stays: İ is not i
        assert count(F.name.iequals("ISTANBUL")) == 1
        assert count(F.name.iequals("FINE")) == 1
        assert count(F.name.icontains("王")) == 1
        assert count(F.city < "a") == 4
