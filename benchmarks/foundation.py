"""The kernel and the stores: entities, bulk writing and reading, single changes, machines, import."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import attrs

from benchmarks.measure import Comparison, table
from crmkit import CRM, FrozenClock
from crmkit.customers.people import Customer
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ids import IdSource
from crmkit.kernel.machine import Machine, on
from crmkit.kernel.ports import Query

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CITIES = ("Chengdu", "Xi'an", "Shanghai", "Lijiang")


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Guest {n}",
            "email": f"guest{n}@example.com",
            "city": CITIES[n % 4],
            "birthday": date(1970 + n % 40, 1 + n % 12, 1 + n % 28),
            "tags": {"vip"} if n % 10 == 0 else set(),
            "source": "import",
        }
        for n in range(count)
    ]


@attrs.frozen(kw_only=True)
class PlainCustomer:
    """The same fields without any of crmkit."""

    id: str
    created_at: datetime
    version: int = 0
    updated_at: datetime | None = None
    extras: dict[str, Any] = attrs.field(factory=dict)
    name: str
    email: str | None = None
    phone: str | None = None
    birthday: date | None = None
    city: str | None = None
    source: str | None = None
    owner: str | None = None
    company_id: str | None = None
    tags: frozenset[str] = frozenset()
    note: str | None = None


def entities(count: int) -> Comparison:
    given = [{**row, "tags": frozenset(row["tags"])} for row in rows(count)]
    ids = [IdSource(seed=1).new("cus", NOW) for _ in given]

    def ours() -> list[Customer]:
        return [Customer(id=i, created_at=NOW, **row) for i, row in zip(ids, given, strict=True)]

    def plain() -> list[PlainCustomer]:
        return [PlainCustomer(id=i, created_at=NOW, **row) for i, row in zip(ids, given, strict=True)]

    return Comparison("create a checked customer (26 fields)", ours, plain, "plain attrs, unchecked", 4, count=count)


# ── SQLite ──


@contextmanager
def files() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class Bulk:
    """Registering many customers, against a program written by hand for the raw driver."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.given, self.number = folder, rows(count), 0
        self.insert_customer, self.insert_event = self._statements()
        inside = self.insert_customer.split("(", 1)[1].split(")", 1)[0]
        self.columns = [c.strip().strip('"') for c in inside.split(",")]

    def _statements(self) -> tuple[str, str]:
        with CRM.open(self.folder / "model.db") as crm:
            store: Any = crm.storage
            return store.mapper(Customer.__schema__).insert, store.mapper(EventRecord.__schema__).insert

    def fresh(self) -> None:
        self.number += 1
        self.path = self.folder / f"bulk{self.number}.db"
        CRM.open(self.path, durable=True).close()

    def ours(self) -> None:
        with CRM.open(self.path, clock=FrozenClock(NOW)) as crm:
            crm.customers.register_many(self.given)

    def by_hand(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        customers, events = [], []
        at = NOW.isoformat(" ", "microseconds")[:26]
        for row in self.given:
            key = f"cus_{uuid.uuid4().hex[:26]}"
            customers.append(self._customer(key, at, row))
            payload = json.dumps({"customer_id": key, "source": row["source"]})
            event = (f"evt_{uuid.uuid4().hex[:26]}", at, "customers.customer_registered", 1, key, key, None, None)
            events.append(("default", *event, payload))
        connection.executemany(self.insert_customer, customers)
        connection.executemany(self.insert_event, events)
        connection.execute("COMMIT")
        connection.close()

    def _customer(self, key: str, at: str, row: dict[str, Any]) -> tuple[Any, ...]:
        email = row["email"].lower()
        values: dict[str, Any] = {
            "tenant": "default",
            "id": key,
            "created_at": at,
            "version": 1,
            "updated_at": at,
            "extras": "{}",
            "name": row["name"],
            "name_folded": row["name"].casefold(),
            "email": email,
            "email_folded": email.casefold(),
            "birthday": row["birthday"].isoformat(),
            "city": row["city"],
            "city_folded": row["city"].casefold(),
            "source": row["source"],
            "tags": json.dumps(sorted(row["tags"])),
        }
        return tuple(map(values.get, self.columns))


def bulk(folder: Path, count: int) -> Comparison:
    work = Bulk(folder, count)
    return Comparison(
        f"SQLite: register {count:,} customers with their events",
        work.ours,
        work.by_hand,
        "the same rows by hand, sqlite3",
        1.3,
        count=count,
        before=work.fresh,
    )


def loading(folder: Path, count: int) -> Comparison:
    path = folder / "load.db"
    crm = CRM.open(path, clock=FrozenClock(NOW), durable=False)
    crm.customers.register_many(rows(count))
    raw = sqlite3.connect(path)
    store: Any = crm.storage
    wanted = ", ".join(c.name for c in store.mapper(Customer.__schema__).read)
    fields = [a.name for a in Customer.__schema__]

    def ours() -> int:
        with crm.read() as work:
            return len(work.session.find(Query(cls=Customer)))

    def by_hand() -> int:
        found = []
        for row in raw.execute(f"SELECT {wanted} FROM crm_customer WHERE tenant = 'default'"):
            v = dict(zip(fields, row, strict=True))
            v["created_at"] = datetime.fromisoformat(v["created_at"] + "+00:00")
            v["updated_at"] = datetime.fromisoformat(v["updated_at"] + "+00:00")
            v["birthday"] = None if v["birthday"] is None else date.fromisoformat(v["birthday"])
            v["extras"], v["tags"] = json.loads(v["extras"]), frozenset(json.loads(v["tags"]))
            found.append(LoadedCustomer(**v))
        return len(found)

    return Comparison(
        f"SQLite: load {count:,} customers", ours, by_hand, "sqlite3 and a mapper by hand", 1.1, count=count
    )


LoadedCustomer: Any = attrs.make_class(
    "LoadedCustomer",
    {a.name: attrs.field(default=None) for a in Customer.__schema__},
    frozen=True,
    slots=True,
    kw_only=True,
)


def changing(folder: Path, count: int) -> Comparison:
    path = folder / "change.db"
    crm = CRM.open(path, clock=FrozenClock(NOW))
    customers = crm.customers.register_many(rows(count))
    store: Any = crm.storage
    mapper = store.mapper(Customer.__schema__)
    insert_event = store.mapper(EventRecord.__schema__).insert
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")
    turn = [0]

    def ours() -> None:
        turn[0] += 1
        for customer in customers:
            crm.customers.update(customer.id, note=f"note {turn[0]}")

    def by_hand() -> None:
        turn[0] += 1
        for customer in customers:
            raw.execute("BEGIN IMMEDIATE")
            row = raw.execute(mapper.select, ("default", customer.id)).fetchone()
            (found,) = mapper.from_rows([row])
            at = NOW.isoformat(" ", "microseconds")[:26]
            raw.execute(
                "UPDATE crm_customer SET note = ?, version = version + 1, updated_at = ? "
                "WHERE tenant = ? AND id = ? AND version = ?",
                (f"note {turn[0]}", at, "default", found.id, found.version),
            )
            payload = json.dumps({"customer_id": found.id, "fields": ["note"]})
            key = f"evt_{uuid.uuid4().hex[:26]}"
            event = ("default", key, at, "customers.customer_updated", 1, found.id, found.id, None, None, payload)
            raw.execute(insert_event, event)
            raw.execute("COMMIT")

    return Comparison(
        "SQLite: load, change, commit (durable)", ours, by_hand, "the same statements, sqlite3", 1.5, count=count
    )


# ── Machines ──


def machines(count: int) -> list[Comparison]:
    import transitions
    from statemachine import State, StateMachine

    door = Machine("door", initial="closed", table=(on("open", "closed", "open"), on("close", "open", "closed")))

    def ours() -> None:
        state, target = "closed", door.target
        for _ in range(count // 2):
            state = target(state, "open")
            state = target(state, "close")

    class Door:
        pass

    subject: Any = Door()
    transitions.Machine(
        subject,
        states=["closed", "open"],
        initial="closed",
        transitions=[["open", "closed", "open"], ["close", "open", "closed"]],
    )

    def with_transitions() -> None:
        for _ in range(count // 2):
            subject.open()
            subject.close()

    class DoorMachine(StateMachine):
        closed = State(initial=True)
        opened = State()
        open = closed.to(opened)
        close = opened.to(closed)

    chart: Any = DoorMachine()

    def with_statemachine() -> None:
        for _ in range(count // 2):
            chart.open()
            chart.close()

    return [
        Comparison("a step of a machine", ours, with_transitions, "transitions", 15, faster=True, count=count),
        Comparison("a step of a machine", ours, with_statemachine, "python-statemachine", 15, faster=True, count=count),
    ]


# ── Import ──


def importing() -> Comparison:
    def fresh(statement: str) -> None:
        subprocess.run([sys.executable, "-c", statement], check=True, env={**os.environ, "PYTHONHASHSEED": "0"})

    return Comparison(
        "import crmkit, in a fresh process",
        lambda: fresh("import crmkit"),
        lambda: fresh("from pydantic import BaseModel"),
        "from pydantic import BaseModel",
        2.5,
        rounds=9,
    )


def memory(statement: str) -> int:
    """The most memory that a fresh process holds after *statement*, in KiB."""
    code = f"{statement}\nprint(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def run(*, large: bool) -> None:
    from benchmarks import foundation_postgres

    count, changes = 100_000, 3_000 if large else 300
    with files() as folder, ExitStack() as exits:
        table(
            "Foundation",
            [
                entities(count),
                bulk(folder, count),
                loading(folder, count),
                changing(folder, changes),
                *machines(100_000),
                importing(),
                *foundation_postgres.comparisons(exits, count=count, changes=changes),
            ],
        )
    print(
        f"\nMemory of a fresh process: `import crmkit` {memory('import crmkit') // 1024} MiB, "
        f"`from pydantic import BaseModel` {memory('from pydantic import BaseModel') // 1024} MiB."
    )
