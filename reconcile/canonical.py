"""Rows as bytes that are equal only if the rows are, and digests of many rows that do not depend on their order.

One value is ``N`` for NULL, else its length, a colon and its canonical text: NULL, '' and 'NULL' differ, and no text can
look like the end of a column. What a column holds although it cannot (SQLite keeps 'abc' in an INTEGER column) starts with
``X``, so it equals nothing that fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from reconcile.kind import ANY, Kind

_BYTES = 16
_MODULUS = 2 ** (8 * _BYTES)

Cells = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A count and a sum of row hashes.

    A sum, not XOR: two equal rows would cancel out. 128 bits, so that no number of rows makes a collision likely.
    """

    rows: int = 0
    total: int = 0

    def plus(self, cells: Cells) -> Digest:
        hashed = int.from_bytes(blake2b(b"".join(cells), digest_size=_BYTES).digest())
        return Digest(self.rows + 1, (self.total + hashed) % _MODULUS)


def digest(rows: Iterable[Cells]) -> Digest:
    """The digest of rows in any order."""
    found = Digest()
    for cells in rows:
        found = found.plus(cells)
    return found


def encode(kind: Kind, value: Any) -> bytes:
    """One fitted value, or NULL."""
    return b"N" if value is None else _framed(kind.text(value))


def encode_found(kind: Kind, value: Any) -> bytes:
    """One value as a driver read it from a column of this kind."""
    if value is None:
        return b"N"
    try:
        return _framed(kind.text(kind.fit(value)))
    except ValueError:
        return b"X" + _framed(ANY.text(value))


def _framed(payload: bytes) -> bytes:
    return b"%d:%b" % (len(payload), payload)
