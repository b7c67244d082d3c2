"""Whether a request that came again got the same answer, and where it did not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from strangler.traffic.discovery.counting import LONGEST, count
from strangler.traffic.discovery.members import changed, unpacked
from strangler.traffic.entry import Entry

_REMEMBERED = 24  # requests of one tally
_LONGEST_BODY = 64 * 1024  # that is kept


@dataclass(slots=True)
class Room:
    """Bytes that may be remembered, by all who share it."""

    left: int = 2**20

    def takes(self, size: int) -> bool:
        """Whether there was so much left; then it is taken."""
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(slots=True)
class Again:
    """Requests that came again, and whether they got the same answer."""

    room: Room = field(default_factory=Room)
    first: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    times: int = 0
    same: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def see(self, entry: Entry) -> None:
        body = unpacked(entry.response) if entry.status == 200 else None
        if body is None:
            return
        asker = "\n".join(value for name in ("cookie", "authorization", "accept") for value in entry.request.all(name))
        key = _digest(f"{entry.host}\n{entry.target}\n{asker}".encode("utf-8", "surrogateescape"))
        answer = _digest(body)
        before = self.first.get(key)
        if before is not None:
            self.times += 1
            self.same += before[0] == answer
            if before[0] != answer:
                for name in sorted(_changed(before[1], body)):
                    count(self.fields, name[:LONGEST])
        elif len(self.first) < _REMEMBERED:
            kept = body if len(body) <= _LONGEST_BODY and self.room.takes(len(body)) else b""
            self.first[key] = (answer, kept)

    def take(self, other: Again) -> None:
        self.times += other.times
        self.same += other.same
        for name, times in other.fields.items():
            count(self.fields, name, times)


def _changed(before: bytes, now: bytes) -> set[str]:
    """Where two JSON answers differ; as a whole, if they are something else, or too large to be kept."""
    try:
        return changed(json.loads(before), json.loads(now))
    except (ValueError, RecursionError):
        return {"$"}


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=12).digest()
