"""All keys of both sides, whatever the strategy: stretches that were compared, and the keys whose rows differ at first sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from reconcile.comparing import buckets, joined
from reconcile.comparing.digests import Expression, Reader
from reconcile.comparing.joined import Joined
from reconcile.comparing.looking import digest
from reconcile.comparing.narrowing import narrow
from reconcile.comparing.recheck import Seen
from reconcile.comparing.scan import Scanned, scan
from reconcile.comparing.sides import Sides
from reconcile.databases.chunk import Chunk, Key
from reconcile.databases.pair import Pair
from reconcile.mapping.pipeline import Misfit, Row

Readers = tuple[Reader, Reader]

PYTHON_ROWS = 1000  # of a chunk that is read row by row
_AT_ONCE = 2000  # keys whose rows are read together


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of keys came to.

    Attributes:
        low: where the next one begins; None if this was the last, or keys were not walked in order.
        source_rows, target_rows: that were compared.
        suspects: keys of rows that differ, with what was seen of them where it was.
        read: rows that were fetched; `bytes` that were hashed as text, on one side.
        part: it belongs to the chunk before it, and is none of its own.
    """

    low: Key | None = None
    source_rows: int = 0
    target_rows: int = 0
    suspects: Mapping[Key, Seen | None] = field(default_factory=dict)
    read: int = 0
    bytes: int = 0
    part: bool = False


def walk(pair: Pair, sides: Sides, size: int, low: Key | None, notes: Counter[str]) -> Generator[Stretch, None, None]:
    """Every stretch from `low` on."""
    if sides.joined is not None:
        yield from _joined(pair, sides.joined, size, low)
    elif sides.readers is None:
        yield from _rows(pair, min(size, PYTHON_ROWS), low, notes)
    elif sides.keys is not None:
        yield from _buckets(pair, sides.readers, sides.keys)
    else:
        yield from _chunks(pair, sides.readers, size, low)


def _joined(pair: Pair, both: Joined, size: int, low: Key | None) -> Generator[Stretch, None, None]:
    with closing(joined.walk(pair, both, size, low)) as found:
        for each in found:
            for start in range(0, len(each.keys), _AT_ONCE):
                seen = seen_by_key(pair, each.keys[start : start + _AT_ONCE])
                yield Stretch(each.chunk.low, suspects=seen.suspects, read=seen.read, part=True)
            yield Stretch(each.chunk.high, each.source_rows, each.target_rows)


def _rows(pair: Pair, size: int, low: Key | None, notes: Counter[str]) -> Generator[Stretch, None, None]:
    for chunk in pair.chunks(size, low):
        found = differing(pair, chunk, notes)
        yield Stretch(chunk.high, found.source_rows, found.target_rows, found.suspects, found.read)


def _buckets(pair: Pair, readers: Readers, by: tuple[Expression, Expression]) -> Generator[Stretch, None, None]:
    for source, target, keys in buckets.suspects(*readers, by, pair.source.about()):
        yield Stretch(None, source.rows, target.rows, dict.fromkeys(keys), read=2 * len(keys), part=bool(keys))


def _chunks(pair: Pair, readers: Readers, size: int, low: Key | None) -> Generator[Stretch, None, None]:
    with closing(scan(*readers, size, low)) as scanned:
        for found in scanned:
            if not found.source.agrees(found.target):
                yield from _closer(pair, readers, found, size)
            hashed = max(found.source.bytes, found.target.bytes)
            yield Stretch(found.chunk.high, found.source.rows, found.target.rows, bytes=hashed)


def _closer(pair: Pair, readers: Readers, found: Scanned, size: int) -> Generator[Stretch, None, None]:
    for close in narrow(*readers, found, size):
        seen = seen_by_key(pair, close.keys) if close.leaf is None else differing(pair, close.leaf.chunk, Counter())
        yield Stretch(found.chunk.low, suspects=seen.suspects, read=seen.read, part=True)


def seen_by_key(pair: Pair, keys: Sequence[Key]) -> Stretch:
    """Single rows as they are; what has become equal meanwhile is none."""
    with pair.target.database.reading() as connection:
        standing = dict(pair.standing(pair.target.rows(connection, keys)))
    with pair.source.database.reading() as connection:
        wanted = dict(pair.wanted(pair.source.rows(connection, keys), Counter()))
    both = {key: (wanted.get(key), standing.get(key)) for key in keys}
    suspects = {key: _seen(*rows) for key, rows in both.items() if not _same(*rows)}
    return Stretch(suspects=suspects, read=len(wanted) + len(standing))


def differing(pair: Pair, chunk: Chunk, notes: Counter[str]) -> Stretch:
    """A stretch read row by row."""
    standing = dict(pair.standing(pair.target.chunk(chunk)))
    source_rows, target_rows = 0, len(standing)
    suspects = {}
    for key, row in pair.wanted(pair.source.chunk(chunk), notes):
        source_rows += 1
        other = standing.pop(key, None)
        if not _same(row, other):
            suspects[key] = _seen(row, other)
    suspects |= {key: _seen(None, row) for key, row in standing.items()}
    return Stretch(chunk.high, source_rows, target_rows, suspects, source_rows + target_rows)


def _seen(wanted: Row | Misfit | None, standing: Row | None) -> Seen:
    return Seen(digest(wanted), digest(standing), digest(standing))


def _same(wanted: Row | Misfit | None, standing: Row | None) -> bool:
    if wanted is None or standing is None:
        return wanted is standing
    return isinstance(wanted, Row) and wanted.cells == standing.cells
