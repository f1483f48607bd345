"""Several aggregates over one relation are one scan, and few customers limit it: the answers stay those of memory."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import CRM
from crmkit.customers.people import Customer
from crmkit.kernel.entity import Record
from crmkit.kernel.money import Money
from crmkit.kernel.ports import Query, Store
from crmkit.kernel.rules import AsOf, F, Rule, plan
from crmkit.plugins.storage.memory import MemoryStore
from crmkit.plugins.storage.sql.compile import Compiler
from crmkit.testing.suites.storage.bench import new_tenant, transaction
from tests.storage.test_rules_agree import REGISTRY, all_agree, houses, put

AT = AsOf(at=datetime(2026, 3, 2, 1, tzinfo=UTC), zone=ZoneInfo("Asia/Shanghai"))
ROWS = st.sampled_from(
    [F.orders.where(F.id != ""), F.orders.where(F.status == "paid"), F.orders.within(days=90), F.orders.before(days=30)]
)
OPERATORS = st.sampled_from(["__ge__", "__lt__", "__eq__", "__ne__", "__gt__", "__le__"])


@st.composite
def aggregates(draw: st.DrawFn) -> Rule:
    rows, operator = draw(ROWS), draw(OPERATORS)
    money = Money(draw(st.sampled_from(["0", "1", "100"])), draw(st.sampled_from(["CNY", "EUR"])))
    value, other = draw(
        st.sampled_from(
            [
                (rows.count(), draw(st.integers(0, 3))),
                (rows.distinct("status"), draw(st.integers(0, 2))),
                (rows.sum("total"), money),
                (rows.avg("total"), money),
                (rows.min("total"), money),
                (rows.max("placed_at"), AT.at),
            ]
        )
    )
    rule: Rule = getattr(value, operator)(other)
    return ~rule if draw(st.booleans()) else rule


@st.composite
def together(draw: st.DrawFn) -> Rule:
    def joined(rules: list[Rule]) -> Rule:
        every = draw(st.booleans())
        return reduce(lambda one, other: one & other if every else one | other, rules)

    rule = joined(draw(st.lists(aggregates(), min_size=2, max_size=4)))
    if draw(st.booleans()):
        rule = joined([rule, *draw(st.lists(aggregates(), min_size=1, max_size=2))])
    return ~rule if draw(st.booleans()) else rule


def limits(house: list[Record]) -> st.SearchStrategy[Rule]:
    people = [r for r in house if isinstance(r, Customer)]
    ids = st.lists(st.sampled_from([p.id for p in people]), max_size=3).map(F.id.in_)
    fields = st.sampled_from(people).flatmap(
        lambda p: st.sampled_from([F.id == p.id, F.email == p.email, F.city == p.city, F.source == p.source])
    )
    return ids | fields


@pytest.mark.slow
def test_aggregates_over_one_relation_agree(sqlite_store: Store, postgres_store: Store) -> None:
    stores = [MemoryStore(REGISTRY), sqlite_store, postgres_store]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.data(), houses(), st.lists(together(), min_size=1, max_size=4))
    def check(data: st.DataObject, house: list[Record], asked: list[Rule]) -> None:
        tenant = new_tenant()
        for store in stores:
            put(store, tenant, house)
        limited = [rule & data.draw(limits(house)) for rule in asked]
        all_agree(stores, house, Customer, [*asked, *limited], AT, tenant=tenant)
        ids_alone(stores, tenant, asked)

    check()


def ids_alone(stores: list[Store], tenant: str, asked: list[Rule]) -> None:
    """The ids without the customers, in whatever order, at once and in portions."""
    for rule in asked:
        wanted: Query[Any] = Query(cls=Customer, plan=plan(rule, Customer.__schema__, REGISTRY, AT))
        answers = []
        for store in stores:
            with transaction(store, tenant, write=False) as session:
                answers.append(sorted(session.columns(wanted, ["id"])))
                portions = session.portions(wanted, ["id"], size=2)
                assert sorted(row for some in portions for row in some) == answers[-1]
        assert answers == [answers[0]] * len(answers)


def statement(rule: Rule, dialect: str = "sqlite") -> str:
    with CRM.open("sqlite://") as crm:
        store: Any = crm.storage
        table = store.tables[Customer.__schema__]
        planned = plan(rule, Customer.__schema__, crm.storage.registry, AT)
        return str(Compiler(store.tables, "default", dialect).test(planned, table))


BOUGHT = F.orders.sum("total") > Money("1", "CNY")


def test_two_aggregates_are_one_scan() -> None:
    both = statement((F.orders.count() >= 2) & (F.orders.where(F.status == "paid").max("placed_at") >= AT.at))
    assert both.count("FROM crm_order") == 1
    assert "FILTER" in both
    assert statement((F.orders.count() >= 2) | BOUGHT).count("FROM crm_order") == 1
    assert statement((F.orders.count() < 2) & (F.orders.count() < 3)).count("FROM crm_order") == 1
    assert statement((F.orders.count() >= 2) & (F.cases.count() >= 2)).count("FROM") == 2


def test_few_customers_limit_the_scan() -> None:
    assert "customer_id IN" in statement(F.id.in_(["cus_1", "cus_2"]) & BOUGHT)
    assert "crm_customer_1.email" in statement((F.email == "wang@example.com") & BOUGHT)
    assert "crm_customer_1" not in statement((F.note == "x") & BOUGHT)


def test_postgresql_is_never_asked_for_a_list_of_rows() -> None:
    for rule in (F.orders.any() | (F.city == "Rome"), F.orders.none(), BOUGHT | F.cases.any(), ~BOUGHT):
        assert " IN (SELECT" not in statement(rule, "postgresql")
