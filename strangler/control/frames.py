"""What the processes say to each other: frames over Unix sockets.

A frame is a small JSON object (`head`) with bytes behind it (`body`). Going down, from the supervisor to its children and from
control to the comparators, that may be a pickled configuration: only the supervisor's own reader makes pickles, and the
configuration is parsed once, not once a process. What goes up is JSON and bytes that came from the network, so that nobody
opens a pickle from a process that talks to the world.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

MOST = 256 * 2**20  # bytes of one frame; more is not ours

_JSON = json.JSONEncoder(separators=(",", ":"))
_SIZES = struct.Struct("!II")

Head = dict[str, Any]


class FrameError(ValueError):
    """The other side does not speak this language."""


def encode(head: Head, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return framed(head_text(head), body)


def head_text(head: Head) -> bytes:
    """A head as it is in a frame."""
    return _JSON.encode(head).encode()


def framed(text: bytes, body: bytes) -> bytes:
    """The bytes of a frame with the `head_text` of its head."""
    return b"".join((_SIZES.pack(len(text), len(body)), text, body))


class Frames:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Head, bytes]]:
        """The frames that are complete with `data`. Raises FrameError."""
        self._data += data
        while len(self._data) >= _SIZES.size:
            head, body = _SIZES.unpack_from(self._data)
            if head + body > MOST:
                raise FrameError(f"a frame of {head + body} bytes")
            end = _SIZES.size + head + body
            if len(self._data) < end:
                return
            text = bytes(self._data[_SIZES.size : _SIZES.size + head])
            rest = bytes(self._data[_SIZES.size + head : end])
            del self._data[:end]
            yield _parse(text), rest


def _parse(text: bytes) -> Head:
    try:
        head = json.loads(text)
    except ValueError:
        raise FrameError("a frame that is not JSON") from None
    if not isinstance(head, dict):
        raise FrameError("a frame that is not an object")
    return head
