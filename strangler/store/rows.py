"""What the store is asked for and gives back: frozen values, with the words of DESIGN section 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strangler.core.records import Cause, Example, Stratum


@dataclass(frozen=True, slots=True)
class Run:
    """One life of a `serve`: that of its shared memory. `number` is the store's; times are seconds since 1970."""

    number: int
    instance: str
    started: float
    version: str
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A cause and its mismatches.

    Attributes:
        id: eight hexadecimal digits, which people type.
        count: of pairs.
        state: ``open`` or ``accepted``.
    """

    id: str
    route: str
    rules: str
    version: str
    cause: Cause
    count: int
    first_seen: float
    last_seen: float
    state: str


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """A stored mismatch.

    Attributes:
        number: in the order in which examples were stored.
        id: eight hexadecimal digits, which people type.
        causes: ids of its causes, most telling first.
    """

    number: int
    id: str
    causes: tuple[str, ...]
    example: Example


@dataclass(frozen=True, slots=True)
class CountRow:
    """Pairs of one stratum with one outcome, and how many of them repeated a request of the same window."""

    stratum: Stratum
    outcome: str
    count: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Point:
    """Pairs by outcome in one step of a chart, which begins at `at`."""

    at: float
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ArmRow:
    """Latencies and failures of one side in a minute, or in an hour if it is older than two days: cells, as recorded."""

    minute: int
    route: str
    stage: str
    version: str
    side: str
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SumRow:
    """The first cells of arms added up over a step that begins at `at` (seconds since 1970), by route, stage and side."""

    at: float
    route: str
    stage: str
    side: str
    total: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A build of modern that was compared, under which rules, how often, and from when to when (to the minute)."""

    version: str
    rules: str
    count: int
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """What self-comparison has shown of one pattern."""

    route: str
    pattern: str
    observed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retained:
    """What retention did.

    Attributes:
        aged, crowded_out: examples removed by age and by size.
        size: bytes of the store afterwards.
    """

    aged: int
    crowded_out: int
    size: int
