"""An example as bytes and back: JSON, compressed. ASCII, so that broken text of an answer comes back as it was."""

from __future__ import annotations

import json
import zlib
from dataclasses import fields
from typing import Any

from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example, Stratum

_NAMES = tuple(field.name for field in fields(Example))
_LEVEL = 3  # bodies shrink to a fifth either way, and a batch must not take long


def pack(example: Example) -> bytes:
    """The bytes to store."""
    parts = {name: getattr(example, name) for name in _NAMES}  # not `asdict`, which copies every value of the answers
    return zlib.compress(json.dumps(parts, separators=(",", ":"), default=dict).encode("ascii"), _LEVEL)


def unpack(data: bytes) -> Example:
    """What `pack` made them from, with lists where there were tuples in the JSON-able parts."""
    parts: dict[str, Any] = json.loads(zlib.decompress(data))
    parts["stratum"] = Stratum(*parts["stratum"])
    parts["outcome"] = Outcome(parts["outcome"])
    parts["differences"] = tuple(parts["differences"])
    parts["causes"] = tuple(Cause(pattern, Kind(kind), transform) for pattern, kind, transform in parts["causes"])
    return Example(**parts)
