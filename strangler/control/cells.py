"""Counters in shared memory that outlive whoever counts: cells of 64 bits, one writer, any number of readers, no locks.

An arena is cut into regions of equal size: one for each worker slot, and one for what dead workers had counted. A region
has a few scalars and then rows; a row is a key, written once, and cells that only grow. Rows are added as keys turn up and
say themselves what they count, so a new table changes nothing here and a reader needs no table. The memory is sparse:
rows that nobody has used cost nothing.

A cell is written as one aligned store of eight bytes, so a writer that is killed leaves the old number or the new one.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator

Key = tuple[str, ...]

STRIDE = 64  # cells of a row
_KEY_CELLS = 36
WIDTH = STRIDE - _KEY_CELLS  # cells of a row that count
SCALARS = 32
ROWS = 65_536 - 8
_FIRST = 8 * STRIDE  # cells before the first row
_USED, _SCALARS_AT = 0, 8
REGION = (_FIRST + ROWS * STRIDE) * 8  # bytes
_SEPARATOR = b"\x00"
_OVERFLOW: Key = ("overflow",)
GATE = "gate"  # the first part of the keys of rows that say how things stand with a worker, and die with it


def new_arena(regions: int) -> int:
    """A descriptor of zeroed memory that lives as long as somebody holds it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("strangler-counters", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, regions * REGION)
    return descriptor


def board(arena: int) -> memoryview:
    """The cells of an arena's last region, for what workers tell each other: all write, all read, nobody clears."""
    size = os.fstat(arena).st_size
    return memoryview(mmap.mmap(arena, REGION, offset=size - REGION)).cast("Q")


class Region:
    """One region of an arena.

    Attributes:
        number: of the region.
        cells: all of it, by cell. Writers on the hot path add to these directly, at an index that `row` gave.
    """

    def __init__(self, arena: int, number: int) -> None:
        self.number = number
        self._memory = mmap.mmap(arena, REGION, offset=number * REGION)
        self.cells = memoryview(self._memory).cast("Q")
        self._rows: dict[Key, int] = {}

    def close(self) -> None:
        self.cells.release()
        self._memory.close()

    def scalar(self, number: int) -> int:
        """The index of a scalar."""
        return _SCALARS_AT + number

    def row(self, key: Key) -> int:
        """The index of the first counting cell of a row, which is added if it is not there.

        For the writer. When all rows are taken, the last one counts for every key that has none.
        """
        if not self._rows:
            self._rows = dict(self._indices())
        index = self._rows.get(key)
        return index if index is not None else self._add(key)

    def rows(self) -> Iterator[tuple[Key, list[int]]]:
        """Every row: its key, and its cells."""
        for key, index in self._indices():
            yield key, self.cells[index : index + WIDTH].tolist()

    def scalars(self) -> list[int]:
        return self.cells[_SCALARS_AT : _SCALARS_AT + SCALARS].tolist()

    def clear(self) -> None:
        """Forget everything, for the next writer."""
        end = _FIRST + self.cells[_USED] * STRIDE
        self.cells[_USED] = 0
        for index in (*range(_SCALARS_AT, _SCALARS_AT + SCALARS), *range(_FIRST, end)):
            self.cells[index] = 0
        self._rows = {}

    def _add(self, key: Key) -> int:
        used = self.cells[_USED]
        if used == ROWS:
            return self._rows.setdefault(_OVERFLOW, self._index(ROWS - 1))
        if used == ROWS - 1:
            key = _OVERFLOW
        text = _SEPARATOR.join(part.encode() for part in key)
        index = self._index(used)
        start = (index - _KEY_CELLS) * 8
        room = _KEY_CELLS * 8 - 1
        self._memory[start : start + 1 + len(text[:room])] = bytes([min(len(text), 255)]) + text[:room]
        self.cells[_USED] = used + 1  # only now do readers see it
        self._rows[key] = index
        return index

    def _indices(self) -> Iterator[tuple[Key, int]]:
        for number in range(self.cells[_USED]):
            index = self._index(number)
            start = (index - _KEY_CELLS) * 8
            text = self._memory[start + 1 : start + 1 + self._memory[start]]
            yield tuple(part.decode() for part in text.split(_SEPARATOR)), index

    @staticmethod
    def _index(number: int) -> int:
        return _FIRST + number * STRIDE + _KEY_CELLS
