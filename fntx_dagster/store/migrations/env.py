"""Alembic's entry: runs the versions on the connection that `store.database` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    # Not Dagster's `alembic_version`: both may share a database.
    version_table_schema="raw_flex",
)
with context.begin_transaction():
    context.run_migrations()
