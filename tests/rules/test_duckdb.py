"""The fourth engine: DuckDB over Parquet files agrees with the memory store, on generated entities and rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from crmkit import CRM, Line, Money
from crmkit.customers.companies import Company
from crmkit.customers.people import Customer
from crmkit.customers.segments import Membership, Segment
from crmkit.errors import CrmError, DefinitionError, NotFound
from crmkit.exchange.parquet import export_parquet
from crmkit.kernel.entity import Record
from crmkit.kernel.machine import on
from crmkit.kernel.rules import F
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.stays import StageSpan
from crmkit.pipeline.opportunities import Opportunity
from crmkit.pipeline.orders import Order, OrderLine
from crmkit.pipeline.orders.order import ORDER
from crmkit.plugins.storage.duckdb import DuckEngine
from crmkit.testing import FrozenClock
from crmkit.testing.strategies import extras, instants, rules, worlds
from crmkit.testing.suites.library import Book, Lending, Loan, Shelf

pytestmark = pytest.mark.slow  # every test writes Parquet files

ENTITIES = [Shelf, Book, Loan]
with CRM.open("memory://", entities=ENTITIES, extras=[Lending]) as opened:
    REGISTRY = opened.storage.registry
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]).map(ZoneInfo)
MANY = settings(max_examples=25, suppress_health_check=list(HealthCheck))
LIBRARY: Mapping[type[Record], int] = {Shelf: 3, Book: 6, Loan: 2, StageSpan: 3}
HOUSE: Mapping[type[Record], int] = {
    Company: 2,
    Customer: 4,
    Opportunity: 3,
    Order: 4,
    OrderLine: 4,
    Segment: 2,
    Membership: 3,
    StageSpan: 3,
}
LENT = st.none() | extras(Lending)


@st.composite
def all_kinds(draw: st.DrawFn, sizes: Mapping[type[Record], int]) -> list[Record]:
    custom = LENT.map(lambda lent: {} if lent is None else {lent.key: lent.dump()})
    names = st.sampled_from(["couples", "parents"])
    world = draw(worlds(sizes, fixed={Book: {"extras": custom}, Segment: {"name": names}}))
    moving = [r.id for r in world if isinstance(r, Opportunity | Order | Book)]
    spans = [r for r in world if isinstance(r, StageSpan)]
    rest = [r for r in world if not isinstance(r, StageSpan)]
    fields = st.sampled_from(["stage", "status", "state"])
    return rest + [s.evolve(subject=draw(st.sampled_from(moving)), field=draw(fields)) for s in spans if moving]


@pytest.mark.parametrize("cls", [Book, Customer, Opportunity, Order, Company])
def test_parquet_files_answer_like_the_memory_store(
    tmp_path_factory: pytest.TempPathFactory, cls: type[Record]
) -> None:
    sizes = LIBRARY if cls is Book else HOUSE
    segments = ["couples", "parents", "strangers"]
    questions = st.lists(rules(cls, REGISTRY, segments=segments), min_size=1, max_size=8)

    folder = tmp_path_factory.mktemp("parquet")
    with CRM.open("memory://", entities=ENTITIES, extras=[Lending]) as nothing:
        export_parquet(nothing, folder)
    engine = DuckEngine(REGISTRY, folder, zone=ZoneInfo("UTC"))

    @MANY
    @given(all_kinds(sizes), questions, instants(), instants(), ZONES)
    def check(world: list[Record], asked: list[Rule], at: datetime, now: datetime, zone: ZoneInfo) -> None:
        clock = FrozenClock(now)
        with CRM.open("memory://", entities=ENTITIES, extras=[Lending], timezone=zone.key, clock=clock) as crm:
            with crm.work() as work:
                for record in world:
                    work.session.insert([record])
            export_parquet(crm, folder, entities=sizes)
            engine.zone, engine.exported_at = zone, now
            there = [r for r in world if type(r) is cls and (at >= now or r.created_at <= at)]
            everyone = sorted(r.id for r in there)
            with crm.read() as work:
                for rule in asked:
                    note(str(rule))
                    try:
                        wanted = sorted(identifier for (identifier,) in work.columns(cls, ["id"], rule, as_of=at))
                    except CrmError as refused:
                        for each in (rule, ~rule):
                            with pytest.raises(type(refused), match=f"^{re.escape(str(refused))}$"):
                                engine.ids(cls, each, as_of=at)
                    else:
                        assert engine.ids(cls, rule, as_of=at) == wanted
                        assert engine.ids(cls, ~rule, as_of=at) == [i for i in everyone if i not in wanted]

    check()
    engine.close()


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="export_parquet"):
        DuckEngine(REGISTRY, tmp_path, zone=ZoneInfo("UTC"))


UNKNOWN = [
    (NotFound, F.in_segment("copules"), "there is no segment 'copules', did you mean 'couples'?"),
    (NotFound, ~F.in_segment("copules"), "there is no segment 'copules', did you mean 'couples'?"),
    (NotFound, ~F.in_segment("it's"), 'there is no segment "it\'s": define it first'),
    (DefinitionError, F.orders.where(F.status == "piad").any(), "status is never 'piad', did you mean 'paid'?"),
    (DefinitionError, ~F.orders.where(F.status == "piad").any(), "status is never 'piad', did you mean 'paid'?"),
    (DefinitionError, F.orders.where(F.status.held("piad", days=1)).none(), "status is never 'piad'"),
    (DefinitionError, F.orders.last("status") != "piad", "is never 'piad', did you mean 'paid'?"),
]


def test_segments_and_states_that_there_are_not_are_refused_as_in_a_crm(tmp_path: Path, crm: CRM) -> None:
    wang = crm.customers.register(name="Wang", tags={"couple"})
    li = crm.customers.register(name="Li")
    crm.customers.segments.define("couples", rule=F.tags.has("couple"))
    crm.customers.segments.refresh("couples")
    export_parquet(crm, tmp_path)
    engine = DuckEngine(crm.storage.registry, tmp_path, zone=ZoneInfo("UTC"))
    for error, rule, said in UNKNOWN:
        with pytest.raises(error, match=re.escape(said)):
            crm.customers.find(rule)
        with pytest.raises(error, match=re.escape(said)):
            engine.ids(Customer, rule, as_of=wang.created_at)
    assert engine.ids(Customer, F.in_segment("couples"), as_of=wang.created_at) == [wang.id]
    assert engine.ids(Customer, ~F.in_segment("couples"), as_of=wang.created_at) == [li.id]
    engine.close()


def test_the_states_of_a_hosts_own_machine_are_in_the_files(tmp_path: Path) -> None:
    apart = ORDER.with_moves(on("lay aside", "placed", "customer's wish"), on("take up", "customer's wish", "placed"))
    with CRM.open("memory://", machines={"order": apart}) as crm:
        export_parquet(crm, tmp_path)
        engine = DuckEngine(crm.storage.registry, tmp_path, zone=ZoneInfo("UTC"))
        now = crm.customers.register(name="A").created_at
    assert engine.ids(Order, F.status == "customer's wish", as_of=now) == []
    with pytest.raises(DefinitionError, match="status is never"):
        engine.ids(Order, F.status == "host's wish", as_of=now)
    engine.close()


def test_the_statement_is_duckdbs_own(tmp_path: Path, crm: CRM) -> None:
    export_parquet(crm, tmp_path)
    engine = DuckEngine(crm.storage.registry, tmp_path, zone=ZoneInfo("UTC"))
    sql = engine.sql(
        Customer, F.tags.has("vip") & (F.orders.count() >= 3), as_of=crm.customers.register(name="A").created_at
    )
    assert "JSON_CONTAINS" in sql.upper()
    assert "@>" not in sql
    engine.close()


def test_a_moment_before_the_export_is_one_of_the_past(tmp_path: Path, clock: FrozenClock) -> None:
    with CRM.open("memory://", currency="EUR", clock=clock) as crm:
        early = crm.customers.register(name="Early")
        moments = [clock.now()]
        clock.advance(days=10)
        crm.customers.register(name="Late")
        crm.pipeline.orders.place(early, lines=[Line("Album", unit_price=Money(80, "EUR"))])
        moments += [clock.now(), clock.now() + timedelta(days=10)]
        clock.advance(days=1)
        export_parquet(crm, tmp_path)
        engine = DuckEngine(crm.storage.registry, tmp_path, zone=crm.settings.zone)
        assert engine.exported_at == clock.now()
        for rule in (F.orders.any(), F.orders.count() == 1, ~F.orders.any(), F.name.starts_with("")):
            for moment in moments:
                wanted = sorted(c.id for c in crm.customers.find(rule, as_of=moment))
                assert engine.ids(Customer, rule, as_of=moment) == wanted, (str(rule), moment)
        assert engine.ids(Customer, F.orders.none(), as_of=moments[0]) == [early.id]
    engine.close()
