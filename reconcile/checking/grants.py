"""What the databases' users may do, beside what each job needs; a missing grant is named as the statement that gives it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from reconcile.checking.finding import Finding, Steps
from reconcile.databases.database import Database
from reconcile.mapping.model import Mapping

_GRANT = re.compile(
    r"GRANT (?P<what>.+?) ON (?:TABLE )?(?P<database>`(?:[^`]|``)*`|\*)\.(?P<table>`(?:[^`]|``)*`|\*) TO ", re.IGNORECASE
)
_COLUMNS = re.compile(r"\([^)]*\)")
_HAS = {
    "postgresql": (
        "SELECT has_table_privilege(quote_ident(:place), :privilege) OR (:privilege IN ('SELECT', 'INSERT', 'UPDATE') AND "
        "has_any_column_privilege(quote_ident(:place), CASE WHEN :privilege IN ('SELECT', 'INSERT', 'UPDATE') THEN :privilege "
        "ELSE 'SELECT' END))"
    ),
}
_MAY_CREATE = "SELECT has_schema_privilege(current_schema(), 'CREATE')"


@dataclass(frozen=True, slots=True)
class Need:
    """What jobs do with one table. Without a `certain` one nothing runs; another stops only the jobs that it names."""

    steps: Steps
    table: str
    privileges: tuple[str, ...]
    jobs: str
    certain: bool = True


def old_needs(mapping: Mapping) -> Iterator[Need]:
    """What a mapping needs on the old side."""
    source = mapping.source
    steps = ("from", "table" if source.query is None else "captured_from")
    for table in (source.table,) if source.table is not None else source.captured_from:
        yield Need(steps, table, ("SELECT",), "everything")
        yield Need(steps, table, ("TRIGGER",), "capture", certain=False)
    if mapping.back is not None and source.table is not None:
        yield Need(("back",), source.table, ("INSERT", "UPDATE", "DELETE"), "the way back", certain=False)


def new_needs(mapping: Mapping) -> Iterator[Need]:
    """What a mapping needs on the new side."""
    yield Need(("to", "table"), mapping.target.table, ("SELECT",), "everything")
    yield Need(("to", "table"), mapping.target.table, ("INSERT", "UPDATE", "DELETE"), "backfill, relay and repair")
    if mapping.back is not None:
        yield Need(("back",), mapping.target.table, ("TRIGGER",), "capture after cutover", certain=False)


def missing(database: Database, needs: Collection[Need]) -> Iterator[Finding]:
    """The needs that the database's user has no grant for. SQLite has no users."""
    if database.dialect == "sqlite":
        return
    with database.reading() as connection:
        rights = _Mariadb(connection) if database.dialect == "mariadb" else _Postgresql(connection)
        for need in needs:
            lacking = [privilege for privilege in need.privileges if not rights.has(need.table, privilege)]
            if lacking:
                words = ", ".join(lacking)
                message = f"{rights.user} may not {words} {need.table}, for {need.jobs}: {rights.statement(words, need.table)}"
                yield Finding(need.steps, message, warning=not need.certain)


def missing_create(database: Database) -> str | None:
    """The statement that lets the toolkit make its own tables, if the user may not."""
    if database.dialect == "sqlite":
        return None
    with database.reading() as connection:
        rights = _Mariadb(connection) if database.dialect == "mariadb" else _Postgresql(connection)
        return None if rights.may_create() else rights.create_statement()


class _Postgresql:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.user = str(connection.execute(text("SELECT quote_ident(current_user)")).scalar_one())

    def has(self, table: str, privilege: str) -> bool:
        return bool(self.connection.execute(text(_HAS["postgresql"]), {"place": table, "privilege": privilege}).scalar_one())

    def statement(self, privileges: str, table: str) -> str:
        quoted = self.connection.dialect.identifier_preparer.quote(table)
        return f"GRANT {privileges} ON {quoted} TO {self.user}"

    def may_create(self) -> bool:
        return bool(self.connection.execute(text(_MAY_CREATE)).scalar_one())

    def create_statement(self) -> str:
        schema = self.connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
        return f"GRANT CREATE ON SCHEMA {schema} TO {self.user}"


class _Mariadb:
    def __init__(self, connection: Connection) -> None:
        name, _, host = str(connection.execute(text("SELECT current_user()")).scalar_one()).rpartition("@")
        self.user = f"'{name}'@'{host}'"
        self.database = str(connection.execute(text("SELECT database()")).scalar_one())
        self.grants = [grant for row in connection.execute(text("SHOW GRANTS")) if (grant := parse_grant(str(row[0])))]

    def has(self, table: str, privilege: str) -> bool:
        return any(grant.gives(self.database, table, privilege) for grant in self.grants)

    def statement(self, privileges: str, table: str) -> str:
        return f"GRANT {privileges} ON {_quoted(self.database)}.{_quoted(table)} TO {self.user}"

    def may_create(self) -> bool:
        return self.has("strangler_owner", "CREATE")

    def create_statement(self) -> str:
        own = "CREATE, SELECT, INSERT, UPDATE, DELETE"
        return f"GRANT {own} ON {_quoted(self.database)}.* TO {self.user}"


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of SHOW GRANTS. `database` is a LIKE pattern, `table` a name; "*" is all."""

    privileges: frozenset[str]
    database: str
    table: str

    def gives(self, database: str, table: str, privilege: str) -> bool:
        wide = self.database == "*" or _like(self.database, database)
        is_here = wide and self.table in ("*", table)
        return is_here and bool(self.privileges & {privilege, "ALL PRIVILEGES", "ALL"})


def parse_grant(line: str) -> Grant | None:
    """None for a line that grants a role, or the right to act for others."""
    match = _GRANT.match(line)
    if match is None:
        return None
    what = frozenset(each.strip().upper() for each in _COLUMNS.sub("", match["what"]).split(","))
    return Grant(what, _bare(match["database"]), _bare(match["table"]))


def _like(pattern: str, name: str) -> bool:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.fullmatch("".join(wild.get(part) or re.escape(part[-1]) for part in parts), name, re.DOTALL) is not None


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
