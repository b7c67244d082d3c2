"""What a mapping's own query may get wrong: rows that vanish with a lookup, and tables whose changes nobody would notice.

Pure. A row that vanishes from the query is deleted on the new side, so a join that is seen to drop rows is an error; where the
query's words are not enough to be sure, a warning says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconcile.checking.finding import Finding, unknown, unknown_table
from reconcile.checking.reading import Read, Select, selects
from reconcile.databases.schema import Schema, Table
from reconcile.mapping.model import Mapping, Source

_QUERY = ("from", "query")


def inspect_query(mapping: Mapping, old: Schema) -> Iterator[Finding]:
    """Everything that a mapping's query may get wrong, as far as its words tell."""
    if mapping.source.query is None:
        return
    found = selects(mapping.source.query)
    yield from _captured(mapping.source, [read for each in found for read in each.reads], old)
    for select in found:
        if select.outer:
            yield from _select(mapping.source, select, old)


def _captured(source: Source, reads: Sequence[Read], old: Schema) -> Iterator[Finding]:
    known, said = {name.lower() for name in source.captured_from}, {read.table.lower() for read in reads}
    for table in dict.fromkeys(read.table for read in reads if read.table and read.table.lower() not in known):
        message = f"reads {table}, which is not in `captured_from`: its changes reach the new side only by a sweep"
        yield Finding(_QUERY, message, warning=True)
    for table, columns in source.captured_from.items():
        steps = ("from", "captured_from", table)
        if table.lower() not in said:
            yield Finding(steps, "the query is not seen to read it", warning=True)
        if table in old.tables:
            yield from _columns(steps, old.tables[table], columns)
        else:
            yield unknown_table(steps, table, old.names)


def _columns(steps: tuple[str, ...], table: Table, columns: tuple[str, ...]) -> Iterator[Finding]:
    shown = ", ".join(columns)
    missing = [name for name in columns if name not in table.columns]
    yield from (unknown(steps, f"column of {table.name}", name, table.columns) for name in missing)
    if not missing and not any(set(index[: len(columns)]) == set(columns) for index in table.indexes):
        yield Finding(steps, f"no index of {table.name} starts with {shown}: every key reads the whole table", warning=True)


def _select(source: Source, select: Select, old: Schema) -> Iterator[Finding]:
    driving = _driving(source, select, old)
    if driving is None:
        names = ", ".join(source.captured_from)
        message = f"{names}: none is seen after FROM or JOIN, so nobody can say whether a missing lookup drops a row"
        yield Finding(_QUERY, message, warning=True)
        return
    yield from _joins(select, driving, old)
    for read in select.reads:
        if read.join == "left" and read.alias.lower() in select.asked:
            message = f"its condition asks for {read}, which LEFT JOIN lets be missing: a row of {driving} without it is deleted"
            yield Finding(_QUERY, message, warning=True)


def _driving(source: Source, select: Select, old: Schema) -> Read | None:
    """The table whose row makes the query's row: its captured column is its own key, or at least called as the query's."""
    captured = {name.lower(): (name, columns) for name, columns in source.captured_from.items()}
    reads = [read for read in select.reads if read.table.lower() in captured]

    def rank(read: Read) -> tuple[bool, bool]:
        name, columns = captured[read.table.lower()]
        unique = old.tables[name].unique if name in old.tables else ()
        return set(columns) not in map(set, unique), columns != source.key

    return min(reads, key=rank, default=None)


def _joins(select: Select, driving: Read, old: Schema) -> Iterator[Finding]:
    """The driving row stays if what comes after it comes by LEFT JOIN, and it comes by RIGHT JOIN itself if not first."""
    place = select.reads.index(driving)
    for read in select.reads[place + 1 :]:
        if read.join not in ("left", "full"):
            yield _losing(read.join, read, driving, _is_kept(read, driving, old))
    if place and driving.join not in ("right", "full"):
        yield _losing(driving.join, select.reads[0], driving)


def _is_kept(read: Read, driving: Read, old: Schema) -> bool:
    """Whether a foreign key says that every driving row finds one there."""
    table = old.tables.get(driving.table)
    return table is not None and any(
        each.parent.lower() == read.table.lower() and not any(table.columns[name].nullable for name in each.columns)
        for each in table.parents
    )


def _losing(join: str, other: Read, driving: Read, is_kept: bool = False) -> Finding:
    how = "a comma" if join == "," else f"{join.upper()} JOIN"
    if is_kept:
        message = f"{how} to {other} keeps every row of {driving} only as long as its foreign key is enforced: LEFT JOIN is safe"
        return Finding(_QUERY, message, warning=True)
    message = f"{how} drops a row of {driving} that finds none in {other}, and its row on the new side would be deleted"
    return Finding(_QUERY, f"{message}: begin with {driving}, and LEFT JOIN the others")
