"""Forecast: funnel and forecast over many deals."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from typing import Any

from benchmarks.measure import Comparison, table
from benchmarks.sales import deals, load, opened
from benchmarks.service import databases

SINCE, UNTIL = date(2026, 3, 1), date(2026, 4, 1)

FUNNEL = """
    SELECT stage, last_open_stage, amount_currency, count(*), sum(amount) FROM crm_opportunity
    WHERE tenant = 'default' AND pipeline = 'standard' GROUP BY stage, last_open_stage, amount_currency
"""
OPEN = "tenant = 'default' AND stage <> 'lost' AND stage <> 'won'"
DATED = f"{OPEN} AND close_on >= '2026-03-01' AND close_on < '2026-04-01'"
SPLIT = "SELECT opportunity_id FROM crm_deal_split WHERE tenant = 'default' AND kind = 'revenue'"
WON = (
    "tenant = 'default' AND stage = 'won' AND closed_at >= '2026-02-28 16:00:00.000000{utc}' "
    "AND closed_at < '2026-03-31 16:00:00.000000{utc}'"
)
BY = "owner, category, amount_currency"
FORECAST = (
    f"""SELECT {BY}, expected_currency, count(*), sum(amount), sum(expected) FROM crm_opportunity
    WHERE {DATED} AND id NOT IN ({SPLIT}) GROUP BY {BY}, expected_currency""",
    f"SELECT {BY}, count(*), sum(amount) FROM crm_opportunity WHERE {WON} AND id NOT IN ({SPLIT}) GROUP BY {BY}",
    f"SELECT * FROM crm_opportunity WHERE (({DATED}) OR ({WON})) AND id IN ({SPLIT})",
    f"SELECT count(*) FROM crm_opportunity WHERE {OPEN} AND close_on IS NULL",
    f"SELECT count(*) FROM crm_opportunity WHERE {DATED} AND close_on < '2026-03-12'",
)


def numbers(stack: str, target: str, count: int, exits: ExitStack) -> list[Comparison]:
    """Funnel and forecast."""
    crm = exits.enter_context(opened(target))
    customer = crm.customers.register(name="Xiao Wang")
    load(crm, deals(count, customer.id))
    raw, utc = _driver(stack, target, exits)

    def by_hand() -> None:
        for statement in FORECAST:
            raw(statement.replace("{utc}", utc))

    return [
        Comparison(
            f"{stack}: funnel over {count:,} deals",
            crm.analytics.funnel,
            lambda: raw(FUNNEL),
            "SQL by hand",
            1.2,
        ),
        Comparison(
            f"{stack}: forecast over {count:,} deals",
            lambda: crm.pipeline.forecast.of(since=SINCE, until=UNTIL),
            by_hand,
            "SQL by hand",
            1.2,
        ),
    ]


def _driver(stack: str, target: str, exits: ExitStack) -> tuple[Callable[[str], list[Any]], str]:
    """What runs a statement, and how the driver writes the zone of an instant."""
    if stack == "SQLite":
        connection = sqlite3.connect(target.removeprefix("sqlite:///"))
        exits.callback(connection.close)
        return lambda statement: connection.execute(statement).fetchall(), ""
    import psycopg

    server = exits.enter_context(psycopg.connect(target.replace("+psycopg", ""), autocommit=True))
    server.execute("VACUUM ANALYZE crm_opportunity")
    return lambda statement: server.execute(statement).fetchall(), "+00:00"


def run(*, large: bool) -> None:
    many = 1_000_000 if large else 100_000
    with ExitStack() as exits:
        lines = []
        for stack in ("SQLite", "PostgreSQL"):
            fresh = exits.enter_context(databases(stack))
            lines += numbers(stack, fresh(), many, exits)
        table("Funnel and forecast", lines)
