"""Flows of mitmproxy: what mitmdump and mitmweb save is read, and what is written they open.

The format is read here, not by mitmproxy: nobody needs it installed for that, and a file that claims to be larger than memory, or
is nested without end, is refused. Only exchanges over HTTP are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from strangler.traffic.entry import Entries, Entry
from strangler.traffic.flow_reading import entry_of
from strangler.traffic.flow_writing import state_of
from strangler.traffic.netstrings import NotNetstringError, dump, load
from strangler.traffic.recording import Account, BadEntryError

KIND = "flows of mitmproxy"


def read(file: BinaryIO, account: Account) -> Iterator[Entry]:
    """The exchanges of a file. Raises nothing for what is in it: the account has what was left out, and where it ended early."""
    number = 0
    while True:
        try:
            state = load(file)
        except EOFError:
            return
        except NotNetstringError as error:
            account.stop(f"behind flow {number}, {error}" if number else str(error))
            return
        number += 1
        try:
            yield entry_of(state)
        except BadEntryError as error:
            account.skip(f"flow {number}", str(error))


def write(entries: Entries, file: BinaryIO) -> int:
    """Write flows; how many there are."""
    writer = Writer(file)
    for entry in entries:
        writer.add(entry)
    writer.flush()
    return writer.number


class Writer:
    """Writes flows as they come. After each of them the file is whole.

    Attributes:
        number: of flows.
        size: of the file in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = self.size = 0

    def add(self, entry: Entry) -> None:
        """Write an entry behind those before."""
        data = dump(state_of(entry))
        self._file.write(data)
        self.number += 1
        self.size += len(data)

    def flush(self) -> None:
        """Have all of it in the file."""
        self._file.flush()
