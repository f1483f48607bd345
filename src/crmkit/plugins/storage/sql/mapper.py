"""Row mappers: for each entity and dialect, two functions are written out as source and compiled once.

They speak the driver's own values, so that bulk work costs no more than the driver itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from crmkit.kernel.checking import unscaled
from crmkit.kernel.entity import Attribute, Kind, Record, Schema
from crmkit.kernel.money import Money
from crmkit.kernel.text import fold
from crmkit.plugins.storage.sql.types import SCALE

MICRO = timedelta(microseconds=1)


ALWAYS = ("version", "updated_at")
KEY = {"tenant": "text", "id": "text", "version": "bigint"}


@attrs.frozen(kw_only=True)
class Changes:
    """How entities are updated.

    Attributes:
        statement: the update of one row.
        at_once: the update of many, whose columns are given as arrays; for PostgreSQL.
        to_rows: the parameters, a tuple an entity.
    """

    statement: str
    at_once: str
    to_rows: Callable[[str, Iterable[Record]], list[tuple[Any, ...]]]


class Mapper:
    """How one kind of record stands in its table."""

    def __init__(self, schema: Schema, table: sa.Table, dialect: Dialect) -> None:
        self.schema, self.table = schema, table
        self.columns = [c.name for c in table.columns]
        self.read = [c for c in table.columns if c.name != "tenant" and not c.name.endswith("_folded")]
        sqlite = dialect.name == "sqlite"
        quote = dialect.identifier_preparer.quote
        name = dialect.identifier_preparer.format_table(table)
        mark = "?" if sqlite else "%s"
        listed = ", ".join(quote(c) for c in self.columns)
        wanted = ", ".join(quote(c.name) for c in self.read)
        self.name, self.quote, self.mark = name, quote, mark
        self.insert = f"INSERT INTO {name} ({listed}) VALUES ({', '.join([mark] * len(self.columns))})"  # noqa: S608 - our names
        self.insert_new = f"{self.insert} ON CONFLICT DO NOTHING"
        self.copy = f"COPY {name} ({listed}) FROM STDIN"
        self.select = f"SELECT {wanted} FROM {name} WHERE tenant = {mark} AND id = {mark}"  # noqa: S608 - our names
        self.dump, self.load = (SQLITE_DUMP, SQLITE_LOAD) if sqlite else (POSTGRES_DUMP, POSTGRES_LOAD)
        self.to_rows = self._writer(self.dump)
        self.from_rows = self._reader(self.load)
        self._changes: dict[tuple[str, ...] | None, Changes] = {}
        self._values_of: dict[tuple[str, ...], Callable[..., list[tuple[Any, ...]]]] = {}

    def values(self, names: Sequence[str]) -> Callable[[Sequence[Any]], list[tuple[Any, ...]]]:
        """What makes of rows of the driver's values, of the columns of *names* only, the values of the attributes."""
        known = self._values_of.get(tuple(names))
        if known is None:
            known = self._values_of[tuple(names)] = self._picker([self.schema[name] for name in names])
        return known

    def changes(self, fields: tuple[str, ...] | None) -> Changes:
        """How entities are updated of which only some fields have changed."""
        known = self._changes.get(fields)
        if known is None:
            known = self._changes[fields] = self._changer(fields)
        return known

    def _writer(self, dump: dict[Kind, str]) -> Callable[[str, Iterable[Record]], list[tuple[Any, ...]]]:
        values = {"tenant": "tenant"}
        for a in self.schema:
            values |= _dumped(a, dump)
        row = ", ".join(values[c] for c in self.columns)
        return _compiled(
            "to_rows", f"def to_rows(tenant, records):\n    text = Moments()\n    return [({row},) for e in records]"
        )

    def _changer(self, fields: tuple[str, ...] | None) -> Changes:
        written = [a for a in self.schema if a.name != "id" and (fields is None or a.name in {*ALWAYS, *fields})]
        values = {column: value for a in written for column, value in _dumped(a, self.dump).items()}
        kinds = {column: _array(a, column) for a in written for column in _dumped(a, self.dump)}
        changing = [c for c in self.columns if c in values]
        row = ", ".join(values[c] for c in changing)
        quote, mark, name = self.quote, self.mark, self.name
        arrays = ", ".join(f"{mark}::{kind}[]" for kind in [*(kinds[c] for c in changing), *KEY.values()])
        names = ", ".join([*(quote(c) for c in changing), *(f"of_{key}" for key in KEY)])
        return Changes(
            statement=(
                f"UPDATE {name} SET {', '.join(f'{quote(c)} = {mark}' for c in changing)} "  # noqa: S608 - our names
                f"WHERE tenant = {mark} AND id = {mark} AND version = {mark}"
            ),
            at_once=(
                f"UPDATE {name} AS old SET {', '.join(f'{quote(c)} = new.{quote(c)}' for c in changing)} "  # noqa: S608 - our names
                f"FROM unnest({arrays}) AS new({names}) "
                f"WHERE {' AND '.join(f'old.{key} = new.of_{key}' for key in KEY)}"
            ),
            to_rows=_compiled(
                "to_rows",
                f"def to_rows(tenant, records):\n    text = Moments()\n"
                f"    return [({row}, tenant, e.id, e.version - 1) for e in records]",
            ),
        )

    def _reader(self, load: dict[Kind, str]) -> Callable[[Iterable[Sequence[Any]]], list[Any]]:
        cls = self.schema.cls
        names: dict[str, Any] = {"new": cls.__new__, "cls": cls}
        targets = [f"v{n}" for n in range(len(self.read))]
        position = {c.name: target for c, target in zip(self.read, targets, strict=True)}
        lines = [
            "def from_rows(rows):",
            "    made = []",
            "    add = made.append",
            f"    for {', '.join(targets)}, in rows:",
            "        e = new(cls)",
        ]
        for a in self.schema:
            names[f"set_{a.name}"] = getattr(cls, a.name).__set__
            lines.append(f"        set_{a.name}(e, {_loaded(a, load, position)})")
        lines += ["        add(e)", "    return made"]
        return _compiled("from_rows", "\n".join(lines), names)

    def _picker(self, attributes: Sequence[Attribute]) -> Callable[[Sequence[Any]], list[tuple[Any, ...]]]:
        columns = [part for a in attributes for part in parts_of(a)]
        position = {column: f"v{n}" for n, column in enumerate(columns)}
        if all(self.load[a.kind] == SAME for a in attributes):
            return list
        given = "".join(f"{position[column]}, " for column in columns)
        wanted = "".join(f"{_loaded(a, self.load, position)}, " for a in attributes)
        return _compiled("values", f"def values(rows):\n    return [({wanted}) for {given} in rows]")


def parts_of(a: Attribute) -> list[str]:
    """The columns that an attribute has."""
    return [a.name, f"{a.name}_currency"] if a.kind is Kind.MONEY else [a.name]


def _dumped(a: Attribute, dump: dict[Kind, str]) -> dict[str, str]:
    value = f"e.{a.name}"
    made = {a.name: _optional(a, value, dump[a.kind].format(v=value))}
    if a.kind is Kind.MONEY:
        made[f"{a.name}_currency"] = _optional(a, value, f"{value}.currency")
    if a.search:
        made[f"{a.name}_folded"] = _optional(a, value, f"fold({value})")
    return made


def _array(a: Attribute, column: str) -> str:
    """What PostgreSQL calls the type of a column of *a*; beside its own there are currencies and folded texts."""
    return ARRAYS[a.kind] if column == a.name else "text"


def _loaded(a: Attribute, load: dict[Kind, str], position: dict[str, str]) -> str:
    value = position[a.name]
    currency = position.get(f"{a.name}_currency", "")
    return _optional(a, value, load[a.kind].format(v=value, c=currency))


def _optional(a: Attribute, value: str, converted: str) -> str:
    return converted if a.required or converted == value else f"None if {value} is None else {converted}"


def _compiled(name: str, source: str, names: dict[str, Any] | None = None) -> Callable[..., Any]:
    scope = {**WORDS, **(names or {})}
    exec(compile(source, f"<{name}>", "exec"), scope)  # noqa: S102 - our own source, from declared names
    made: Callable[..., Any] = scope[name]
    return made


def dump_json(value: Any) -> str:
    """*value* as compact JSON."""
    return "{}" if value == {} else _encode(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dump_tags(tags: frozenset[str]) -> str:
    """Tags as a sorted JSON list."""
    return _encode(sorted(tags)) if tags else "[]"


def load_json(text: str) -> Any:
    """What :func:`dump_json` wrote; lists at the top as tuples."""
    return {} if text == "{}" else as_tuple(json.loads(text))


def as_tuple(value: Any) -> Any:
    """A list at the top of a JSON value as the tuple that the entity had."""
    return tuple(value) if value.__class__ is list else value


def load_tags(text: str) -> frozenset[str]:
    """What :func:`dump_tags` wrote."""
    return _NO_TAGS if text == "[]" else frozenset(json.loads(text))


_NO_TAGS: frozenset[str] = frozenset()


class Moments(dict[datetime, str]):
    """Moments as SQLite keeps them; what happens in one transaction mostly happens at one moment."""

    def __missing__(self, moment: datetime) -> str:
        text = self[moment] = moment.isoformat(" ", "microseconds")[:26]
        return text


WORDS: dict[str, Any] = {
    "Moments": Moments,
    "UTC": UTC,
    "MICRO": MICRO,
    "SCALE": SCALE,
    "Decimal": Decimal,
    "as_tuple": as_tuple,
    "dump_json": dump_json,
    "dump_tags": dump_tags,
    "fold": fold,
    "fromdate": date.fromisoformat,
    "fromiso": datetime.fromisoformat,
    "load_json": load_json,
    "load_tags": load_tags,
    "micros": lambda number: timedelta(microseconds=number),
    "money": Money.from_minor,
    "unscaled": unscaled,
}

SAME = "{v}"
SQLITE_DUMP: dict[Kind, str] = {
    Kind.TEXT: SAME,
    Kind.INTEGER: SAME,
    Kind.NUMBER: SAME,
    Kind.DECIMAL: "int({v} * SCALE)",
    Kind.BOOLEAN: SAME,
    Kind.DATE: "{v}.isoformat()",
    Kind.INSTANT: "text[{v}]",
    Kind.DURATION: "{v} // MICRO",
    Kind.MONEY: "{v}.minor",
    Kind.TAGS: "dump_tags({v})",
    Kind.JSON: "dump_json({v})",
}
POSTGRES_DUMP = SQLITE_DUMP | {Kind.DATE: SAME, Kind.INSTANT: SAME}
ARRAYS: dict[Kind, str] = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "float8",
    Kind.DECIMAL: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamptz",
    Kind.DURATION: "bigint",
    Kind.MONEY: "bigint",
    Kind.TAGS: "jsonb",
    Kind.JSON: "jsonb",
}
SQLITE_LOAD: dict[Kind, str] = {
    Kind.TEXT: SAME,
    Kind.INTEGER: SAME,
    Kind.NUMBER: SAME,
    Kind.DECIMAL: "unscaled({v})",
    Kind.BOOLEAN: "{v} == 1",
    Kind.DATE: "fromdate({v})",
    Kind.INSTANT: "fromiso({v} + '+00:00')",
    Kind.DURATION: "micros({v})",
    Kind.MONEY: "money({v}, {c})",
    Kind.TAGS: "load_tags({v})",
    Kind.JSON: "load_json({v})",
}
POSTGRES_LOAD = SQLITE_LOAD | {
    Kind.BOOLEAN: SAME,
    Kind.DATE: SAME,
    Kind.INSTANT: "{v}.astimezone(UTC)",
    Kind.TAGS: "frozenset({v})",
    Kind.JSON: "as_tuple({v})",
}
