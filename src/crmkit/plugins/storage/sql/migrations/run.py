"""Running the revisions, on a connection of the store."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.store import SqlStore

HERE = Path(__file__).parent
_one_at_a_time = Lock()  # what Alembic offers to env.py and to revisions is global


def upgrade(store: SqlStore, connection: Connection) -> None:
    """Bring the tables that crmkit ships to the newest version, in the transaction of *connection*."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(
        connection=connection,
        prefix=store.tables.prefix,
        schema=store.metadata.schema,
        version_table=store.tables.version.name,
    )
    with _one_at_a_time:
        command.upgrade(config, "head")
