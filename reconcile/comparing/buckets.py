"""Sides whose keys have no common order that an index serves: rows are put in buckets by a hash of their key.

Two scans of each side at most: one sums every bucket, and where sums differ another one reads keys and hashes of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Select, func, select

from reconcile.comparing import cells
from reconcile.comparing.digests import Digest, Expression, Reader
from reconcile.databases.chunk import Key
from reconcile.databases.side import Side

_LEAST_DIGITS, _MOST_DIGITS = 2, 4  # hexadecimal, of the key's hash: 65,536 buckets are the most that are kept here
_ROWS = 500  # that a bucket should have
_READ = 20_000  # rows of differing buckets that are read in one scan

Buckets = Mapping[int, Digest]


def digits(rows: int) -> int:
    """How much of the key's hash makes a bucket of about `_ROWS` rows."""
    return next((each for each in range(_LEAST_DIGITS, _MOST_DIGITS) if rows <= _ROWS * 16**each), _MOST_DIGITS)


def differing(found: Buckets, other: Buckets) -> list[list[int]]:
    """Buckets that differ, in groups of at most `_READ` rows (or of one bucket)."""
    groups: list[list[int]] = []
    room = 0
    for number in sorted(found.keys() | other.keys()):
        one, two = found.get(number), other.get(number)
        if one and two and one.agrees(two):
            continue
        rows = max(each.rows for each in (one, two) if each)
        if rows > room:
            groups.append([])
            room = _READ
        groups[-1].append(number)
        room -= rows
    return groups


def sums(reader: Reader, key: Expression, width: int) -> Buckets:
    """All buckets of one side."""
    bucket = cells.leading(key, width, reader.dialect).label("bucket")
    total = cells.total(reader.cell, reader.dialect)
    columns: list[Any] = [bucket, func.count(), func.count(reader.cell), total]
    query = select(*columns).select_from(reader.side.table)
    with reader.reading() as connection:
        rows = connection.execute(_scoped(reader.side, query).group_by(bucket)).all()
    return {int(row[0]): Digest(row[1], str(row[3]), sure=row[1] == row[2]) for row in rows}


def hashes(reader: Reader, key: Expression, width: int, numbers: Sequence[int]) -> dict[Key, int]:
    """Key and hash of each row in some buckets."""
    query = select(*reader.side.key, reader.cell).select_from(reader.side.table)
    query = query.where(cells.leading(key, width, reader.dialect).in_(numbers))
    with reader.reading() as connection:
        rows = connection.execute(_scoped(reader.side, query))
        return {reader.key(row[:-1]): int(row[-1]) for row in rows}


def suspects(
    source: Reader, target: Reader, keys: tuple[Expression, Expression], rows: int
) -> Iterator[tuple[Digest, Digest, list[Key]]]:
    """First the two sides as wholes, without keys; then keys whose rows differ, group by group of buckets."""
    width = digits(rows)
    with ThreadPoolExecutor(2, "reconcile") as threads:
        sides = list(zip((source, target), keys, strict=True))
        jobs = [threads.submit(sums, reader, key, width) for reader, key in sides]
        found, other = (job.result() for job in jobs)
        yield _whole(found), _whole(other), []
        for numbers in differing(found, other):
            both = [
                threads.submit(hashes, reader, key, width, numbers) for reader, key in zip((source, target), keys, strict=True)
            ]
            one, two = (job.result() for job in both)
            yield Digest(0, ""), Digest(0, ""), sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))


def _whole(found: Buckets) -> Digest:
    return Digest(sum(each.rows for each in found.values()), "")


def _scoped(side: Side, query: Select[Any]) -> Select[Any]:
    return query if side.scope is None else query.where(side.scope)
