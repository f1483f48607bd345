"""Rules: objects in memory against a lambda and other rule engines, SQL against SQL written by hand, segments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from benchmarks.measure import Comparison, table
from crmkit import CRM, F, FrozenClock, Money
from crmkit.customers.people import Customer
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Record
from crmkit.kernel.ids import id_of
from crmkit.kernel.ports import Query
from crmkit.kernel.rules import AsOf, Rule, plan
from crmkit.kernel.rules.evaluate import compile_plan
from crmkit.pipeline.orders import Order
from crmkit.pipeline.orders.order import OrderPlaced
from tests.postgres import fresh_database, running_postgres

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CITIES = ("Chengdu", "Xi'an", "Shanghai", "Lijiang")
CHUNK = 20_000


def customers(count: int) -> Iterator[Customer]:
    for n in range(count):
        yield Customer(
            id=id_of("cus", UUID(int=n)),
            created_at=NOW - timedelta(days=n % 1000),
            version=1,
            name=f"Guest {n}",
            city=CITIES[n % 4] if n % 50 else None,
            country="CN" if n % 7 else None,
            birthday=date(1970 + n % 40, 1 + n % 12, 1 + n % 28) if n % 10 else None,
            source="import" if n % 3 else "web",
            owner=f"clerk {n % 20}",
        )


def orders(count: int, people: int, *, first: int = 0, at: datetime | None = None) -> Iterator[Order]:
    """Most customers have a few orders, a tenth none and some many."""
    zero = Money("0", "CNY")
    for n in range(first, first + count):
        mine = (n * 7919) % (people * 9 // 10) if n % 4 else n % (people // 20)
        placed = NOW - timedelta(minutes=(n * 104_729) % (3 * 365 * 1440)) if at is None else at
        total = Money.from_minor(1_000 + (n * 31) % 90_000, "CNY")
        yield Order(
            id=id_of("ord", UUID(int=n)),
            created_at=placed,
            version=1,
            customer_id=id_of("cus", UUID(int=mine)),
            status=("paid", "paid", "placed", "cancelled")[n % 4],
            status_since=placed,
            total=total,
            paid=zero,
            credited=zero,
            placed_at=placed,
        )


def fill(crm: CRM, rows: Iterator[Record]) -> None:
    chunk: list[Record] = []
    with crm.work() as work:
        for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK:
                work.session.insert(chunk)
                chunk = []
        work.session.insert(chunk)


# ── Objects in memory ──

ASKED = (F.city.in_(["Chengdu", "Xi'an"]) & (F.source == "import") & (F.version >= 1)) | (F.owner == "clerk 7")
JSON_LOGIC = {
    "or": [
        {
            "and": [
                {"in": [{"var": "city"}, ["Chengdu", "Xi'an"]]},
                {"==": [{"var": "source"}, "import"]},
                {">=": [{"var": "version"}, 1]},
            ]
        },
        {"==": [{"var": "owner"}, "clerk 7"]},
    ]
}
RULE_ENGINE = '(city in ["Chengdu", "Xi\'an"] and source == "import" and version >= 1) or owner == "clerk 7"'


def in_memory(count: int) -> list[Comparison]:
    import json_logic
    import rule_engine

    people = list(customers(count))
    rows = [{name: getattr(p, name) for name in ("city", "source", "version", "owner")} for p in people]
    with CRM.open("memory://") as crm:
        planned = plan(ASKED, Customer.__schema__, crm.storage.registry, AsOf(at=NOW, zone=ZoneInfo("Asia/Shanghai")))
    judge = compile_plan(planned, lambda _relation, _row: ())
    cities = {"Chengdu", "Xi'an"}

    def by_hand(c: Customer) -> bool:
        return (c.city in cities and c.source == "import" and c.version >= 1) or c.owner == "clerk 7"

    other = rule_engine.Rule(RULE_ENGINE)

    def ours() -> int:
        return sum(1 for p in people if judge(p))

    def peer_hand() -> int:
        return sum(1 for p in people if by_hand(p))

    def peer_engine() -> int:
        return sum(1 for row in rows if other.matches(row))

    def peer_json() -> int:
        return sum(1 for row in rows if json_logic.jsonLogic(JSON_LOGIC, row))

    assert ours() == peer_hand() == peer_engine() == peer_json() > 0
    return [
        Comparison("judge a customer in memory", ours, peer_hand, "a function by hand", 2, count=count),
        Comparison("judge a customer in memory", ours, peer_engine, "rule-engine", 15, faster=True, count=count),
        Comparison("judge a customer in memory", ours, peer_json, "json-logic-qubit", 15, faster=True, count=count),
    ]


# ── SQL ──

TENANT = "tenant = 'default'"
PAID = "status = 'paid' AND total_currency = 'CNY'"
SHAPES: dict[str, tuple[type[Record], Rule, str]] = {
    "one field": (
        Customer,
        F.city == "Chengdu",
        f"SELECT count(*) FROM crm_customer WHERE {TENANT} AND city = 'Chengdu'",
    ),
    "one aggregate": (
        Customer,
        F.orders.where(F.status == "paid").sum("total") > Money("5000", "CNY"),
        f"""SELECT count(*) FROM crm_customer WHERE {TENANT} AND id IN (SELECT customer_id FROM crm_order
        WHERE {TENANT} AND {PAID} GROUP BY customer_id HAVING sum(total) > 500000)""",
    ),
    "two aggregates on two relations": (
        Customer,
        (F.orders.count() >= 8) & (F.cases.count() == 0),
        f"""SELECT count(*) FROM crm_customer WHERE {TENANT} AND id IN (SELECT customer_id FROM crm_order
        WHERE {TENANT} GROUP BY customer_id HAVING count(*) >= 8)
        AND id NOT IN (SELECT customer_id FROM crm_case WHERE {TENANT} AND customer_id IS NOT NULL)""",
    ),
    "nested or": (
        Customer,
        ((F.city == "Chengdu") & (F.source == "web")) | ((F.country.is_missing()) & ~(F.owner == "clerk 7")),
        f"""SELECT count(*) FROM crm_customer WHERE {TENANT} AND ((city = 'Chengdu' AND source = 'web')
        OR (country IS NULL AND (owner IS NULL OR owner <> 'clerk 7')))""",
    ),
    "no orders in 90 days": (
        Customer,
        F.orders.within(days=90).count() == 0,
        f"""SELECT count(*) FROM crm_customer WHERE {TENANT} AND id NOT IN (SELECT customer_id FROM crm_order
        WHERE {TENANT} AND placed_at >= {{since}} AND placed_at <= {{now}})""",
    ),
    "anniversary": (
        Customer,
        F.birthday.anniversary(days=6),
        f"SELECT count(*) FROM crm_customer WHERE {TENANT} AND {{monthday}} IN (302, 303, 304, 305, 306, 307, 308)",
    ),
    "held for 30 days": (
        Order,
        F.status.held("paid", days=30),
        f"""SELECT count(*) FROM crm_order WHERE {TENANT} AND ((status = 'paid' AND status_since <= {{month}})
        OR id IN (SELECT subject FROM crm_stage_span WHERE {TENANT} AND field = 'status' AND state = 'paid'
        AND entered_at <= {{month}} AND created_at > {{now}}))""",
    ),
    "segment": (
        Customer,
        F.in_segment("regulars") & (F.city == "Chengdu"),
        f"""SELECT count(*) FROM crm_customer WHERE {TENANT} AND city = 'Chengdu' AND id IN (
        SELECT customer_id FROM crm_membership WHERE {TENANT} AND state = 'member' AND segment_id IN (
        SELECT id FROM crm_segment WHERE {TENANT} AND name = 'regulars'))""",
    ),
}


def by_hand(text: str, *, sqlite: bool) -> str:
    """The statement with moments and calendar in the words of the database."""

    def moment(at: datetime) -> str:
        written = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        return f"'{written}'" if sqlite else f"'{written}+00'"

    midnight = datetime(2026, 3, 1, 16, tzinfo=UTC)
    number = "(extract(month FROM birthday) * 100 + extract(day FROM birthday))"
    return text.format(
        since=moment(midnight - timedelta(days=90)),
        month=moment(midnight - timedelta(days=30)),
        now=moment(NOW),
        monthday="CAST(strftime('%m%d', birthday) AS INTEGER)" if sqlite else number,
    )


def shapes(crm: CRM, *, sqlite: bool) -> Iterator[Comparison]:
    for name, (cls, rule, text) in SHAPES.items():
        statement = by_hand(text, sqlite=sqlite)

        def ours(cls: type[Record] = cls, rule: Rule = rule) -> int:
            with crm.read() as work:
                return work.session.count(Query(cls=cls, plan=work.plan(cls, rule)))

        def peer(statement: str = statement) -> int:
            with crm.read() as work:
                session: Any = work.session
                return int(session.connection.exec_driver_sql(statement).scalar_one())

        if ours() != peer():
            raise AssertionError(f"{name}: {ours()} and {peer()}")
        yield Comparison(name, ours, peer, "SQL by hand", 1.1)


# ── Segments ──


def refreshing(crm: CRM, clock: FrozenClock, people: int, total: int) -> Comparison:
    """One day of new orders: the difference against everybody."""
    segments = crm.customers.segments
    segments.define("buyers", rule=F.orders.within(days=90).sum("total") > Money("500", "CNY"))
    segments.refresh("buyers")
    number = total
    daily = max(10, total // 1000)

    def one_day() -> None:
        nonlocal number
        clock.advance(days=1)
        with crm.work() as work:
            for order in orders(daily, people, first=number, at=clock.now()):
                work.save_new([Change(order, (_placed(order),))])
        number += daily

    return Comparison(
        f"refresh a segment after a day of {daily:,} orders",
        lambda: segments.refresh("buyers"),
        lambda: segments.refresh("buyers", everybody=True),
        "looking at everybody",
        0.25,
        before=one_day,
    )


def _placed(order: Order) -> OrderPlaced:
    return OrderPlaced(
        order_id=order.id,
        customer_id=order.customer_id,
        total=order.total,
        opportunity_id=None,
        campaign_id=None,
        channel=None,
    )


def databases() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "SQLite", str(Path(folder) / "rules.db")
    with running_postgres() as server, fresh_database(server) as url:
        yield "PostgreSQL", url


def on(name: str, target: str, people: int, total: int) -> None:
    clock = FrozenClock(NOW)
    opened = CRM.open(target, currency="CNY", timezone="Asia/Shanghai", clock=clock, durable=False, migrate=True)
    with opened as crm:
        fill(crm, customers(people))
        fill(crm, orders(total, people))
        crm.customers.segments.define("regulars", rule=F.orders.count() >= 8)
        crm.customers.segments.refresh("regulars")
        with crm.work() as work:
            session: Any = work.session
            session.connection.exec_driver_sql("ANALYZE")
        table(f"Rules on {name}: {people:,} customers, {total:,} orders", list(shapes(crm, sqlite=name == "SQLite")))
        table(f"Segments on {name}", [refreshing(crm, clock, people, total)])


def run(*, large: bool) -> None:
    table("Rules in memory", in_memory(100_000))
    for name, target in databases():
        on(name, target, *((1_000_000, 5_000_000) if large else (200_000, 1_000_000)))
