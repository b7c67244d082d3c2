"""Which revision a database is at, and how it is brought to the newest."""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from strangler.store.schema import VERSION_TABLE


def scripts() -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", "strangler.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


@cache
def known() -> tuple[str, ...]:
    """Every revision, oldest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(scripts()).walk_revisions())[::-1]


def current(connection: Connection) -> str | None:
    """The database's revision; None if it has no tables of ours."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the steps that are missing, in the caller's transaction."""
    config = scripts()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
