"""Tables, derived from the declarations of the entities."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crmkit.errors import InvalidInput
from crmkit.kernel.entity import Attribute, Index, Kind, Schema
from crmkit.kernel.registry import Registry
from crmkit.plugins.storage.sql.mapper import parts_of
from crmkit.plugins.storage.sql.types import TEXT, TYPES

CURRENCY = sa.String(3)
LONGEST = 63  # bytes in a name on PostgreSQL
LONGEST_PREFIX = 18


SHARED_LIMIT = 16
_SHARED: dict[tuple[tuple[Schema, ...], str, str | None], Tables] = {}


class Tables:
    """The tables of one CRM.

    Args:
        registry: the entities.
        prefix: what every table name begins with.
        schema: the database schema, if not the default one.

    Raises:
        InvalidInput: the prefix or the schema cannot be used.

    Attributes:
        version: where the version of the schema is noted; a host's own Alembic run has another table.
    """

    def __init__(self, registry: Registry, *, prefix: str = "crm_", schema: str | None = None) -> None:
        if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", str(prefix)) or len(prefix) > LONGEST_PREFIX:
            raise InvalidInput(
                f"table_prefix={prefix!r}: use at most {LONGEST_PREFIX} letters, digits and '_', as in 'crm_'"
            )
        if schema is not None and not re.fullmatch(rf"[^.\"\x00]{{1,{LONGEST}}}", schema):
            raise InvalidInput(f"schema={schema!r} cannot be the name of a database schema")
        self.registry, self.prefix = registry, prefix
        self.metadata = sa.MetaData(schema=schema)
        self.by_name: dict[str, sa.Table] = {}
        self._creation: dict[str, tuple[str, ...]] = {}
        for declared in registry.schemas.values():
            self.by_name[declared.name] = self._table(declared)
        self.version = sa.Table(
            f"{prefix}alembic_version", self.metadata, sa.Column("version_num", sa.String(32), primary_key=True)
        )

    @classmethod
    def shared(cls, registry: Registry, *, prefix: str, schema: str | None) -> Tables:
        """The tables of CRMs that have the same entities: they are made once."""
        key = (tuple(registry.schemas.values()), prefix, schema)
        found = _SHARED.get(key)
        if found is None:
            if len(_SHARED) >= SHARED_LIMIT:
                _SHARED.pop(next(iter(_SHARED)))
            found = _SHARED[key] = cls(registry, prefix=prefix, schema=schema)
        return found

    def __getitem__(self, schema: Schema) -> sa.Table:
        return self.by_name[schema.name]

    def creation(self, dialect: sa.Dialect) -> tuple[str, ...]:
        """What makes all tables in an empty database; kept, as wording it takes four times as long as running it."""
        worded = self._creation.get(dialect.name)
        if worded is None:
            made: list[Any] = []
            self.metadata.create_all(
                sa.create_mock_engine(f"{dialect.name}://", lambda s, *_: made.append(s)), checkfirst=False
            )
            worded = self._creation[dialect.name] = tuple(str(statement.compile(dialect=dialect)) for statement in made)
        return worded

    def name_of(self, schema: Schema, attributes: Sequence[str], kind: str) -> str:
        """The name of an index or a key over *attributes*, shortened in the same way for every prefix.

        Args:
            schema: whose table it is on.
            attributes: what it is over.
            kind: ``idx``, ``key`` or ``fkey``.
        """
        words = "_".join(attributes)
        room = LONGEST - LONGEST_PREFIX - len(f"{schema.name}__{kind}")
        if len(words) > room:
            digest = hashlib.sha256(words.encode()).hexdigest()[:8]
            words = f"{words[: max(room - 9, 0)]}_{digest}"
        return f"{self.prefix}{schema.name}_{words}_{kind}"

    def _table(self, schema: Schema) -> sa.Table:
        name = f"{self.prefix}{schema.name}"
        table = sa.Table(name, self.metadata, sa.Column("tenant", TEXT, primary_key=True))
        for a in schema:
            for column in columns(a):
                table.append_column(column)
        for a in schema:
            if a.references is not None:
                self._refer(table, schema, a)
            if a.unique:
                self._index(table, schema, Index(attributes=(a.name,), unique=True))
            elif (a.index or a.references is not None) and not self._is_alone(schema, a):
                self._index(table, schema, Index(attributes=(a.name,)))
        for index in schema.indexes:
            self._index(table, schema, index)
        return table

    def _is_alone(self, schema: Schema, a: Attribute) -> bool:
        """Whether *a* tells when something has changed that no rule about something else can look at."""
        return a.name == "updated_at" and not self.registry.relations[schema.name]

    def _refer(self, table: sa.Table, schema: Schema, a: Attribute) -> None:
        assert a.references is not None  # noqa: S101 - the caller looked
        target = ".".join(filter(None, [self.metadata.schema, f"{self.prefix}{a.references}"]))
        table.append_constraint(
            sa.ForeignKeyConstraint(
                ["tenant", a.name], [f"{target}.tenant", f"{target}.id"], name=self.name_of(schema, [a.name], "fkey")
            )
        )

    def _index(self, table: sa.Table, schema: Schema, index: Index) -> None:
        where = None
        if index.where:
            where = sa.and_(*(table.c[k] == sa.literal_column(f"'{v}'") for k, v in index.where.items()))
        sa.Index(
            self.name_of(schema, index.attributes, "key" if index.unique else "idx"),
            table.c.tenant,
            *(table.c[name] for attribute in index.attributes for name in parts_of(schema[attribute])),
            unique=index.unique,
            sqlite_where=where,
            postgresql_where=where,
        )


def columns(a: Attribute) -> list[sa.Column[object]]:
    """The columns that keep one attribute."""
    made: list[sa.Column[object]] = [
        sa.Column(a.name, TYPES[a.kind], primary_key=a.name == "id", nullable=not a.required)
    ]
    if a.kind is Kind.MONEY:
        made.append(sa.Column(f"{a.name}_currency", CURRENCY, nullable=not a.required))
    if a.search:
        made.append(sa.Column(f"{a.name}_folded", TEXT, nullable=not a.required))
    return made
