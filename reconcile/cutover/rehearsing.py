"""How a cutover would go now: a heartbeat is followed to the other side, and a few of the keys are compared."""

from __future__ import annotations

import time

from reconcile.comparing.compare import Options, compare
from reconcile.comparing.recheck import Patience
from reconcile.cutover.databases import Databases
from reconcile.cutover.marker import Awaited, mark, waits
from reconcile.cutover.values import Rehearsal
from reconcile.cutover.verification import Time, to_look_at
from reconcile.databases.chunk import Key

_LONGEST = 5.0  # seconds that the heartbeat is waited for
_GLANCE = 0.01  # seconds between two looks
_SAMPLE = 500  # keys that are compared, to see how long it takes
_MOVE = 0.05  # seconds per mapping, for the move itself


def rehearse(databases: Databases) -> Rehearsal:
    """Raises Refusal where it is not known what changed, or nothing is captured."""
    within = Time(time.monotonic() + _LONGEST)
    waiting, lag = _followed(databases, within)
    keys = {name: to_look_at(databases, name) for name in databases.names}
    count = sum(len(some) for some in keys.values())
    estimated = None if lag is None else lag + _comparing(databases, keys) + _MOVE * len(keys)
    return Rehearsal(lag, waiting, count, estimated)


def _followed(databases: Databases, within: Time) -> tuple[int, float | None]:
    """How many changes were before the heartbeat, and how long it took until they had arrived; None if they did not."""
    began, marker, awaited = within.clock(), mark(databases), Awaited()
    first = left = waits(databases, marker, awaited)
    while left and within.left > 0:
        within.sleep(_GLANCE)
        left = waits(databases, marker, awaited)
    return first, None if left else within.clock() - began


def _comparing(databases: Databases, keys: dict[str, set[Key]]) -> float:
    """Seconds for all keys, by a sample of each mapping's."""
    return sum((_seconds(databases, name, some) for name, some in keys.items()), 0.0)


def _seconds(databases: Databases, name: str, keys: set[Key]) -> float:
    options = Options(patience=Patience(in_flight=0.0), wait=lambda seconds: None)
    began = time.monotonic()
    sample = sorted(keys)[:_SAMPLE]
    compare(databases.pair(name), options, lambda progress: None, keys=sample)
    return (time.monotonic() - began) * max(1.0, len(keys) / max(1, len(sample)))
