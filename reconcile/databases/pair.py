"""A mapping over two open databases: both sides to read, and the pipeline between them.

`opened_pair` goes from the old side to the new one, `opened_back_pair` from the new side to the old one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, TableClause, column, literal_column, table

from reconcile.checking.finding import Finding
from reconcile.checking.inspection import inspect, inspect_back
from reconcile.databases.chunk import Boundary, Chunk, Key, tile
from reconcile.databases.database import Database, opened
from reconcile.databases.ordering import Part
from reconcile.databases.query import describe, subquery
from reconcile.databases.schema import Schema, Table, read
from reconcile.databases.side import Side
from reconcile.mapping import way_back
from reconcile.mapping.canonical import encode_found
from reconcile.mapping.functions import Functions, loaded
from reconcile.mapping.kind import ANY, Kind
from reconcile.mapping.model import Column, Constant, Mapping, Plan
from reconcile.mapping.pipeline import Misfit, Pipeline, Row, build
from strangler.core.errors import ConfigError, Problem, Refusal

Keyed = tuple[Key, tuple[Any, ...]]
Fitted = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a pair that writes the old side knows beside its columns. All values are fitted and stored as its driver takes them.

    Attributes:
        forward: the pair the other way, over the same databases: its target is this pair's source.
        reads: per old column, the new columns that its value depends on.
        defaults: old columns of a row that is born on the new side, beside the mapped ones.
        deletion: what a deletion sets; None if it deletes the row.
        revival: what makes such a row live again.
    """

    forward: Pair
    reads: dict[str, frozenset[str]]
    defaults: Fitted
    deletion: Fitted | None
    revival: Fitted


@dataclass(frozen=True, slots=True)
class Pair:
    """Everything that applying and comparing one mapping needs. `kinds` are those of the mapped columns, in order.

    `back` is there if the pair goes from the new side to the old one; `mapping` is then the mapping turned around.
    `live` is the target's table as it was found, `origin` the source's, and `mapped` the tables of the target's database that
    mappings write.
    """

    mapping: Mapping
    source: Side
    target: Side
    pipeline: Pipeline
    kinds: tuple[Kind, ...]
    back: WayBack | None = None
    live: Table | None = None
    origin: Table | None = None
    mapped: frozenset[str] = frozenset()

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

    def chunks(self, size: int, low: Key | None = None) -> Iterator[Chunk]:
        """Chunks over all keys (from `low` on), none with more than `size` rows on either side."""
        return tile(self._boundary(size), low)

    def _boundary(self, size: int) -> Boundary:
        def boundary(low: Key | None) -> Key | None:
            found = [side.key_after(low, size) for side in (self.target, self.source)]
            return min((key for key in found if key is not None), default=None)

        return boundary

    def kept(self, source: Connection, target: Connection, keys: list[Key]) -> dict[Key, frozenset[str]]:
        """Per key of a pair that goes back, the old columns that are left as they stand; a key without both rows is left out.

        Both connections are within the transactions that read the new rows and write the old ones.
        """
        assert self.back is not None
        forward = self.back.forward
        names = tuple(forward.mapping.columns)
        new = {key: dict(zip(names, row.cells, strict=True)) for key, row in forward.standing(forward.target.rows(source, keys))}
        standing = forward.wanted(forward.source.rows(target, keys), Counter())
        return {key: self._kept(row, new[key]) for key, row in standing if key in new}

    def _kept(self, forward: Row | Misfit, new: dict[str, bytes]) -> frozenset[str]:
        assert self.back is not None
        cells = None if isinstance(forward, Misfit) else dict(zip(new, forward.cells, strict=True))
        return way_back.keep(self.back.reads, cells, new)


@contextmanager
def opened_pair(plan: Plan, name: str) -> Iterator[Pair]:
    """Open a mapping's two databases. Raises ConfigError for what cannot work."""
    mapping = plan.mapping(name)
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        yield paired(plan, name, old, new)


@contextmanager
def opened_back_pair(plan: Plan, name: str) -> Iterator[Pair]:
    """The same from the new side to the old one. Raises Refusal for a mapping without `back`, ConfigError as `opened_pair`."""
    mapping = plan.mapping(name)
    _refuse_one_way(mapping)
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        yield paired(plan, name, old, new, back=True)


def paired(plan: Plan, name: str, old: Database, new: Database, *, back: bool = False) -> Pair:
    """The same over databases that are open already, for many mappings at once."""
    mapping = plan.mapping(name)
    schemas = (read_source(old, mapping), read(new, mapping.target.table))
    forward = _forward(plan, mapping, old, new, schemas)
    if not back:
        return forward
    _refuse_one_way(mapping)
    return _backward(plan, forward, schemas)


def _refuse_one_way(mapping: Mapping) -> None:
    if mapping.back is None:
        raise Refusal(f"{mapping.name} has no way back: write `back`, or keep the owner where it is")


def read_source(old: Database, mapping: Mapping) -> Schema:
    """The schema of the old side's table; of a query, what stands for one and the tables that it is captured from."""
    if mapping.source.query is None:
        return read(old, mapping.source.table or "")
    found = read(old, *mapping.source.captured_from)
    name = mapping.source.name(mapping.name)
    return replace(found, tables={**found.tables, name: describe(old, name, mapping.source.query)})


def _forward(plan: Plan, mapping: Mapping, old: Database, new: Database, schemas: tuple[Schema, Schema]) -> Pair:
    _refuse_misfit(plan, mapping, inspect(mapping, *schemas))
    live = schemas[0].tables[mapping.source.name(mapping.name)], schemas[1].tables[mapping.target.table]
    written = frozenset(each.target.table for each in plan.mappings if each.target.database == new.name)
    return replace(_pair(mapping, old, new, *live, _functions(plan, mapping)), mapped=written)


def _backward(plan: Plan, forward: Pair, schemas: tuple[Schema, Schema]) -> Pair:
    mapping, old, new = forward.mapping, forward.source.database, forward.target.database
    turned = way_back.turned(mapping)
    _refuse_misfit(plan, mapping, inspect_back(mapping, *schemas))
    live = schemas[1].tables[mapping.target.table], schemas[0].tables[turned.target.table]
    pair = _pair(turned, new, old, *live, _functions(plan, turned), forward.source.key_kinds)
    back = mapping.back
    assert back is not None
    home = [each.source for each in plan.mappings if each.back is not None and each.source.database == old.name]
    return replace(
        pair,
        mapped=frozenset(source.table for source in home if source.table is not None),
        back=WayBack(
            forward,
            way_back.reads(turned, tuple(live[0].columns)),
            _fitted(live[1], back.defaults),
            _fitted(live[1], back.delete.set) if back.delete else None,
            _fitted(live[1], way_back.revival(back)),
        ),
    )


def _fitted(live: Table, constants: Map[str, Constant]) -> Fitted:
    """Constants as the columns hold them; `inspect` has seen that they fit."""
    kinds = {name: live.columns[name].kind or ANY for name in constants}
    return {name: None if value is None else kinds[name].stored(kinds[name].fit(value)) for name, value in constants.items()}


def _functions(plan: Plan, mapping: Mapping) -> Functions:
    """The mapping's Python functions. Raises ConfigError for those that cannot be loaded."""
    found = loaded(Path(plan.file).parent, mapping.columns)
    wrong = [Finding(("columns", name, "python"), each) for name, each in found.items() if isinstance(each, str)]
    _refuse_misfit(plan, mapping, wrong)
    return {mapping.columns[name].python or "": each for name, each in found.items() if not isinstance(each, str)}


def _refuse_misfit(plan: Plan, mapping: Mapping, findings: Iterable[Finding]) -> None:
    where = f"mappings[{plan.names.index(mapping.name)}]"
    problems = [
        Problem(0, 0, ".".join(map(str, (where, *finding.steps))), finding.message) for finding in findings if not finding.warning
    ]
    if problems:
        raise ConfigError(plan.file, problems)


def _pair(
    mapping: Mapping,
    old: Database,
    new: Database,
    source: Table,
    target: Table,
    functions: Functions,
    key_kinds: tuple[Kind, ...] = (),
) -> Pair:
    """`key_kinds` are those of the new side's key, whichever way the pair goes: a key is one value in both."""
    kinds = {name: kind for name in mapping.columns if (kind := target.columns[name].kind)}
    key_kinds = key_kinds or tuple(kinds[name] for name in mapping.target.key)
    read_from, written = clause_of(source, mapping.source.query), clause_of(target)
    raw = tuple(each for wanted in mapping.columns.values() for each in _outputs(read_from, wanted))
    standing = tuple(written.c[name] for name in mapping.columns)
    return Pair(
        mapping,
        Side(old, read_from, _parts(old, read_from, source, mapping.source.key, key_kinds), _sql(mapping.source.where), raw),
        Side(new, written, _parts(new, written, target, mapping.target.key, key_kinds), _sql(mapping.target.where), standing),
        build(mapping, kinds, functions),
        tuple(kinds.values()),
        live=target,
        origin=source,
    )


def _parts(
    database: Database, clause: TableClause, live: Table, names: tuple[str, ...], kinds: tuple[Kind, ...]
) -> tuple[Part, ...]:
    return tuple(
        Part(clause.c[name], kind, live.columns[name].kind or ANY, database.dialect, live.columns[name].collation)
        for name, kind in zip(names, kinds, strict=True)
    )


def clause_of(live: Table, query: str | None = None) -> TableClause:
    """The table without its types; every column known, so that SQLite never takes a wrong name in quotes for a text."""
    if query is not None:
        return subquery(live.name, query, tuple(live.columns))
    return table(live.name, *(column(name) for name in live.columns))


def _outputs(read_from: TableClause, each: Column) -> tuple[ColumnElement[Any], ...]:
    """What is read for one column: several for a Python function, none for a constant."""
    expression = _sql(each.sql)
    return (expression,) if expression is not None else tuple(read_from.c[name] for name in each.named)


def _sql(text: str | None) -> ColumnElement[Any] | None:
    """The mapping's own SQL, on lines of its own so that a comment at its end stays one."""
    return None if text is None else literal_column(f"(\n{text}\n)")
