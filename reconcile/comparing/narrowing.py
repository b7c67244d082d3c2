"""From a chunk that differs to the rows that do.

One scan of each side sums its many small parts; of the parts that differ each row's hash is read with its key, several parts at
a time. Only where that shows most rows to differ are whole stretches read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from reconcile.comparing.digests import Reader
from reconcile.comparing.scan import Scanned
from reconcile.databases.chunk import Chunk, Key, tile

LEAF = 64  # rows of a part that is not split again
_WAYS = 256  # parts that a chunk is split into
_MARKED = 20_000  # rows whose hashes are read at once
_DENSE = 8  # if one row of so many differs, stretches are read rather than single rows
_MERGED = 2048  # rows of adjacent leaves that are read together


@dataclass(frozen=True, slots=True)
class Leaf:
    """A stretch that differs, small enough to be read; `rows` of the larger side."""

    chunk: Chunk
    rows: int


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Where rows differ: single ones, by key, or a stretch of which many do."""

    keys: Sequence[Key] = ()
    leaf: Leaf | None = None


def narrow(source: Reader, target: Reader, found: Scanned, size: int) -> Iterator[Narrowed]:
    """Where the sides differ in a chunk."""
    with ThreadPoolExecutor(2, "reconcile") as threads:
        for leaves in grouped(_narrow(source, target, found, size, threads)):
            yield from _marked(source, target, leaves, threads)


def grouped(leaves: Iterable[Leaf]) -> Iterator[list[Leaf]]:
    """Leaves in groups of at most `_MARKED` rows (or of one)."""
    group: list[Leaf] = []
    room = _MARKED
    for leaf in leaves:
        if group and leaf.rows > room:
            yield group
            group, room = [], _MARKED
        group.append(leaf)
        room -= leaf.rows
    if group:
        yield group


def merge(leaves: Iterable[Leaf]) -> Iterator[Leaf]:
    """Adjacent leaves as one, up to a size: where much differs, few readings do."""
    last: Leaf | None = None
    for leaf in leaves:
        if last is not None and last.chunk.high == leaf.chunk.low and last.rows + leaf.rows <= _MERGED:
            last = Leaf(Chunk(last.chunk.low, leaf.chunk.high), last.rows + leaf.rows)
            continue
        if last is not None:
            yield last
        last = leaf
    if last is not None:
        yield last


def _marked(source: Reader, target: Reader, leaves: Sequence[Leaf], threads: ThreadPoolExecutor) -> Iterator[Narrowed]:
    chunks = [leaf.chunk for leaf in leaves]
    both = threads.submit(source.marks, chunks), threads.submit(target.marks, chunks)
    one, two = (job.result() for job in both)
    keys = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    if _DENSE * len(keys) < len(one.keys() | two.keys()):
        yield Narrowed(keys)
    else:
        yield from (Narrowed(leaf=leaf) for leaf in merge(leaves))


def _narrow(source: Reader, target: Reader, found: Scanned, size: int, threads: ThreadPoolExecutor) -> Iterator[Leaf]:
    if found.source.agrees(found.target):
        return
    larger, rows = _larger(source, target, found)
    if rows <= LEAF:
        yield Leaf(found.chunk, rows)
        return
    for chunks in _batches(larger, found.chunk, rows, size):
        both = threads.submit(source.parts, chunks), threads.submit(target.parts, chunks)
        for part in map(Scanned, chunks, both[0].result(), both[1].result()):
            yield from _part(source, target, part, size, threads, whole=part.chunk == found.chunk)


def _part(
    source: Reader, target: Reader, part: Scanned, size: int, threads: ThreadPoolExecutor, *, whole: bool
) -> Iterator[Leaf]:
    """A part that is no smaller than what it is a part of would be split for ever; a small one is cheaper read than split."""
    rows = max(part.source.rows, part.target.rows)
    if (whole or rows <= _MERGED) and not part.source.agrees(part.target):
        yield Leaf(part.chunk, rows)
    else:
        yield from _narrow(source, target, part, size, threads)


def _larger(source: Reader, target: Reader, found: Scanned) -> tuple[Reader, int]:
    if found.target.rows > found.source.rows:
        return target, found.target.rows
    return source, found.source.rows


def _batches(larger: Reader, chunk: Chunk, rows: int, size: int) -> Iterator[list[Chunk]]:
    """The parts of a chunk. One that is far larger on this side than a chunk should be (rows beyond the other's last, say)
    is first cut into pieces of that size, each by itself, so that no list of keys is ever long."""
    if rows > 4 * size:
        for piece in _within(chunk, lambda low: larger.side.key_after(low, size)):
            yield [piece]
    else:
        yield split(chunk, larger.cuts(chunk, rows, min(_WAYS, ceil(rows / LEAF))))


def split(chunk: Chunk, keys: Sequence[Key]) -> list[Chunk]:
    """A chunk cut before these keys of its; its own ends stay."""
    ends = [chunk.low, *(key for key in keys if key != chunk.low), chunk.high]
    return [Chunk(low, high) for low, high in pairwise(ends)]


def _within(chunk: Chunk, boundary: Callable[[Key | None], Key | None]) -> Iterator[Chunk]:
    def end(low: Key | None) -> Key | None:
        found = boundary(chunk.low if low is None else low)
        return None if found is None or (chunk.high is not None and found >= chunk.high) else found

    for piece in tile(end):
        yield Chunk(chunk.low if piece.low is None else piece.low, chunk.high if piece.high is None else piece.high)
