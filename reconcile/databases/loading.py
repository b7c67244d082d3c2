"""How values come out of PostgreSQL: a value that Python has no object for comes as its text and never ends a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

from psycopg.adapt import Loader
from psycopg.types.json import JsonbLoader, JsonLoader
from psycopg.types.string import TextLoader


def _loader(read: Callable[[str], Any]) -> type[Loader]:
    class Read(Loader):
        def load(self, data: Any) -> Any:
            text = bytes(data).decode()
            try:
                return read(text)
            except ValueError:  # infinity, 44 BC, the year 10000, 24:00:00
                return text

    return Read


class _Unpadded(Loader):
    """The blanks at the end of CHAR(n) are the column's, not the value's: casts and comparisons leave them out too."""

    def load(self, data: Any) -> str:
        return bytes(data).decode().rstrip(" ")


_LOADERS: dict[str, type[Loader]] = {
    "timestamp": _loader(datetime.fromisoformat),
    "timestamptz": _loader(datetime.fromisoformat),
    "date": _loader(date.fromisoformat),
    "time": _loader(time.fromisoformat),
    "timetz": _loader(time.fromisoformat),
    "interval": TextLoader,
    "json": TextLoader,  # a number read as a float would be another number
    "jsonb": TextLoader,
    "bpchar": _Unpadded,
}


def register(connection: Any) -> None:
    """Make a connection's values come out like that."""
    for name, loader in _LOADERS.items():
        connection.adapters.register_loader(name, loader)


@contextmanager
def json_parsed(connection: Any) -> Iterator[None]:
    """SQLAlchemy's reflection asks the catalogue for JSON and wants it as objects."""
    connection.adapters.register_loader("json", JsonLoader)
    connection.adapters.register_loader("jsonb", JsonbLoader)
    try:
        yield
    finally:
        register(connection)
