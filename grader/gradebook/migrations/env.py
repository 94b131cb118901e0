"""How Alembic reaches the database: by the connection and in the transaction of `migrating`."""

from alembic import context

from grader.gradebook.tables import VERSION_TABLE, Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite can too, as long as nobody commits in between
)
context.run_migrations()
