"""The database below the store: opened carefully, written by one at a time, its errors said in one line without a password.

Only this file knows how the two dialects differ in opening and locking. Writers wait for each other from the first moment of
a transaction: numbers are then given in the order in which they become visible, and no two transactions can be in each
other's way half done.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, OperationalError, SQLAlchemyError

from strangler.core.errors import DatabaseError

T = TypeVar("T")

PATIENCE = 5.0  # seconds
_PAUSE = 0.05  # seconds between two tries
_WRITERS = 0x53747261_6E676C65  # the advisory lock that writers hold
_WAL_SIZE = 64 * 2**20  # bytes that the log beside the file may keep once it was needed

# What a driver says, and what to do about it.
_ADVICE = {
    "database is locked": "another program has been writing to it for too long: try again",
    "lock timeout": "another program has been writing to it for too long: try again",
    "is full": "make room, or lower `retention: {size: …}`",
    "readonly database": "it may not be written: see who owns the file and its folder",
    "unable to open": "check `store:`",
    "not a database": "check `store:`",
    "malformed": "the file is damaged: put a copy back, or move it away to start a new one",
    "no such table": "its file was exchanged: restart `strangler serve`",
    "connection": "check that the server runs, and `store:`",
    "authentication failed": "check `store:`",
    "permission denied": "give the user of `store:` the right to it",
}
_TRANSIENT = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}  # conflicts, a lock waited for, a server that restarts


@dataclass(frozen=True, slots=True)
class Database:
    """An open database.

    Attributes:
        name: as written, without a password, and what errors begin with.
        path: of SQLite's file; None for PostgreSQL.
        patience: seconds in which a transaction is tried again.
        reads, bare: options of a connection that reads one snapshot, and of one without a transaction.
    """

    name: str
    engine: Engine
    path: Path | None
    patience: float
    reads: Mapping[str, Any] = field(default_factory=dict)
    bare: Mapping[str, Any] = field(default_factory=lambda: {"bare": True})

    def reading(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one snapshot. Raises DatabaseError."""
        return self._persistently(work, self.engine.execution_options(**self.reads).connect)

    def writing(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Do `work` in a transaction that no other writer overlaps, committed as a whole or not at all.

        `work` is done again if the transaction could not be, for as long as patience lasts. Raises DatabaseError.

        Args:
            durable: what was committed survives a power cut too.
        """
        return self._persistently(work, self.engine.execution_options(locking=True, durable=durable).begin)

    def outside(self, *statements: str) -> None:
        """Statements that no transaction may surround. Raises DatabaseError."""
        self._look()
        with self._saying(), self.engine.execution_options(**self.bare).connect() as connection:
            cursor = connection.connection.cursor()
            for statement in statements:
                # SQLite's vacuum makes a row of nothing for each page, and goes no further than the driver asks for.
                (cursor.executescript if self.path else cursor.execute)(statement)
            cursor.close()

    def close(self) -> None:
        self.engine.dispose()

    def _persistently(self, work: Callable[[Connection], T], connect: Callable[[], Any]) -> T:
        deadline, broken = time.monotonic() + self.patience, False
        with self._saying():
            while True:
                try:
                    self._look()
                    with connect() as connection:
                        return work(connection)
                except DBAPIError as error:
                    broken = broken or error.connection_invalidated
                    if not _passes(error, broken) or time.monotonic() >= deadline:
                        raise
                time.sleep(_PAUSE)

    def _look(self) -> None:
        """SQLite goes on writing, happily, to a file that has been deleted."""
        if self.path and not self.path.exists():
            self.engine.dispose()
            raise DatabaseError(f"{self.name}: its file is gone: put it back, or restart `strangler serve` to start a new one")

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Turn the driver's errors into ours. Its messages with statement and parameters would show data, so they are cut."""
        try:
            yield
        except DBAPIError as error:
            raise DatabaseError(f"{self.name}: {brief(error, self.engine.url.password)}") from error
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.name}: {_advised(str(error))}") from error
        except SQLAlchemyError as error:
            raise DatabaseError(f"{self.name}: {type(error).__name__}: {str(error).splitlines()[0]}") from error


def connect(url: str, folder: Path, *, read_only: bool, patience: float = PATIENCE) -> Database | None:
    """Open a database; None if it is only to be read and not there. Raises DatabaseError, also if a driver is missing."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("store: its address cannot be read: write sqlite:///FILE or postgresql+psycopg://…") from None
    shown = f"store {parsed.set(query={}).render_as_string(hide_password=True)}"
    opener = _OPENERS.get(parsed.get_backend_name())
    if opener is None:
        raise DatabaseError(f"{shown} is of no kind that is known here: write sqlite:///FILE or postgresql+psycopg://…")
    return opener(shown, parsed, folder, read_only, patience)


def in_memory(name: str) -> Database:
    """An empty SQLite database that ends with the process."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _listen(engine, ("foreign_keys = ON",))
    return Database(name, engine, None, 0.0)


def brief(error: DBAPIError, password: Any = None) -> str:
    """What the driver said, on one line, and what to do where that is known."""
    line = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
    if password:
        line = line.replace(str(password), "***")
    return _advised(line)


def _advised(line: str) -> str:
    advice = next((advice for words, advice in _ADVICE.items() if words in line), "")
    return f"{line}: {advice}" if advice else line


def _passes(error: DBAPIError, broken: bool) -> bool:
    """Whether the same may work a little later. A server that is restarted ends connections, and then refuses them."""
    if broken and isinstance(error, OperationalError):
        return True
    return "is locked" in str(error.orig) or getattr(error.orig, "sqlstate", "") in _TRANSIENT


def _sqlite(shown: str, url: URL, folder: Path, read_only: bool, patience: float) -> Database | None:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseError(f"{shown} would be gone with the process: write sqlite:///FILE")
    path = folder / url.database
    if read_only and not path.exists():
        return None
    try:
        _furnish(path)
    except OSError as error:
        raise DatabaseError(f"{shown} cannot be opened: {path}: {error.strerror}; check `store:`") from None
    engine = create_engine("sqlite://", poolclass=QueuePool, creator=lambda: _open_file(path, patience))
    _listen(engine, _READ_ONLY if read_only else _WRITABLE)
    _follow(engine, path)
    return Database(shown, engine, path, patience)


def _furnish(path: Path) -> None:
    """Make the file, for its owner's eyes only, if there is none. Raises OSError.

    One that is there is not opened: to close it again would end all locks that this process has on it (POSIX), and whoever
    leaves the database next would then take its log from under us.
    """
    if not path.exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    elif not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _open_file(path: Path, patience: float) -> sqlite3.Connection:
    """The driver by itself would make a file where there is none, readable for all."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=patience, check_same_thread=False)


def _listen(engine: Engine, pragmas: tuple[str, ...]) -> None:
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin late and by itself; `_begin_sqlite` does it
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_sqlite)


def _follow(engine: Engine, path: Path) -> None:
    """Leave a file when another one lies in its place."""

    def note(_: object, record: Any) -> None:
        record.info["file"] = _identity(path)

    def compare(_: object, record: Any, __: object) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", compare)


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


# NORMAL: in a power cut the last transactions may be lost, whole, and nothing else; a killed process loses none. Evidence
# needs no more, and FULL would wait for the disk once a second; what must not be lost asks for it. auto_vacuum comes before
# the first page is written.
_WRITABLE = (
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    f"journal_size_limit = {_WAL_SIZE}",
    "foreign_keys = ON",
)
_READ_ONLY = ("query_only = ON",)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("locking"):
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable') else 'NORMAL'}")
    if not options.get("bare"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("locking") else "BEGIN")


def _postgresql(shown: str, url: URL, folder: Path, read_only: bool, patience: float) -> Database:
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise DatabaseError(f"{shown}: that driver is not used here: write postgresql+psycopg://…")
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=_limits(patience, read_only, url.query)
        )
    except ImportError:
        raise DatabaseError(f"{shown} needs a driver: pip install 'strangler[postgresql]'") from None
    event.listen(engine, "begin", _begin_postgresql)
    reads = {"isolation_level": "REPEATABLE READ"}
    return Database(shown, engine, None, patience, reads, {"isolation_level": "AUTOCOMMIT"})


def _limits(patience: float, read_only: bool, written: Mapping[str, Any]) -> dict[str, Any]:
    """Nobody waits for ever: not for the server, not for a lock, and not for a server that has gone without a word.

    What the address itself says goes before.
    """
    limits = {
        "connect_timeout": max(int(patience), 2),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": "strangler",
    }
    wait = max(int(patience * 1000), 1)
    settings = {
        "lock_timeout": wait,
        "idle_in_transaction_session_timeout": 60_000,
        "default_transaction_read_only": "on" if read_only else "off",
    }
    options = " ".join((*(f"-c {name}={value}" for name, value in settings.items()), written.get("options", "")))
    return {"options": options, **{name: value for name, value in limits.items() if name not in written}}


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("locking"):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS})


_OPENERS: dict[str, Callable[[str, URL, Path, bool, float], Database | None]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}
