"""What was sent under a content coding (RFC 9110 section 8.4), taken out of it on a copy: bytes, or the reason why not.

Whatever arrives is hostile: a bomb stops at a cap that holds for each coding in a row, so that neither memory nor time
depends on what a few bytes claim to be.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST_BYTES = 64 * 2**20  # decoded; a thousandfold of what most answers are, and some ten milliseconds of work
MOST_CODINGS = 4  # in a row; nobody sends more than two
MOST_MEMBERS = 1024  # concatenated in one body; each costs a copy of what follows it
_BROTLI_STOPS = hasattr(brotli.Decompressor, "can_accept_more_data")  # from 1.2 on it can be told how much to give at most
_SLICE = 16  # bytes that an older one is given at a time
_WINDOW_LOG = 23  # 8 MiB, the largest window that a body may ask of whoever reads it (RFC 9659)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Why a body could not be decoded. `large`: it may well be sound, but decodes to more than the cap."""

    reason: str
    large: bool = False


class _NotDecodedError(Exception):
    def __init__(self, reason: str, large: bool = False) -> None:
        super().__init__(reason)
        self.outcome = Undecodable(reason, large)


def decode(body: bytes, encodings: Iterable[bytes], most: int = MOST_BYTES) -> bytes | Undecodable:
    """Undo the content codings of a body. Does not raise.

    Args:
        encodings: values of Content-Encoding, in order.
        most: bytes that it may decode to.
    """
    names = [name.strip().lower() for value in encodings for name in value.split(b",")]
    codings = [name for name in names if name not in (b"", b"identity")]
    if not body:
        return b""  # what HEAD and 204 say of a body that is not there
    if len(codings) > MOST_CODINGS:
        return Undecodable(f"more than {MOST_CODINGS} content codings in a row")
    try:
        for name in reversed(codings):
            body = _undo(name, body, most)
    except _NotDecodedError as error:
        return error.outcome
    return body


def _undo(name: bytes, body: bytes, most: int) -> bytes:
    step = _CODINGS.get(name)
    label = name.decode("latin-1")[:40]
    if step is None:
        raise _NotDecodedError(f"content coding {label!r} is not known")
    try:
        return step(body, most)
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError):
        raise _NotDecodedError(f"not {label}, or damaged") from None
    except MemoryError:
        raise _NotDecodedError(f"{label} decodes to too much", large=True) from None


def _inflate(body: bytes, most: int, *, bits: int) -> bytes:
    """One or more members in a row (RFC 1952 section 2.2)."""
    return _members(body, most, lambda: _Inflater(bits))


class _Inflater:
    """zlib's decompressor, with the names that zstd's has."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _deflate(body: bytes, most: int) -> bytes:
    """With zlib's wrapper as RFC 9110 section 8.4.1.2 wants it, or without, as many send it."""
    try:
        return _members(body, most, lambda: _Inflater(zlib.MAX_WBITS), alone=True)
    except zlib.error:
        return _members(body, most, lambda: _Inflater(-zlib.MAX_WBITS), alone=True)


def _zstd(body: bytes, most: int) -> bytes:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _members(body, most, lambda: zstd.ZstdDecompressor(options=options))


def _members(body: bytes, most: int, begin: Callable[[], _Inflater | zstd.ZstdDecompressor], alone: bool = False) -> bytes:
    """Decode members until nothing is left of the body."""
    pieces: list[bytes] = []
    room = most
    for _ in range(MOST_MEMBERS):
        member = begin()
        piece = member.decompress(body, max_length=room + 1)
        room -= len(piece)
        if room < 0:
            raise _NotDecodedError(f"decodes to more than {most} bytes", large=True)
        if not member.eof:
            raise _NotDecodedError("ends before its coding does")
        pieces.append(piece)
        body = member.unused_data
        if not body.strip(b"\0"):  # padding, which some writers leave
            return b"".join(pieces)
        if alone:
            raise _NotDecodedError("more follows after the end of its coding")
    raise _NotDecodedError(f"more than {MOST_MEMBERS} members")


def _brotli(body: bytes, most: int) -> bytes:
    reader = brotli.Decompressor()
    found = reader.process(body, output_buffer_limit=most + 1) if _BROTLI_STOPS else _sliced(reader, body, most)
    if len(found) > most:
        raise _NotDecodedError(f"decodes to more than {most} bytes", large=True)
    if not reader.is_finished():
        raise _NotDecodedError("ends before its coding does")
    return bytes(found)


def _sliced(reader: brotli.Decompressor, body: bytes, most: int) -> bytes:
    """Decode, and stop soon after `most` bytes: a slice is too short for more than a few blocks, of 16 MiB at most each."""
    pieces: list[bytes] = []
    room = most
    for at in range(0, len(body), _SLICE):
        piece = reader.process(body[at : at + _SLICE])
        if piece:
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                break
    return b"".join(pieces)


_GZIP = partial(_inflate, bits=16 + zlib.MAX_WBITS)
_CODINGS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _GZIP,
    b"x-gzip": _GZIP,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
