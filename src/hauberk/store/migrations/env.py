"""Run by Alembic, on the connection that `store.schema` gives it and inside its transaction."""

from __future__ import annotations

from alembic import context

from hauberk.store.tables import METADATA

if hasattr(context, "config"):  # only while Alembic runs; not when a tool imports this file
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()
