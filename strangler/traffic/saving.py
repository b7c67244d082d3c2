"""A recording that is being written: nothing of it is lost, whatever ends the writing, and nobody else may read it.

It grows beside its place, as a file that can be read at any moment, and takes its place at the end. A file that is there already
is never written over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from strangler.core.errors import UsageError
from strangler.traffic import flows, har
from strangler.traffic.entry import Entry


class Writer(Protocol):
    """Writes entries in one format. After `flush`, the file is whole."""

    number: int
    size: int

    def add(self, entry: Entry) -> None: ...
    def flush(self) -> None: ...


FORMATS: Mapping[str, Callable[[BinaryIO], Writer]] = {".har": har.Writer, ".flows": flows.Writer, ".mitm": flows.Writer}


class Saving:
    """One file. Raises UsageError if it cannot be made.

    Attributes:
        number, size: of entries, and of bytes.
    """

    def __init__(self, path: Path) -> None:
        make = FORMATS.get(path.suffix.lower())
        if make is None:
            raise UsageError(f"{path}: call it .har, or .flows for mitmproxy: the name says which format it gets")
        if os.path.lexists(path):
            raise UsageError(f"{path} is there already: remove it, or write another one")
        self.path, self._draft = path, path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            descriptor = os.open(self._draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "r+b")
        self._writer: Writer = make(self._file)

    @property
    def number(self) -> int:
        return self._writer.number

    @property
    def size(self) -> int:
        return self._writer.size

    def add(self, entry: Entry) -> None:
        """Write an entry behind those before. Raises UsageError if there is no room for it."""
        try:
            self._writer.add(entry)
        except OSError as error:
            raise self._failed(error) from None

    def flush(self) -> None:
        """From here on all that was added is there, even if this process is killed. Raises UsageError."""
        try:
            self._writer.flush()
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """The file takes its place; without an entry there is none. Raises UsageError, and leaves the draft, if it cannot."""
        if not self.number:
            self._file.close()
            os.unlink(self._draft)
            return
        self.flush()
        try:
            self._file.truncate(self.size)
            os.fsync(self._file.fileno())
            self._file.close()
            os.link(self._draft, self.path)  # not over one that somebody has made meanwhile
            os.unlink(self._draft)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> UsageError:
        return UsageError(f"{self.path} cannot be written: {error.strerror}; what there is stands in {self._draft}")
