"""Which revision a database is at, and how it is brought to the newest.

Alembic is asked for the steps alone: it loads as much as all the rest of a command, and almost every command meets tables that
are up to date.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from strangler.store.schema import VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config


def scripts() -> Config:
    """Alembic's configuration, without a file of its own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "strangler.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


@cache
def known() -> tuple[str, ...]:
    """Every revision, oldest first: each has a file ``vREVISION_what.py``."""
    names = (path.name for path in files("strangler.store.migrations.versions").iterdir())
    return tuple(sorted(found[1] for name in names if (found := re.fullmatch(r"v(\d+)_\w+\.py", name))))


def current(connection: Connection) -> str | None:
    """The database's revision; None if it has no tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return revision


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the steps that are missing, in the caller's transaction."""
    from alembic import command

    config = scripts()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
