"""Migrations: bring a database to the version that this Hauberk knows, or refuse it.

A database that is there already costs one query; Alembic is loaded only to change one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from ..core.errors import InputError
from .engine import lock_for_migration, writing
from .tables import HEAD

if TYPE_CHECKING:
    from alembic.config import Config


def bring_to_head(engine: Engine) -> None:
    """Create or migrate the tables. Raises InputError for a newer database, or another program's."""
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    with writing(engine) as connection:
        lock_for_migration(connection)
        version = _version(connection)  # again: another process may have migrated in between
        if version != HEAD:
            _check(connection, version)
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _check(connection: Connection, version: str | None) -> None:
    from alembic.script import ScriptDirectory

    where = connection.engine.url.database
    if version is None and connection.dialect.name == "sqlite" and inspect(connection).get_table_names():
        raise InputError(f"store {where}: belongs to another program", hint="choose another file")
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise InputError(
            f"store {where}: is at version {version}, this Hauberk knows up to {HEAD}",
            hint="pip install --upgrade hauberk",
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "hauberk.store:migrations")
    return config
