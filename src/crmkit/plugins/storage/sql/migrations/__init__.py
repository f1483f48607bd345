"""The schema's history: Alembic revisions that ship with crmkit."""

HEAD = "0001"
TABLES: frozenset[str] = frozenset()
