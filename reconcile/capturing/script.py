"""SQL that changes somebody else's schema: printed for the DBA exactly as it is run, and run without making anyone wait long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconcile.databases.database import Database
from strangler.core.errors import DatabaseError

_BUSY: dict[str, Callable[[Any], bool]] = {  # errors that say: somebody else holds it
    "sqlite": lambda error: "locked" in str(error),
    "postgresql": lambda error: getattr(error, "sqlstate", None) in ("55P03", "40P01"),
    "mariadb": lambda error: bool(error.args) and error.args[0] in (1205, 1213),
}
_REFUSED: dict[str, Callable[[Any], bool]] = {  # errors that say: you may not
    "sqlite": lambda error: "readonly" in str(error),
    "postgresql": lambda error: getattr(error, "sqlstate", None) == "42501",
    "mariadb": lambda error: bool(error.args) and error.args[0] in (1044, 1142, 1227, 1419),
}
RIGHTS = {
    "sqlite": "the right to write to the file and its folder",
    "postgresql": "to own the table (or be a member of the role that does), and CREATE on the schema",
    "mariadb": "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, TRIGGER and LOCK TABLES on the database (with a binary log, also "
    "SUPER or log_bin_trust_function_creators = 1), and to stay: triggers run with the rights of who made them",
}
_AUTOCOMMIT: dict[str, Callable[[Any], None]] = {
    "sqlite": lambda connection: connection.execute("PRAGMA busy_timeout = 2000").close(),
    "postgresql": lambda connection: setattr(connection, "autocommit", True),
    "mariadb": lambda connection: connection.autocommit(True),
}


@dataclass(frozen=True, slots=True)
class Script:
    """Statements for one database, with their own transactions. `subject` is what they are about, for messages."""

    database: str
    dialect: str
    subject: str
    statements: tuple[str, ...]

    @property
    def text(self) -> str:
        """As the database's own client reads it."""
        head = f"-- database {self.database}: {self.subject}".replace("\n", " ") + f"\n-- takes {RIGHTS[self.dialect]}"
        if self.dialect == "mariadb":
            return "\n".join([head, "DELIMITER //", *(f"{statement} //" for statement in self.statements), "DELIMITER ;", ""])
        return "\n".join([head, *(f"{statement};" for statement in self.statements), ""])


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a script is tried while others hold what it needs, and how long between, in seconds.

    Between tries everyone else gets through, so a transaction that lasts for hours stops the script and nobody else.
    """

    attempts: int = 5
    seconds: float = 1.0
    draw: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep

    def wait(self, attempt: int) -> None:
        """Longer each time, and never at the same moment as somebody else who waits."""
        self.sleep(self.seconds * attempt * (0.5 + self.draw()))


def run(database: Database, script: Script, patience: Patience) -> None:
    """Run all of a script, or nothing of it. Raises DatabaseError."""
    for attempt in range(1, patience.attempts + 1):
        error = _try(database, script)
        if error is None:
            return
        if not _BUSY[database.dialect](error):
            needed = f"; it takes {RIGHTS[database.dialect]}" if _REFUSED[database.dialect](error) else ""
            raise DatabaseError(f"database {database.name}: {script.subject}: {_brief(error)}{needed}") from error
        if attempt < patience.attempts:
            patience.wait(attempt)
    raise DatabaseError(
        f"database {database.name}: {script.subject}: other transactions held what it needs at each of {patience.attempts} "
        "attempts; nothing of it was changed. Let the longest one end, and run this again"
    )


def _try(database: Database, script: Script) -> Exception | None:
    """The connection is thrown away: with it go its settings, its locks and what it has not committed."""
    connection = database.engine.raw_connection()
    try:
        _AUTOCOMMIT[database.dialect](connection.driver_connection)
        cursor = connection.cursor()
        for statement in script.statements:
            cursor.execute(statement)
    except database.engine.dialect.loaded_dbapi.Error as error:
        return error
    finally:
        connection.invalidate()
    return None


def _brief(error: Exception) -> str:
    """The first line. Statements and values are not in it, since none are bound."""
    words = error.args[1] if len(error.args) == 2 and isinstance(error.args[1], str) else str(error)
    return (words.splitlines() or [type(error).__name__])[0]
