"""The access log: one JSON line per finished request, for people and for whatever they collect logs with.

Queries are left out: they carry what a log must not keep. Lines are written in batches, at most `FLUSH_SECONDS` late.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from strangler.core.errors import UsageError
from strangler.core.model import Log, Stage
from strangler.proxy.exchange import Exchange

FLUSH_SECONDS = 0.2


class AccessLog:
    """Writes exchanges to `out`. `stage_of` gives the stage at which a route stands now.

    Must be called on the event loop of the worker whose exchanges it writes.
    """

    def __init__(self, out: TextIO, stage_of: Callable[[str], Stage | None], clock: Callable[[], float] = time.time) -> None:
        self._out, self._stage_of, self._clock = out, stage_of, clock
        self._lines: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        """Take one exchange; it is written soon."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        ended = datetime.fromtimestamp(self._clock(), UTC)
        self._lines.append(json.dumps(record(exchange, self._stage_of(exchange.route), ended), ensure_ascii=False))

    def flush(self) -> None:
        """Write what is waiting. A full disk loses lines, never requests."""
        lines, self._lines = self._lines, []
        try:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()
        except OSError:
            pass


def record(exchange: Exchange, stage: Stage | None, ended: datetime) -> dict[str, object]:
    """One line of the log. Times in seconds, sizes in bytes of bodies."""
    return {
        "time": ended.isoformat(timespec="milliseconds"),
        "method": exchange.method,
        "path": exchange.target.partition("?")[0],
        "client": exchange.client,
        "route": exchange.route or None,
        "stage": stage,
        "served_by": exchange.upstream or None,
        "status": exchange.status or None,
        "reason": exchange.reason or None,
        "fell_back": exchange.fell_back,
        "first_byte": round(exchange.first_byte, 6),
        "seconds": round(exchange.duration, 6),
        "bytes_in": exchange.request_bytes,
        "bytes_out": exchange.response_bytes,
        "request_id": exchange.request_id,
    }


def open_log(log: Log) -> TextIO | None:
    """Where the access log goes; None if it is off. Raises UsageError if the file cannot be written."""
    if log.access == "off":
        return None
    if log.access == "stdout":
        return sys.stdout
    try:
        return open(log.access, "a", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"log.access: {log.access} cannot be written: {error.strerror}") from None
