"""The access log: one JSON line per finished request, for people and for whatever they collect logs with.

Queries and secrets in paths are left out: a log must not keep them. Lines are written in batches, at most `FLUSH_SECONDS` late,
each batch in one write to a file opened for appending: several workers share a file, and no line of one is cut by another's.
Lines are put together by hand, because a general encoder costs a third of the proxy; what a client can choose goes through
the encoder's own escaping, and comes out as ASCII that no terminal obeys. What many lines share is written once.
"""

from __future__ import annotations

import json
import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from strangler.core.errors import UsageError
from strangler.core.model import Log

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange

FLUSH_SECONDS = 0.2

Later = Callable[[float, Callable[[], None]], object]
PathOf = Callable[[str], str]

_MOST_SHARED = 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO nobody reads is an error


class AccessLog:
    """Writes exchanges to a descriptor.

    Args:
        later: calls a function in so many seconds, on the loop that adds.

    Attributes:
        path_of: what is written of a request's target.
        lost: lines that could not be written. A full disk, or nobody who reads the pipe, loses lines, never requests.
    """

    def __init__(self, descriptor: int, later: Later, path_of: PathOf, clock: Callable[[], float] = time.time) -> None:
        self._descriptor, self._later, self._clock = descriptor, later, clock
        self._pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._lines: list[str] = []
        self._millisecond, self._time = -1, ""
        self._shared: dict[tuple[object, ...], tuple[str, str]] = {}
        self.path_of = path_of
        self.lost = 0

    def add(self, exchange: Exchange) -> None:
        """Take one exchange; it is written soon."""
        if not self._lines:
            self._later(FLUSH_SECONDS, self.flush)
        now = int(self._clock() * 1000)
        if now != self._millisecond:
            self._millisecond, self._time = now, _written(now)
        self._lines.append(self._line(exchange))

    def flush(self) -> None:
        """Write what is waiting."""
        lines, self._lines = self._lines, []
        for batch in _pieces(lines) if self._pipe else ["".join(lines)]:
            if not self._write(batch.encode("ascii")):
                self.lost += batch.count("\n")

    def reopen(self, descriptor: int) -> None:
        """Go on in another file, or in the one that has taken the old one's place."""
        self.flush()
        if self._descriptor > 2:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)

    def _write(self, data: bytes) -> bool:
        """A pipe takes so many bytes whole or not at all (POSIX), and is asked first: its reader must not stop the worker."""
        try:
            if self._pipe and not _has_room(self._descriptor):
                return False
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            return False
        return True

    def _line(self, exchange: Exchange) -> str:
        """One line. Times in seconds, sizes in bytes of bodies."""
        method, target, client, route, stage, _, upstream, status, reason, request_id, fell_back, *numbers = exchange
        _, _, first_byte, seconds, bytes_in, bytes_out = numbers
        found = self._shared.get((method, route, upstream, status, reason, fell_back))
        if found is None or found[0] is not stage:
            found = self._share(exchange)
        return (
            f'{{"time": "{self._time}", "path": {quoted(self.path_of(target))}, "client": {quoted(client)}, {found[1]}, '
            f'"first_byte": {first_byte:.6f}, "seconds": {seconds:.6f}, "bytes_in": {bytes_in}, "bytes_out": {bytes_out}, '
            f'"request_id": {quoted(request_id)}}}\n'
        )

    def _share(self, exchange: Exchange) -> tuple[str, str]:
        """The part that a line has in common with others, and the stage for which it holds: a flip changes that."""
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        fields = {
            "method": exchange.method,
            "route": exchange.route or None,
            "stage": exchange.stage or None,
            "served_by": exchange.upstream or None,
            "status": exchange.status or None,
            "reason": exchange.reason or None,
            "fell_back": exchange.fell_back,
        }
        key = (exchange.method, exchange.route, exchange.upstream, exchange.status, exchange.reason, exchange.fell_back)
        shared = self._shared[key] = (exchange.stage, json.dumps(fields)[1:-1])
        return shared


def open_log(log: Log) -> int | None:
    """A descriptor of where the access log goes; None if it is off. Raises UsageError if the file cannot be written."""
    if log.access == "off":
        return None
    if log.access == "stdout":
        return 1
    try:
        return os.open(log.access, _FLAGS, 0o644)
    except OSError as error:
        raise UsageError(f"log.access: {log.access} cannot be written: {error.strerror}") from None


def check_writable(log: Log) -> None:
    """Raises UsageError if the access log cannot be written."""
    descriptor = open_log(log)
    if descriptor is not None and descriptor > 2:
        with suppress(OSError):
            os.close(descriptor)


def _has_room(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll(0) == [(descriptor, select.POLLOUT)]


def _written(millisecond: int) -> str:
    second, rest = divmod(millisecond, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{rest:03d}+00:00"


def _pieces(lines: list[str]) -> Iterator[str]:
    """The lines, joined while they are together small enough for one whole write to a pipe."""
    piece = ""
    for written in lines:
        if piece and len(piece) + len(written) > select.PIPE_BUF:
            yield piece
            piece = ""
        piece += written
    if piece:
        yield piece
