"""All engines agree on every input: the most valuable test of the project.

Generated entities stand in the memory store, in SQLite and in PostgreSQL; generated rules are asked of all three, at
different moments and in different zones.  The memory store evaluates them in Python and is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.customers.segments import Membership, Segment
from crmkit.kernel.clock import zone
from crmkit.kernel.entity import Record
from crmkit.kernel.ports import Query, Store, ordering
from crmkit.kernel.rules import AsOf, plan
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.stays import StageSpan
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.orders import Order, OrderLine
from crmkit.plugins.storage.memory import MemoryStore
from crmkit.testing.strategies import instants, rules, worlds
from crmkit.testing.suites import Book, Loan, Shelf, suite_registry
from crmkit.testing.suites.storage.bench import new_tenant, transaction
from crmkit.testing.suites.storage.queries import libraries

REGISTRY = suite_registry()
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]).map(zone)
MANY = settings(max_examples=120, suppress_health_check=list(HealthCheck))

HOUSE: Mapping[type[Record], int] = {
    Company: 2,
    Customer: 4,
    Lead: 2,
    Opportunity: 3,
    Order: 4,
    OrderLine: 4,
    Segment: 2,
    Membership: 3,
    StageSpan: 3,
}


@pytest.fixture
def stores(sqlite_store: Store, postgres_store: Store) -> list[Store]:
    return [MemoryStore(REGISTRY), sqlite_store, postgres_store]


@st.composite
def houses(draw: st.DrawFn) -> list[Record]:
    """Customers and what a studio knows of them; stays of opportunities among it."""
    house = draw(worlds(HOUSE, fixed={Segment: {"name": st.sampled_from(["couples", "parents"])}}))
    moving = [r.id for r in house if isinstance(r, Opportunity | Lead | Order)]
    spans = [r for r in house if isinstance(r, StageSpan)]
    rest = [r for r in house if not isinstance(r, StageSpan)]
    return rest + [s.evolve(subject=draw(st.sampled_from(moving)), field="stage") for s in spans if moving]


def put(store: Store, tenant: str, world: list[Record]) -> None:
    with transaction(store, tenant) as session:
        for record in world:
            session.insert([record])


def ask(store: Store, tenant: str, cls: type[Record], rule: Rule, at: AsOf) -> Any:
    schema = REGISTRY.schema(cls)
    wanted: Query[Any] = Query(cls=cls, plan=plan(rule, schema, REGISTRY, at), order=ordering(schema, ()))
    with transaction(store, tenant, write=False) as session:
        return [record.id for record in session.find(wanted)], session.count(wanted)


def all_agree(
    stores: list[Store], world: list[Record], cls: type[Record], asked: list[Rule], at: AsOf, *, tenant: str
) -> None:
    everyone = sorted(r.id for r in world if type(r) is cls)
    for rule in asked:
        note(str(rule))
        (ids, count), *others = [ask(store, tenant, cls, rule, at) for store in stores]
        assert others == [(ids, count)] * len(others)
        assert count == len(ids)
        opposite = [ask(store, tenant, cls, ~rule, at)[0] for store in stores]
        assert opposite == [[i for i in everyone if i not in ids]] * len(stores)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Book, Shelf, Loan])
def test_in_a_library_with_every_kind_of_attribute(stores: list[Store], cls: type[Record]) -> None:
    @MANY
    @given(libraries(), st.lists(rules(cls, REGISTRY), min_size=1, max_size=5), instants(), ZONES)
    def check(library: list[Record], asked: list[Rule], at: datetime, where: Any) -> None:
        tenant = new_tenant()
        for store in stores:
            put(store, tenant, library)
        all_agree(stores, library, cls, asked, AsOf(at=at, zone=where), tenant=tenant)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Customer, Opportunity, Order, Company])
def test_in_the_house(stores: list[Store], cls: type[Record]) -> None:
    segments = ["couples", "parents", "strangers"]

    @MANY
    @given(houses(), st.lists(rules(cls, REGISTRY, segments=segments), min_size=1, max_size=5), instants(), ZONES)
    def check(house: list[Record], asked: list[Rule], at: datetime, where: Any) -> None:
        tenant = new_tenant()
        for store in stores:
            put(store, tenant, house)
        all_agree(stores, house, cls, asked, AsOf(at=at, zone=where), tenant=tenant)

    check()
