"""Service: business time, recalculating after a calendar edit, sweeps over open cases of which some are overdue."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from pathlib import Path
from typing import Any, Self

from benchmarks.measure import Comparison, table
from crmkit import CRM, BusinessCalendar, F, FrozenClock
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.entity import Record
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ids import IdSource
from crmkit.kernel.rules import Rule
from crmkit.service.cases.case import Case
from crmkit.service.conversation import CaseMessage
from crmkit.service.sla.records import CaseClock

NOW = datetime(2026, 3, 12, 2, 0, tzinfo=UTC)  # a Thursday, ten o'clock in Shanghai
WEEK = ("mon", "tue", "wed", "thu", "fri")
SHANGHAI = "Asia/Shanghai"
OFFICE = BusinessCalendar(timezone=SHANGHAI, hours={day: [("09:00", "12:00"), ("13:00", "18:00")] for day in WEEK})
OVERDUE = 500
WORKERS = {"SQLite": 1, "PostgreSQL": 4}  # SQLite has one writer at a time
CHUNK = 2_000


# ── Business time ──


def business_time(count: int) -> list[Comparison]:
    import businesstimedelta as peer
    import pytz

    zone = pytz.timezone(SHANGHAI)
    day = peer.WorkDayRule(start_time=hour(9), end_time=hour(18), working_days=[0, 1, 2, 3, 4], tz=zone)
    lunch = peer.LunchTimeRule(start_time=hour(12), end_time=hour(13), working_days=[0, 1, 2, 3, 4], tz=zone)
    office = peer.Rules([day, lunch])
    target, lasting = timedelta(hours=20), peer.BusinessTimeDelta(office, hours=20)
    moments = [NOW + timedelta(minutes=97 * n) for n in range(count)]
    pairs = [(moment, moment + timedelta(days=1 + n % 20)) for n, moment in enumerate(moments)]
    same = all(OFFICE.add(moment, target) == moment + lasting for moment in moments)
    alike = all(OFFICE.between(a, b) == office.difference(a, b).timedelta for a, b in pairs)
    if not (same and alike):
        message = "the two libraries disagree, so there is nothing to compare"
        raise AssertionError(message)
    return [
        Comparison(
            "business time: add 20 hours",
            lambda: [OFFICE.add(moment, target) for moment in moments],
            lambda: [moment + lasting for moment in moments],
            "businesstimedelta",
            100,
            faster=True,
            count=count,
        ),
        Comparison(
            "business time: between moments 1 to 20 days apart",
            lambda: [OFFICE.between(a, b) for a, b in pairs],
            lambda: [office.difference(a, b) for a, b in pairs],
            "businesstimedelta",
            100,
            faster=True,
            count=count,
        ),
    ]


# ── Many cases: one is opened as a host would open it, and its rows are copied ──


@dataclass(frozen=True)
class Pattern:
    """A row of a case, and where it names the case: in texts, and in the values of JSON."""

    row: Any
    case_id: str
    texts: tuple[str, ...]
    inside: tuple[str, ...]

    @classmethod
    def of(cls, row: Record, case_id: str) -> Self:
        values = {a.name: getattr(row, a.name) for a in row.__schema__ if a.name != "id"}
        texts = tuple(n for n, v in values.items() if isinstance(v, str) and case_id in v)
        inside = tuple(n for n, v in values.items() if isinstance(v, dict) and case_id in v.values())
        return cls(row, case_id, texts, inside)

    def copied(self, case_id: str, ids: IdSource) -> Record:
        """The same row of another case; it is not checked again."""
        made: Record = self.row.__crmkit_copy__()
        own = self.row.id == self.case_id
        object.__setattr__(made, "id", case_id if own else ids.new(made.__schema__.prefix, NOW))
        for name in self.texts:
            object.__setattr__(made, name, getattr(made, name).replace(self.case_id, case_id))
        for name in self.inside:
            values = {k: case_id if v == self.case_id else v for k, v in getattr(made, name).items()}
            object.__setattr__(made, name, values)
        return made


class Cases:
    """A CRM with many open cases.

    Args:
        target: the database.
        count: how many of them are not due for days.
    """

    def __init__(self, target: str, count: int) -> None:
        self.clock, self.ids = FrozenClock(NOW - timedelta(days=7)), IdSource()
        self.crm = CRM.open(target, clock=self.clock, currency="CNY", timezone=SHANGHAI, migrate=True)
        self.crm.service.policies.define(
            "gold",
            calendar=OFFICE,
            first_response=timedelta(hours=4),
            resolution=timedelta(hours=16),
            escalations=[{"clock": "resolution", "at": timedelta(0), "notify": "manager@studio.example"}],
        )
        self.customer = self.crm.customers.register(name="Xiao Wang")
        self.late = self._opened()
        self.clock.advance(days=7)
        self.open = self._opened()
        self.add(self.open, count - 1)

    def _opened(self) -> list[Pattern]:
        """The rows of a new case."""
        case = self.crm.service.cases.open(self.customer, subject="Where is my album?", policy="gold", message="Hello")
        of_case: dict[type[Record], Rule] = {
            Case: F.id == case.id,
            CaseMessage: F.case_id == case.id,
            CaseClock: F.case_id == case.id,
            AgendaItem: F.subject == case.id,
            EventRecord: F.subject == case.id,
        }
        with self.crm.read() as work:
            return [Pattern.of(row, case.id) for cls, rule in of_case.items() for row in work.find(cls, rule)]

    def add(self, patterns: list[Pattern], count: int) -> None:
        """Copy the rows of a case so many times."""
        for begin in range(0, count, CHUNK):
            rows: dict[type[Record], list[Record]] = {}
            for _ in range(min(CHUNK, count - begin)):
                case_id = self.ids.new("case", NOW)
                for pattern in patterns:
                    rows.setdefault(type(pattern.row), []).append(pattern.copied(case_id, self.ids))
            with self.crm.work() as work:
                for records in rows.values():
                    work.session.insert(records)

    def top_up(self) -> None:
        """Make sure that so many are overdue."""
        with self.crm.read() as work:
            due = work.count(AgendaItem, (F.state == "due") & (F.due_at <= work.now))
        self.add(self.late, OVERDUE - due)


class Fleet:
    """Processes that wait for a word to do what is due in a database."""

    def __init__(self, target: str, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.lines, self.processes = [], []
        for _ in range(workers):
            here, there = context.Pipe()
            process = context.Process(target=_worker, args=(target, there), daemon=True)
            process.start()
            self.lines.append(here)
            self.processes.append(process)
        for line in self.lines:
            line.recv()  # it is ready

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self.lines:
            line.send("stop")
        for process in self.processes:
            process.join()

    def sweep(self) -> None:
        """Do all that is due."""
        for line in self.lines:
            line.send("go")
        ran = sum(line.recv() for line in self.lines)
        if ran != OVERDUE:
            message = f"{ran} levels fired, not {OVERDUE}"
            raise AssertionError(message)


def _worker(target: str, line: Any) -> None:
    with CRM.open(target, clock=FrozenClock(NOW), currency="CNY", timezone=SHANGHAI) as crm:
        line.send("ready")
        while line.recv() == "go":
            line.send(crm.run_due(batch=50).ran)


@contextmanager
def databases(stack: str) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database each time that it is called."""
    with ExitStack() as exits:
        if stack == "SQLite":
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            names = iter(range(1000))
            yield lambda: f"sqlite:///{folder}/{next(names)}.db"
        else:
            from tests.postgres import fresh_database, running_postgres

            server = exits.enter_context(running_postgres(durable=True))
            yield lambda: exits.enter_context(fresh_database(server))


class Sweeps:
    """Many and few open cases in databases of one kind, with the processes that do what is due in each."""

    def __init__(self, stack: str, fresh: Callable[[], str], many: int, few: int, exits: ExitStack) -> None:
        self.stack, self.sizes = stack, (many, few)
        self.targets = fresh(), fresh()
        self.worlds = [Cases(target, count) for target, count in zip(self.targets, self.sizes, strict=True)]
        self.fleets = [exits.enter_context(Fleet(target, WORKERS[stack])) for target in self.targets]
        for world in self.worlds:
            exits.callback(world.crm.close)

    def comparison(self) -> Comparison:
        many, few = self.sizes
        return Comparison(
            f"{self.stack}: sweep with {OVERDUE} overdue of {many:,} open cases, {WORKERS[self.stack]} worker(s)",
            self.fleets[0].sweep,
            self.fleets[1].sweep,
            f"{OVERDUE} of {few:,}",
            1.5,
            count=OVERDUE,
            rounds=5,
            before=self._top_up,
        )

    def _top_up(self) -> None:
        for world in self.worlds:
            world.top_up()

    def recalculated(self) -> str:
        """Cases per second after a calendar edit."""
        crm = self.worlds[0].crm
        closed = BusinessCalendar(timezone=SHANGHAI, hours=OFFICE.to_spec()["hours"], holidays=[NOW.date()])
        crm.service.policies.reschedule("gold", calendar=closed, since=NOW - timedelta(days=30))
        begin, worked = time.perf_counter(), time.process_time()
        done = crm.service.policies.recalculate("gold")
        spent, computed = time.perf_counter() - begin, time.process_time() - worked
        moved = sum(done.shifted.values())
        return (
            f"{self.stack}: {done.cases:,} cases recalculated after a calendar edit, {moved:,} due times moved: "
            f"{done.cases / spent:,.0f} cases a second, {done.cases / computed:,.0f} a second of CPU time"
        )


def screen_pop(target: str, count: int) -> list[Comparison]:
    """Who is calling: a customer found by telephone number, of few and of many."""
    crms = [_people(f"{target}-{size}.db", size) for size in (count, count // 10)]

    def look(crm: CRM, size: int) -> Callable[[], object]:
        numbers = [_number(n * 7919 % size) for n in range(200)]
        return lambda: [crm.customers.find_by_phone(number) for number in numbers]

    (many, all_of_them), (few, some) = ((crm, size) for crm, size in zip(crms, (count, count // 10), strict=True))
    name = f"SQLite: find_by_phone among {count:,} customers"
    return [Comparison(name, look(many, all_of_them), look(few, some), f"among {count // 10:,}", 1.5, count=200)]


def _number(n: int) -> str:
    return f"+86139{n:08}"


def _people(target: str, count: int) -> CRM:
    crm = CRM.open(target, clock=FrozenClock(NOW), currency="CNY", timezone=SHANGHAI, region="CN")
    for begin in range(0, count, CHUNK):
        few = range(begin, min(begin + CHUNK, count))
        crm.customers.register_many({"name": f"Guest {n}", "phone": _number(n)} for n in few)
    return crm


def run(*, large: bool) -> None:
    table("Service: business time", business_time(200))
    many, few, people = (1_000_000, 10_000, 100_000) if large else (20_000, 1_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        table("Service: who is calling", screen_pop(f"sqlite:///{folder}/people", people))
    for stack in WORKERS:
        with databases(stack) as fresh, ExitStack() as exits:
            found = Sweeps(stack, fresh, many, few, exits)
            table(f"Service: sweeps on {stack}", [found.comparison()])
            print()
            print(found.recalculated(), flush=True)
