"""A file of CloudEvents, one line of JSON each, for good on the disk before they are said to be delivered.

Any number of processes may add to one file: a call writes under a lock. What a crash left of a last line was never acknowledged,
and goes.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from reconcile.sinks import settings
from reconcile.sinks.cloudevents import HEAD, structured
from reconcile.sinks.event import Event
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Outcome, Unavailable

_LOOK = 1 << 20  # bytes that are read at a time to find where the last line begins
_NONE = -1


class FileSink:
    """Adds lines to a file, which it makes; a file that was moved away, as logrotate does, is made anew."""

    batch = 1000
    keeps_order = True

    def __init__(self, told: settings.File) -> None:
        self._path = Path(told.path)
        self._file = _NONE
        self._lock = Lock()  # a call that was cancelled goes on in its thread

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        return await asyncio.to_thread(self._send, events)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        parcel = Parcel(events, structured)
        try:
            if parcel.packed:
                with self._lock:
                    self._add(b"".join(b"%b\n" % line for _, line in parcel.packed))
        except OSError as error:
            return parcel.outcomes(Unavailable(f"{self._path}: {error.strerror or error}"))
        return parcel.outcomes(Delivered())

    def _close(self) -> None:
        with self._lock:
            self._let_go()

    def _add(self, lines: bytes) -> None:
        """All of it or nothing: what a full disk took of it is taken back. Raises OSError."""
        self._hold()
        try:
            end = _mended(self._file)
            try:
                _write(self._file, lines)
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, end)
                raise
            fcntl.flock(self._file, fcntl.LOCK_UN)
        except BaseException:
            self._let_go()  # and of its lock; what an fsync that failed has left in memory is nothing to go by either
            raise

    def _hold(self) -> None:
        """Open the file that has the name now, and lock it."""
        while True:
            if self._file == _NONE:
                self._file = _open(self._path)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if _is_at(self._path, self._file):
                return
            self._let_go()

    def _let_go(self) -> None:
        if self._file != _NONE:
            os.close(self._file)
            self._file = _NONE


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o666)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # else a crash could take the whole file back
    finally:
        os.close(folder)
    return file


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _write(file: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]


def _mended(file: int) -> int:
    """Where the file ends, once its last line is whole. Raises OSError if that line is not one of ours."""
    end = os.fstat(file).st_size
    if end == 0 or os.pread(file, 1, end - 1) == b"\n":
        return end
    begins = _last_line(file, end)
    line = os.pread(file, end - begins, begins)
    if not line.startswith(HEAD[: len(line)]):
        raise OSError("its last line is not one of ours, and has no end: is it the right file?")
    if _is_whole(line):
        _write(file, b"\n")
        return end + 1
    os.ftruncate(file, begins)
    return begins


def _last_line(file: int, end: int) -> int:
    """Where the last line begins."""
    while end > 0:
        start = max(0, end - _LOOK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
