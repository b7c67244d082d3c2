"""A recording of any kind, by what is in the file and not by its name: HAR, flows of mitmproxy, an access log."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, cast

from strangler.core.errors import UsageError
from strangler.traffic import flows, har, log
from strangler.traffic.entry import Entry
from strangler.traffic.recording import Account, Recording

_HEAD = 64 * 1024  # bytes by which a file is known
_LONGEST_LINE = 64 * 1024
_FLOWS = re.compile(rb"\d{1,12}:(\d{1,4}):")
_MARK = b"\xef\xbb\xbf"
_KNOWN = "a HAR, flows of mitmproxy, or an access log"
Reader = Callable[[BinaryIO, Account], Iterator[Entry]]

_GZIP = b"\x1f\x8b"
_PACKED = {_GZIP: "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"PK\x03\x04": "unzip"}


def read(path: Path) -> Recording:
    """The entries of a file, one at a time. Raises UsageError if there is nothing that can be read.

    What could not be read is known once all has been: see `Recording.warnings`.
    """
    try:
        file = _opened(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        kind, reader = _reader(path, file.peek(_HEAD)[:_HEAD])
    except (OSError, EOFError, zlib.error) as error:
        file.close()
        raise UsageError(f"{path} cannot be read: {_why(error)}") from None
    except BaseException:
        file.close()
        raise
    return Recording(str(path), kind, lambda account: _closing(cast(BinaryIO, file), reader, account))


def _reader(path: Path, head: bytes) -> tuple[str, Reader]:
    start = head.removeprefix(_MARK).lstrip()
    if not start:
        raise UsageError(f"{path} is empty: {_KNOWN} is needed")
    for magic, tool in _PACKED.items():
        if head.startswith(magic):
            raise UsageError(f"{path} is compressed: unpack it first, with {tool}")
    if _is_flows(head):
        return flows.KIND, flows.read
    if b"\0" in head:
        raise UsageError(f"{path} is none of what can be read: {_KNOWN}")
    if start.startswith(b"{") and not _is_logged(start):
        return har.KIND, har.read
    return "access log", _log


def _is_flows(head: bytes) -> bool:
    """Whether it begins as a dictionary whose first name is a text, in the netstrings of mitmproxy."""
    found = _FLOWS.match(head)
    return found is not None and head[found.end() + int(found[1]) :][:1] in (b";", b",")


def _is_logged(start: bytes) -> bool:
    """Whether its first line is an object by itself, and not a whole HAR."""
    try:
        value = json.loads(start.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    log = value.get("log") if isinstance(value, dict) else None
    return not (isinstance(log, dict) and "entries" in log)


def _closing(file: BinaryIO, reader: Reader, account: Account) -> Iterator[Entry]:
    with file:
        try:
            yield from reader(file, account)
        except (OSError, EOFError, zlib.error) as error:
            account.stop(f"it cannot be read: {_why(error)}")


def _opened(path: Path) -> BufferedReader[FileIO] | gzip.GzipFile:
    """The file, unpacked on the way if it is one that was rotated and packed; of a pipe nothing is lost by looking."""
    file = BufferedReader(FileIO(path), _HEAD)
    if path.is_file() and file.peek(2).startswith(_GZIP):
        file.close()
        return gzip.open(path, "rb")
    return file


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _log(file: BinaryIO, account: Account) -> Iterator[Entry]:
    unread: Counter[str] = Counter()
    yield from log.entries(_lines(file), unread)
    for reason, number in unread.items():
        account.skip(f"{number} of its lines", reason, number)


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines without their ends; one that is too long is cut."""
    while line := file.readline(_LONGEST_LINE):
        yield line.removeprefix(_MARK).rstrip(b"\r\n").decode("utf-8", "backslashreplace")
