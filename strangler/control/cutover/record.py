"""The record of a cutover, beside the configuration: ``.NAME.cutover``, replaced as a whole and synced.

It says which mappings were ever moved, and which cutover is under way. Everybody reads it: the reader of the file for the table,
the flips for what they may not do, `status`. Only whoever holds the lock writes it, and the kernel drops that with its holder.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strangler.core.cutover import Record, decode, encode
from strangler.core.errors import Refusal, UsageError


class RecordError(UsageError):
    """The record cannot be read or written."""


class Disk:
    """The calls that change the disk, in one place so that a test can let each of them fail."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

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
        """Replace it. What was written when this returns is there to stay. Raises RecordError: then it may be there or not."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            file = self._disk.create(new)
            try:
                self._fill(file, encode(record))
            finally:
                os.close(file)
            self._disk.replace(new, self.path)
            self._sync_folder()
        except OSError as error:
            raise RecordError(f"{self.path} cannot be written: {error.strerror}") from None

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

    def _fill(self, file: int, data: bytes) -> None:
        with suppress(OSError):
            owner = os.stat(self._beside)
            os.fchown(file, owner.st_uid, owner.st_gid)
        while data:
            data = data[self._disk.write(file, data) :]
        self._disk.sync(file)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._disk.sync(folder)
        finally:
            os.close(folder)


def record_of(path: Path) -> Record:
    """That of the configuration at `path`, which may be a symbolic link. Raises RecordError."""
    return Shelf(Path(os.path.realpath(path))).read()
