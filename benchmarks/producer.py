"""An application whose databases die under it: writers that keep a ledger of what they committed, and the oracle made of it.

A writer owns a range of keys, so that its ledger is exact. Each line of a ledger is on disk before the next thing happens: what
is about to be committed, then what became of it. A commit that was cut off is looked up afterwards, by a number that the
transaction itself writes. Names come from a small pool, so that unique values wander from row to row.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

OLD = (
    "CREATE TABLE account (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, grade VARCHAR(9) NOT NULL)",
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, amount INTEGER NOT NULL)",
    "CREATE TABLE mark (writer INTEGER PRIMARY KEY, serial INTEGER NOT NULL)",
)
NEW = (
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, grade INTEGER NOT NULL)",
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, amount INTEGER NOT NULL, "
    "FOREIGN KEY (account_id) REFERENCES accounts (id))",
)
MAPPINGS = """
  - name: accounts
    from: {database: old, table: account, key: id}
    to: {database: new, table: accounts, key: id}
    columns: {id: id, name: {sql: "upper(name)"}, grade: grade}
  - name: entries
    from: {database: old, table: entry, key: id}
    to: {database: new, table: entries, key: id}
    columns: {id: id, account_id: account, amount: amount}
"""
RANGE, NAMES, _HOT = 1_000, 60, 3  # keys, names, and keys that are written most, of a writer
_WHILE = 25  # transactions for which it is the same ones
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql", "sqlite": "sqlite"}
Changes = list[tuple[str, int, list[Any] | None]]  # table, key, and the row's other columns; None if it goes


def engine(url: str) -> Engine:
    """A plain engine, which waits long for SQLite's one lock."""
    found = make_url(url)
    found = found.set(drivername=_DRIVERS[found.get_backend_name()])
    patient = {"timeout": 60} if found.drivername == "sqlite" else {}
    return create_engine(found, poolclass=NullPool, connect_args=patient)


@dataclass(slots=True)
class Books:
    """What stands on the old side: account to name and grade, entry to account and amount."""

    account: dict[int, list[Any]] = field(default_factory=dict)
    entry: dict[int, list[Any]] = field(default_factory=dict)

    def take_in(self, changes: Iterable[tuple[str, int, list[Any] | None]]) -> None:
        for table, key, row in changes:
            rows: dict[int, list[Any]] = getattr(self, table)
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row

    def old(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: sorted((key, *row) for key, row in getattr(self, table).items()) for table in ("account", "entry")}

    def new(self) -> dict[str, list[tuple[Any, ...]]]:
        """What the mappings make of it, said a second time in other words."""
        accounts = sorted((key, name.upper(), int(grade)) for key, (name, grade) in self.account.items())
        return {"accounts": accounts, "entries": sorted((key, *row) for key, row in self.entry.items())}


class Ledger:
    """One writer's file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def say(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def replay(paths: Iterable[Path]) -> Books:
    """What all ledgers together say was committed."""
    books = Books()
    for path in paths:
        intended: Changes = []
        for line in map(json.loads, path.read_text().splitlines()):
            if "changes" in line:
                intended = line["changes"]
            elif line["committed"]:
                books.take_in(intended)
    return books


class Writer(threading.Thread):
    """One client of the application: random transactions until it is told to stop.

    Args:
        pause: seconds between two transactions.
    """

    def __init__(self, url: str, path: Path, number: int, seed: int, pause: float) -> None:
        super().__init__(daemon=True)
        self._engine, self._number, self._pause = engine(url), number, pause
        self._draw, self._ledger, self._books = random.Random(seed * 1000 + number), Ledger(path), Books()
        self._low, self._serial = number * RANGE + 1, 0
        self.stop, self.committed, self.broken = threading.Event(), 0, 0

    def open(self, accounts: int) -> None:
        """The rows that are there before anything else."""
        with self._engine.begin() as connection:
            connection.execute(text(f"INSERT INTO mark VALUES ({self._number}, 0)"))
        for _ in range(accounts):
            self._write(list(self._open()))

    def run(self) -> None:
        while not self.stop.wait(self._pause):
            acts = self._draw.sample(_ACTS, k=self._draw.choice((1, 1, 1, 2, 3)))
            statements = [statement for act in acts for statement in getattr(self, f"_{act}")()]
            self._write(statements)
        self._ledger.close()
        self._engine.dispose()

    def _write(self, statements: list[tuple[str, Changes]]) -> None:
        """One transaction. The acts were made on our books already, which say what will be there if it commits."""
        if not statements:
            return
        self._serial += 1
        changes = [change for _, some in statements for change in some]
        self._ledger.say(serial=self._serial, changes=changes)
        try:
            with self._engine.begin() as connection:
                for statement, _ in statements:
                    connection.execute(text(statement))
                connection.execute(text(f"UPDATE mark SET serial = {self._serial} WHERE writer = {self._number}"))
            committed = True
        except DBAPIError:
            committed = self._was_committed()
            self.broken += 1
        self._ledger.say(committed=committed)
        self.committed += committed
        if not committed:
            self._books = self._as_they_stand()

    def _was_committed(self) -> bool:
        """Ask until someone answers. The row is locked by a session that is still at its commit, so that one is waited for."""
        locked = "" if self._engine.dialect.name == "sqlite" else " FOR UPDATE"
        query = text(f"SELECT serial FROM mark WHERE writer = {self._number}{locked}")
        while True:
            try:
                with self._engine.begin() as connection:
                    return bool(connection.execute(query).scalar_one() == self._serial)
            except DBAPIError:
                time.sleep(0.05)

    def _as_they_stand(self) -> Books:
        """The transaction is undone in our books, too."""
        return replay([Path(self._ledger._file.name)])

    def _change(self, statement: str, *changes: tuple[str, int, list[Any] | None]) -> tuple[str, Changes]:
        self._books.take_in(changes)
        return statement, list(changes)

    def _free(self, table: str) -> int:
        rows = getattr(self._books, table)
        return next(key for key in iter(lambda: self._low + self._draw.randrange(RANGE - 1), None) if key not in rows)

    def _any(self, table: str) -> int | None:
        """Every other time one of a few that change again and again, also while their last change is being copied.

        After a while it is others: what was lost of a row that goes on changing is made up for by its next change.
        """
        rows = sorted(getattr(self._books, table))
        if rows and self._draw.random() < 0.5:
            start = self._serial // _WHILE * _HOT % len(rows)
            rows = rows[start : start + _HOT]
        return self._draw.choice(rows) if rows else None

    def _open(self) -> Iterator[tuple[str, Changes]]:
        used = {row[0] for row in self._books.account.values()}
        names = [name for name in (f"name {self._number}-{serial}" for serial in range(NAMES)) if name not in used]
        if names:
            key, name, grade = self._free("account"), self._draw.choice(names), str(self._draw.randrange(100))
            yield self._change(f"INSERT INTO account VALUES ({key}, '{name}', '{grade}')", ("account", key, [name, grade]))
            yield from self._enter(key)

    def _grade(self) -> Iterator[tuple[str, Changes]]:
        key, grade = self._any("account"), str(self._draw.randrange(100))
        if key is not None:
            row = [self._books.account[key][0], grade]
            yield self._change(f"UPDATE account SET grade = '{grade}' WHERE id = {key}", ("account", key, row))

    def _close(self) -> Iterator[tuple[str, Changes]]:
        key = self._any("account")
        if key is not None:
            gone = [entry for entry, (account, _) in self._books.entry.items() if account == key]
            yield self._change(f"DELETE FROM entry WHERE account = {key}", *(("entry", entry, None) for entry in gone))
            yield self._change(f"DELETE FROM account WHERE id = {key}", ("account", key, None))

    def _move(self) -> Iterator[tuple[str, Changes]]:
        """The key changes, and entries follow."""
        key, free = self._any("account"), self._free("account")
        if key is not None:
            row = self._books.account[key]
            moved = [(entry, amount) for entry, (account, amount) in self._books.entry.items() if account == key]
            yield self._change(f"UPDATE account SET id = {free} WHERE id = {key}", ("account", key, None), ("account", free, row))
            follow = [("entry", entry, [free, amount]) for entry, amount in moved]
            yield self._change(f"UPDATE entry SET account = {free} WHERE account = {key}", *follow)

    def _swap(self) -> Iterator[tuple[str, Changes]]:
        """Two rows exchange what is unique on the other side."""
        one, other = self._any("account"), self._any("account")
        if one is not None and other is not None and one != other:
            (mine, grade), (theirs, grades) = self._books.account[one], self._books.account[other]
            names = f"CASE id WHEN {one} THEN '{theirs}' ELSE '{mine}' END"
            statement = f"UPDATE account SET name = {names} WHERE id IN ({one}, {other})"
            yield self._change(statement, ("account", one, [theirs, grade]), ("account", other, [mine, grades]))

    def _enter(self, account: int | None = None) -> Iterator[tuple[str, Changes]]:
        account = self._any("account") if account is None else account
        if account is not None:
            key, amount = self._free("entry"), self._draw.randrange(10_000)
            yield self._change(f"INSERT INTO entry VALUES ({key}, {account}, {amount})", ("entry", key, [account, amount]))

    def _correct(self) -> Iterator[tuple[str, Changes]]:
        key, amount = self._any("entry"), self._draw.randrange(10_000)
        if key is not None:
            row = [self._books.entry[key][0], amount]
            yield self._change(f"UPDATE entry SET amount = {amount} WHERE id = {key}", ("entry", key, row))

    def _strike(self) -> Iterator[tuple[str, Changes]]:
        key = self._any("entry")
        if key is not None:
            yield self._change(f"DELETE FROM entry WHERE id = {key}", ("entry", key, None))


_ACTS = ("open", "grade", "close", "move", "swap", "enter", "enter", "correct", "correct", "strike", "grade")


def rows(connection: Connection, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Whole tables, in the order of their keys."""
    return {table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))] for table in tables}
