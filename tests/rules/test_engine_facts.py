"""What engines disagree on, asked of all four of ours: the memory store, SQLite, PostgreSQL, and DuckDB over Parquet.

The facts are those of ``cases.json`` (``rules/engine-facts``, ``dates/relative``), asked of rows that hold their
values; after them stand questions of the same kind.  Where no rule can ask the question, ``docs/rules.md`` says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import CRM, Entity, F, Money, attribute, entity
from crmkit.errors import DefinitionError
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.change import Change
from crmkit.kernel.clock import shift
from crmkit.kernel.rules import Rule, one_of, parse
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.plugins.storage.duckdb import DuckEngine
from crmkit.testing import FrozenClock
from tests.postgres import fresh_database

pytestmark = pytest.mark.slow  # a PostgreSQL server is among the engines

CASES = {c["id"]: c for c in json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))}
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2024, 3, 31, 10, 0, tzinfo=UTC)  # in Berlin, the day on which two o'clock is left out
Asked = Callable[[Rule], set[str]]


@entity("fact", prefix="fact", when="at")
class Fact(Entity):
    """One row of the matrix, or the values of one trap."""

    name: str = attribute()
    c: str | None = attribute(default=None, search=True)
    n: int | None = attribute(default=None)
    tags: frozenset[str] = attribute(default=frozenset())
    amount: Decimal | None = attribute(default=None)
    rating: float | None = attribute(default=None)
    price: Money | None = attribute(default=None)
    day: date | None = attribute(default=None)
    at: datetime | None = attribute(default=None)
    lasts: timedelta | None = attribute(default=None)


@entity("item", prefix="item", when="at")
class Item(Entity):
    """One of several things about a fact."""

    fact_id: str = attribute(references="fact")
    n: int | None = attribute(default=None)
    at: datetime | None = attribute(default=None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# The rows of the matrix are those of its cases; an empty text is kept as a missing one.
ROWS: dict[str, dict[str, Any]] = {
    "value_FR": {"c": "FR", "n": 5, "tags": {"a", "b"}},
    "value_DE": {"c": "DE", "n": 12},
    "null": {"c": None, "n": None},
    "missing": {},
    "empty": {"c": "", "n": 0},
    "lower_fr": {"c": "fr", "n": -1, "tags": {"b"}},
    "a": {"c": "a", "n": 2**63 - 1, "rating": 0.1, "price": Money("1", "EUR")},
    "B": {"c": "B", "n": -(2**63 - 1), "rating": 0.3, "price": Money("1", "CNY")},
    "É": {"c": "É", "amount": Decimal("0.1"), "lasts": timedelta(days=1)},
    "e+": {"c": "e\u0301t\u00e9 100%", "amount": Decimal("-0.000001"), "lasts": timedelta(microseconds=-1)},
    "STRASSE": {"c": "STRASSE", "amount": Decimal("1E+2")},
    "leap": {"c": "a_b\\c", "day": date(2024, 2, 29), "at": at("2024-01-01T00:30:00+01:00")},
    "sunday": {"c": "O'Brien; --", "day": date(2024, 3, 3), "at": at("2024-03-03T23:30:00+00:00")},
    "gap": {"c": "𝄞 Ｆ", "day": date(2023, 12, 31), "at": at("2024-03-31T01:00:00+00:00")},
    "eve": {"c": "ﬁ", "day": date(2004, 2, 29), "at": at("2024-03-30T22:59:59.999999+00:00")},
    "midnight": {"c": "İ", "day": date(2024, 3, 31), "at": at("2024-03-30T23:00:00+00:00")},
    "now": {"c": "z", "day": date(2024, 4, 1), "at": NOW},
    "soon": {"c": "Z", "day": date(2024, 5, 1), "at": NOW + timedelta(hours=1)},
}
ITEMS: dict[str, list[tuple[int | None, datetime | None]]] = {
    "value_FR": [(2, NOW - timedelta(days=3)), (None, None)],
    "value_DE": [(1, NOW - timedelta(days=2)), (1, NOW - timedelta(days=1)), (4, None)],
    "null": [(None, None)],
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Asked]:
    """Asks a rule of all engines in all its forms, insists that they agree, and gives the names."""
    folder = tmp_path_factory.mktemp("facts")
    with ExitStack() as open_ones:
        targets = ["memory://", "sqlite://", open_ones.enter_context(fresh_database(postgres_url))]
        crms = [open_ones.enter_context(opened(target)) for target in targets]
        names = [fill(crm) for crm in crms]
        export_parquet(crms[0], folder)
        duck = DuckEngine(crms[0].storage.registry, folder, zone=BERLIN)
        open_ones.callback(duck.close)

        def ask(rule: Rule) -> set[str]:
            assert parse(str(rule)) == rule == from_json(json.loads(json.dumps(to_json(rule))))
            found = [{names[0][i] for i in duck.ids(Fact, rule, as_of=NOW)}]
            for crm in crms:
                with crm.read() as work:
                    found.append({fact.name for fact in work.find(Fact, rule)})
                    assert {fact.name for fact in work.find(Fact, ~rule)} == set(ROWS) - found[-1]
            assert all(one == found[0] for one in found), found
            return found[0]

        yield ask


def opened(target: str) -> CRM:
    return CRM.open(
        target, migrate=True, clock=FrozenClock(NOW), timezone="Europe/Berlin", currency="EUR", entities=[Fact, Item]
    )


def fill(crm: CRM) -> dict[str, str]:
    with crm.work() as work:
        facts = {name: work.new(Fact, name=name, **values) for name, values in ROWS.items()}
        work.save_new([Change(fact) for fact in facts.values()])
        items = [
            work.new(Item, fact_id=facts[name].id, n=n, at=moment) for name, each in ITEMS.items() for n, moment in each
        ]
        work.save_new([Change(item) for item in items])
    return {fact.id: name for name, fact in facts.items()}


MATRIX = {
    "engine-matrix-NOT(n_>=_10)": (~(F.n >= 10), {"value_FR", "null", "missing", "empty", "lower_fr"}),
    "engine-matrix-c_is_null": (F.c.is_missing(), {"null", "missing", "empty"}),
    "engine-matrix-c_not_contains_F": (~F.c.contains("F"), {"value_DE", "null", "missing", "empty", "lower_fr"}),
    "engine-matrix-n_<_10_OR_c_=_DE": ((F.n < 10) | (F.c == "DE"), {"value_FR", "value_DE", "empty", "lower_fr"}),
    "engine-matrix-n_between_0_and_10": (F.n.between(0, 10), {"value_FR", "empty"}),
}


@pytest.mark.parametrize("case", MATRIX)
def test_the_matrix(asked: Asked, case: str) -> None:
    rule, expected = MATRIX[case]
    rows = CASES[case]["inputs"]["rows"]
    assert {n: (r.get("c") or None, r.get("n")) for n, r in rows.items()} == {
        n: (ROWS[n].get("c") or None, ROWS[n].get("n")) for n in rows
    }
    assert asked(rule) & rows.keys() == expected
    if case != "engine-matrix-c_is_null":  # there, an empty text is a text of its own; here no field holds one
        two_valued = CASES[case]["expected"]["json-logic-qubit 0.9.1"]
        differing = {"null", "missing"} if "between" in case or "OR" in case else set()
        assert {n for n, answer in two_valued.items() if answer == "T"} - differing == expected - differing


TRAPS: list[tuple[str, Rule, set[str]]] = [
    (
        "engine-trap-'2024-01-01T00:30:00+01:00'_<_'2023-12-31T23:45:00",
        F.at < at("2023-12-31T23:45:00+00:00"),
        {"leap"},
    ),
    ("engine-trap-'a'_<_'B'_(collation)", F.c.in_(["a", "B"]) & (F.c < "B"), set()),
    ("engine-trap-'a'_<_'B'_(collation)", F.c.in_(["a", "B"]) & (F.c > "B"), {"a"}),
    ("engine-trap-'fr'_LIKE_'FR'", F.c.contains("FR"), {"value_FR"}),
    ("engine-trap-'fr'_LIKE_'FR'", F.c.icontains("FR"), {"value_FR", "lower_fr"}),
    ("engine-trap-'é'_LIKE_'É'_(SQLite_folds_ASCII_only)", F.c == "é", set()),
    ("engine-trap-'é'_LIKE_'É'_(SQLite_folds_ASCII_only)", F.c.iequals("é"), {"É"}),
    ("engine-trap-'é'_LIKE_'É'_(SQLite_folds_ASCII_only)", F.c.icontains("É"), {"É", "e+"}),
    ("engine-trap-2024-02-29_+_1_year_(anniversary)", F.day.anniversary(days=334),
     {"leap", "eve", "gap", "midnight", "now", "soon"}),
    ("engine-trap-2024-02-29_+_1_year_(anniversary)", F.day.anniversary(days=333), {"gap", "midnight", "now", "soon"}),
    ("engine-trap-Decimal_0.1_vs_float_0.1_equal", F.amount == 0.1, {"É"}),
    ("engine-trap-Decimal_0.1_vs_float_0.1_equal", F.amount == Decimal("0.1"), {"É"}),
    ("engine-trap-NOT_IN_subquery_containing_NULL", F["items"].where(F.n == 2).none() & F["items"].any(),
     {"value_DE", "null"}),
    ("engine-trap-NOT_IN_subquery_containing_NULL", F.c.in_(["FR", "DE", "fr"]) & F.n.not_in([12, None]),
     {"value_FR", "lower_fr"}),
    ("engine-trap-casefold(STRASSE)=casefold(straße)", F.c.iequals("straße"), {"STRASSE"}),
    ("engine-trap-casefold(STRASSE)=casefold(straße)", F.c == "straße", set()),
    ("engine-trap-text_timestamps_'2024-01-01T00:00:00Z'_<_'2024-01-",
     parse("at >= 2023-12-31T23:30:00Z and at <= 2024-01-01T00:30:00+01:00"), {"leap"}),
    ("engine-trap-week_start_of_Sunday_2024-03-03", F.day.weekday == 7, {"sunday", "gap", "midnight", "eve"}),
]  # fmt: skip


@pytest.mark.parametrize(("case", "rule", "expected"), TRAPS, ids=[f"{n} {t[0][12:40]}" for n, t in enumerate(TRAPS)])
def test_the_traps(asked: Asked, case: str, rule: Rule, expected: set[str]) -> None:
    assert case in CASES
    assert asked(rule) == expected


@pytest.mark.parametrize("text", ["n % 3 = 2", "1/0 = 1", "n / 0 > 1", "n + 1 = 2", "at > now-1h", "at > now/d"])
def test_there_is_no_arithmetic_in_rules(text: str) -> None:
    with pytest.raises(DefinitionError, match="at character"):
        parse(text)


def test_an_average_of_nothing_is_missing_and_no_division_by_zero(asked: Asked) -> None:
    assert asked(F["items"].avg("n").is_missing()) == set(ROWS) - {"value_FR", "value_DE"}
    assert asked(F["items"].avg("n") <= 2) == {"value_FR", "value_DE"}


@pytest.mark.parametrize("case", ["datemath-01", "datemath-02", "datemath-03", "month-arith-1", "month-arith-2"])
def test_relative_dates(case: str) -> None:
    """Windows in place of expressions: what lies in them up to the very moment that the case gives."""
    known, inputs = CASES[case]["expected"], CASES[case]["inputs"]
    if case.startswith("month"):
        amount, unit = inputs["op"].split()
        step = {"1 year": 12, "1 month": 1}[f"{amount.removeprefix('+')} {unit}"]
        assert shift(date.fromisoformat(inputs["date"]), months=step) == date.fromisoformat(known)
        return
    window = {
        "now+1h": F.at.in_next(hours=1),
        "now-1h": F.at.in_last(hours=1),
        "now/d": (F.at == date(2001, 1, 1)),
    }[inputs["expr"]]
    edge, tick = at(known), timedelta(milliseconds=1)
    outside = edge - tick if inputs["expr"] == "now-1h" else edge + tick
    with CRM.open("sqlite://", clock=FrozenClock(at(inputs["now"])), entities=[Fact, Item]) as crm, crm.work() as work:
        for name, moment in (("edge", edge), ("outside", outside)):
            work.save_new([Change(work.new(Fact, name=name, at=moment))])
        assert [fact.name for fact in work.find(Fact, window)] == ["edge"]


@pytest.mark.parametrize("case", ["datemath-11", "datemath-15"])
def test_relative_dates_that_say_nothing_are_refused(case: str) -> None:
    assert "error" in CASES[case]["expected"]
    unit = CASES[case]["inputs"]["expr"].removeprefix("now+1")
    with pytest.raises(DefinitionError, match="seconds, hours, days, weeks, months or years is needed"):
        parse(f"at in next 1 {unit}")


KNOWN = {name for name, values in ROWS.items() if values.get("c")}
ABOVE = F.n > 0

MORE: list[tuple[Rule, set[str]]] = [
    # what is missing
    (F.n == None, set(ROWS) - {"value_FR", "value_DE", "empty", "lower_fr", "a", "B"}),  # noqa: E711 - meant
    (F.n != 5, set(ROWS) - {"value_FR"}),
    (F.n.not_in([5, 12]), set(ROWS) - {"value_FR", "value_DE"}),
    (F.n.in_([None]), set()),
    (F.n.in_([]), set()),
    (F.n.not_in([]), set(ROWS)),
    (F.c == "", set()),
    (F.c != "", set(ROWS)),
    (F.c.contains(""), KNOWN),
    (F.n < F.amount, set()),
    (~(F.n < F.amount), set(ROWS)),
    # letters
    (F.c.contains("%"), {"e+"}),
    (F.c.contains("_"), {"leap"}),
    (F.c.contains("\\"), {"leap"}),
    (F.c.contains("'"), {"sunday"}),
    (F.c.starts_with("ét"), {"e+"}),
    (F.c.contains("t\u00e9"), {"e+"}),
    (F.c.contains("e\u0301"), {"e+"}),
    (F.c.contains("\u0301"), set()),
    (F.c.ends_with("100%"), {"e+"}),
    (F.c.contains("𝄞"), {"gap"}),
    (F.c > "\uffff", {"gap"}),
    (F.c.contains("F"), {"value_FR"}),
    (F.c.icontains("fi"), {"eve"}),
    (F.c.iequals("i"), set()),
    (F.c.iequals("i\u0307"), {"midnight"}),
    (F.c.icontains("ASS"), {"STRASSE"}),
    (F.c.between("A", "Z"), {"B", "value_DE", "value_FR", "STRASSE", "sunday", "soon"}),
    # numbers
    (F.n >= 2**63 - 1, {"a"}),
    (F.n <= -(2**63) + 1, {"B"}),
    (F.n > 10**400, set()),
    (F.n < 10**400, {"value_FR", "value_DE", "empty", "lower_fr", "a", "B"}),
    (F.n > 2**53, {"a"}),
    (F.n == float(2**63), set()),
    (F.n == 5.0, {"value_FR"}),
    (F.n == Decimal("5.5"), set()),
    (F.n < Decimal("-0.5"), {"lower_fr", "B"}),
    (F.amount < 0, {"e+"}),
    (F.amount == 100, {"STRASSE"}),
    (F.amount >= Decimal("0.1"), {"É", "STRASSE"}),
    (F.rating == 0.1, {"a"}),
    (F.rating == 0.1 + 0.2, set()),
    (F.rating < 0.1 + 0.2, {"a", "B"}),
    (F.lasts < timedelta(0), {"e+"}),
    (F.price == Money("1", "EUR"), {"a"}),
    (F.price != Money("1", "EUR"), set(ROWS) - {"a"}),
    (F.price < Money("2", "EUR"), {"a"}),
    # days and instants
    (F.at == date(2024, 3, 31), {"gap", "midnight", "now", "soon"}),
    (F.at < date(2024, 3, 31), {"leap", "sunday", "eve"}),
    (F.at <= date(2024, 3, 30), {"leap", "sunday", "eve"}),
    (F.at.in_([date(2024, 3, 30), NOW]), {"eve", "now"}),
    (F.at.hour == 3, {"gap"}),
    (F.at.hour == 2, set()),
    (F.at.hour == 0, {"leap", "sunday", "midnight"}),
    (F.at.day == 4, {"sunday"}),
    (F.at.in_last(days=0), {"gap", "midnight", "now"}),
    (F.at.in_last(days=1), {"gap", "midnight", "now", "eve"}),
    (F.at.in_last(hours=11), {"gap", "midnight", "now"}),
    (F.at.in_last(months=1), {"gap", "midnight", "now", "eve", "sunday"}),
    (F.at.in_next(hours=1), {"soon"}),
    (F.at.in_next(seconds=3599), set()),
    (F.day.in_last(months=1), {"leap", "sunday", "midnight"}),
    (F.day.before_last(months=1), {"gap", "eve"}),
    (F.day.in_next(days=0), {"midnight"}),
    (F.day.in_next(days=1), {"midnight", "now"}),
    (F.day.in_next(months=1), {"midnight", "now"}),
    (F.day.anniversary(days=1), {"midnight", "now"}),
    (F.day.age == 20, {"eve"}),
    (F.day.age >= 1, {"eve"}),
    (F.day > date(2024, 2, 28), {"leap", "sunday", "midnight", "now", "soon"}),
    # sets, and rows that there are not
    (F.tags.has("a", "b"), {"value_FR"}),
    (F.tags.has_any("b", "x"), {"value_FR", "lower_fr"}),
    (F.tags.has_none("b"), set(ROWS) - {"value_FR", "lower_fr"}),
    (F["items"].any(), set(ITEMS)),
    (F["items"].none(), set(ROWS) - set(ITEMS)),
    (F["items"].all(F.n == 1), set(ROWS) - set(ITEMS)),
    (F["items"].all(F.n.is_missing()), set(ROWS) - {"value_FR", "value_DE"}),
    (F["items"].where(F.n != 1).any(), set(ITEMS)),
    (F["items"].count() < 2, set(ROWS) - {"value_FR", "value_DE"}),
    (F["items"].sum("n") == 0, set(ROWS) - {"value_FR", "value_DE"}),
    (F["items"].sum("n") == 6, {"value_DE"}),
    (F["items"].max("n") < 100, {"value_FR", "value_DE"}),
    (F["items"].distinct("n") == 2, {"value_DE"}),
    (F["items"].last("n") == 1, {"value_DE"}),
    (F["items"].within(days=2).count() == 2, {"value_DE"}),
    (F["items"].within(days=1).none() & F["items"].any(), {"value_FR", "null"}),
    (F["items"].then(F["items"], days=1), {"value_DE"}),
    # one inside the other
    ((F.n > 0) ^ (F.c == "FR"), {"value_DE", "a"}),
    (~((F.n > 0) ^ (F.c == "FR")) & ~F.n.is_missing(), {"value_FR", "empty", "lower_fr", "B"}),
    (one_of(F.n > 0, F.n > 10, F.c == "FR"), set()),
    (one_of(ABOVE, ABOVE), set()),
    (one_of(ABOVE, F.c == "FR", F.c == "FR"), {"value_DE", "a"}),
    (~(~(F.n > 0) | ~(F.n < 10)), {"value_FR"}),
    (F["items"].where((F.n == 1) | (F.fact.c == "FR")).any(), {"value_FR", "value_DE"}),
    (F["items"].where(F.fact["items"].count() == 3).any(), {"value_DE"}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "expected"), MORE, ids=[f"{n} {str(rule)[:60]}" for n, (rule, _) in enumerate(MORE)])
def test_questions_of_the_same_kind(asked: Asked, rule: Rule, expected: set[str]) -> None:
    assert asked(rule) == expected
