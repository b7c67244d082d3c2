"""Which revision a database is at, and how it is brought to the newest.

Alembic is asked for steps from one revision to the next alone: it loads as much as all the rest of a command does. Where there is
nothing yet, the tables are made as they are described; a test sees to it that all the steps make the same.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, text

from strangler.store.schema import VERSION_TABLE, metadata

if TYPE_CHECKING:
    from alembic.config import Config


# As Alembic makes it, which reads and writes it from then on.
_VERSION = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


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


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest revision, in the caller's transaction."""
    if current(connection) is None:
        metadata.create_all(connection, checkfirst=False)
        _VERSION.create(connection)
        connection.execute(insert(_VERSION).values(version_num=known()[-1]))
    else:
        step(connection)


def step(connection: Connection, to: str = "head") -> None:
    """Run the steps that are missing, in the caller's transaction."""
    from alembic import command

    config = scripts()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
