"""How a message body is delimited (RFC 9112 section 6), and the bytes of the chunked coding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum


class Framing(Enum):
    """What ends the body."""

    NONE = "there is no body"
    LENGTH = "Content-Length"
    CHUNKED = "the last chunk"
    CLOSE = "the end of the connection"  # responses only


# Looking a member up on its class takes four times as long, and every message does it several times.
NO_BODY, LENGTH, CHUNKED, CLOSE = Framing


def as_chunk(pieces: Sequence[bytes]) -> list[bytes]:
    """The pieces, at least one byte in all, as one chunk."""
    return [b"%x\r\n" % sum(map(len, pieces)), *pieces, b"\r\n"]


def last_chunk(trailers: Iterable[bytes] = ()) -> bytes:
    """The end of a chunked body; `trailers` are lines."""
    return b"\r\n".join((b"0", *trailers, b"", b""))
