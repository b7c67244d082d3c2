"""What Alembic runs to migrate: on the connection, and in the transaction, that `revision.upgrade` has opened."""

from __future__ import annotations

from alembic import context

from strangler.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters little in place
)
context.run_migrations()
