"""Marks by which a database that went back is noticed: restored from a backup, or replaced by a copy or by a lagging standby.

Each of two databases has a number that grows with every look, and keeps the highest that it saw of the other's. The number is
committed before it is seen, so one that is not higher than what was seen of it before has gone back, and with it changes that
were copied, or copies that were settled. That is noted as a loss of capture: its mappings are unknown until a full pass is clean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, MetaData, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from reconcile.capturing.feed import Which, feeds
from reconcile.capturing.tables import CAPTURE, LOSS
from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Plan
from strangler.core.errors import DatabaseError

METADATA = MetaData()

MARK = tables.table(
    "strangler_mark",
    METADATA,
    Column("peer", tables.name(), primary_key=True),  # the other database, as the mappings file calls it
    Column("number", BigInteger, nullable=False),  # this database's own
    Column("seen", BigInteger, nullable=False),  # of the other's number, the highest
    Column("identity", tables.name(), nullable=False),  # the other's, as it was last; "" where it has none
)
_IDENTITY = """
    SELECT CASE WHEN pg_is_in_recovery() THEN ''
        ELSE system_identifier || ' ' || substring(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
    FROM pg_control_system()
"""  # the cluster and its timeline, which a recovery and a standby's promotion begin anew


@dataclass(frozen=True, slots=True)
class Mark:
    """What one database says: its number, and of the other one the highest number and the identity that it saw."""

    number: int = 0
    seen: int = 0
    identity: str = ""


def look(plan: Plan, names: Iterable[str] = ()) -> dict[str, str]:
    """Compare and move the marks of the mappings' databases (all, without names), where capture is installed.

    What went back is noted as a loss. Returns why, by mapping.
    """
    found: dict[str, str] = {}
    with _pairs(plan, names) as pairs:
        for old, new, some in pairs:
            back = [*_went_back(new, old), *_went_back(old, new)]
            for database, why, seen in back:
                _note(plan, (old, new), some, why)
                other = new if database is old else old
                _see(other, database, seen, _identity(database), lower=True)  # last: cut off before, it is noticed again
                found |= dict.fromkeys(some, why)
    return found


def gone_back(plan: Plan, names: Iterable[str] = ()) -> dict[str, str]:
    """By mapping, why it is not known, where a database went back and nobody noted it yet. Writes nothing."""
    found: dict[str, str] = {}
    with _pairs(plan, names) as pairs:
        for old, new, some in pairs:
            for witness, database in ((new, old), (old, new)):
                seen = _read(witness, database).seen  # before the number: it may grow meanwhile
                if _read(database, witness).number < seen:
                    found |= dict.fromkeys(some, _why(database))
    return found


@contextmanager
def _pairs(plan: Plan, names: Iterable[str]) -> Iterator[list[tuple[Database, Database, tuple[str, ...]]]]:
    """The databases of the mappings, by two, open; one that is both sides can only go back as a whole."""
    wanted = {plan.mapping(name).name for name in names} or set(plan.names)
    by_place: dict[tuple[str, str], list[str]] = {}
    for mapping in plan.mappings:
        if mapping.name in wanted and mapping.source.database != mapping.target.database:
            by_place.setdefault((mapping.source.database, mapping.target.database), []).append(mapping.name)
    with opened(plan.databases, *dict.fromkeys(name for place in by_place for name in place)) as databases:
        known = {database.name: database for database in databases}
        pairs = [(known[old], known[new], tuple(some)) for (old, new), some in by_place.items()]
        yield [pair for pair in pairs if _has(pair[0], CAPTURE.name) or _has(pair[1], CAPTURE.name)]


def _went_back(witness: Database, database: Database) -> Iterator[tuple[Database, str, int]]:
    """Move the mark of a database that the witness watches. If it went back: the database, why, and its number."""
    for each in (witness, database):
        tables.ensure(each, METADATA)
    before = _read(witness, database)
    number, identity = _grow(database, witness), _identity(database)
    if number <= before.seen or (before.identity and identity and identity != before.identity):
        yield database, _why(database), number
    else:
        _see(witness, database, number, identity)


def _why(database: Database) -> str:
    return f"database {database.name} went back: it was restored from a backup, or replaced by another one"


def _read(database: Database, peer: Database) -> Mark:
    with database.reading() as connection:
        if not inspect(connection).has_table(MARK.name):
            return Mark()
        row = connection.execute(select(MARK).where(MARK.c.peer == peer.name)).first()
        return Mark() if row is None else Mark(row.number, row.seen, row.identity)


def _grow(database: Database, peer: Database) -> int:
    """The next number of a database, committed."""
    here = MARK.c.peer == peer.name
    _ensure_row(database, peer)
    with database.writing() as connection:
        connection.execute(update(MARK).where(here).values(number=MARK.c.number + 1))
        return int(connection.execute(select(MARK.c.number).where(here)).scalar_one())


def _see(witness: Database, database: Database, number: int, identity: str, *, lower: bool = False) -> None:
    """Keep the highest number that was seen; `lower`: this one, since what was seen before is gone."""
    _ensure_row(witness, database)
    here = MARK.c.peer == database.name
    with witness.writing() as connection:
        connection.execute(update(MARK).where(here, *([] if lower else [MARK.c.seen < number])).values(seen=number))
        connection.execute(update(MARK).where(here).values(identity=identity))


def _ensure_row(database: Database, peer: Database) -> None:
    try:
        with database.writing() as connection:
            if connection.execute(select(MARK.c.number).where(MARK.c.peer == peer.name)).first() is None:
                connection.execute(MARK.insert().values(peer=peer.name, number=0, seen=0, identity=""))
    except DatabaseError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise  # else another process was quicker, and that is as good


def _identity(database: Database) -> str:
    """Which PostgreSQL it is, and which of its histories. "" where it is not known, or nobody may ask."""
    if database.dialect == "postgresql":
        with suppress(DatabaseError), database.reading() as connection:
            return str(connection.execute(text(_IDENTITY)).scalar_one())
    return ""


def _note(plan: Plan, databases: tuple[Database, Database], names: Collection[str], why: str) -> None:
    """A loss of every feed of these mappings, wherever it is captured."""
    sides: tuple[tuple[Which, Database], ...] = (("old", databases[0]), ("new", databases[1]))
    for side, database in sides:
        if not _has(database, CAPTURE.name):
            continue
        wanted = {feed.name for name in names for feed in feeds(plan.mapping(name), side)}
        with database.writing() as connection:
            installed = wanted & set(connection.execute(select(CAPTURE.c.feed)).scalars())
            for feed in sorted(installed):
                connection.execute(LOSS.insert().values(feed=feed, why=why, at=now(database)))


def _has(database: Database, table: str) -> bool:
    with database.reading() as connection:
        return bool(inspect(connection).has_table(table))
