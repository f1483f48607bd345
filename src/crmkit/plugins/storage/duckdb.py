"""DuckDB over Parquet files: a rule engine for analysis, with the same answers as the stores.

The statement is the one that SQLAlchemy compiles for PostgreSQL, carried over by sqlglot.  What DuckDB says in other
words is overridden below; a further engine (Spark, Trino, BigQuery) is another file like this one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ColumnElement, FromClause

from crmkit.errors import CrmError, NotFound
from crmkit.exchange.parquet import EXPORTED_AT, STATES
from crmkit.kernel.clock import utc
from crmkit.kernel.entity import Kind, Record
from crmkit.kernel.registry import Registry
from crmkit.kernel.rules import AsOf, Rule, plan
from crmkit.kernel.rules.plan import Known
from crmkit.kernel.rules.planned import Column
from crmkit.kernel.text import nearest, shown
from crmkit.plugins.storage.sql.compile import Compiler, Condition, json_path
from crmkit.plugins.storage.sql.compile.words import all_of, any_of
from crmkit.plugins.storage.sql.mapper import dump_json
from crmkit.plugins.storage.sql.tables import Tables
from crmkit.plugins.storage.sql.types import TYPES

TENANT = "parquet"  # the files hold one tenant, and do not say which


class DuckCompiler(Compiler):
    """The words that DuckDB has of its own."""

    def one_tag(self, tags: ColumnElement[Any], value: str) -> Condition:
        return sa.func.json_contains(tags, dump_json(value), type_=sa.Boolean)

    def tags_hold(self, tags: ColumnElement[Any], values: Sequence[str], *, every: bool) -> Condition:
        tests = [self.one_tag(tags, v) for v in values]
        return all_of(tests) if every else any_of(tests)

    def among(self, value: ColumnElement[Any], values: Any) -> Condition:
        return value.in_(values)

    def custom(self, column: Column, t: FromClause) -> ColumnElement[Any]:
        extracted = sa.func.json_extract_string(t.c[column.attribute.name], json_path(column), type_=sa.Text())
        return self.read(extracted, column.kind)

    def read(self, text: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        return sa.type_coerce(text, TYPES[kind]) if kind is Kind.TEXT else super().read(text, kind)

    def is_stored(self, column: Column, t: FromClause) -> Condition:
        return sa.func.json_extract(t.c[column.attribute.name], json_path(column)).is_not(None)

    def plus(self, moment: ColumnElement[Any], lasting: timedelta) -> ColumnElement[Any]:
        micros = lasting // timedelta(microseconds=1)
        return sa.type_coerce(moment, sa.BigInteger) + sa.func.to_microseconds(micros, type_=sa.BigInteger)

    def draw(self, size: int, salt: str, t: FromClause) -> ColumnElement[Any]:
        digest = sa.func.md5(sa.func.concat(sa.literal(salt), ":", t.c.id))
        return sa.cast(sa.func.concat("0x", sa.func.substr(digest, 1, 8)), sa.BigInteger) % size


class DuckEngine:
    """Judges rules over Parquet files that :func:`crmkit.exchange.parquet.export_parquet` has written.

    A moment before the export is one of the past: as in a CRM that is asked with ``as_of=``, there are only those
    entities and related rows that there were by then.  The files say when they were written; from files that don't,
    every answer is one about the past.  They also say in which states entities can be: as in a CRM, a rule that asks
    for another one is refused, and so is one that asks for a segment that there is not.

    Args:
        registry: what the CRM knows.
        folder: where the files are.
        zone: the zone in which calendar days begin.

    Attributes:
        exported_at: when the latest of the files was written.
        known: the states and segments that the files tell of.

    Raises:
        CrmError: ``duckdb`` or ``sqlglot`` is not there; it names the extra.
        NotFound: a file is missing.

    Example:
        >>> from datetime import UTC
        >>> from tempfile import TemporaryDirectory
        >>> from crmkit import CRM, F
        >>> from crmkit.customers.people import Customer
        >>> from crmkit.exchange.parquet import export_parquet
        >>> with CRM.open() as crm, TemporaryDirectory() as folder:
        ...     for city in ("Chengdu", "Beijing"):
        ...         _ = crm.customers.register(name=f"Guest from {city}", city=city)
        ...     _ = export_parquet(crm, folder)
        ...     duck = DuckEngine(crm.storage.registry, folder, zone=crm.settings.zone)
        ...     found = duck.ids(Customer, F.city == "Chengdu", as_of=datetime(2100, 1, 1, tzinfo=UTC))
        ...     duck.close()
        ...     [crm.customers.get(identifier).name for identifier in found]
        ['Guest from Chengdu']
    """

    def __init__(self, registry: Registry, folder: str | os.PathLike[str], *, zone: ZoneInfo) -> None:
        try:
            import duckdb  # noqa: PLC0415 - an extra
            import sqlglot  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise CrmError(f"this engine needs {error.name}: pip install 'crmkit[duckdb]'") from None
        self._transpile: Callable[..., list[str]] = sqlglot.transpile
        self.registry, self.zone = registry, zone
        self.tables = Tables(registry)
        files = {name: Path(folder) / f"{name}.parquet" for name in self.tables.by_name}
        for path in files.values():
            if not path.exists():
                raise NotFound(f"there is no {path}: write the files with export_parquet")
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        for name, table in self.tables.by_name.items():
            escaped = str(files[name]).replace("'", "''")
            rows = f"SELECT '{TENANT}' AS tenant, * FROM read_parquet('{escaped}')"  # noqa: S608 - our own names
            self.connection.execute(f"CREATE VIEW {table.name} AS {rows}")
        stamps = self._stamps(list(files.values()))
        moments = [datetime.fromisoformat(value) for _, key, value in stamps if key == EXPORTED_AT]
        self.exported_at: datetime | None = max(moments, default=None)
        states = {name: json.loads(value) for name, key, value in stamps if key == STATES}
        self.known = Known(
            states={(name, field): known for name, fields in states.items() for field, known in fields.items()},
            segment=self._segment_id,
        )

    def _stamps(self, files: list[Path]) -> list[tuple[str, str, str]]:
        """What the files say of themselves: the entity, the key and the value."""
        asked = (
            "SELECT file_name, decode(key), decode(value) FROM parquet_kv_metadata($files) WHERE decode(key) IN $keys"
        )
        found = self.connection.execute(asked, {"files": [str(f) for f in files], "keys": [EXPORTED_AT, STATES]})
        return [(Path(file).stem, key, value) for file, key, value in found.fetchall()]

    def _segment_id(self, name: str) -> str:
        """The segment that is called so; a name that there is not is refused."""
        table = self.tables[self.registry.schema("segment")].name
        ids = dict(self.connection.execute(f"SELECT name, id FROM {table} ORDER BY id").fetchall())  # noqa: S608 - our own name
        if name not in ids:
            near = nearest(name, ids)
            hint = f", did you mean {near!r}?" if near else ": define it first"
            raise NotFound(f"there is no segment {shown(name)}{hint}")
        return str(ids[name])

    def sql(self, cls: type[Record], rule: Rule, *, as_of: datetime) -> str:
        """The statement that finds the ids, in DuckDB's SQL."""
        schema = self.registry.schema(cls)
        at = utc(as_of, what="as_of")
        past = self.exported_at is None or at < self.exported_at
        wanted = plan(rule, schema, self.registry, AsOf(at=at, zone=self.zone, past=past), self.known)
        table = self.tables[schema]
        condition = DuckCompiler(self.tables, TENANT, "postgresql").test(wanted, table)
        statement = sa.select(table.c.id).where(condition).order_by(table.c.id)
        dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
        text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        made: str = self._transpile(text, read="postgres", write="duckdb")[0]
        return made

    def ids(self, cls: type[Record], rule: Rule, *, as_of: datetime) -> list[str]:
        """The ids of those that satisfy *rule*, sorted.

        Args:
            cls: what they are.
            rule: what must hold of them.
            as_of: when, an aware datetime.
        """
        return [row[0] for row in self.connection.execute(self.sql(cls, rule, as_of=as_of)).fetchall()]

    def close(self) -> None:
        """Let go of the files."""
        self.connection.close()
