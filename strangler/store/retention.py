"""What is kept how long. Examples go by age and by size; counts are kept, the old ones by the hour.

Work is done in small transactions, so that whoever records waits for none of them for long; if one fails, what was done
before it stays done, and the next call goes on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, select, text

from strangler.core.model import Retention
from strangler.store import requests, schema
from strangler.store.adding import add, insert, summed
from strangler.store.database import Database
from strangler.store.rows import Retained

FINE = 2 * 24 * 60  # minutes for which counts are kept by the minute
_EXAMPLES_AT_ONCE = 500
_PAGES_AT_ONCE = 2_000
_MINUTES_AT_ONCE = 6 * schema.HOUR
_ROOM = 0.05  # of the limit that is made beyond what is needed, so that the next batch does not need it again
_ROW = 200  # bytes that an example takes beside its payload


def retain(database: Database, retention: Retention, now: float) -> Retained:
    """Remove examples that are too old or too many, and roll up counts."""
    database.writing(lambda connection: requests.forget(connection, now))
    aged = _repeat(database, lambda connection: _remove_older(connection, now - retention.examples))
    _repeat(database, lambda connection: _roll_up_some(connection, int(now // 60) - FINE))
    crowded = _make_room(database, retention.size) if _used(database) > retention.size else 0
    if aged or crowded:
        _give_back(database)
    return Retained(aged, crowded, size(database))


def size(database: Database) -> int:
    """Bytes on disk; for PostgreSQL, which keeps the room for what comes next, bytes in use."""
    if not database.path:
        return _used(database)
    files = (database.path, database.path.with_name(database.path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _repeat(database: Database, some: Callable[[Connection], int]) -> int:
    """Do a part of the work until none is left. Returns how much it was."""
    done = 0
    while part := database.writing(some):
        done += part
    return done


def _remove_older(connection: Connection, at: float) -> int:
    table = schema.examples
    old = select(table.c.number).where(table.c.at < at).order_by(table.c.at).limit(_EXAMPLES_AT_ONCE)
    return _remove(connection, list(connection.scalars(old)))


def _make_room(database: Database, limit: int) -> int:
    """Remove examples, the oldest first; the last one that a cause has only when there are no others."""
    goal = int(limit * (1 - _ROOM))
    removed = 0
    for spare in (True, False):
        while (excess := _used(database) - goal) > 0:
            part = database.writing(partial(_remove_oldest, excess=excess, spare=spare))
            if not part:
                break
            removed += part
    return removed


def _remove_oldest(connection: Connection, excess: int, spare: bool) -> int:
    """Remove as many as take `excess` bytes, within reason. With `spare`, leave each cause the newest it has."""
    table = schema.examples
    query = select(table.c.number, table.c.size).order_by(table.c.number).limit(_EXAMPLES_AT_ONCE)
    if spare:
        link, newer = schema.example_causes.alias(), schema.example_causes.alias()
        has_newer = exists().where(newer.c.cause == link.c.cause, newer.c.example > link.c.example)
        query = query.where(~exists().where(link.c.example == table.c.number, ~has_newer))
    numbers = []
    for number, bytes_of_it in connection.execute(query):
        if excess <= 0:
            break
        numbers.append(number)
        excess -= bytes_of_it + _ROW
    return _remove(connection, numbers)


def _remove(connection: Connection, numbers: list[int]) -> int:
    if numbers:
        connection.execute(schema.examples.delete().where(schema.examples.c.number.in_(numbers)))
    return len(numbers)


def _roll_up_some(connection: Connection, before: int) -> int:
    """Some hours of each table. Returns how many tables had any."""
    return sum(_roll_up(connection, table, before) for table in (schema.counts, schema.arms))


def _roll_up(connection: Connection, table: Table, before: int) -> bool:
    minute, end = table.c.minute, before - before % schema.HOUR
    oldest = connection.scalar(select(func.min(minute)).where(minute < end, minute % schema.HOUR != 0))
    if oldest is None:
        return False
    start = oldest - oldest % schema.HOUR
    hours = and_(minute >= start, minute < min(end, start + _MINUTES_AT_ONCE))
    _ADD_UP[table.name](connection, hours)
    connection.execute(table.delete().where(hours, minute % schema.HOUR != 0))
    return True


def _add_up_counts(connection: Connection, hours: ColumnElement[bool]) -> None:
    table = schema.counts
    past = table.c.minute % schema.HOUR
    hour = table.c.minute - past
    sums = (func.sum(table.c["count"]), func.sum(table.c.repeated))
    query = select(table.c.stratum, hour, table.c.outcome, *sums).where(hours, past != 0)
    query = query.group_by(table.c.stratum, hour, table.c.outcome)
    statement = insert(connection, table).from_select(["stratum", "minute", "outcome", "count", "repeated"], query)
    more = {name: table.c[name] + statement.excluded[name] for name in ("count", "repeated")}
    connection.execute(statement.on_conflict_do_update(index_elements=[column.name for column in table.primary_key], set_=more))


def _add_up_arms(connection: Connection, hours: ColumnElement[bool]) -> None:
    """The hour's own row is among those that are added up, and replaced by the sum."""
    sums: dict[tuple[str, int, str, str, str], list[int]] = defaultdict(list)
    for route, minute, stage, version, side, cells in connection.execute(select(schema.arms).where(hours)):
        key = (route, minute - minute % schema.HOUR, stage, version, side)
        sums[key] = summed(sums[key], json.loads(cells))
    names = ("route", "minute", "stage", "version", "side")
    rows = ({**dict(zip(names, key, strict=True)), "cells": json.dumps(cells)} for key, cells in sums.items())
    add(connection, schema.arms, rows, {"cells": "replace"})


_ADD_UP: dict[str, Callable[[Connection, ColumnElement[bool]], None]] = {
    schema.counts.name: _add_up_counts,
    schema.arms.name: _add_up_arms,
}


def _used(database: Database) -> int:
    """Bytes that are not free for what comes next."""
    return database.reading(_USED[database.engine.dialect.name])


def _used_of_sqlite(connection: Connection) -> int:
    pages, free, page = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page


def _used_of_postgresql(connection: Connection) -> int:
    """Room of removed examples is used again, but stays with the table: examples are counted one by one."""
    table = schema.examples
    own = connection.scalar(select(func.coalesce(func.sum(table.c.size + _ROW), 0)))
    others = [each.name for each in schema.metadata.tables.values() if each is not table]
    size = text("SELECT sum(pg_total_relation_size(to_regclass(name))) FROM unnest(CAST(:names AS text[])) AS name")
    return int(own or 0) + int(connection.scalar(size, {"names": others}) or 0)


_USED = {"sqlite": _used_of_sqlite, "postgresql": _used_of_postgresql}


def _give_back(database: Database) -> None:
    """Make the file smaller, piece by piece. PostgreSQL's room is only made ready to be used again."""
    if not database.path:
        database.outside(*(f"VACUUM {table.name}" for table in (schema.examples, schema.example_causes)))
        return
    free = _free_pages(database)
    while free:
        database.outside(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        free, before = _free_pages(database), free
        if free >= before:
            break
    database.outside("PRAGMA wal_checkpoint(TRUNCATE)")


def _free_pages(database: Database) -> int:
    return database.reading(lambda connection: int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()))
