"""One writer per row of a mapping. A lock is held to the end of its transaction and lost with it, so whoever was paused for
longer than its database waits has neither the lock nor the transaction to write with.

- PostgreSQL: advisory locks of the transaction. They stand in a table of fixed size that all sessions share, so a transaction
  takes a few hundred at most.
- MariaDB: named locks of the session. Rows of a table of our own would do as well if each key had one; but rows that come and
  go make InnoDB lock gaps and deadlock, and a fixed number of them makes batches of hundreds of keys wait for each other almost
  always. Named locks outlive the transaction, which is as it must be: they are let go when the connection goes back to the
  pool, after commit or rollback, and a connection that cannot be told so is thrown away. (Galera has none.)
- SQLite: whoever has begun to write is the only one anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b

from sqlalchemy import BigInteger, Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError

from reconcile.databases.chunk import Key
from reconcile.databases.mariadb import NAMED_LOCKS
from reconcile.mapping.canonical import key_text
from strangler.core.errors import DatabaseError

KEYS_AT_ONCE: Mapping[str, int] = {"sqlite": 5000, "postgresql": 500, "mariadb": 500}
_WAIT_SECONDS = 10
_TOO_LONG = 1969  # MariaDB: a statement was ended because of max_statement_time
_ADVISORY = text("SELECT count(pg_advisory_xact_lock(number)) FROM unnest(:numbers) AS wanted(number)").bindparams(
    bindparam("numbers", type_=ARRAY(BigInteger))
)


def lock(connection: Connection, dialect: str, mapping: str, keys: Collection[Key]) -> None:
    """Take the locks of these keys for the open transaction, in one order whoever takes them.

    Raises DatabaseError if another transaction keeps one for too long.
    """
    if keys:
        _LOCKS[dialect](connection, sorted({number(mapping, key) for key in keys}))


def number(mapping: str, key: Key) -> int:
    """A key's lock, as a signed number of 64 bits. Two keys that share one by chance only wait for each other."""
    digest = blake2b(f"{mapping}\0{key_text(key)}".encode(), digest_size=8, person=b"strangler").digest()
    return int.from_bytes(digest, signed=True)


def _lock_postgresql(connection: Connection, numbers: list[int]) -> None:
    connection.execute(_ADVISORY, {"numbers": numbers})


def _lock_mariadb(connection: Connection, numbers: list[int]) -> None:
    """In one statement, evaluated from left to right and no further than the first that is not to be had. All together wait no
    longer than one. Names hold for a whole server, hence the scope.
    """
    connection.info[NAMED_LOCKS] = True
    scope = blake2b((connection.engine.url.database or "").encode(), digest_size=6).hexdigest()
    calls = " AND ".join(f"COALESCE(GET_LOCK('strangler:{scope}:{each:x}', {_WAIT_SECONDS}), 0)" for each in numbers)
    try:
        taken = connection.exec_driver_sql(f"SET STATEMENT max_statement_time = {_WAIT_SECONDS} FOR SELECT {calls}").scalar_one()
    except OperationalError as error:
        if error.orig is None or error.orig.args[0] != _TOO_LONG:
            raise
        taken = 0
    if not taken:
        raise DatabaseError(f"another process has kept the same rows locked for {_WAIT_SECONDS} s: try again")


def _lock_sqlite(connection: Connection, numbers: list[int]) -> None:
    pass


_LOCKS: dict[str, Callable[[Connection, list[int]], None]] = {
    "sqlite": _lock_sqlite,
    "postgresql": _lock_postgresql,
    "mariadb": _lock_mariadb,
}
