"""Sales: giving leads out, scoring them, moving a deal."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from benchmarks.measure import Comparison, table
from benchmarks.service import databases
from crmkit import CRM, F, FrozenClock, Money
from crmkit.kernel.entity import Record
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ids import IdSource
from crmkit.kernel.stays import StageSpan
from crmkit.pipeline.assignment.entry import How
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.opportunities.deal import DealState, Opportunity
from crmkit.pipeline.scoring.model import judged, model_of, table_of
from crmkit.pipeline.stages.definition import Category

NOW = datetime(2026, 3, 12, 2, 0, tzinfo=UTC)
ENTRIES, PEOPLE = 50, 200
CHUNK = 10_000
SOURCES = ("friend", "fair", "advert", "website", "partner")
COUNTRIES = ("CN", "FR", "DE", "JP")
HOWS: tuple[How, ...] = ("round_robin", "weighted", "least_busy")
BY_END: dict[str, Category] = {"won": "closed", "lost": "omitted"}
OPEN_ONES: tuple[Category, ...] = ("pipeline", "best_case", "commit")
STAGES = ("qualification", "proposal", "negotiation", "won", "lost", "won")


def opened(target: str) -> CRM:
    return CRM.open(target, clock=FrozenClock(NOW), currency="CNY", timezone="Asia/Shanghai", migrate=True)


def load(crm: CRM, records: Iterator[Record]) -> None:
    """Put many records of one class into the store."""
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == CHUNK:
            _insert(crm, chunk)
            chunk = []
    _insert(crm, chunk)


def _insert(crm: CRM, records: list[Record]) -> None:
    with crm.work() as work:
        work.session.insert(records)


def leads(count: int, *, stages: tuple[str, ...] = ("new",)) -> Iterator[Lead]:
    ids = IdSource(seed=1)
    for n in range(count):
        at = NOW - timedelta(minutes=n)
        yield Lead(
            id=ids.new("lead", at),
            created_at=at,
            version=1,
            stage_since=at,
            stage=stages[(n * 7 + n // 11) % len(stages)],
            name=f"Guest {n}",
            email=f"guest{n}@example.com" if n % 3 else None,
            source=SOURCES[n % 5],
            country=COUNTRIES[n % 4],
            region=f"region {n % ENTRIES}",
            language=("fr", "zh", "en")[n % 3],
            tags=frozenset({"vip"} if n % 9 == 0 else ()),
        )


# ── Leads ──


def giving_out(stack: str, target: str, count: int) -> str:
    """Leads per second by 50 rules to 200 people."""
    with opened(target) as crm:
        for n in range(PEOPLE):
            crm.pipeline.salespeople.register(f"Person {n:03}", team=f"team {n % ENTRIES}")
        for n in range(ENTRIES):
            how = HOWS[n % 3]
            crm.pipeline.assignment.define(f"entry {n}", rule=F.region == f"region {n}", team=f"team {n}", how=how)
        load(crm, leads(count))
        begin = time.perf_counter()
        decisions = crm.pipeline.assignment.distribute()
        spent = time.perf_counter() - begin
        given = sum(decision.owner is not None for decision in decisions)
        if given != count:
            message = f"{given} of {count} leads were given out"
            raise AssertionError(message)
    each = f"{count / spent:,.0f} leads a second"
    return f"{stack}: {count:,} leads given out by {ENTRIES} rules to {PEOPLE} people: {each}"


def scoring(target: str, count: int, exits: ExitStack) -> list[Comparison]:
    crm = exits.enter_context(opened(target))
    load(crm, leads(count, stages=("new", "working", "qualified", "converted", "disqualified")))
    crm.pipeline.scoring.learn()
    with crm.read() as work:
        still = F.stage.not_in(["converted", "disqualified"])
        ids = [identifier for (identifier,) in work.columns(Lead, ["id"], still)]
    few = ids[: max(len(ids) // 20, 1)]

    def by_query() -> None:
        with crm.work() as work:
            model = model_of(work)
            assert model is not None
            counted = table_of(work, model)
            for identifier in few:
                lead = work.first(Lead, F.id == identifier)
                assert lead is not None
                judged(counted, model, lead)

    def by_verb() -> None:
        for identifier in few[: len(few) // 5]:
            crm.pipeline.scoring.score(identifier)

    def ours() -> None:
        crm.pipeline.scoring.rescore()

    name = f"SQLite: score {len(ids):,} leads with what was learned"
    each: dict[str, Any] = {"faster": True, "count": len(ids)}
    return [
        Comparison(name, ours, by_query, "one query for each lead", 20, peer_count=len(few), **each),
        Comparison(name, ours, by_verb, "score(lead), one by one", 20, peer_count=len(few) // 5, **each),
    ]


# ── Many deals ──


def deals(count: int, customer_id: str) -> Iterator[Opportunity]:
    ids = IdSource(seed=2)
    for n in range(count):
        at = NOW - timedelta(minutes=7 * (n % 50_000))
        stage = STAGES[(n * 5 + n // 13) % 6]
        closed = stage in {"won", "lost"}
        amount = Money.from_minor(10_000 + 997 * (n % 1000), "CNY")
        yield Opportunity(
            id=ids.new("opp", at),
            created_at=at,
            version=1,
            name=f"Album {n}",
            customer_id=customer_id,
            owner=f"Person {n % PEOPLE:03}",
            stage=stage,
            stage_since=at,
            amount=amount,
            expected=amount.percent(Decimal(40)),
            probability=Decimal(40),
            category=BY_END.get(stage, OPEN_ONES[n % 3]),
            close_on=date(2026, 1, 1) + timedelta(days=n % 120),
            closed_at=at if closed else None,
            last_open_stage="proposal" if closed else None,
        )


# ── One deal ──


class Moving:
    """Moving deals to another stage, against a program written by hand for the raw driver.

    The program knows beforehand what is to be written and reads no more than it needs for that; like crmkit it refuses
    to overwrite what somebody else has changed, and writes the event, the stay and the state of the deal.
    """

    def __init__(self, stack: str, target: str, count: int, exits: ExitStack) -> None:
        self.crm = exits.enter_context(opened(target))
        customer = self.crm.customers.register(name="Xiao Wang")
        open_deals = (d for d in deals(count * 7, customer.id) if d.stage == "qualification")
        load(self.crm, (d for d, _ in zip(open_deals, range(count), strict=False)))
        self.ids = [deal.id for deal in self.crm.pipeline.opportunities.find()]
        store: Any = self.crm.storage
        self.event, self.span, self.state = (
            store.mapper(cls.__schema__) for cls in (EventRecord, StageSpan, DealState)
        )
        self.raw, self.begin, mark = driver(stack, target, exits)
        read = "stage, stage_since, customer_id, pipeline, amount, close_on, owner, version"
        self.select = f"SELECT {read} FROM crm_opportunity WHERE tenant = {mark} AND id = {mark}"
        fields = ("stage", "stage_since", "probability", "category", "expected", "expected_currency", "updated_at")
        changes = ", ".join(f"{field} = {mark}" for field in fields)
        known = f"tenant = {mark} AND id = {mark} AND version = {mark}"
        self.update = f"UPDATE crm_opportunity SET {changes}, version = version + 1 WHERE {known}"
        self.now: Any = NOW.isoformat(" ", "microseconds")[:26] if stack == "SQLite" else NOW
        self.turns = cycle(("proposal", "negotiation"))

    def ours(self) -> None:
        to = next(self.turns)
        for deal in self.ids:
            self.crm.pipeline.opportunities.advance(deal, to=to)

    def by_hand(self) -> None:
        to, at = next(self.turns), self.now
        same = {"tenant": "default", "created_at": at}
        for key in self.ids:
            self.raw(self.begin, ())
            stage, since, customer, pipeline, amount, close_on, owner, version = self.raw(
                self.select, ("default", key)
            ).fetchone()
            half = (amount + 1) // 2
            values = (to, at, 50_000_000, "best_case", half, "CNY", at, "default", key, version)
            if self.raw(self.update, values).rowcount != 1:
                raise AssertionError(key)
            facts = {"subject_id": key, "customer_id": customer, "machine": "opportunity", "field": "stage"}
            facts |= {"trigger": to, "source": stage, "target": to, "entered_at": str(since), "facts": {}}
            self._add(
                self.event,
                "evt",
                same,
                name="moved",
                schema=1,
                subject=key,
                customer_id=customer,
                payload=json.dumps(facts),
            )
            self._add(
                self.span,
                "span",
                same,
                subject=key,
                machine="opportunity",
                field="stage",
                state=stage,
                entered_at=since,
                target=to,
                trigger=to,
            )
            self._add(
                self.state,
                "dst",
                same,
                opportunity_id=key,
                customer_id=customer,
                pipeline=pipeline,
                stage=to,
                stage_since=at,
                amount=amount,
                amount_currency="CNY",
                probability=50_000_000,
                category="best_case",
                close_on=close_on,
                owner=owner,
            )
            self.raw("COMMIT", ())

    def _add(self, mapper: Any, prefix: str, same: dict[str, Any], **values: Any) -> None:
        row = {"id": f"{prefix}_{uuid.uuid4().hex[:26]}", **same, **values}
        self.raw(mapper.insert, tuple(map(row.get, mapper.columns)))


def driver(stack: str, target: str, exits: ExitStack) -> tuple[Callable[[str, Any], Any], str, str]:
    """What executes a statement, how a transaction begins, and what stands for a value."""
    if stack == "SQLite":
        connection = sqlite3.connect(target.removeprefix("sqlite:///"), isolation_level=None)
        exits.callback(connection.close)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection.execute, "BEGIN IMMEDIATE", "?"
    import psycopg

    server = exits.enter_context(psycopg.connect(target.replace("+psycopg", ""), autocommit=True))
    return server.execute, "BEGIN", "%s"


def moving(stack: str, target: str, count: int, exits: ExitStack) -> Comparison:
    work = Moving(stack, target, count, exits)
    return Comparison(
        f"{stack}: move a deal to another stage (durable)",
        work.ours,
        work.by_hand,
        f"the same writes, {'sqlite3' if stack == 'SQLite' else 'psycopg'}",
        1.5,
        count=count,
    )


def run(*, large: bool) -> None:
    to_give, to_score = (100_000, 160_000) if large else (5_000, 16_000)
    with ExitStack() as exits:
        stacks = {stack: exits.enter_context(databases(stack)) for stack in ("SQLite", "PostgreSQL")}
        with ExitStack() as inner:
            lines = scoring(stacks["SQLite"](), to_score, inner)
            lines += [moving(stack, fresh(), 300, inner) for stack, fresh in stacks.items()]
            table("Sales", lines)
        print()
        for stack, fresh in stacks.items():
            print(giving_out(stack, fresh(), to_give), flush=True)
