"""The journal beside the configuration: where every entry goes first, and waits until the store has it.

A file of JSON lines, ``.NAME.journal``. An entry is there when `append` returns: written and synced, whatever becomes of the
store. The file is made with room in it, as empty lines, so that a rollback can be written down when the disk is full. What a
crash has cut is kept out, and said. Whoever holds the file's lock reads, adds or empties; nobody holds it for long.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from strangler.core import journal
from strangler.core.journal import Entry

ROOM = 64 * 1024  # bytes, some hundred entries
WAIT = 2.0  # seconds for the lock, which is held for milliseconds
_RETRY = 0.005
_EMPTY = b"\n\0"  # zeros are what a power failure may leave


@dataclass(frozen=True, slots=True)
class Kept:
    """What a spool holds.

    Attributes:
        cut: lines that are no entries.
        data: all of it, but for the room.
    """

    entries: tuple[Entry, ...] = ()
    cut: int = 0
    data: bytes = b""


class Device:
    """The calls that change the disk, in one place so that a test can let each of them fail."""

    def write(self, file: int, data: bytes, at: int) -> int:
        return os.pwrite(file, data, at)

    def sync(self, file: int) -> None:
        os.fsync(file)


class Spool:
    """The spool of one configuration.

    Args:
        beside: the configuration, behind all symbolic links.
    """

    def __init__(self, beside: Path, device: Device | None = None) -> None:
        self.path = beside.with_name(f".{beside.name}.journal")
        self._beside, self._device = beside, device or Device()

    def prepare(self) -> None:
        """Make the file, with room in it, before it is needed. Raises OSError."""
        with self._locked():
            pass

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries, all of them or none. Raises OSError."""
        lines = "".join(f"{journal.write(entry)}\n" for entry in entries).encode()
        with self._locked() as file:
            held = _all(file)
            end = len(held.rstrip(_EMPTY))
            try:
                self._write(file, b"\n" * bool(end) + lines, end)
                self._device.sync(file)
            except OSError:
                with suppress(OSError):  # what was there, and nothing behind it
                    self._write(file, held[end:], end)
                    os.ftruncate(file, len(held))
                raise

    def read(self) -> Kept:
        """What is there. Raises OSError if it may not be read."""
        try:
            with self._locked(make=False) as file:
                data = _all(file)
        except FileNotFoundError:
            return Kept()
        return _parsed(data)

    def clear(self, seen: Kept) -> bool:
        """Empty it, if it still holds what was seen and nothing more; whether it did. Raises OSError."""
        with self._locked() as file:
            if _all(file).rstrip(_EMPTY) != seen.data:
                return False
            self._write(file, b"\n" * max(len(seen.data), ROOM), 0)
            os.ftruncate(file, ROOM)
            self._device.sync(file)
        return True

    @contextmanager
    def _locked(self, make: bool = True) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0), 0o600)
        try:
            _lock(file)
            if make and not os.fstat(file).st_size:
                self._furnish(file)
            yield file
        finally:
            os.close(file)

    def _furnish(self, file: int) -> None:
        """A new file: room in it, the owner of the configuration, and its name in the folder for good."""
        os.fchmod(file, 0o600)
        with suppress(OSError):
            owner = os.stat(self._beside)
            os.fchown(file, owner.st_uid, owner.st_gid)
        with suppress(OSError):  # there may be room for the entries yet
            self._write(file, b"\n" * ROOM, 0)
        self._device.sync(file)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._device.sync(folder)
        finally:
            os.close(folder)

    def _write(self, file: int, data: bytes, at: int) -> None:
        while data:
            done = self._device.write(file, data, at)
            data, at = data[done:], at + done


def _parsed(data: bytes) -> Kept:
    data, found, cut = data.rstrip(_EMPTY), [], 0
    for line in data.replace(b"\0", b"\n").splitlines():
        if line:
            try:
                found.append(journal.read(line.decode("ascii")))
            except ValueError:
                cut += 1
    return Kept(tuple(found), cut, data)


def _all(file: int) -> bytes:
    size, data = os.fstat(file).st_size, b""
    while len(data) < size and (more := os.pread(file, size - len(data), len(data))):
        data += more
    return data


def _lock(file: int) -> None:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError(errno.ETIMEDOUT, "another process holds it") from None
        time.sleep(_RETRY)
