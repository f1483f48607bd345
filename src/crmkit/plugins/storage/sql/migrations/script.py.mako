"""${message}."""

from crmkit.plugins.storage.sql.migrations.words import named

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Go to ${up_revision}."""
