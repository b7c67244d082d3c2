"""The table that applications write events into, made where there is none. They only ever insert into it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, text
from sqlalchemy.schema import CreateTable

from reconcile.capturing.script import Patience, Script, run
from reconcile.databases import tables
from reconcile.databases.database import Database, opened
from reconcile.databases.instant import NOW
from reconcile.databases.schema import read
from reconcile.mapping.model import Plan
from reconcile.outbox.model import Outbox
from reconcile.outbox.shape import USUAL
from strangler.core.errors import Refusal, UsageError


def events_table(name: str, dialect: str) -> Table:
    """The table as `init` makes it. What is no event must not make the business transaction fail: no id is unique, nothing is
    too long, and what is wrong with an event is found out behind the writer's back."""
    number = BigInteger().with_variant(Integer, "sqlite")
    return tables.table(
        name,
        MetaData(),
        # Never used twice, even by SQLite; and in PostgreSQL INSERT is the only right that a writer needs.
        Column("id", number, *_identity(dialect), primary_key=True, autoincrement=True),
        Column("event_id", tables.text()),
        Column("type", tables.text(), nullable=False),
        Column("key", tables.text()),
        Column("payload", tables.text(), nullable=False),
        Column("content_type", tables.text()),
        Column("headers", tables.text()),
        Column("version", BigInteger),
        tables.moment("at", nullable=False, server_default=text(f"({NOW[dialect]})")),
        sqlite_autoincrement=True,
    )


def init(plan: Plan, *, print_sql: bool = False, patience: Patience | None = None) -> tuple[Script, ...]:
    """Make the outbox's table in its database, unless it is there.

    Returns what was run, or with `print_sql` would be. Raises UsageError for a file without an outbox, Refusal for a table of
    that name that is another one.
    """
    outbox = outbox_of(plan)
    with opened(plan.databases, outbox.database) as (database,):
        script = _lacking(database, outbox)
        if script and not print_sql:
            run(database, script, patience or Patience())
    return (script,) if script else ()


def outbox_of(plan: Plan) -> Outbox:
    """The file's outbox. Raises UsageError if it has none."""
    if plan.outbox is None:
        raise UsageError(f"{plan.file} has no outbox: write `outbox: {{database: NAME, sinks: […]}}`, see the README")
    return plan.outbox


def _lacking(database: Database, outbox: Outbox) -> Script | None:
    found = read(database, outbox.table)
    if outbox.table in found.tables:
        _refuse_other(outbox, found.tables[outbox.table].columns, database.name)
        return None
    if outbox.columns or outbox.mark:
        raise Refusal(
            f"there is no table {outbox.table} in database {database.name}, and `columns` or `mark` say that it is one of your "
            "own: correct its name, or leave them out and `outbox init` makes one"
        )
    made = str(CreateTable(events_table(outbox.table, database.dialect), if_not_exists=True).compile(database.engine)).strip()
    return Script(database.name, database.dialect, f"the outbox {outbox.table}", (made,))


def _refuse_other(outbox: Outbox, live: Any, database: str) -> None:
    """A table of one's own is `check`'s business. Without a word about its columns it has to have the usual ones."""
    missing = [name for name in USUAL.values() if name not in live] if not outbox.columns else []
    if missing:
        raise Refusal(
            f"{outbox.table} in database {database} is there already, without {', '.join(missing)}: if it holds events, say "
            "under `columns` what is what (`outbox check` proposes it); else give `table` another name"
        )


def _identity(dialect: str) -> tuple[Any, ...]:
    return (Identity(always=False),) if dialect == "postgresql" else ()
