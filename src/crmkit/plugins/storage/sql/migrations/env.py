"""What Alembic runs: the revisions, on the connection that it is handed."""

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"],
    version_table=given["version_table"],
    version_table_schema=given["schema"],
    render_as_batch=given["connection"].dialect.name == "sqlite",
)
context.run_migrations(prefix=given["prefix"], schema=given["schema"])
