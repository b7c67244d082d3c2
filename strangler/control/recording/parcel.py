"""An exchange as it travels from a worker to control and on to the scribe: one frame, a head of JSON and the bytes behind it.

No pickle: workers talk to the world.
"""

from __future__ import annotations

from itertools import chain

from strangler.control.frames import FrameError, Head, encode
from strangler.core.observation import Headers
from strangler.proxy.tape import Taped

EXCHANGE = "exchange"
"""Kind of the frame."""

_NOT_KEPT = -1


def seal(taped: Taped) -> bytes:
    """The frame of an exchange."""
    told = taped._asdict()
    parts = [
        _as_lines(told.pop("request_headers")),
        told.pop("request_body"),
        _as_lines(told.pop("response_headers")),
        told.pop("response_body"),
    ]
    sizes = [_NOT_KEPT if part is None else len(part) for part in parts]
    return encode({"is": EXCHANGE, "told": told, "sizes": sizes}, b"".join(part for part in parts if part is not None))


def unseal(head: Head, body: bytes) -> Taped:
    """The exchange of a frame. Raises FrameError if it is none."""
    try:
        parts: list[bytes | None] = []
        at = 0
        for size in head["sizes"]:
            parts.append(None if size == _NOT_KEPT else body[at : at + size])
            at += max(size, 0)
        asked, sent, answered, got = parts
        if at != len(body) or asked is None or answered is None:
            raise FrameError("not an exchange")
        return Taped(
            **head["told"],
            request_headers=_as_headers(asked),
            request_body=sent,
            response_headers=_as_headers(answered),
            response_body=got,
        )
    except (KeyError, TypeError, ValueError):
        raise FrameError("not an exchange") from None


def _as_lines(headers: Headers) -> bytes:
    """Names and values, one a line: no parser of HTTP lets a line's end into either (RFC 9110 section 5.5)."""
    return b"\n".join(chain.from_iterable(headers))


def _as_headers(lines: bytes) -> Headers:
    parts = lines.split(b"\n") if lines else []
    return tuple(zip(parts[::2], parts[1::2], strict=True))
