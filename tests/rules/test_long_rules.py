"""Many conditions at once: an answer from every engine, and none of their own errors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F, FrozenClock, Line, Money
from crmkit.customers.people import Customer
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.rules import Rule, parse
from crmkit.kernel.rules.nodes import OddOf
from crmkit.kernel.rules.specs import from_json, to_json
from crmkit.plugins.storage.duckdb import DuckEngine
from tests.postgres import fresh_database

pytestmark = pytest.mark.slow  # a PostgreSQL server is among the engines

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MANY = [f"t{n}" for n in range(100_000)]
Asked = Callable[[Rule], set[str]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Asked]:
    """Asks a rule of all engines, insists that they agree, and gives the names."""
    folder: Path = tmp_path_factory.mktemp("long")
    with ExitStack() as open_ones:
        targets = ["memory://", "sqlite://", open_ones.enter_context(fresh_database(postgres_url))]
        crms = [open_ones.enter_context(CRM.open(t, migrate=True, clock=FrozenClock(NOW))) for t in targets]
        for crm in crms:
            for name, tags in (("both", {"t7", "vip"}), ("one", {"t7"}), ("other", {"vip"}), ("none", set[str]())):
                one = crm.customers.register(name=name, tags=tags)
                for _ in tags:
                    crm.pipeline.orders.place(one, lines=[Line("Album", unit_price=Money("1", "EUR"))])
        export_parquet(crms[0], folder)
        duck = DuckEngine(crms[0].storage.registry, folder, zone=crms[0].settings.zone)
        open_ones.callback(duck.close)
        names = {one.id: one.name for one in crms[0].customers.find()}

        def ask(rule: Rule) -> set[str]:
            found = [{one.name for one in crm.customers.find(rule)} for crm in crms]
            if len(str(rule)) < 5_000:  # what is longer takes sqlglot seconds
                found.append({names[i] for i in duck.ids(Customer, rule, as_of=NOW)})
            assert all(one == found[0] for one in found), found
            return found[0]

        yield ask


def ordered(n: int) -> Rule:
    return F.orders.where(F.channel != f"c{n}").count() >= 2 - (n == 1)


@pytest.mark.parametrize("number", [2, 20, 550])
def test_many_counts_over_one_relation(asked: Asked, number: int) -> None:
    every, some = (reduce(combine, map(ordered, range(number))) for combine in (operator.and_, operator.or_))
    assert asked(every) == {"both"}
    assert asked(~every) == {"one", "other", "none"}
    assert asked(some) == {"both", "one", "other"}
    assert asked(~some) == {"none"}


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (F.tags.has_any(*MANY), {"both", "one"}),
        (F.tags.has_none(*MANY), {"other", "none"}),
        (F.tags.has(*MANY), set()),
        (F.tags.has(*["vip", "t7"] * 50_000), {"both"}),
        (F.tags.has_any(*MANY[:21]), {"both", "one"}),
        (F.tags.has(*MANY[:21]), set()),
        (F.orders.where(F.customer.where(F.tags.has_any(*MANY[:1_000])).any()).any(), {"both", "one"}),
    ],
    ids=range(7),
)
def test_sets_are_asked_for_any_number_of_texts(rule: Rule, names: set[str]) -> None:
    for target in ("memory://", "sqlite://"):
        with CRM.open(target) as crm:
            for name, tags in (("both", {"t7", "vip"}), ("one", {"t7"}), ("other", {"vip"}), ("none", set[str]())):
                one = crm.customers.register(name=name, tags=tags)
                crm.pipeline.orders.place(one, lines=[Line("Album", unit_price=Money("1", "EUR"))])
            assert {one.name for one in crm.customers.find(rule)} == names


def test_sets_in_postgres_and_duckdb(asked: Asked) -> None:
    for number in (3, 20, 21, 400):
        assert asked(F.tags.has_any(*MANY[:number])) == ({"both", "one"} if number > 7 else set())
        assert asked(F.tags.has(*MANY[7:8], "vip", *["vip"] * number)) == {"both"}
        assert asked(~F.tags.has_any("vip", *MANY[: number + 7])) == ({"none"} if number > 0 else set())
        assert asked(F.tags.has(*MANY[:number])) == set()


# ── Exclusive or ──

A, B, C = F.tags.has("vip"), F.tags.has("t7"), F.name == "none"


def test_an_odd_number_holds(asked: Asked) -> None:
    assert asked(A ^ B) == {"one", "other"}
    assert asked(~(A ^ B)) == {"both", "none"}
    assert asked(A ^ B ^ C) == {"one", "other", "none"}
    assert asked((A ^ B) & ~C | (A ^ A)) == {"one", "other"}
    assert asked(A ^ (F.orders.count() >= 1)) == {"one"}
    assert asked(OddOf(())) == set()
    assert asked(OddOf((A,))) == {"both", "other"}


@pytest.mark.parametrize("number", [11, 19, 500])
def test_it_grows_with_the_number_of_conditions(asked: Asked, number: int) -> None:
    rule = reduce(operator.xor, [F.name == f"n{n}" for n in range(number - 1)], A)
    assert parse(str(rule)) == from_json(to_json(rule)) == rule
    assert len(str(rule)) < 30 * number
    assert asked(rule) == {"both", "other"}


@given(
    st.recursive(
        st.sampled_from([A, B, C]),
        lambda inner: st.tuples(st.sampled_from([operator.and_, operator.or_, operator.xor]), inner, inner).map(
            lambda made: made[0](made[1], made[2])
        ),
        max_leaves=8,
    )
)
def test_it_reads_as_it_is_written(rule: Rule) -> None:
    assert parse(str(rule)) == rule


def test_and_binds_more_strongly_and_or_less() -> None:
    assert parse('city = "a" or city = "b" xor city = "c" and city = "d"') == (
        (F.city == "a") | ((F.city == "b") ^ ((F.city == "c") & (F.city == "d")))
    )
    assert str((A | B) ^ C) == '(tags has ("vip") or tags has ("t7")) xor name = "none"'
    assert to_json(A ^ C)["odd"][1] == to_json(C)
