"""Tables, derived from the declarations of the entities."""

from __future__ import annotations

import sqlalchemy as sa

from crmkit.kernel.entity import Attribute, Index, Kind, Schema
from crmkit.kernel.registry import Registry
from crmkit.plugins.storage.sql.types import TEXT, TYPES

CURRENCY = sa.String(3)


class Tables:
    """The tables of one CRM.

    Args:
        registry: the entities.
        prefix: what every table name begins with.
        schema: the database schema, if not the default one.

    Attributes:
        version: where the version of the schema is noted; a host's own Alembic run has another table.
    """

    def __init__(self, registry: Registry, *, prefix: str = "crm_", schema: str | None = None) -> None:
        self.registry, self.prefix = registry, prefix
        self.metadata = sa.MetaData(schema=schema)
        self.by_name: dict[str, sa.Table] = {}
        for declared in registry.schemas.values():
            self.by_name[declared.name] = self._table(declared)
        self.version = sa.Table(
            f"{prefix}alembic_version", self.metadata, sa.Column("version_num", sa.String(32), primary_key=True)
        )

    def __getitem__(self, schema: Schema) -> sa.Table:
        return self.by_name[schema.name]

    def _table(self, schema: Schema) -> sa.Table:
        name = f"{self.prefix}{schema.name}"
        table = sa.Table(name, self.metadata, sa.Column("tenant", TEXT, primary_key=True))
        for a in schema:
            for column in columns(a):
                table.append_column(column)
        for a in schema:
            if a.references is not None:
                self._refer(table, a)
            if a.unique:
                self._index(table, Index(attributes=(a.name,), unique=True))
            elif a.index or a.references is not None:
                self._index(table, Index(attributes=(a.name,)))
        for index in schema.indexes:
            self._index(table, index)
        return table

    def _refer(self, table: sa.Table, a: Attribute) -> None:
        assert a.references is not None  # noqa: S101 - the caller looked
        target = ".".join(filter(None, [self.metadata.schema, f"{self.prefix}{a.references}"]))
        table.append_constraint(
            sa.ForeignKeyConstraint(
                ["tenant", a.name], [f"{target}.tenant", f"{target}.id"], name=f"{table.name}_{a.name}_fkey"
            )
        )

    def _index(self, table: sa.Table, index: Index) -> None:
        where = None
        if index.where:
            where = sa.and_(*(table.c[k] == sa.literal_column(f"'{v}'") for k, v in index.where.items()))
        sa.Index(
            f"{table.name}_{'_'.join(index.attributes)}_{'key' if index.unique else 'idx'}",
            table.c.tenant,
            *(table.c[name] for name in index.attributes),
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
