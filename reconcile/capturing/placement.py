"""One database: making our tables, putting a feed's triggers in their place, and taking all of it out again.

Every statement that changes the database is in a Script. Only what was seen in the catalog afterwards is noted apart: the
digest by which tampering is found.

A feed is put in place under a lock that waits for everyone who has written to its table. So who reads the table after that
sees either a change, or a row for it in the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import randbits
from types import ModuleType

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.schema import CreateTable

from reconcile.capturing import catalog, mariadb, postgresql, sqlite, state
from reconcile.capturing.captured import HEARTBEAT_FEED, Captured, literal
from reconcile.capturing.catalog import Found
from reconcile.capturing.feed import Feed
from reconcile.capturing.script import Patience, Script, run
from reconcile.capturing.state import CHANGED, INSTALLED, MISSING, UNCONFIRMED, FeedState
from reconcile.capturing.tables import (
    BEAT,
    CAPTURE,
    EMITTED,
    HEARTBEAT,
    KNOWN,
    LOSS,
    METADATA,
    ORIGIN,
    OUTBOX,
    PAUSED,
    REPLACED,
    SWITCH,
)
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from strangler.core.errors import DatabaseError

_BITS = 62  # of a generation: it is kept as a signed number of 64
DIALECTS: Mapping[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql, "mariadb": mariadb}
_WHY = {MISSING: "capture was not installed", CHANGED: "its triggers had been changed", PAUSED: "capture was paused"}


def install(database: Database, feeds: Sequence[Feed], *, print_sql: bool, patience: Patience) -> tuple[Script, ...]:
    """What is missing of our tables and of these feeds, run unless it is only to be printed."""
    scripts = [script for script in (_home(database), *(_lacking(database, feed) for feed in feeds)) if script]
    if not print_sql:
        for script in scripts:
            run(database, script, patience)
        for feed in feeds:
            confirm(database, feed)
    return tuple(scripts)


def put(database: Database, feed: Feed, patience: Patience) -> None:
    """A feed's triggers, made anew."""
    with database.reading() as connection:
        script = _placing(connection, database, feed, state.read(connection, database.dialect, [feed.name])[feed.name])
    run(database, script, patience)
    confirm(database, feed)


def pause(database: Database, feeds: Sequence[str], patience: Patience) -> None:
    """Turn the switch of these feeds."""
    dml: list[str] = []
    for feed in map(literal, feeds):
        dml += (
            f"INSERT INTO {SWITCH.name} (generation) SELECT generation FROM {CAPTURE.name} WHERE feed = {feed} AND state = 'on'",
            f"UPDATE {CAPTURE.name} SET state = '{PAUSED}', since = {now(database)} WHERE feed = {feed}",
            f"INSERT INTO {LOSS.name} (feed, why, at) VALUES ({feed}, 'capture was paused', {now(database)})",
        )
    if dml:
        run(database, Script(database.name, database.dialect, "pause", DIALECTS[database.dialect].wrap(None, (), dml)), patience)


def confirm(database: Database, feed: Feed) -> None:
    """Note what the catalog says of a feed that nobody has looked at yet, if it is what was asked for."""
    with database.reading() as connection:
        found = state.read(connection, database.dialect, [feed.name])[feed.name]
        if found.state != UNCONFIRMED:
            return
        current = _is_current(connection, database, feed, found)
    if not current:
        raise DatabaseError(f"database {database.name}: {feed.name}: its triggers are not as they were made: install again")
    here = (CAPTURE.c.feed == feed.name) & (CAPTURE.c.generation == found.generation)
    with database.writing() as connection:
        connection.execute(update(CAPTURE).where(here).values(digest=catalog.digest(found.found)))


def remove(
    database: Database, names: Sequence[str] | None, *, discard: bool, print_sql: bool, patience: Patience
) -> tuple[Script, ...]:
    """These feeds (all, without names) taken out, and with the last one our tables."""
    scripts = _removals(database, names)
    if not print_sql:
        for script in scripts:
            run(database, script, patience)
    last = _leaving(database, [] if not print_sql else names, discard)
    if last and not print_sql:
        run(database, last, patience)
    return (*scripts, last) if last else scripts


def _home(database: Database) -> Script | None:
    """Our tables, those that are not there yet."""
    dialect = database.dialect
    with database.reading() as connection:
        lacking = [table for table in _tables(dialect) if not catalog.has_table(connection, dialect, table.name)]
    made = tuple(str(CreateTable(table, if_not_exists=True).compile(database.engine)).strip() for table in lacking)
    return Script(database.name, dialect, "capture's own tables", made) if made else None


def _tables(dialect: str) -> list[Table]:
    return [table for table in METADATA.sorted_tables if table not in (ORIGIN, REPLACED) or dialect == "sqlite"]


def _lacking(database: Database, feed: Feed) -> Script | None:
    """What has to be run for a feed; None if it is as it should be, or paused, or only to be confirmed."""
    with database.reading() as connection:
        found = state.read(connection, database.dialect, [feed.name])[feed.name]
        if found.state == PAUSED or (found.state in (INSTALLED, UNCONFIRMED) and _is_current(connection, database, feed, found)):
            return None
        return _placing(connection, database, feed, found)


def _is_current(connection: Connection, database: Database, feed: Feed, found: FeedState) -> bool:
    """Whether the triggers that are there are those that would be made today."""
    captured = replace(_look(connection, database.dialect, feed), generation=found.generation or 0)
    expected = {trigger.name: trigger.body for trigger in DIALECTS[database.dialect].triggers(captured)}
    return expected == {trigger.name: trigger.body for trigger in found.found}


def generation() -> int:
    """A number that no other feed has, and no earlier triggers of this one had: a clock may say the same twice."""
    return randbits(_BITS)


def _placing(connection: Connection, database: Database, feed: Feed, found: FeedState) -> Script:
    dialect = DIALECTS[database.dialect]
    captured = replace(_look(connection, database.dialect, feed), generation=generation())
    ddl = (*dialect.drops(_named(found.found), captured.home), *dialect.creations(captured))
    dml = _notes(database, captured, _WHY.get(found.state, "the triggers were out of date"))
    return Script(database.name, database.dialect, feed.name, dialect.wrap(dialect.relation(captured), ddl, dml))


def _look(connection: Connection, dialect: str, feed: Feed) -> Captured:
    """The heartbeat's table may not be there yet when its triggers are to be printed, but nothing has to be known of it."""
    if feed != HEARTBEAT_FEED:
        return catalog.look(connection, dialect, feed)
    home = catalog.home(connection, dialect)
    return Captured(feed, ("varchar",), relation=f"{home}.{HEARTBEAT.name}", home=home)


def _notes(database: Database, captured: Captured, why: str) -> tuple[str, ...]:
    """What came before this moment may be lost. The heartbeat has no past that anyone misses."""
    feed, at = literal(captured.feed.name), now(database)
    loss = f"INSERT INTO {LOSS.name} (feed, why, at) VALUES ({feed}, {literal(why)}, {at})"
    return (
        _unpause(feed),
        f"DELETE FROM {CAPTURE.name} WHERE feed = {feed}",
        f"INSERT INTO {CAPTURE.name} (feed, generation, state, since, digest)\n"
        f"  VALUES ({feed}, {captured.generation}, 'on', {at}, '')",
        *((loss,) if captured.feed != HEARTBEAT_FEED else ()),
    )


def _unpause(feed: str) -> str:
    return f"DELETE FROM {SWITCH.name} WHERE generation IN (SELECT generation FROM {CAPTURE.name} WHERE feed = {feed})"


def _named(found: Sequence[Found]) -> list[tuple[str, str]]:
    return [(trigger.name, trigger.table) for trigger in found]


def _removals(database: Database, names: Sequence[str] | None) -> tuple[Script, ...]:
    with database.reading() as connection:
        home = catalog.home(connection, database.dialect)
        states = state.read(connection, database.dialect, names)
        noted = catalog.has_table(connection, database.dialect, CAPTURE.name)
    feeds = [feed for feed in states if feed != HEARTBEAT_FEED.name]
    return tuple(_removal(database, states[feed], home) for feed in feeds if noted or states[feed].found)


def _removal(database: Database, found: FeedState, home: str) -> Script:
    """Each feed on its own, so that only its table is waited for."""
    dialect = DIALECTS[database.dialect]
    relation = next((dialect.spell(trigger.table) for trigger in found.found), None)
    feed = literal(found.feed)
    dml = [_unpause(feed), *(f"DELETE FROM {table.name} WHERE feed = {feed}" for table in (CAPTURE, LOSS, KNOWN))]
    subject = f"{found.feed} is captured no longer"
    return Script(database.name, database.dialect, subject, dialect.wrap(relation, dialect.drops(_named(found.found), home), dml))


def _leaving(database: Database, gone: Sequence[str] | None, discard: bool) -> Script | None:
    """Our tables, when nothing but the heartbeat is captured any more. The outbox stays as long as it has rows."""
    dialect = database.dialect
    with database.reading() as connection:
        if not catalog.has_table(connection, dialect, CAPTURE.name):
            return None
        left = set(connection.execute(select(CAPTURE.c.feed)).scalars()) - {HEARTBEAT_FEED.name}
        if gone is not None and left - set(gone):
            return None
        heartbeat = state.read(connection, dialect, [HEARTBEAT_FEED.name])[HEARTBEAT_FEED.name].found
        kept = [] if discard else _with_rows(connection, dialect)
        home = catalog.home(connection, dialect)
    tables = [table for table in reversed(_tables(dialect)) if table not in kept]
    drops = (*DIALECTS[dialect].drops(_named(heartbeat), home), *(f"DROP TABLE IF EXISTS {table.name}" for table in tables))
    return Script(database.name, dialect, "capture's own tables", DIALECTS[dialect].wrap(None, drops, ()))


def _with_rows(connection: Connection, dialect: str) -> list[Table]:
    """Those tables in which something but beats waits, of the outbox and what is emitted."""
    there = [table for table in (OUTBOX, EMITTED) if catalog.has_table(connection, dialect, table.name)]
    waiting = [select(table.c.id).where(table.c.operation != BEAT).limit(1) for table in there]
    return [table for table, query in zip(there, waiting, strict=True) if connection.execute(query).first() is not None]
