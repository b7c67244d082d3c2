"""What the data's half of a cutover answers. All times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a cutover would go now.

    Attributes:
        lag: how long a change took from the owner to the other side just now; None if it did not arrive: no relay runs.
        waiting: keys that are captured and not applied.
        to_verify: keys captured since the last clean pass, which would be compared while writers wait.
        estimated: how long writers would wait for the data: `lag`, comparing, and moving the owner. None while `lag` is.
    """

    lag: float | None
    waiting: int
    to_verify: int
    estimated: float | None

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment in the outbox of each database that owns: everything committed before it was written is captured before it.

    Attributes:
        last: by database, the number of the marker's row in its outbox.
        at: when that was, in µs on the database's clock.
    """

    last: Mapping[str, int] = field(default_factory=dict)
    at: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether both sides agree on every key that was looked at; if not, `words` say on what not, a line each.

    Attributes:
        keys: looked at, of all mappings.
    """

    ok: bool
    words: tuple[str, ...] = ()
    keys: int = 0
