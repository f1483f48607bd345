"""The PostgreSQL side of the foundation: bulk writing and reading, single changes."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from datetime import UTC
from typing import Any

from benchmarks.foundation import NOW, LoadedCustomer, rows
from benchmarks.measure import Comparison
from crmkit import CRM, FrozenClock
from crmkit.customers.people import Customer
from crmkit.kernel.events import EventRecord
from crmkit.kernel.ports import Query
from tests.postgres import fresh_database, running_postgres


class Server:
    """A CRM on a database of its own, and the raw driver beside it."""

    def __init__(self, url: str, exits: ExitStack) -> None:
        import psycopg

        self.crm = exits.enter_context(CRM.open(url, clock=FrozenClock(NOW), migrate=True))
        self.raw = exits.enter_context(psycopg.connect(url.replace("+psycopg", "")))
        store: Any = self.crm.storage
        self.customer, self.event = store.mapper(Customer.__schema__), store.mapper(EventRecord.__schema__)

    def empty(self) -> None:
        """Remove everybody."""
        self.raw.execute("TRUNCATE crm_customer, crm_event CASCADE")
        self.raw.commit()

    def copy(self, mapper: Any, values: list[dict[str, Any]]) -> None:
        with self.raw.cursor() as cursor, cursor.copy(mapper.copy) as copy:
            for row in values:
                copy.write_row(tuple(map(row.get, mapper.columns)))


def bulk(server: Server, count: int) -> Comparison:
    given = rows(count)

    def by_hand() -> None:
        customers, events = [], []
        for row in given:
            key, email = f"cus_{uuid.uuid4().hex[:26]}", row["email"].lower()
            same = {"tenant": "default", "created_at": NOW}
            customers.append(
                {
                    **same,
                    "id": key,
                    "version": 1,
                    "updated_at": NOW,
                    "extras": "{}",
                    "name": row["name"],
                    "name_folded": row["name"].casefold(),
                    "email": email,
                    "email_folded": email.casefold(),
                    "birthday": row["birthday"],
                    "city": row["city"],
                    "city_folded": row["city"].casefold(),
                    "source": row["source"],
                    "tags": json.dumps(sorted(row["tags"])),
                }
            )
            events.append(
                {
                    **same,
                    "id": f"evt_{uuid.uuid4().hex[:26]}",
                    "name": "customers.customer_registered",
                    "schema": 1,
                    "subject": key,
                    "customer_id": key,
                    "payload": json.dumps({"customer_id": key, "source": row["source"]}),
                }
            )
        server.copy(server.customer, customers)
        server.copy(server.event, events)
        server.raw.commit()

    return Comparison(
        f"PostgreSQL: register {count:,} customers with their events",
        lambda: server.crm.customers.register_many(given),
        by_hand,
        "COPY of the same rows, psycopg",
        1.3,
        count=count,
        before=server.empty,
    )


def loading(server: Server, count: int) -> Comparison:
    fields = [a.name for a in Customer.__schema__]
    wanted = ", ".join(c.name for c in server.customer.read)

    def before() -> None:
        with server.crm.read() as work:
            missing = work.count(Customer) != count
        if missing:
            server.empty()
            server.crm.customers.register_many(rows(count))

    def ours() -> int:
        with server.crm.read() as work:
            return len(work.session.find(Query(cls=Customer)))

    def by_hand() -> int:
        found = []
        with server.raw.cursor() as cursor:
            cursor.execute(f"SELECT {wanted} FROM crm_customer WHERE tenant = 'default'".encode())
            for row in cursor.fetchall():
                v = dict(zip(fields, row, strict=True))
                v["created_at"] = v["created_at"].astimezone(UTC)
                v["updated_at"] = v["updated_at"].astimezone(UTC)
                v["tags"] = frozenset(v["tags"])
                found.append(LoadedCustomer(**v))
        server.raw.rollback()
        return len(found)

    name = f"PostgreSQL: load {count:,} customers"
    return Comparison(name, ours, by_hand, "psycopg and a mapper by hand", 1.1, count=count, before=before)


def changing(server: Server, count: int) -> Comparison:
    keys: list[str] = []
    turn = [0]

    def before() -> None:
        if not keys:
            server.empty()
            keys.extend(customer.id for customer in server.crm.customers.register_many(rows(count)))

    def ours() -> None:
        turn[0] += 1
        for key in keys:
            server.crm.customers.update(key, note=f"note {turn[0]}")

    def by_hand() -> None:
        turn[0] += 1
        for key in keys:
            cursor = server.raw.execute(server.customer.select, ("default", key))
            (found,) = server.customer.from_rows([cursor.fetchone()])
            server.raw.execute(
                "UPDATE crm_customer SET note = %s, version = version + 1, updated_at = %s "
                "WHERE tenant = %s AND id = %s AND version = %s",
                (f"note {turn[0]}", NOW, "default", found.id, found.version),
            )
            payload = json.dumps({"customer_id": found.id, "fields": ["note"]})
            values = {"id": f"evt_{uuid.uuid4().hex[:26]}", "tenant": "default", "created_at": NOW, "schema": 1}
            values |= {"name": "customers.customer_updated", "subject": key, "customer_id": key, "payload": payload}
            server.raw.execute(server.event.insert, tuple(map(values.get, server.event.columns)))
            server.raw.commit()

    return Comparison(
        "PostgreSQL: load, change, commit (durable)",
        ours,
        by_hand,
        "the same statements, psycopg",
        1.5,
        count=count,
        before=before,
    )


def comparisons(exits: ExitStack, *, count: int, changes: int) -> list[Comparison]:
    """All of them, on one server."""
    url = exits.enter_context(fresh_database(exits.enter_context(running_postgres(durable=True))))
    server = Server(url, exits)
    exits.callback(server.raw.rollback)
    return [bulk(server, count), loading(server, count), changing(server, changes)]
