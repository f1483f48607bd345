"""Parquet files of all entities, in the columns that the SQL store has: for analysis outside of the database."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from crmkit.errors import CrmError
from crmkit.kernel.checking import DECIMAL_PLACES
from crmkit.kernel.collection import Scope
from crmkit.kernel.entity import Attribute, Kind, Record, Schema
from crmkit.kernel.events import dump
from crmkit.kernel.text import fold

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

NULL = r"\N"
BATCH = 10_000
EXPORTED_AT = "crmkit_exported_at"
STATES = "crmkit_states"
Column = tuple[str, str, Callable[[Any], Any]]
TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.DECIMAL: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.INSTANT: "TIMESTAMPTZ",
    Kind.DURATION: "BIGINT",
    Kind.MONEY: "BIGINT",
    Kind.TAGS: "VARCHAR",
    Kind.JSON: "VARCHAR",
}


def export_parquet(
    scope: Scope, folder: str | os.PathLike[str], *, entities: Iterable[type[Record]] | None = None
) -> dict[str, int]:
    """Write one Parquet file for each kind of entity, as ``<entity>.parquet``.

    Money is written in minor units beside its currency, decimals in millionths, instants in UTC, sets and JSON as JSON
    text.  Each file keeps the moment of the export in its metadata, as ``crmkit_exported_at``, and beside it, as JSON,
    in which states its entities can be, as ``crmkit_states``.  Memory stays flat however many rows there are.

    Args:
        scope: a CRM, or an open transaction.
        folder: where to; it is made if it does not exist.
        entities: write these kinds only; all unless given.

    Returns:
        how many rows each file has.

    Raises:
        CrmError: the package ``duckdb`` is not there; it names the extra.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from crmkit import CRM
        >>> from crmkit.customers.people import Customer
        >>> with CRM.open() as crm, TemporaryDirectory() as folder:
        ...     _ = crm.customers.register(name="Xiao Wang")
        ...     counts = export_parquet(crm, folder, entities=[Customer])
        ...     counts, [file.name for file in Path(folder).iterdir()]
        ({'customer': 1}, ['customer.parquet'])
    """
    try:
        import duckdb
    except ModuleNotFoundError:
        raise CrmError("Parquet files are written with duckdb: pip install 'crmkit[duckdb]'") from None
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    counts = {}
    with scope.read() as work, TemporaryDirectory() as scratch, duckdb.connect() as connection:
        known = work.house.registry.schemas.values()
        for schema in known if entities is None else [cls.__schema__ for cls in entities]:
            columns = columns_of(schema)
            rows = Path(scratch) / f"{schema.name}.csv"
            counts[schema.name] = _write(work, schema, columns, rows)
            types = json.dumps({name: kind for name, kind, _ in columns})
            form = f"auto_detect=false, delim=',', quote='\"', escape='\"', nullstr='{NULL}', header=false"
            source = f"read_csv({_quoted(rows)}, columns={types}, {form})"
            stamp = (
                f"KV_METADATA {{{EXPORTED_AT}: '{work.now.isoformat()}', {STATES}: {_quoted(_states(work, schema))}}}"
            )
            file = _quoted(target / f"{schema.name}.parquet")
            connection.execute(f"COPY (FROM {source}) TO {file} (FORMAT parquet, {stamp})")
            rows.unlink()
    return counts


def columns_of(schema: Schema) -> list[Column]:
    """The columns of one kind of entity: name, type in DuckDB's words, and what to write."""
    return [column for a in schema for column in _columns(a)]


def _columns(a: Attribute) -> Iterator[Column]:
    write = WRITERS.get(a.kind, _plain)
    yield a.name, TYPES[a.kind], lambda row: _or_null(getattr(row, a.name), write)
    if a.kind is Kind.MONEY:
        yield f"{a.name}_currency", "VARCHAR", lambda row: _or_null(getattr(row, a.name), lambda v: v.currency)
    if a.search:
        yield f"{a.name}_folded", "VARCHAR", lambda row: _or_null(getattr(row, a.name), fold)


def _or_null(value: Any, write: Callable[[Any], Any]) -> Any:
    return NULL if value is None else write(value)


def _plain(value: Any) -> Any:
    return dump(value)


def _json(value: Any) -> str:
    return json.dumps(dump(value), ensure_ascii=False, separators=(",", ":"))


WRITERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: lambda value: int(value.scaleb(DECIMAL_PLACES)),
    Kind.MONEY: lambda value: value.minor,
    Kind.TAGS: _json,
    Kind.JSON: _json,
}


def _write(work: Work, schema: Schema, columns: list[Column], path: Path) -> int:
    written, after = 0, None
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        while rows := _batch(work, schema.cls, after):
            writer.writerows([get(row) for _, _, get in columns] for row in rows)
            written, after = written + len(rows), (rows[-1].id,)
    return written


def _batch(work: Work, cls: type[Record], after: tuple[Any, ...] | None) -> list[Record]:
    return work.find(cls, limit=BATCH, after=after)


def _states(work: Work, schema: Schema) -> str:
    """The states of one kind of entity as JSON, by attribute."""
    return json.dumps({field: known for (name, field), known in work.house.states.items() if name == schema.name})


def _quoted(text: Path | str) -> str:
    escaped = str(text).replace("'", "''")
    return f"'{escaped}'"
