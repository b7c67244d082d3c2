"""Ledgers out of the store's tables: fetches the numbers, `core.ledger` says what they mean."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, select

from strangler.core.ledger import Ledger, balance, total
from strangler.store import schema


def ledgers(connection: Connection, run: int | None, route: str | None) -> dict[str, Ledger]:
    """The ledger of each route, in one run or all of them."""
    table = schema.runs
    query = select(table.c.number, table.c.alive, table.c.ended)
    parts: dict[str, list[Ledger]] = defaultdict(list)
    tallies, settled = _tallies(connection, run, route), _settled(connection, run, route)
    for number, alive, ended in connection.execute(query if run is None else query.where(table.c.number == run)).all():
        living = frozenset(json.loads(alive))
        for name, counted in tallies[number].items():
            by_worker = settled[number, name]
            alive_count = sum(count for incarnation, count in by_worker.items() if incarnation in living)
            dead_count = sum(by_worker.values()) - alive_count
            part = balance(counted["worker"], counted["control"], alive_count, dead_count, ended is not None)
            parts[name].append(part)
    return {name: total(some) for name, some in sorted(parts.items())}


def _tallies(connection: Connection, run: int | None, route: str | None) -> dict[int, dict[str, dict[str, dict[str, int]]]]:
    """By run, route, counter and label."""
    table = schema.tallies
    found: dict[int, dict[str, dict[str, dict[str, int]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for row in connection.execute(_of(table, run, route)):
        found[row.run][row.route][row.counter][row.label] = row._mapping["count"]
    return found


def _settled(connection: Connection, run: int | None, route: str | None) -> dict[tuple[int, str], dict[str, int]]:
    """By run and route, and incarnation."""
    found: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for row in connection.execute(_of(schema.settled, run, route)):
        found[row.run, row.route][row.incarnation] = row._mapping["count"]
    return found


def _of(table: Any, run: int | None, route: str | None) -> Select[Any]:
    wanted = {table.c.run: run, table.c.route: route}
    return select(table).where(*(column == value for column, value in wanted.items() if value is not None))
