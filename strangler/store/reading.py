"""What can be asked of the store, in a transaction that somebody else has opened: queries in, rows out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from strangler.core.difference import Kind
from strangler.core.errors import UsageError
from strangler.core.records import Cause, Stratum
from strangler.store import schema
from strangler.store.payload import unpack
from strangler.store.rows import ArmRow, CauseRow, CountRow, ExampleRow, NoiseRow, Point, Run, SumRow, VersionRow

RUNS = select(*(schema.runs.c[name] for name in ("number", "instance", "started", "version", "ended")))
_HEX = frozenset("0123456789abcdef")
_AT_ONCE = 500  # names in one question
_STRATUM = [schema.strata.c[name] for name in Stratum._fields]


def run(row: Sequence[Any]) -> Run:
    """A row of `RUNS`."""
    number, instance, started, version, ended = row
    return Run(number, instance, started, version, ended)


def runs(connection: Connection, limit: int) -> list[Run]:
    query = RUNS.order_by(schema.runs.c.started.desc(), schema.runs.c.number.desc()).limit(limit)
    return [run(row) for row in connection.execute(query)]


def settled(connection: Connection, run: int) -> dict[tuple[str, str], int]:
    table = schema.settled
    query = select(table.c.incarnation, table.c.route, table.c.count).where(table.c.run == run)
    return {(incarnation, route): count for incarnation, route, count in connection.execute(query)}


def causes(connection: Connection, route: str | None, rules: str | None, version: str | None, limit: int) -> list[CauseRow]:
    table = schema.causes
    query = _only(select(table), {table.c.route: route, table.c.rules: rules, table.c.version: version})
    query = query.order_by(table.c["count"].desc(), table.c.number).limit(limit)
    return [_cause_row(row) for row in connection.execute(query)]


def cause(connection: Connection, id: str) -> CauseRow:
    number = _number(connection, schema.causes, "cause", id)
    return _cause_row(connection.execute(select(schema.causes).where(schema.causes.c.number == number)).one())


def accept(connection: Connection, id: str) -> CauseRow:
    number = _number(connection, schema.causes, "cause", id)
    connection.execute(schema.causes.update().where(schema.causes.c.number == number), {"state": "accepted"})
    return cause(connection, id)


def examples(
    connection: Connection, route: str | None, cause_id: str | None, limit: int, after_id: str | None
) -> list[ExampleRow]:
    table, links = schema.examples, schema.example_causes
    number = table.c.number
    query = _only(_EXAMPLES, {table.c.route: route})
    if cause_id is not None:
        number = links.c.example
        query = query.join(links, links.c.example == table.c.number)
        query = query.where(links.c.cause == _number(connection, schema.causes, "cause", cause_id))
    if after_id is not None:
        query = query.where(number < _number(connection, table, "example", after_id))
    return _example_rows(connection, query.order_by(number.desc()).limit(limit))


def newest_examples(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    links, causes, table = schema.example_causes, schema.causes, schema.examples
    newest = select(causes.c.id, func.max(links.c.example).label("number"))
    newest = newest.join_from(causes, links, links.c.cause == causes.c.number).group_by(causes.c.id)
    found: dict[str, str] = {}
    for some in _some(ids):
        last = newest.where(causes.c.id.in_(some or ())).subquery()
        query = select(last.c.id, table.c.id).join_from(last, table, table.c.number == last.c.number)
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found


def example(connection: Connection, id: str) -> ExampleRow:
    number = _number(connection, schema.examples, "example", id)
    return _example_rows(connection, _EXAMPLES.where(schema.examples.c.number == number))[0]


def examples_after(connection: Connection, number: int, limit: int) -> list[ExampleRow]:
    table = schema.examples
    return _example_rows(connection, _EXAMPLES.where(table.c.number > number).order_by(table.c.number).limit(limit))


def newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(schema.examples.c.number))) or 0


def counts(
    connection: Connection, route: str | None, since: float | None, rules: str | None, version: str | None
) -> list[CountRow]:
    table, stratum = schema.counts, schema.strata
    sums: Select[Any] = select(table.c.stratum, table.c.outcome, func.sum(table.c["count"]), func.sum(table.c.repeated))
    sums = _since(sums, table, since).group_by(table.c.stratum, table.c.outcome)
    query = _only(
        select(stratum.c.number, *_STRATUM), {stratum.c.route: route, stratum.c.rules: rules, stratum.c.version: version}
    )
    strata = {number: Stratum(*key) for number, *key in connection.execute(query)}
    if route is not None or rules is not None or version is not None:
        sums = sums.where(table.c.stratum.in_(strata))
    rows = [CountRow(strata[number], outcome, int(all), int(again)) for number, outcome, all, again in connection.execute(sums)]
    return sorted(rows, key=lambda row: (row.stratum, row.outcome))


def series(connection: Connection, route: str | None, since: float, step: float) -> list[Point]:
    table = schema.counts
    minutes = max(int(step // 60), 1)
    start = (table.c.minute - table.c.minute % minutes).label("start")
    query = select(start, table.c.outcome, func.sum(table.c["count"]))
    if route is not None:
        numbers = select(schema.strata.c.number).where(schema.strata.c.route == route)
        query = query.where(table.c.stratum.in_(numbers))
    steps: dict[int, dict[str, int]] = defaultdict(dict)
    for at, outcome, count in connection.execute(_since(query, table, since).group_by(start, table.c.outcome).order_by(start)):
        steps[at][outcome] = int(count)
    return [Point(at * 60.0, outcomes) for at, outcomes in steps.items()]


def arms(connection: Connection, route: str, since: float | None) -> list[ArmRow]:
    table = schema.arms
    columns = [table.c[name] for name in ("minute", "route", "stage", "version", "side", "cells")]
    query = _since(select(*columns).where(table.c.route == route), table, since).order_by(*columns[:-1])
    return [
        ArmRow(minute, name, stage, version, side, tuple(json.loads(cells)))
        for minute, name, stage, version, side, cells in connection.execute(query)
    ]


def sums(
    connection: Connection, side: str, cells: int, step: float, since: float | None, routes: Sequence[str] | None
) -> list[SumRow]:
    table = schema.arms
    minutes = max(int(step // 60), 1)
    columns = (table.c.minute, table.c.route, table.c.stage, table.c.side, table.c.cells)
    query = _since(select(*columns).where(table.c.side.startswith(side, autoescape=True)), table, since)
    totals: dict[tuple[int, str, str, str], int] = defaultdict(int)
    for some in _some(routes):
        asked = query if some is None else query.where(table.c.route.in_(some))
        for minute, route, stage, name, written in connection.execute(asked):
            totals[minute - minute % minutes, route, stage, name] += sum(json.loads(written)[:cells])
    return [SumRow(at * 60.0, route, stage, name, total) for (at, route, stage, name), total in sorted(totals.items())]


def versions(connection: Connection, route: str) -> list[VersionRow]:
    table, stratum = schema.counts, schema.strata
    last = func.max(table.c.minute)
    query = select(stratum.c.version, stratum.c.rules, func.sum(table.c["count"]), func.min(table.c.minute), last)
    query = query.join_from(stratum, table, stratum.c.number == table.c.stratum).where(stratum.c.route == route)
    query = query.group_by(stratum.c.version, stratum.c.rules).order_by(last.desc(), stratum.c.version, stratum.c.rules)
    return [
        VersionRow(version, rules, int(count), first * 60.0, last * 60.0)
        for version, rules, count, first, last in connection.execute(query)
    ]


def noise(connection: Connection, route: str | None) -> list[NoiseRow]:
    table = schema.noise
    query = _only(select(table), {table.c.route: route}).order_by(table.c.route, table.c.pattern)
    return [NoiseRow(name, pattern, json.loads(observed)) for name, pattern, observed in connection.execute(query)]


_EXAMPLES = select(schema.examples.c.number, schema.examples.c.id, schema.examples.c.payload)


def _example_rows(connection: Connection, query: Select[Any]) -> list[ExampleRow]:
    rows = connection.execute(query).all()
    links, table = schema.example_causes, schema.causes
    linked = select(links.c.example, table.c.id).join_from(links, table, links.c.cause == table.c.number)
    linked = linked.where(links.c.example.in_([number for number, _, _ in rows])).order_by(links.c.rank)
    ids: dict[int, list[str]] = defaultdict(list)
    for number, id in connection.execute(linked):
        ids[number].append(id)
    return [ExampleRow(number, id, tuple(ids[number]), unpack(payload)) for number, id, payload in rows]


def _cause_row(row: Any) -> CauseRow:
    cause = Cause(row.pattern, Kind(row.kind), row.transform)
    count = row._mapping["count"]
    return CauseRow(row.id, row.route, row.rules, row.version, cause, count, row.first_seen, row.last_seen, row.state)


def _number(connection: Connection, table: Table, noun: str, id: str) -> int:
    """The number of the one row whose id begins like this."""
    start = id.strip().lower()
    found: Sequence[Any] = ()
    if start and _HEX.issuperset(start):
        query = select(table.c.number, table.c.id).where(table.c.id >= start, table.c.id < f"{start}g").order_by(table.c.id)
        found = connection.execute(query.limit(4)).all()
    if not found:
        raise UsageError(f"no {noun} has an id that begins with {id!r}: `strangler diffs` lists them")
    if len(found) > 1:
        some = ", ".join(row.id for row in found)
        raise UsageError(f"several {noun}s have an id that begins with {id!r}: write more of it ({some})")
    return int(found[0].number)


def _some(routes: Sequence[str] | None) -> Iterator[Sequence[str] | None]:
    """As many at once as any database takes."""
    if routes is None:
        yield None
        return
    for start in range(0, len(routes), _AT_ONCE):
        yield routes[start : start + _AT_ONCE]


def _only(query: Select[Any], wanted: dict[ColumnElement[Any], Any]) -> Select[Any]:
    return query.where(*(column == value for column, value in wanted.items() if value is not None))


def _since(query: Select[Any], table: Table, since: float | None) -> Select[Any]:
    return query if since is None else query.where(table.c.minute >= int(since // 60))
