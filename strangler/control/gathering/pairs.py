"""A pair as it travels from a worker to control and on to a comparator: one frame of numbers, lengths, and the bytes themselves.

It is put into an envelope that says all that control needs, so that control never opens what it passes on. A worker packs one
for every answer that differs, beside the traffic: nothing is escaped, and the lengths of all texts and bodies come first. No
pickle: workers talk to the world.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from struct import Struct
from struct import error as StructError

from strangler.control.frames import FrameError, Frames, framed, head_text
from strangler.core.model import Side
from strangler.core.observation import Headers, Observation, Pair

# Modern is control, again, repeated; at; of either answer the status, size, first_byte and duration.
_NUMBERS = Struct("!???dHQddHQdd")
_LENGTHS = Struct("!19I")
_TEXTS = 9
_NO_HEAD = head_text({})


def seal(pair: Pair, revision: int) -> bytes:
    """The frame of a pair, in its envelope.

    Args:
        revision: of the configuration by which the worker serves.
    """
    return framed(_envelope(pair.route, pair.again, revision), pack(pair))


@lru_cache(maxsize=1024)
def _envelope(route: str, again: bool, revision: int) -> bytes:
    return head_text({"is": "pair", "route": route, "again": again, "revision": revision})


def pack(pair: Pair) -> bytes:
    """The frame of a pair."""
    control, candidate = pair.control, pair.candidate
    numbers = _NUMBERS.pack(
        *(pair.control_side is Side.MODERN, pair.again, pair.repeated, pair.at),
        *(control.status, control.size, control.first_byte, control.duration),
        *(candidate.status, candidate.size, candidate.first_byte, candidate.duration),
    )
    texts = (pair.route, pair.stage, pair.rules, pair.method, pair.target, pair.request_id, pair.version)
    parts = (
        *map(str.encode, (*texts, control.failure, candidate.failure)),
        *map(_as_lines, (pair.headers, control.headers, candidate.headers)),
        *(pair.body, *pair.legs),
        *(control.body, control.digest, candidate.body, candidate.digest),
    )
    return framed(_NO_HEAD, b"".join((numbers, _LENGTHS.pack(*map(len, parts)), *parts)))


def unpack(frame: bytes) -> Pair:
    """The pair of a frame. Raises FrameError if it is none."""
    try:
        [(_, body)] = Frames().feed(frame)
        modern, again, repeated, at, *numbers = _NUMBERS.unpack_from(body)
        parts = _cut(body)
        route, stage, rules, method, target, request_id, version, *failures = (part.decode() for part in parts[:_TEXTS])
        headers, *answered = map(_as_headers, parts[_TEXTS : _TEXTS + 3])
        sent, leg, other_leg, *bodies = parts[_TEXTS + 3 :]
        control, candidate = (
            Observation(status, answered[n], bodies[2 * n], size, bodies[2 * n + 1], failures[n], first_byte, duration)
            for n, (status, size, first_byte, duration) in enumerate((numbers[:4], numbers[4:]))
        )
        side = Side.MODERN if modern else Side.LEGACY
        asked = (route, stage, rules, side, method, target)
        return Pair(*asked, control, candidate, again, at, request_id, headers, sent, version, repeated, (leg, other_leg))
    except (StructError, ValueError):
        raise FrameError("not a pair") from None


def _as_lines(headers: Headers) -> bytes:
    """Names and values, one a line: no parser of HTTP lets a line's end into either (RFC 9110 section 5.5)."""
    return b"\n".join(chain.from_iterable(headers))


def _as_headers(lines: bytes) -> Headers:
    if not lines:
        return ()
    parts = lines.split(b"\n")
    return tuple(zip(parts[::2], parts[1::2], strict=True))


def _cut(body: bytes) -> list[bytes]:
    """The parts behind the numbers, which must be all there is."""
    parts, start = [], _NUMBERS.size + _LENGTHS.size
    for size in _LENGTHS.unpack_from(body, _NUMBERS.size):
        parts.append(body[start : start + size])
        start += size
    if start != len(body):
        raise FrameError("not a pair")
    return parts
