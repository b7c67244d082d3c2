"""An example as bytes and back: JSON, compressed. ASCII, so that broken text of an answer comes back as it was."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from typing import Any

from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example, Stratum

_LEVEL = 3  # bodies shrink to a fifth either way, and a batch must not take long


def pack(example: Example) -> bytes:
    """The bytes to store."""
    return zlib.compress(json.dumps(asdict(example), separators=(",", ":")).encode("ascii"), _LEVEL)


def unpack(data: bytes) -> Example:
    """What `pack` made them from, with lists where there were tuples in the JSON-able parts."""
    fields: dict[str, Any] = json.loads(zlib.decompress(data))
    fields["stratum"] = Stratum(*fields["stratum"])
    fields["outcome"] = Outcome(fields["outcome"])
    fields["differences"] = tuple(fields["differences"])
    fields["causes"] = tuple(Cause(pattern, Kind(kind), transform) for pattern, kind, transform in fields["causes"])
    return Example(**fields)
