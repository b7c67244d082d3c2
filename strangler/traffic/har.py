"""HAR 1.2, the format in which browsers and proxies save what they saw: read, and written. One entry at a time, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from strangler import __version__
from strangler.traffic.entry import Entries, Entry
from strangler.traffic.har_reading import entry_of
from strangler.traffic.har_writing import plain
from strangler.traffic.listed import NotJsonError, TooMuch, items
from strangler.traffic.recording import Account, BadEntryError

KIND = "HAR"
READ = ("1.1", "1.2", "1.3")  # versions; they differ in nothing that is read here

_BEGIN = json.dumps({"version": "1.2", "creator": {"name": "strangler", "version": __version__}})[:-1]
_HEAD = f'{{"log": {_BEGIN}, "entries": [\n'.encode()
_FOOT = b"\n]}}\n"


def read(file: BinaryIO, account: Account) -> Iterator[Entry]:
    """The entries of a HAR. Raises nothing for what is in it: the account has what was left out, and where it ended early."""
    number = 0
    try:
        for item in items(file, ("log", "entries"), ("log", "version")):
            if isinstance(item, tuple):
                _refuse_version(item[0])
                continue
            number += 1
            try:
                if isinstance(item, TooMuch):
                    raise BadEntryError("it is deeper, or has more values, than an entry can have")
                yield entry_of(item)
            except BadEntryError as error:
                account.skip(f"entry {number}", str(error))
    except NotJsonError as error:
        account.stop(f"behind entry {number}, {error}" if number else str(error))


def _refuse_version(version: str) -> None:
    if version.strip() and version not in READ:
        raise NotJsonError(f"it is of version {version[:20]!r}, and only {' and '.join(READ)} are known")


def write(entries: Entries, file: BinaryIO) -> int:
    """Write a HAR; how many entries it has."""
    writer = Writer(file)
    for entry in entries:
        writer.add(entry)
    writer.flush()
    return writer.number


class Writer:
    """Writes entries as they come.

    Args:
        file: that can be sought in; after each `flush` it is a whole HAR.

    Attributes:
        number: of entries.
        size: of the HAR in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0
        file.write(_HEAD)
        self.size = len(_HEAD) + len(_FOOT)

    def add(self, entry: Entry) -> None:
        """Write an entry behind those before."""
        data = (b",\n" if self.number else b"") + json.dumps(plain(entry)).encode()
        self.number += 1
        self._file.write(data)
        self.size += len(data)

    def flush(self) -> None:
        """End the HAR here, for now: the next entry goes where the end is."""
        self._file.write(_FOOT)
        self._file.flush()
        self._file.seek(-len(_FOOT), 1)
