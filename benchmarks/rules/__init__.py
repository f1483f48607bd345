"""Rules: objects in memory against a function and other rule engines, SQL against SQL written by hand, segments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from benchmarks.rules.memory import in_memory
from benchmarks.rules.segments import one_day, streaming
from benchmarks.rules.shapes import shapes
from benchmarks.rules.world import NOW, customers, fill, orders
from crmkit import CRM, F, FrozenClock
from tests.postgres import fresh_database, running_postgres


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
        settle(crm)
        table(f"Rules on {name}: {people:,} customers, {total:,} orders", list(shapes(crm, sqlite=name == "SQLite")))
        table(f"Segments on {name}", list(one_day(crm, clock, people, total)))
        print(f"\n{streaming(crm)}", flush=True)


def settle(crm: CRM) -> None:
    """Let the database know its tables, as it does by itself after a while."""
    store: Any = crm.storage
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if store.sqlite else "VACUUM ANALYZE")


def run(*, large: bool) -> None:
    table("Rules in memory", in_memory(100_000))
    for name, target in databases():
        on(name, target, *((1_000_000, 5_000_000) if large else (200_000, 1_000_000)))
