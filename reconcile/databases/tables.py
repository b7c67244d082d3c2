"""The toolkit's own tables: how their columns are declared alike on every dialect, and how they come to be there.

Every room declares its tables in a file of its own, all of them named ``strangler_…``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.dialects.mysql import VARCHAR as MariaVarchar
from sqlalchemy.types import TypeEngine

from reconcile.databases.database import Database
from strangler.core.errors import DatabaseError

_BINARY = "utf8mb4_nopad_bin"  # MariaDB alone needs telling that 'a', 'A' and 'a ' are three names


def name(length: int = 64) -> TypeEngine[str]:
    """A short text compared byte by byte, that may stand in a key."""
    return String(length).with_variant(MariaVarchar(length, charset="utf8mb4", collation=_BINARY), "mysql", "mariadb")


def key_text() -> TypeEngine[str]:
    """A row's key as JSON text; as long as an index of MariaDB takes beside a name (3,072 bytes)."""
    return name(700)


def text() -> TypeEngine[str]:
    """Text of any length."""
    return Text().with_variant(LONGTEXT(charset="utf8mb4", collation=_BINARY), "mysql", "mariadb")


def moment(label: str, **options: Any) -> Column[int]:
    """Microseconds since 1970-01-01 UTC, by `clock.now`."""
    return Column(label, BigInteger, **options)


def table(label: str, metadata: MetaData, *columns: Any, **options: Any) -> Table:
    """A table of the toolkit's own."""
    return Table(label, metadata, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4", **options)


def ensure(database: Database, metadata: MetaData) -> None:
    """Create those of the tables that are not there yet. Two processes may do so at once."""
    for remaining in reversed(range(4)):
        try:
            with database.writing() as connection:
                metadata.create_all(connection, checkfirst=True)
            return
        except DatabaseError:
            if not remaining:  # else somebody else may have been quicker, and the next look sees theirs
                raise
