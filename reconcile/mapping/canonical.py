"""Rows as bytes that are equal only if the rows are, and digests of many rows that do not depend on their order.

One value is ``N`` for NULL. Numbers, dates and the like are their canonical text and a semicolon, which none of them has in
it: ``7;``. Text and bytes may hold anything, so their length and a colon come first: ``5:ab;cd``. NULL, '' and 'NULL' differ,
and no text can look like the end of a column. What a column holds although it cannot (SQLite keeps 'abc' in an INTEGER
column) starts with ``X``, so it equals nothing that fits. `databases.spelling` makes the same bytes in SQL.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from io import StringIO
from typing import Any

from reconcile.mapping.kind import ANY, Kind

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
    return b"N" if value is None else _cell(kind, value)


def encode_found(kind: Kind, value: Any) -> bytes:
    """One value as a driver read it from a column of this kind."""
    if value is None:
        return b"N"
    try:
        return _cell(kind, kind.fit(value))
    except ValueError:
        return b"X" + _framed(ANY.text(value))


def key_text(key: tuple[Any, ...]) -> str:
    """A key as a compact JSON array: ``[7]``, ``["ALFKI"]``, ``[5,1]``."""
    return _ENCODER.encode(key)


def parse_key_text(text: str) -> list[Any]:
    """The parts of a key from any spelling of that array; numbers stay exact. They still have to be fitted.

    Raises ValueError if it is something else.
    """
    found = _DECODER.decode(text)
    if not isinstance(found, list):
        raise ValueError("is not a JSON array")
    return found


def typed_key(text: str) -> str:
    """A key as someone types it for a command: a composite one as a line of CSV. What is no key at all is shown as it is."""
    try:
        parts = [str(part) for part in parse_key_text(text)]
    except ValueError:
        return text
    if len(parts) == 1:
        return parts[0]
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(parts)
    return line.getvalue()


def key_as_typed(text: str, parts: int) -> tuple[str, ...]:
    """The parts of a key that someone has typed; they still have to be fitted."""
    return (text,) if parts == 1 else tuple(next(csv.reader([text]), ()))


def _key_part(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else str(value)


def _cell(kind: Kind, fitted: Any) -> bytes:
    return _framed(kind.text(fitted)) if kind.framed else kind.text(fitted) + b";"


def _framed(payload: bytes) -> bytes:
    return b"%d:%b" % (len(payload), payload)


# Made once: `json.dumps` and `json.loads` with options make one per call, which takes longer than the key itself.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_key_part)
_DECODER = json.JSONDecoder(parse_float=Decimal)
