"""The memory store: dictionaries.  It is the reference that the other stores are compared with."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from crmkit.errors import Duplicate, InvalidInput
from crmkit.kernel.entity import Entity, Record, Schema
from crmkit.kernel.ports import TELLING, Group, Query, Session, StoreStatus, Tally, groups, sort_key
from crmkit.kernel.ranking import Placed, Ranking, picked
from crmkit.kernel.refusals import dangling, referred, stale, taken, unique_keys
from crmkit.kernel.registry import Registry, Relation
from crmkit.kernel.rules.evaluate import compile_plan

R = TypeVar("R", bound=Record)
Table = dict[str, Any]
Undo = Callable[[], None]


class MemoryStore:
    """Keeps everything in dictionaries, for one process and as long as it lives.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open("memory://") as crm:
        ...     wang = crm.customers.register(name="Xiao Wang")
        ...     crm.customers.get(wang.id).name, crm.storage.status().kind
        ('Xiao Wang', 'memory')
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.tables: dict[tuple[str, str], Table] = defaultdict(dict)
        self.taken: dict[tuple[str, str, tuple[str, ...]], dict[tuple[Any, ...], str]] = defaultdict(dict)
        self.lock = threading.RLock()

    def session(self, tenant: str, *, write: bool) -> Session:
        """Begin a transaction; one at a time."""
        del write
        return MemorySession(self, tenant)

    def join(self, connection: Any, tenant: str) -> Session:
        """Refuse: there is no connection that a host could share."""
        del connection, tenant
        raise InvalidInput("the memory store has no connections to join; open a transaction without connection=")

    def tenants(self) -> list[str]:
        """Every tenant of whom anything has happened, or who has work."""
        with self.lock:
            return sorted({tenant for (tenant, name), table in self.tables.items() if table and name in TELLING})

    def tenants_with_work(self, now: datetime) -> list[str]:
        """Every tenant for whom something is to be done or sent by *now*."""

        def waits(row: Any) -> bool:
            lost = row.state == "sending" and row.leased_until is not None and row.leased_until < now
            return bool(lost or (row.state == "due" and row.due_at <= now))

        with self.lock:
            return sorted(
                {
                    tenant
                    for (tenant, name), table in self.tables.items()
                    if name in {"agenda_item", "message"} and any(waits(row) for row in table.values())
                }
            )

    def migrate(self) -> None:
        """Do nothing: dictionaries have no schema."""

    def status(self) -> StoreStatus:
        """Say that all is well."""
        return StoreStatus(kind="memory", schema_version="-", wanted_version="-", missing_indexes=(), server_time=None)

    def close(self) -> None:
        """Keep the data: other handles may share it."""


class MemorySession:
    """One transaction; whoever has it has the store for himself."""

    def __init__(self, store: MemoryStore, tenant: str) -> None:
        self.store, self.tenant = store, tenant
        self.undo: list[Undo] = []
        self.open = True
        store.lock.acquire()

    def _table(self, schema: Schema) -> Table:
        return self.store.tables[self.tenant, schema.name]

    def get(self, cls: type[R], identifier: str, *, hold: bool = False) -> R | None:
        del hold  # whoever has the session has the store for himself
        found: R | None = self._table(cls.__schema__).get(identifier)
        return found

    def find(self, query: Query[R]) -> list[R]:
        names = [o.attribute for o in query.order]

        def key(row: R) -> tuple[Any, ...]:
            return sort_key(query.order, [getattr(row, n) for n in names])

        rows = sorted(self._satisfying(query.cls, query), key=key)
        if query.after is not None:
            last = sort_key(query.order, query.after)
            rows = [row for row in rows if last < key(row)]
        return rows[: query.limit]

    def _satisfying(self, cls: type[R], query: Query[R] | Tally[R] | Ranking[R]) -> list[R]:
        holds = compile_plan(query.plan, _Neighbours(self))
        return [row for row in self._table(cls.__schema__).values() if holds(row)]

    def count(self, query: Query[R]) -> int:
        return len(self._satisfying(query.cls, query))

    def tally(self, tally: Tally[R]) -> list[Group]:
        def partial() -> Iterator[tuple[tuple[Any, ...], int, Mapping[str, Any]]]:
            for row in self._satisfying(tally.cls, tally):
                yield tuple(getattr(row, n) for n in tally.by), 1, {n: getattr(row, n) for n in tally.sums}

        return groups(partial(), tally.cls.__schema__, tally.sums)

    def ranked(self, ranking: Ranking[R]) -> list[Placed]:
        return picked(self._satisfying(ranking.cls, ranking), ranking)

    def columns(self, query: Query[R], names: Sequence[str]) -> list[tuple[Any, ...]]:
        return [tuple(getattr(row, n) for n in names) for row in self.find(query)]

    def portions(self, query: Query[R], names: Sequence[str], *, size: int) -> Iterator[list[tuple[Any, ...]]]:
        rows = iter(self.columns(query, names))
        while some := list(islice(rows, size)):
            yield some

    def insert(self, records: Sequence[R], *, skip_known: bool = False) -> int:
        added = 0
        for record in records:
            schema = record.__schema__
            try:
                if record.id in self._table(schema):
                    raise taken(schema, ("id",), (record.id,))
                self._check(record, schema)
            except Duplicate:
                if skip_known:
                    continue
                raise
            self._put(record, schema)
            added += 1
        return added

    def update(self, entities: Sequence[Entity], *, fields: Sequence[str] | None = None) -> None:
        for given in entities:
            entity, schema = given, given.__schema__
            stored = self._table(schema).get(entity.id)
            if stored is None or stored.version != entity.version - 1:
                raise stale(entity, None if stored is None else stored.version)
            if fields is not None:
                entity = stored.evolve(**{name: getattr(given, name) for name in ("version", "updated_at", *fields)})
            self._check(entity, schema)
            self._put(entity, schema)

    def delete(self, cls: type[R], identifiers: Sequence[str]) -> int:
        schema, table, removed = cls.__schema__, self._table(cls.__schema__), set()
        for identifier in identifiers:
            row = table.get(identifier)
            if row is not None:
                self._release(row, schema)
                del table[identifier]
                self.undo.append(lambda row=row: self._restore(row))  # type: ignore[misc]
                removed.add(identifier)
        for source, a in self.store.registry.pointing_to(schema.name) if removed else ():
            for row in self._table(source).values():
                if getattr(row, a.name) in removed:
                    raise referred(schema, getattr(row, a.name), source, a.name)
        return len(removed)

    def claim(self, query: Query[R]) -> list[R]:
        return self.find(query)

    def _check(self, record: Record, schema: Schema) -> None:
        for names, key in unique_keys(record, schema):
            holder = self.store.taken[self.tenant, schema.name, names].get(key)
            if holder is not None and holder != record.id:
                raise taken(schema, names, key)
        for a in schema:
            identifier = getattr(record, a.name)
            if a.references is not None and identifier is not None:
                target = self.store.registry.schema(a.references)
                if identifier not in self._table(target) and identifier != record.id:
                    raise dangling(schema, a.name, identifier)

    def _put(self, record: Record, schema: Schema) -> None:
        table = self._table(schema)
        before = table.get(record.id)
        if before is not None:
            self._release(before, schema)
        table[record.id] = record
        self._hold(record, schema)

        def undo() -> None:
            self._release(record, schema)
            if before is None:
                del table[record.id]
            else:
                self._restore(before)

        self.undo.append(undo)

    def _restore(self, record: Any) -> None:
        schema = record.__schema__
        self._table(schema)[record.id] = record
        self._hold(record, schema)

    def _hold(self, record: Record, schema: Schema) -> None:
        for names, key in unique_keys(record, schema):
            self.store.taken[self.tenant, schema.name, names][key] = record.id

    def _release(self, record: Record, schema: Schema) -> None:
        for names, key in unique_keys(record, schema):
            self.store.taken[self.tenant, schema.name, names].pop(key, None)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        mark = len(self.undo)
        try:
            yield
        except BaseException:
            self._undo_to(mark)
            raise

    def _undo_to(self, mark: int) -> None:
        while len(self.undo) > mark:
            self.undo.pop()()

    def commit(self) -> None:
        self.undo.clear()
        self._let_go()

    def told(self, error: BaseException) -> BaseException:
        return error

    def rollback(self) -> None:
        if self.open:
            self._undo_to(0)
        self._let_go()

    def _let_go(self) -> None:
        if self.open:
            self.open = False
            self.store.lock.release()


class _Neighbours:
    """Related rows, by an index that is built once a query and relation."""

    def __init__(self, session: MemorySession) -> None:
        self.session = session
        self.indexes: dict[tuple[str, str], dict[str, list[Any]]] = {}

    def __call__(self, relation: Relation, row: Any) -> Sequence[Any]:
        table = self.session._table(relation.target)  # noqa: SLF001 - one mechanism in two classes
        if not relation.many:
            target = table.get(getattr(row, relation.key))
            return () if target is None else (target,)
        index = self.indexes.get((relation.target.name, relation.key))
        if index is None:
            index = defaultdict(list)
            for other in table.values():
                index[getattr(other, relation.key)].append(other)
            self.indexes[relation.target.name, relation.key] = index
        return index.get(row.id, ())
