"""Passes that were made, in the state database: when, over what, with which verdict, and how far one came that was cut off.

No values of rows are kept here: only keys of those that differed, so that a pass that goes on looks at them again, and of the
first few what kind of value stands on either side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, MetaData, inspect, select, update

from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Plan
from reconcile.reports.report import Difference, Report, Verdict, mask
from strangler.core.errors import Refusal

METADATA = MetaData()

PASS = tables.table(
    "strangler_pass",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("mapping", tables.name(), nullable=False, index=True),
    tables.moment("started_at", nullable=False),
    tables.moment("ended_at"),
    Column("verdict", tables.name(16)),
    Column("full", Boolean, nullable=False),
    Column("token", tables.name(32), nullable=False),  # of the process that is at it
    Column("progress", tables.text()),
    Column("counts", tables.text()),
    sqlite_autoincrement=True,
)
SAMPLES, CELLS = 20, 12  # rows that are kept of a pass, and columns of a row
_FRESH = 24 * 3600 * 1_000_000  # µs after which a pass that was cut off is not gone on with: its beginning says nothing about now


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass that ended. Times in µs since the epoch, on the state database's clock; `age` in seconds."""

    id: int
    mapping: str
    started_at: int
    ended_at: int
    verdict: Verdict
    full: bool
    age: float
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def definition(self) -> str:
        """Of the mapping as it was then."""
        return str(self.counts.get("definition", ""))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass came: JSON text of the next key and of the keys that differed, and what was covered."""

    low: str
    old_rows: int
    new_rows: int
    chunks: int
    keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A pass that is being made, as the state database has it."""

    database: Database
    id: int
    token: str

    def checkpoint(self, progress: Progress) -> None:
        """Remember how far it is. Raises Refusal if another process has gone on with it."""
        written = {name: getattr(progress, name) for name in Progress.__slots__}
        self._write(progress=json.dumps(written))

    def finish(self, report: Report, definition: str) -> None:
        """It ended, in whatever way, under this definition of the mapping."""
        counts = json.dumps(_counts(report) | {"definition": definition})
        self._write(ended_at=now(self.database), verdict=report.verdict.value, counts=counts, progress=None)

    def _write(self, **values: Any) -> None:
        here = (PASS.c.id == self.id, PASS.c.token == self.token, PASS.c.ended_at.is_(None))
        with self.database.writing() as connection:
            if connection.execute(update(PASS).where(*here).values(**values)).rowcount != 1:
                raise Refusal("another process has gone on with this pass")


def place(plan: Plan, name: str) -> str:
    """The database in which passes of a mapping are kept."""
    return plan.state or plan.mapping(name).target.database


def begin(database: Database, mapping: str, token: str, *, full: bool, definition: str = "") -> Record:
    """A new pass, of a mapping that is defined like this."""
    tables.ensure(database, METADATA)
    row = {"mapping": mapping, "started_at": now(database), "full": full, "token": token}
    row["counts"] = json.dumps({"definition": definition})
    with database.writing() as connection:
        found = connection.execute(PASS.insert().values(**row)).inserted_primary_key
    return Record(database, int(found[0]) if found else 0, token)


def go_on(database: Database, mapping: str, token: str, *, definition: str = "") -> tuple[Record, Progress] | None:
    """Take over the newest full pass if it was cut off less than a day ago, had come anywhere, and was of the same mapping.

    Whoever was at it is fenced.
    """
    tables.ensure(database, METADATA)
    with database.writing() as connection:
        query = select(PASS).where(PASS.c.mapping == mapping, PASS.c.full).order_by(PASS.c.id.desc()).limit(1)
        row = connection.execute(query).first()
        instant = int(connection.execute(select(now(database))).scalar_one())
        if row is None or row.ended_at is not None or row.progress is None or instant - row.started_at > _FRESH:
            return None
        if json.loads(row.counts or "{}").get("definition", "") != definition:
            return None
        connection.execute(update(PASS).where(PASS.c.id == row.id).values(token=token))
    return Record(database, row.id, token), Progress(**json.loads(row.progress))


def latest(database: Database, mapping: str, *, clean: bool = False, full: bool = False) -> Passed | None:
    """The newest pass that ended (clean, or full, if only such are asked for); None if there is none."""
    found = passes(database, mapping, limit=1, clean=clean, full=full)
    return found[0] if found else None


def passes(database: Database, mapping: str, *, limit: int = 50, clean: bool = False, full: bool = False) -> list[Passed]:
    """The newest passes that ended, the newest first."""
    query = select(PASS).where(PASS.c.mapping == mapping, PASS.c.ended_at.is_not(None)).order_by(PASS.c.id.desc()).limit(limit)
    query = query.where(PASS.c.verdict == Verdict.CLEAN.value) if clean else query
    query = query.where(PASS.c.full) if full else query
    with database.reading() as connection:
        if not inspect(connection).has_table(PASS.name):
            return []
        return _passed(connection, database, query)


def listed(plan: Plan, name: str, *, limit: int = 50) -> list[Passed]:
    """The same, opening the state database for it."""
    with opened(plan.databases, place(plan, name)) as (database,):
        return passes(database, name, limit=limit)


def _passed(connection: Connection, database: Database, query: Any) -> list[Passed]:
    instant = int(connection.execute(select(now(database))).scalar_one())
    return [
        Passed(
            row.id,
            row.mapping,
            row.started_at,
            row.ended_at,
            Verdict(row.verdict),
            bool(row.full),
            max(0.0, (instant - row.ended_at) / 1_000_000),
            json.loads(row.counts or "{}"),
        )
        for row in connection.execute(query)
    ]


def _counts(report: Report) -> dict[str, Any]:
    """The report without values of its rows."""
    document = report.document()
    told = {name: value for name, value in document.items() if name not in ("differences", "unmapped", "unsettled")}
    return {**told, "unmapped": report.unmapped, "samples": [_sample(each) for each in report.differences[:SAMPLES]]}


def _sample(each: Difference) -> dict[str, Any]:
    """One row that differs, masked; its key as JSON text."""
    cells = [{"column": cell.column, "old": mask(cell.old), "new": mask(cell.new)} for cell in each.cells[:CELLS]]
    return {"key": key_text(each.key), "kind": each.kind.value, "cells": cells, "more": len(each.cells) - len(cells)}
