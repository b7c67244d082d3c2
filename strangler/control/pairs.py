"""A pair as it travels from a worker to control and on to a comparator: one frame, JSON and raw bodies.

It is put into an envelope that says all that control needs, so that control never opens what it passes on. Headers go as
latin-1 text, which any byte can be. No pickle: workers talk to the world.
"""

from __future__ import annotations

from typing import Any

from strangler.control.frames import FrameError, Frames, Head, encode
from strangler.core.model import Side
from strangler.core.observation import Headers, Observation, Pair

_PLAIN = ("route", "stage", "rules", "method", "target", "again", "at", "request_id", "version", "repeated")
_OBSERVED = ("status", "size", "failure", "first_byte", "duration")


def seal(pair: Pair, revision: int) -> bytes:
    """The frame of a pair, in its envelope.

    Args:
        revision: of the configuration by which the worker serves.
    """
    envelope = {"is": "pair", "route": pair.route, "again": pair.again, "revision": revision}
    return encode(envelope, pack(pair))


def pack(pair: Pair) -> bytes:
    """The frame of a pair."""
    parts = (pair.body, *pair.legs, *_bytes_of(pair.control), *_bytes_of(pair.candidate))
    head: Head = {name: getattr(pair, name) for name in _PLAIN}
    head["control_side"] = pair.control_side.value
    head["headers"] = _as_text(pair.headers)
    head["control"] = _observed(pair.control)
    head["candidate"] = _observed(pair.candidate)
    head["sizes"] = [len(part) for part in parts]
    return encode(head, b"".join(parts))


def unpack(frame: bytes) -> Pair:
    """The pair of a frame. Raises FrameError if it is none."""
    try:
        [(head, body)] = Frames().feed(frame)
        parts = _cut(body, head["sizes"])
        request, *legs, control, control_digest, candidate, candidate_digest = parts
        return Pair(
            **{name: head[name] for name in _PLAIN},
            control_side=Side(head["control_side"]),
            headers=_as_bytes(head["headers"]),
            control=_observation(head["control"], control, control_digest),
            candidate=_observation(head["candidate"], candidate, candidate_digest),
            body=request,
            legs=(legs[0], legs[1]),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        raise FrameError("not a pair") from None


def _bytes_of(observation: Observation) -> tuple[bytes, bytes]:
    return observation.body, observation.digest


def _observed(observation: Observation) -> Head:
    head: Head = {name: getattr(observation, name) for name in _OBSERVED}
    head["headers"] = _as_text(observation.headers)
    return head


def _observation(head: Head, body: bytes, digest: bytes) -> Observation:
    headers = _as_bytes(head["headers"])
    return Observation(**{name: head[name] for name in _OBSERVED}, headers=headers, body=body, digest=digest)


def _as_text(headers: Headers) -> str:
    """Names and values, one a line: no parser of HTTP lets a line's end into either (RFC 9110 section 5.5)."""
    return b"\n".join(part for header in headers for part in header).decode("latin-1")


def _as_bytes(text: str) -> Headers:
    if not text:
        return ()
    parts = text.encode("latin-1").split(b"\n")
    return tuple(zip(parts[::2], parts[1::2], strict=True))


def _cut(body: bytes, sizes: list[Any]) -> list[bytes]:
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts
