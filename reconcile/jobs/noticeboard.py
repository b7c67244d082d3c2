"""The document that the guard reads: written whole and exchanged in one step, so that nobody ever sees half of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from strangler.core.data_status import STALE, DataStatus, MappingStatus, SinkFigures, encode

Sinks = Mapping[str, SinkFigures]


class Noticeboard:
    """What each file's mappings and sinks were last found to be. What is not posted again grows stale, beside the others.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, document: Path, clock: Callable[[], float] = time.time) -> None:
        self._document, self._clock = document, clock
        self._posted: dict[str, tuple[float, Mapping[str, MappingStatus], Sinks]] = {}
        self._lock = threading.Lock()

    def post(self, file: str, mappings: Mapping[str, MappingStatus], sinks: Sinks | None = None) -> None:
        """Say how a file's mappings and sinks are now. Raises OSError if the document cannot be written."""
        with self._lock:
            self._posted[file] = (self._clock(), mappings, sinks or {})
            self._write()

    def _write(self) -> None:
        now = self._clock()
        fresh = [each for each in self._posted.values() if now - each[0] <= STALE]
        known = {name: _aged(status, now - at) for at, mappings, _ in fresh for name, status in mappings.items()}
        sinks = {name: figures for _, _, sinks in fresh for name, figures in sinks.items()}
        new = self._document.with_name(f".{self._document.name}.{os.getpid()}")
        new.write_bytes(encode(DataStatus(now, known, sinks)))
        new.replace(self._document)


def _aged(status: MappingStatus, seconds: float) -> MappingStatus:
    """The lag of what was seen a while ago has grown since."""
    return status if status.lag is None else replace(status, lag=status.lag + max(seconds, 0.0))
