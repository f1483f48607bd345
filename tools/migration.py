"""Write a revision of the schema from what the entities declare.

    make migration                         write the newest revision anew: while it is not released
    make migration name="what changes"     write the next one

The revisions so far run on a PostgreSQL server that is started for it; what they lack is the new revision.  The prefix
of the tables and the name of the database schema are placeholders in that database, and parameters in the revision.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy.schema import sort_tables_and_constraints

from crmkit import CRM
from crmkit.plugins.storage.sql import migrations
from crmkit.plugins.storage.sql.migrations import run
from crmkit.plugins.storage.sql.schema import exclusively
from crmkit.plugins.storage.sql.store import SqlStore, open_engine
from crmkit.plugins.storage.sql.types import JSON, TEXT, Micros, Scaled, UtcDateTime
from tests.postgres import fresh_database, running_postgres

VERSIONS = run.HERE / "versions"
PREFIX, SCHEMA = "theprefix_", "theschema"
WORDS = {
    "TEXT": 'sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")',
    "JSON": 'sa.Text().with_variant(postgresql.JSONB(), "postgresql")',
    "INSTANT": "sa.DateTime(timezone=True)",
}


def main(name: str | None) -> None:
    """Write the next revision, or the newest one anew."""
    known = sorted(path for path in VERSIONS.glob("v*.py"))
    if name is None:
        target = known.pop() if known else VERSIONS / "v0001_first_tables.py"
        target.unlink(missing_ok=True)
    else:
        target = VERSIONS / f"v{len(known) + 1:04}_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}.py"
    number, words = target.stem[1:5], target.stem[6:].replace("_", " ")
    before = known[-1].stem[1:5] if known else None
    with CRM.open("memory://") as crm:
        registry = crm.storage.registry
    with running_postgres() as server, fresh_database(server) as url:
        store = SqlStore(registry, open_engine(url), owned=True, prefix=PREFIX, schema=SCHEMA)
        _refuse_cycles(store)
        upgrade = difference(store)
        store.close()
    target.write_text(_module(upgrade, words=words, number=number, before=before))
    _note(number, sorted(registry.schemas))
    files = [str(target), migrations.__file__]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *files], check=True)
    print(f"{target.relative_to(Path.cwd())}: {len(target.read_text().splitlines())} lines")


def difference(store: SqlStore) -> str:
    """What the declared tables have and the revisions so far don't, as the body of a function."""
    with exclusively(store) as connection:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
        if any(VERSIONS.glob("v*.py")):
            run.upgrade(store, connection)
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "version_table": store.tables.version.name,
                "version_table_schema": SCHEMA,
            },
        )
        ops = produce_migrations(context, store.metadata).upgrade_ops
        assert ops is not None
        code = render_python_code(ops, render_as_batch=any(VERSIONS.glob("v*.py")), render_item=_type)
    return _parametrised(code)


def _refuse_cycles(store: SqlStore) -> None:
    *_, (_, late) = sort_tables_and_constraints(store.metadata.tables.values())  # type: ignore[no-untyped-call]
    if late:
        names = ", ".join(sorted(str(constraint.name) for constraint in late))
        raise SystemExit(f"entities refer to each other in a circle: {names}; leave out one of the references")


def _type(kind: str, value: Any, _: Any) -> str | Literal[False]:
    """How a type is written: without a word of crmkit, so that a revision means the same for ever."""
    if kind != "type":
        return False
    named = {id(TEXT): "TEXT", id(JSON): "JSON"}.get(id(value))
    if isinstance(value, UtcDateTime):
        named = "INSTANT"
    elif isinstance(value, (Scaled, Micros)):
        named = "sa.BigInteger()"
    return named or False


def _parametrised(code: str) -> str:
    code = re.sub(r", (?:unique=False|(?:sqlite|postgresql)_where=None)", "", code)
    code = code.replace(f"'{SCHEMA}'", "schema")
    code = re.sub(rf"'{SCHEMA}\.{PREFIX}([\w.]+)'", r'f"{at}{prefix}\1"', code)
    code = re.sub(rf"'{PREFIX}(\w+)'", r'f"{prefix}\1"', code)
    return "\n".join(line for line in code.splitlines() if not line.strip().startswith("# ###"))


def _module(upgrade: str, *, words: str, number: str, before: str | None) -> str:
    used = {word: meaning for word, meaning in WORDS.items() if re.search(rf"\b{word}\b", upgrade)}
    postgresql = "from sqlalchemy.dialects import postgresql\n" if "postgresql" in "".join(used.values()) else ""
    at = '    at = "" if schema is None else f"{schema}."\n' if "{at}" in upgrade else ""
    return (
        f'"""Schema version {number}: {words}."""\n\n'
        f"import sqlalchemy as sa\nfrom alembic import op\n{postgresql}\n"
        f"revision = {number!r}\ndown_revision = {before!r}\n\n"
        + "\n".join(f"{word} = {meaning}" for word, meaning in used.items())
        + "\n\n\ndef upgrade(*, prefix: str, schema: str | None) -> None:\n"
        + f'    """Make the change; *prefix* and *schema* are those of the tables."""\n{at}    {upgrade.strip()}\n'
    )


def _note(number: str, tables: list[str]) -> None:
    """Write down the newest version and the tables that the revisions make."""
    names = ", ".join(f"{name!r}" for name in tables)
    Path(migrations.__file__).write_text(
        '"""The schema\'s history: Alembic revisions that ship with crmkit.  Written by ``make migration``."""\n\n'
        f"HEAD = {number!r}\nTABLES = frozenset({{{names},}})\n"
    )


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or None)
