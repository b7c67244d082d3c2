"""Two small databases and a mapping between them, written the way a user would."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

import reconcile
from reconcile.comparing.recheck import Patience


@dataclass
class World:
    """An old and a new database on disk, and the mappings file that joins them."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "mappings.yaml"

    def create(self, old: str, new: str, mapping: str) -> "World":
        self.old(old)
        self.new(new)
        self.write(mapping)
        return self

    def write(self, mapping: str) -> None:
        head = f"version: 1\ndatabases: {{old: 'sqlite:///{self.folder}/old.db', new: 'sqlite:///{self.folder}/new.db'}}\nmappings:\n"
        self.file.write_text(head + "  - " + indent(dedent(mapping).strip(), "    ").lstrip() + "\n", "utf-8")

    def old(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> list[Any]:
        return self._run("old.db", sql, rows)

    def new(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> list[Any]:
        return self._run("new.db", sql, rows)

    def _run(self, name: str, sql: str, rows: list[tuple[Any, ...]] | None) -> list[Any]:
        with closing(sqlite3.connect(self.folder / name)) as connection, connection:
            if rows is not None:
                connection.executemany(sql, rows)
                return []
            if ";" in sql:
                connection.executescript(sql)
                return []
            return connection.execute(sql).fetchall()

    @property
    def plan(self):
        return reconcile.load(self.file, {})

    def backfill(self, **options: Any):
        return reconcile.backfill(self.plan, "things", **options)

    def reconcile(self, **options: Any):
        options.setdefault("patience", Patience(settle=0.0))  # nobody writes meanwhile
        options.setdefault("record", False)
        return reconcile.reconcile(self.plan, "things", **options)

    def apply(self, *keys: tuple[Any, ...], **options: Any):
        return reconcile.apply(self.plan, "things", keys, **options)

    def drift(self, **options: Any) -> list[tuple[Any, ...]]:
        """Differences as (kind, key, columns), for tables of expectations."""
        found = self.reconcile(**options).differences
        return [(each.kind.value, each.key if len(each.key) > 1 else each.key[0], each.columns) for each in found]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


NUMBERED = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value}
"""


@pytest.fixture
def numbered(world: World) -> World:
    """Ten rows on the old side, none on the new."""
    table = "(id INTEGER PRIMARY KEY, value TEXT);"
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", NUMBERED)
    world.old("INSERT INTO thing VALUES (?, ?)", [(number, f"value {number}") for number in range(1, 11)])
    return world
