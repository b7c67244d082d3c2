"""The record of a cutover, beside the configuration: ``.NAME.cutover``, replaced as a whole and synced.

It says which mappings were ever moved, and which cutover is under way. Everybody reads it: the reader of the file for the table,
the flips for what they may not do, `status`. Only whoever holds the lock writes it, and the kernel drops that with its holder.

A disk that is full in the middle of a cutover would keep it from being decided or ended while writes wait. So room for all that
it writes is made before: files of blanks, which are written over and renamed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from strangler.core.cutover import Record, decode, encode
from strangler.core.errors import Refusal, UsageError

ROOMS = 3  # what a cutover writes: that it is open, that it is decided, and that it is over
_BLOCK = 4096  # bytes


class RecordError(UsageError):
    """The record cannot be read or written."""


class Disk:
    """The calls that change the disk, in one place so that a test can let each of them fail."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def write(self, file: int, data: bytes) -> int:
        return os.write(file, data)

    def sync(self, file: int) -> None:
        os.fsync(file)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)


class Shelf:
    """Where the record of one configuration lies.

    Args:
        beside: the configuration, behind all symbolic links.
    """

    def __init__(self, beside: Path, disk: Disk | None = None) -> None:
        self.path = beside.with_name(f".{beside.name}.cutover")
        self._beside, self._disk = beside, disk or Disk()

    def read(self) -> Record:
        """What is there; an empty one if nothing is. Raises RecordError: then nobody knows who owns what."""
        try:
            return decode(self.path.read_bytes())
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise RecordError(f"{self.path} cannot be read: {error.strerror}: it says which writes are modern's") from None
        except ValueError as error:
            raise RecordError(f"{self.path}: {error}: it says which writes are modern's; put its last copy back") from None

    def write(self, record: Record) -> None:
        """Replace it, in room that was made if there is any. What was written when this returns is there to stay. Raises
        RecordError: then it may be there or not."""
        data = encode(record)
        room = next((room for room in self._rooms if _size(room) >= len(data)), None)
        new = room or self.path.with_name(f"{self.path.name}.new")
        with self._said():
            self._put(self._disk.open(new) if room else self._disk.create(new), data.ljust(_size(room) if room else 0))
            self._disk.replace(new, self.path)
            self._sync_folder()

    def make_room(self, record: Record) -> None:
        """Have room for a cutover that begins with this record. Raises RecordError."""
        wanted = -(-2 * len(encode(record)) // _BLOCK) * _BLOCK
        with self._said():
            for room in self._rooms:
                if _size(room) < wanted:
                    self._put(self._disk.create(room), b" " * wanted)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who moves anything. Raises Refusal if somebody else is."""
        path = self.path.with_name(f"{self.path.name}.lock")
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise RecordError(f"{path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise Refusal("another cutover is under way here: `strangler status` shows which") from None
        try:
            yield
        finally:
            os.close(file)

    @property
    def _rooms(self) -> Sequence[Path]:
        return [self.path.with_name(f"{self.path.name}.room{number}") for number in range(1, ROOMS + 1)]

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordError(f"{self.path} cannot be written: {error.strerror}") from None

    def _put(self, file: int, data: bytes) -> None:
        """Fill a file that is open, and close it."""
        try:
            with suppress(OSError):
                owner = os.stat(self._beside)
                os.fchown(file, owner.st_uid, owner.st_gid)
            while data:
                data = data[self._disk.write(file, data) :]
            self._disk.sync(file)
        finally:
            os.close(file)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._disk.sync(folder)
        finally:
            os.close(folder)


def _size(path: Path) -> int:
    """0 if it is not there."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def record_of(path: Path) -> Record:
    """That of the configuration at `path`, which may be a symbolic link. Raises RecordError."""
    return Shelf(Path(os.path.realpath(path))).read()
