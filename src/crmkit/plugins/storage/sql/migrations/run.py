"""Running the revisions, on a connection of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from crmkit.plugins.storage.sql.schema import exclusively, version_table

if TYPE_CHECKING:
    from crmkit.plugins.storage.sql.store import SqlStore

HERE = Path(__file__).parent


def upgrade(store: SqlStore) -> None:
    """Bring the tables that crmkit ships to the newest version, all of it or nothing."""
    with exclusively(store) as connection:
        config = Config()
        config.set_main_option("script_location", str(HERE).replace("%", "%%"))
        config.attributes.update(
            connection=connection,
            prefix=store.tables.prefix,
            schema=store.metadata.schema,
            version_table=version_table(store),
        )
        command.upgrade(config, "head")
