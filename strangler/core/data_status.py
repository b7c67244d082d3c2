"""What the data process says of the mappings, as a document: written by it, read by whoever asks the guard.

The two share nothing else. A document that is missing, old, from another version or from a clock that is ahead says nothing,
and a mapping that it does not name is unknown: silence never passes for a clean table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from strangler.core.guard.evidence import Data, DataState

VERSION = 1
STALE = 15.0  # seconds after which a document says nothing any more
WHOLE = 8 * 86400.0  # seconds that a pass over all rows may be old, on which later ones rest: a week, and a day to make it
AHEAD = 5.0  # seconds that the writer's clock may be ahead


@dataclass(frozen=True, slots=True)
class MappingStatus:
    """One mapping.

    Attributes:
        why: of a state that is not clean, in words; without values of rows.
        lag: seconds that the last heartbeat took, or has been on its way; None if none came through.
        compared_at: when the last pass that had a verdict ended, in seconds since 1970; None if there was none.
        compared_all_at: when the last one over all rows did, where that was another one.
    """

    state: DataState = DataState.UNKNOWN
    why: str = ""
    lag: float | None = None
    compared_at: float | None = None
    compared_all_at: float | None = None


@dataclass(frozen=True, slots=True)
class SinkFigures:
    """What one sink of an outbox waits for and has had. Of all relays together, and of all time where it only grows.

    Attributes:
        pending: events that will be sent to it by themselves; `oldest`: seconds since the oldest of them was written.
        dead: events that wait for a person.
        failed: tries that failed, by class: ``failed``, ``refused``, ``unavailable``.
    """

    pending: int = 0
    oldest: float | None = None
    dead: int = 0
    delivered: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataStatus:
    """All mappings, and all sinks, at one moment (seconds since 1970)."""

    at: float
    mappings: Mapping[str, MappingStatus] = field(default_factory=dict)
    sinks: Mapping[str, SinkFigures] = field(default_factory=dict)


def encode(status: DataStatus) -> bytes:
    return json.dumps({"version": VERSION, **asdict(status)}, ensure_ascii=False, allow_nan=False).encode()


def decode(document: bytes) -> DataStatus:
    """Raises ValueError for anything that `encode` of this version did not write."""
    try:
        read = json.loads(document)
        if read["version"] != VERSION:
            raise ValueError(f"version {read['version']} of the data process's status is not known here")
        mappings = {str(name): _mapping(each) for name, each in read["mappings"].items()}
        sinks = {str(name): _sink(each) for name, each in read.get("sinks", {}).items()}
        return DataStatus(_number(read["at"]), mappings, sinks)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("the data process's status cannot be read") from error


def known(status: DataStatus | None, mapping: str, now: float, *, oldest: float) -> Data:
    """What may be believed of a mapping at `now`.

    Args:
        status: None if there is no document.
        oldest: seconds that the last verdict may be old.
    """
    if status is None or status.at > now + AHEAD or now - status.at > STALE:
        return Data(mapping, DataState.UNKNOWN, why=_silence(status, now))
    found = status.mappings.get(mapping)
    if found is None:
        return Data(mapping, DataState.UNKNOWN, why="the data process does not know this mapping: has it the same file?")
    lag = None if found.lag is None else found.lag + max(now - status.at, 0.0)
    if found.state is DataState.CLEAN and (found.compared_at is None or now - found.compared_at > oldest):
        return Data(mapping, DataState.UNKNOWN, lag, _age(found.compared_at, now, oldest))
    if found.state is DataState.CLEAN and found.compared_all_at is not None and now - found.compared_all_at > max(WHOLE, oldest):
        return Data(mapping, DataState.UNKNOWN, lag, _whole_age(now - found.compared_all_at))
    return Data(mapping, found.state, lag, found.why)


def _silence(status: DataStatus | None, now: float) -> str:
    if status is None:
        return "the data process has said nothing: `strangler serve` runs it if `mappings:` is configured"
    if status.at > now:
        return "the data process's clock is ahead"
    return f"the data process has said nothing for {now - status.at:.0f} s"


def _age(compared_at: float | None, now: float, oldest: float) -> str:
    if compared_at is None:
        return "never compared: `strangler data reconcile`"
    return f"last compared {(now - compared_at) / 3600:.1f} h ago, {oldest / 3600:g} h allowed: `strangler data reconcile`"


def _whole_age(seconds: float) -> str:
    words = f"all rows were last compared {seconds / 86400:.1f} d ago, {WHOLE / 86400:g} d allowed; since then only what changed"
    return f"{words}: `strangler data reconcile`"


def _mapping(read: Mapping[str, Any]) -> MappingStatus:
    return MappingStatus(
        DataState(read["state"]),
        str(read["why"]),
        _maybe(read["lag"]),
        _maybe(read["compared_at"]),
        _maybe(read.get("compared_all_at")),
    )  # an unknown state is a ValueError


def _sink(read: Mapping[str, Any]) -> SinkFigures:
    failed = {str(name): int(_number(many)) for name, many in read["failed"].items()}
    pending, dead, delivered = (int(_number(read[name])) for name in ("pending", "dead", "delivered"))
    return SinkFigures(pending, _maybe(read["oldest"]), dead, delivered, failed)


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
