"""Typed netstrings, in which mitmproxy saves flows: a length, the bytes, and a letter for what they are.

Read one at a time and within bounds: what a length claims is not believed before it is weighed, and nesting ends somewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

MOST_BYTES = 64 * 2**20  # of one outermost value
MOST_VALUES = 200_000  # in it
DEEPEST = 50

_LONGEST_LENGTH = 12  # digits
_CHUNK = 1024 * 1024


class NotNetstringError(ValueError):
    """From here on nothing can be read."""


class TooLarge:
    """Stands for a value of more than MOST_BYTES, which was passed over."""


def load(file: BinaryIO) -> Any:
    """The next value of a file. Raises EOFError at its end, NotNetstringError for anything else than a value."""
    length = _length(file)
    if length > MOST_BYTES:
        _pass_over(file, length + 1)
        return TooLarge()
    data = file.read(length + 1)
    if len(data) <= length:
        raise NotNetstringError("it ends too early")
    return _Parser().value(memoryview(data)[:-1], data[-1:], 0)


def dump(value: Any) -> bytes:
    """A value of None, bool, int, float, bytes, str, lists, tuples and dictionaries as a netstring."""
    letter, data = _plain(value)
    return b"%d:%b%b" % (len(data), data, letter)


def _length(file: BinaryIO) -> int:
    digits = b""
    while (each := file.read(1)).isdigit():
        digits += each
        if len(digits) > _LONGEST_LENGTH:
            raise NotNetstringError("it is not in the format of flows")
    if not digits and not each:
        raise EOFError
    if not each:
        raise NotNetstringError("it ends too early")
    if each != b":" or not digits:
        raise NotNetstringError("it is not in the format of flows")
    return int(digits)


def _pass_over(file: BinaryIO, size: int) -> None:
    while size > 0:
        data = file.read(min(size, _CHUNK))
        if not data:
            raise NotNetstringError("it ends too early")
        size -= len(data)


class _Parser:
    """Of one value and all in it, which it counts."""

    def __init__(self) -> None:
        self._values = 0

    def value(self, data: memoryview, letter: bytes, depth: int) -> Any:
        self._values += 1
        if depth > DEEPEST or self._values > MOST_VALUES:
            raise NotNetstringError("it is nested too deeply, or has too many values")
        if letter == b"]":
            return self._items(data, depth)
        if letter == b"}":
            items = self._items(data, depth)
            if len(items) % 2 or not all(isinstance(key, str | bytes) for key in items[::2]):
                raise NotNetstringError("it has a dictionary that is none")
            return dict(zip(items[::2], items[1::2], strict=True))
        read = _SCALARS.get(letter)
        if read is None:
            raise NotNetstringError("it is not in the format of flows")
        try:
            return read(bytes(data))
        except (ValueError, KeyError):
            raise NotNetstringError("it has a value that is none") from None

    def _items(self, data: memoryview, depth: int) -> list[Any]:
        found = []
        while data:
            digits, colon, _ = bytes(data[: _LONGEST_LENGTH + 1]).partition(b":")
            start = len(digits) + 1
            if not colon or not digits.isdigit() or start + int(digits) >= len(data):
                raise NotNetstringError("it has a length that cannot be")
            end = start + int(digits)
            found.append(self.value(data[start:end], bytes(data[end : end + 1]), depth + 1))
            data = data[end + 1 :]
        return found


_SCALARS: Mapping[bytes, Callable[[bytes], Any]] = {
    b",": bytes,
    b";": lambda data: data.decode("utf-8"),
    b"#": lambda data: int(data[:40]),
    b"^": lambda data: float(data[:40]),
    b"!": lambda data: {b"true": True, b"false": False}[data],
    b"~": lambda data: {b"": None}[data],
}


def _plain(value: Any) -> tuple[bytes, bytes]:
    if value is None:
        return b"~", b""
    if isinstance(value, bool):
        return b"!", b"true" if value else b"false"
    if isinstance(value, int | float):
        return b"#" if isinstance(value, int) else b"^", repr(value).encode()
    if isinstance(value, bytes | str):
        return (b",", value) if isinstance(value, bytes) else (b";", value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return b"}", b"".join(dump(part) for pair in value.items() for part in pair)
    return b"]", b"".join(map(dump, value))
