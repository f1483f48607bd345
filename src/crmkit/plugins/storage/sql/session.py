"""One transaction of the SQL store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from crmkit.errors import Conflict, CrmError
from crmkit.kernel.entity import Entity, Kind, Record, Schema
from crmkit.kernel.ports import Group, Query, Tally, groups
from crmkit.kernel.ranking import Placed, Ranking
from crmkit.kernel.refusals import dangling, referred, stale, taken, unique_keys
from crmkit.plugins.storage.sql.compile import Compiler
from crmkit.plugins.storage.sql.driver import Driver, Row
from crmkit.plugins.storage.sql.mapper import Mapper
from crmkit.plugins.storage.sql.queries import (
    Build,
    counted,
    listed,
    raw_columns,
    raw_rows,
    selected,
    total_of,
)
from crmkit.plugins.storage.sql.ranked import ranked
from crmkit.plugins.storage.sql.statements import TENANT, shape_of

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.store import SqlStore

R = TypeVar("R", bound=Record)
CONFLICTS = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock detected
COPY_FROM = 100  # records from which PostgreSQL's COPY beats INSERT, and one UPDATE beats many


class SqlSession:
    """A transaction of one tenant on one connection."""

    def __init__(self, store: SqlStore, connection: Connection, tenant: str, *, owned: bool) -> None:
        self.store, self.connection, self.tenant, self.owned = store, connection, tenant, owned
        self.compiler = Compiler(store.tables, tenant, store.dialect.name)
        self.driver = Driver(connection, owned=owned)

    # ── Reading ──

    def get(self, cls: type[R], identifier: str, *, hold: bool = False) -> R | None:
        mapper = self.store.mapper(cls.__schema__)
        select = f"{mapper.select} FOR NO KEY UPDATE" if hold and not self.store.sqlite else mapper.select
        found: list[R] = mapper.from_rows(self.driver.rows(select, (self.tenant, identifier)))
        return found[0] if found else None

    def find(self, query: Query[R]) -> list[R]:
        mapper = self.store.mapper(query.cls.__schema__)
        found: list[R] = mapper.from_rows(self._rows("find", query, selected(mapper)))
        return found

    def claim(self, query: Query[R]) -> list[R]:
        mapper = self.store.mapper(query.cls.__schema__)
        found: list[R] = mapper.from_rows(self._rows("claim", query, selected(mapper, lock=True)))
        return found

    def count(self, query: Query[R]) -> int:
        return int(self._rows("count", query, counted)[0][0])

    def columns(self, query: Query[R], names: Sequence[str]) -> list[Row]:
        schema = query.cls.__schema__
        return self.store.mapper(schema).values(names)(self._rows(("columns", *names), query, listed(schema, names)))

    def portions(self, query: Query[R], names: Sequence[str], *, size: int) -> Iterator[list[Row]]:
        schema = query.cls.__schema__
        select = listed(schema, names)(self.compiler, query)
        rows: Any = self.connection.execute(select, execution_options={"stream_results": True})
        values_of = self.store.mapper(schema).values(names)
        try:
            while some := rows.fetchmany(size):
                yield values_of([tuple(row) for row in some])
        finally:
            rows.close()

    def ranked(self, ranking: Ranking[R]) -> list[Placed]:
        return ranked(self, ranking)

    def tally(self, tally: Tally[R]) -> list[Group]:
        schema = tally.cls.__schema__
        t = self.store.tables[schema]
        keys = raw_columns(t, schema, tally.by)
        money = [n for n in tally.sums if schema[n].kind is Kind.MONEY]
        currencies = [t.c[f"{n}_currency"] for n in money]
        sums = [sa.func.sum(sa.type_coerce(t.c[n], sa.BigInteger)) for n in tally.sums]
        where = (self.compiler.of_tenant(t), self.compiler.test(tally.plan, t))
        statement = sa.select(*keys, *currencies, sa.func.count(), *sums).where(*where).group_by(*keys, *currencies)
        if not keys and not currencies:
            statement = statement.having(sa.func.count() > 0)
        rows = self.connection.execute(statement)
        key_of = self.store.mapper(schema).values(tally.by)

        def partial() -> Iterator[tuple[Row, int, dict[str, Any]]]:
            for row in rows:
                (key,) = key_of([row[: len(keys)]])
                count, *totals = row[len(keys) + len(currencies) :]
                currency = dict(zip(money, row[len(keys) : len(keys) + len(currencies)], strict=True))
                named = zip(tally.sums, totals, strict=True)
                yield key, count, {n: total_of(schema, n, v, currency.get(n)) for n, v in named}

        return groups(partial(), schema, tally.sums)

    def _rows(self, kind: Any, query: Query[Any], build: Build) -> list[Row]:
        """What is found for *query*, in the driver's own values."""
        known = shape_of(query.plan) if self.owned and query.after is None else None
        if known is None:
            return raw_rows(self.connection.execute(build(self.compiler, query)))
        shape, values = known
        values[TENANT] = self.tenant
        statement = self.store.statements.of(
            (kind, query.cls.__schema__.name, shape, query.order, query.limit),
            lambda compiler: build(compiler, attrs.evolve(query, plan=shape)),
        )
        if statement.text is None:
            return raw_rows(self.connection.execute(statement.select, values))
        return self.driver.rows(statement.text, statement.parameters(values))

    # ── Writing ──

    def insert(self, records: Sequence[R], *, skip_known: bool = False) -> int:
        if not records:
            return 0
        mapper = self.store.mapper(records[0].__schema__)
        rows = mapper.to_rows(self.tenant, records)
        statement = mapper.insert_new if skip_known else mapper.insert
        try:
            if len(rows) >= COPY_FROM and not skip_known and self._copy(mapper, rows):
                return len(rows)
            return self.driver.write(statement, rows)
        except IntegrityError as error:
            self._explain(error, records)

    def _copy(self, mapper: Mapper, rows: list[tuple[Any, ...]]) -> bool:
        driver: Any = self.connection.connection.driver_connection
        if self.store.sqlite or self.connection.dialect.is_async:
            return False
        try:
            with driver.cursor() as cursor, cursor.copy(mapper.copy) as copy:
                for row in rows:
                    copy.write_row(row)
        except self.store.dialect.loaded_dbapi.IntegrityError as error:
            raise IntegrityError(mapper.copy, None, error) from error
        return True

    def update(self, entities: Sequence[Entity], *, fields: Sequence[str] | None = None) -> None:
        if not entities:
            return
        changes = self.store.mapper(entities[0].__schema__).changes(None if fields is None else tuple(fields))
        rows = changes.to_rows(self.tenant, entities)
        try:
            if len(rows) >= COPY_FROM and not self.store.sqlite:
                columns = tuple(list(column) for column in zip(*rows, strict=True))
                written = self.driver.write(changes.at_once, [columns])
            else:
                written = self.driver.write(changes.statement, rows)
        except IntegrityError as error:
            self._explain(error, entities)
        if written != len(entities):
            self._stale(entities)

    def _stale(self, entities: Sequence[Entity]) -> NoReturn:
        """Find out which one; those that were fresh have been written.

        The version alone does not tell: who was first has raised it by one, as we would have.
        """
        for entity in entities:
            stored = self.get(type(entity), entity.id)
            if stored is None or stored != entity or len(entities) == 1:
                raise stale(entity, None if stored is None else stored.version)
        raise Conflict("some of the entities had changed meanwhile: read them again and repeat")

    def delete(self, cls: type[R], identifiers: Sequence[str]) -> int:
        t = self.store.tables[cls.__schema__]
        gone = 0
        for begin in range(0, len(identifiers), 500):
            chunk = identifiers[begin : begin + 500]
            where = (t.c.tenant == self.tenant, t.c.id.in_(chunk))
            try:
                gone += self.connection.execute(sa.delete(t).where(*where)).rowcount
            except IntegrityError as error:
                raise self._referred(cls.__schema__, str(error.orig), chunk) from None
        return gone

    def _referred(self, schema: Schema, text: str, identifiers: Sequence[str]) -> CrmError:
        """Which one is still referred to, and by what: PostgreSQL says so, SQLite can be asked."""
        for source, a in self.store.registry.pointing_to(schema.name):
            t = self.store.tables[source]
            if not self.store.sqlite:
                named = re.search(r"Key \(tenant, id\)=\(.*, (\w+)\) is still referenced", text)
                if f'"{self.store.tables.name_of(source, [a.name], "fkey")}"' in text:
                    return referred(schema, named[1] if named else identifiers[0], source, a.name)
                continue
            pointing = sa.select(t.c[a.name]).where(t.c.tenant == self.tenant, t.c[a.name].in_(identifiers))
            found = self.connection.execute(pointing.limit(1)).scalar()
            if found is not None:
                return referred(schema, found, source, a.name)
        return referred(schema, identifiers[0], None, None)

    def _explain(self, error: IntegrityError, records: Sequence[Any]) -> NoReturn:
        """Say in words of the domain what the database refused."""
        schema = records[0].__schema__
        text = str(error.orig)
        if "FOREIGN KEY" in text.upper():
            raise self._dangling(schema, text, records) from None
        table = self.store.tables[schema]
        wanted = set(re.findall(rf"{re.escape(table.name)}\.(\w+)", text)) - {"tenant"}
        constraint = str(getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "")
        if not constraint and not wanted:
            raise CrmError(f"the database refused a {schema.name}: {text}") from error
        detail = re.search(r"=\([^,]*, (.*)\) already exists", text)
        for record in records:
            for names, values in unique_keys(record, schema):
                if wanted != set(names) and constraint != self._constraint(schema, names):
                    continue
                told_of = detail is None or detail[1] == ", ".join(map(str, values))
                if len(records) == 1 or (told_of and self._exists(schema, names, values, records, record)):
                    raise taken(schema, names, values) from None
        raise taken(schema, tuple(wanted) or (constraint,), ("?",) * max(1, len(wanted))) from None

    def _constraint(self, schema: Schema, names: Sequence[str]) -> str:
        table = self.store.tables[schema]
        return f"{table.name}_pkey" if names == ("id",) else self.store.tables.name_of(schema, names, "key")

    def _exists(
        self, schema: Schema, names: Sequence[str], values: Sequence[Any], records: Sequence[Any], record: Any
    ) -> bool:
        twins = [r for r in records if tuple(getattr(r, n) for n in names) == tuple(values)]
        if len(twins) > 1 or not self.store.sqlite:
            return True
        if names == ("id",):  # those before it in the same batch are there, too, but as they were given
            return self.get(type(record), record.id) not in {None, record}
        t = self.store.tables[schema]
        same = [t.c[n] == v for n, v in zip(names, values, strict=True)]
        where = (t.c.tenant == self.tenant, *same, t.c.id != record.id)
        return self.connection.execute(sa.select(sa.literal(1)).where(*where).limit(1)).first() is not None

    def _dangling(self, schema: Schema, text: str, records: Sequence[Any]) -> CrmError:
        for a in schema:
            if a.references is None:
                continue
            named = f'"{self.store.tables.name_of(schema, [a.name], "fkey")}"' in text
            for record in records:
                identifier = getattr(record, a.name)
                if identifier is None or identifier == record.id:
                    continue
                if named or (self.store.sqlite and not self._there(a.references, identifier)):
                    return dangling(schema, a.name, identifier)
        return CrmError(f"a {schema.name} is still referred to: {text}")

    def _there(self, name: str, identifier: str) -> bool:
        return self.get(self.store.registry.schema(name).cls, identifier) is not None

    # ── Transactions ──

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        try:
            with self.connection.begin_nested():
                yield
        except OperationalError as error:
            if (known := told(error)) is error:
                raise
            raise known from error

    def commit(self) -> None:
        if self.owned:
            try:
                self.connection.commit()
            finally:
                self.store.let_go(self.connection)

    def told(self, error: BaseException) -> BaseException:
        return told(error)

    def rollback(self) -> None:
        if self.owned and not self.connection.closed:
            try:
                self.connection.rollback()
            finally:
                self.store.let_go(self.connection)


def told(error: BaseException) -> BaseException:
    """*error* in words of the domain, if somebody else was faster; otherwise itself."""
    if isinstance(error, OperationalError):
        if getattr(error.orig, "sqlstate", None) in CONFLICTS:
            return Conflict(f"somebody else was changing the same at the same time, try again: {error.orig}")
        if "database is locked" in str(error.orig):
            return Conflict("others have been writing to this SQLite file all the time: try again")
    return error
