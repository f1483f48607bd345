"""Forecast: funnel and forecast over many deals, and how right forecasts would have been."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.histories import BEGIN, LOG_ENDS, Step, generated, real, records
from benchmarks.measure import Comparison, table
from benchmarks.sales import NOW, deals, load, opened
from benchmarks.service import databases
from crmkit import CRM, FrozenClock
from crmkit.kernel.ids import IdSource
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.people import DealSplit

SINCE, UNTIL = date(2026, 3, 1), date(2026, 4, 1)

FUNNEL = """
    SELECT stage, last_open_stage, amount_currency, count(*), sum(amount) FROM crm_opportunity
    WHERE tenant = 'default' AND pipeline = 'standard' AND merged_into IS NULL
    GROUP BY stage, last_open_stage, amount_currency
"""
OPEN = "tenant = 'default' AND stage NOT IN ('lost', 'won')"
DATED = f"{OPEN} AND close_on >= '2026-03-01' AND close_on < '2026-04-01'"
WON = (
    "tenant = 'default' AND stage = 'won' AND closed_at >= '2026-02-28 16:00:00.000000{utc}' "
    "AND closed_at < '2026-03-31 16:00:00.000000{utc}'"
)
SHARED = "id IN (SELECT opportunity_id FROM crm_deal_split WHERE tenant = 'default' AND kind = 'revenue')"
BY = "owner, category, amount_currency"
PARTS = """
    SELECT s.person, d.category, d.amount_currency, sum(d.amount * s.percent / 100000000)
    FROM crm_opportunity d JOIN crm_deal_split s ON s.tenant = d.tenant AND s.opportunity_id = d.id
    WHERE s.kind = 'revenue' AND d.{period} GROUP BY s.person, d.category, d.amount_currency
"""
FORECAST = (
    f"""SELECT {BY}, count(*), sum(amount), sum(expected), count(*) FILTER (WHERE close_on < '2026-03-12')
    FROM crm_opportunity WHERE {DATED} AND NOT {SHARED} GROUP BY {BY}""",
    f"SELECT {BY}, count(*), sum(amount) FROM crm_opportunity WHERE {WON} AND NOT {SHARED} GROUP BY {BY}",
    *(PARTS.replace("{period}", period.replace(" AND ", " AND d.")) for period in (DATED, WON)),
    f"SELECT count(*) FROM crm_opportunity WHERE {OPEN} AND close_on IS NULL",
)


def splits(everything: Iterator[Opportunity]) -> Iterator[DealSplit]:
    """One of 200 deals is shared by two people."""
    ids = IdSource(seed=3)
    for n, deal in enumerate(everything):
        if n % 200 == 0:
            for person, percent in (("Person 001", 60), ("Person 002", 40)):
                yield DealSplit(
                    id=ids.new("split", NOW),
                    created_at=NOW,
                    version=1,
                    opportunity_id=deal.id,
                    person=person,
                    percent=Decimal(percent),
                    kind="revenue",
                )


def numbers(stack: str, target: str, count: int, exits: ExitStack) -> list[Comparison]:
    """Funnel and forecast."""
    crm = exits.enter_context(opened(target))
    customer = crm.customers.register(name="Xiao Wang")
    load(crm, deals(count, customer.id))
    load(crm, splits(deals(count, customer.id)))
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


# ── The back-test ──


def trials(name: str, deals: Iterator[list[Step]], *, end: datetime, seen_on: list[date], currency: str) -> None:
    """Print how the plain weighted forecast and the outlook would have done on past days."""
    with CRM.open("sqlite://", clock=FrozenClock(end), currency=currency) as crm:
        customer = crm.customers.register(name="Xiao Wang")
        opened, states = records(deals, customer.id)
        load(crm, iter(opened))
        load(crm, iter(states))
        begin = time.perf_counter()
        found = crm.pipeline.forecast.backtest(seen_on=seen_on, days=30)
        spent = (time.perf_counter() - begin) / len(seen_on)
    actual = sum(float(trial.actual.amount) for trial in found.trials) / len(found.trials)
    weighted, outlook = (float(error.amount) / actual for error in (found.weighted_error, found.outlook_error))
    before = [found.trials[n].actual for n in range(len(found.trials) - 1)]
    naive = sum(abs(float((t.actual - b).amount)) for t, b in zip(found.trials[1:], before, strict=True)) / len(before)
    print(f"\n## Back-test, {name}: {len(opened):,} deals, 30 days ahead from {len(seen_on)} days\n")
    print(f"{found:md}\n")
    print("| forecast | mean absolute error, as a share of what came |\n| --- | --- |")
    for forecast, error in (("weighted", weighted), ("outlook", outlook), ("what came 30 days before", naive / actual)):
        print(f"| {forecast} | {error:.0%} |")
    print(f"\nThe truth lay within the outlook's interval (8 times of 10) {found.covered:.0%} of the time.")
    print(f"One day takes {spent:.1f} s.", flush=True)


def back_tests() -> None:
    ends = BEGIN + timedelta(days=3 * 365)
    days = [(ends - timedelta(days=31 + 30 * back)).date() for back in range(11, -1, -1)]
    trials("a generated history with seasons", generated(), end=ends, seen_on=days, currency="EUR")
    days = [(LOG_ENDS - timedelta(days=31 + 30 * back)).date() for back in range(5, -1, -1)]
    trials("the next purchases of CDNOW", real(), end=LOG_ENDS, seen_on=days, currency="USD")


def run(*, large: bool) -> None:
    many = 1_000_000 if large else 100_000
    with ExitStack() as exits:
        lines = []
        for stack in ("SQLite", "PostgreSQL"):
            fresh = exits.enter_context(databases(stack))
            lines += numbers(stack, fresh(), many, exits)
        table("Funnel and forecast", lines)
    back_tests()
