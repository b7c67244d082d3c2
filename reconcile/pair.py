"""A mapping over two open databases: both sides to read, and the pipeline between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, TableClause, column, literal_column, table

from reconcile.canonical import encode_found
from reconcile.chunk import Boundary, Chunk, Key, tile
from reconcile.database import Database, opened
from reconcile.inspection import inspect
from reconcile.kind import Kind
from reconcile.mapping import Column, Mapping, Plan
from reconcile.pipeline import Misfit, Pipeline, Row, build
from reconcile.schema import Schema, Table, read
from reconcile.side import Side
from strangler.core.errors import ConfigError, Problem, Refusal

Keyed = tuple[Key, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Everything that applying and comparing one mapping needs. `kinds` are those of the mapped columns, in order."""

    mapping: Mapping
    old: Side
    new: Side
    pipeline: Pipeline
    kinds: tuple[Kind, ...]

    def wanted(self, rows: Iterable[Keyed], notes: Counter[str]) -> Iterator[tuple[Key, Row | Misfit]]:
        """Old rows as the mapping makes them."""

        def note(text: str) -> None:
            notes[text] += 1

        for key, raw in rows:
            yield key, self.pipeline.run(raw, note)

    def standing(self, rows: Iterable[Keyed]) -> Iterator[tuple[Key, Row]]:
        """New rows as they are."""
        for key, raw in rows:
            yield key, Row(raw, tuple(encode_found(kind, value) for kind, value in zip(self.kinds, raw, strict=True)))

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Chunks over all keys, none with more than `size` rows on either side."""
        return tile(self._boundary(size))

    def _boundary(self, size: int) -> Boundary:
        def boundary(low: Key | None) -> Key | None:
            found = [side.key_after(low, size) for side in (self.new, self.old)]
            return min((key for key in found if key is not None), default=None)

        return boundary


@contextmanager
def opened_pair(plan: Plan, name: str) -> Iterator[Pair]:
    """Open a mapping's two databases. Raises Refusal for what this version cannot run, ConfigError for what cannot work."""
    mapping = plan.mapping(name)
    if mapping.unable:
        raise Refusal(f"{name}: this version reads `{mapping.unable}` but cannot run it yet: leave it out for now")
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        schemas = (read(old, mapping.source.table or ""), read(new, mapping.target.table))
        _refuse_misfit(plan, mapping, *schemas)
        yield _pair(mapping, old, new, *schemas)


def _refuse_misfit(plan: Plan, mapping: Mapping, old: Schema, new: Schema) -> None:
    where = f"mappings[{plan.mappings.index(mapping)}]"
    findings = [finding for finding in inspect(mapping, old, new) if not finding.warning]
    if findings:
        problems = [Problem(0, 0, ".".join((where, *finding.steps)), finding.message) for finding in findings]
        raise ConfigError(plan.file, problems)


def _pair(mapping: Mapping, old: Database, new: Database, before: Schema, after: Schema) -> Pair:
    source, target = before.tables[mapping.source.table or ""], after.tables[mapping.target.table]
    kinds = {name: kind for name in mapping.columns if (kind := target.columns[name].kind)}
    key_kinds = tuple(kinds[name] for name in mapping.target.key)
    read_from, written = _clause(source), _clause(target)
    before_key = tuple(read_from.c[name] for name in mapping.source.key)
    after_key = tuple(written.c[name] for name in mapping.target.key)
    raw = tuple(_output(read_from, each) for each in mapping.columns.values() if each.is_read)
    standing = tuple(written.c[name] for name in mapping.columns)
    return Pair(
        mapping,
        Side(old, read_from, before_key, key_kinds, _sql(mapping.source.where), raw),
        Side(new, written, after_key, key_kinds, _sql(mapping.target.where), standing),
        build(mapping, kinds),
        tuple(kinds.values()),
    )


def _clause(live: Table) -> TableClause:
    """The table without its types; every column known, so that SQLite never takes a wrong name in quotes for a text."""
    return table(live.name, *(column(name) for name in live.columns))


def _output(read_from: TableClause, each: Column) -> ColumnElement[Any]:
    expression = read_from.c[each.column] if each.column is not None else _sql(each.sql)
    assert expression is not None
    return expression


def _sql(text: str | None) -> ColumnElement[Any] | None:
    """The mapping's own SQL, on lines of its own so that a comment at its end stays one."""
    return None if text is None else literal_column(f"(\n{text}\n)")
