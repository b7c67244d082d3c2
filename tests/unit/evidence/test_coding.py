"""Content codings: what can be decoded is, whatever else arrives is a reason, and a bomb stops at the cap."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.evidence import coding
from strangler.evidence.coding import MOST_MEMBERS, Undecodable, decode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(data: bytes) -> bytes:
    writer = zlib.compressobj(wbits=-15)
    return writer.compress(data) + writer.flush()


def gzipped(data: bytes) -> bytes:
    """Without the time: what is a test's name must be the same in every process that collects it."""
    return gzip.compress(data, mtime=0)


WRITERS = {
    "gzip": gzipped,
    "x-gzip": gzipped,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
TEXT = b"the same words again, " * 50


@pytest.mark.parametrize("name", WRITERS)
@given(data=st.binary(max_size=300))
def test_what_was_encoded_is_decoded(name: str, data: bytes) -> None:
    assert decode(WRITERS[name](data), [name.encode()]) == data


@pytest.mark.parametrize(
    ("encodings", "body"),
    [
        ([], TEXT),
        ([b""], TEXT),
        ([b"identity"], TEXT),
        ([b" GZIP "], gzipped(TEXT)),
        ([b"gzip, br"], brotli.compress(gzipped(TEXT))),
        ([b"gzip", b"identity, zstd"], zstd.compress(gzipped(TEXT))),
        ([b"gzip"], gzipped(TEXT[:100]) + gzipped(TEXT[100:])),
        ([b"gzip"], gzipped(TEXT) + b"\0" * 20),
        ([b"zstd"], zstd.compress(TEXT[:100]) + zstd.compress(TEXT[100:])),
        ([b"deflate"], raw_deflate(TEXT)),
    ],
)
def test_codings_as_they_occur(encodings: list[bytes], body: bytes) -> None:
    assert decode(body, encodings) == TEXT


@pytest.mark.parametrize("name", [*WRITERS, "rot13"])
def test_a_body_that_is_not_there_needs_no_decoding(name: str) -> None:
    assert decode(b"", [name.encode()]) == b""


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        (b"gzip", gzipped(TEXT)[:-9], "ends before its coding does"),
        (b"gzip", gzipped(TEXT)[:3], "ends before its coding does"),
        (b"gzip", gzipped(TEXT)[:-8] + b"\0" * 8, "not gzip, or damaged"),
        (b"gzip", gzipped(TEXT) + b"tail", "not gzip, or damaged"),
        (b"gzip", TEXT, "not gzip, or damaged"),
        (b"gzip", gzipped(b"") * (MOST_MEMBERS + 1), f"more than {MOST_MEMBERS} members"),
        (b"deflate", zlib.compress(TEXT)[:-3], "ends before its coding does"),
        (b"deflate", zlib.compress(TEXT) + b"tail", "more follows after the end of its coding"),
        (b"deflate", b"\xff\xff\xff", "not deflate, or damaged"),
        (b"br", brotli.compress(TEXT)[:-1], "ends before its coding does"),
        (b"br", brotli.compress(TEXT) + b"tail", "not br, or damaged"),
        (b"zstd", zstd.compress(TEXT)[:-1], "ends before its coding does"),
        (b"zstd", zstd.compress(TEXT) + b"tail", "not zstd, or damaged"),
        (b"compress", TEXT, "content coding 'compress' is not known"),
        (b"gzip, gzip, gzip, gzip, gzip", TEXT, "more than 4 content codings in a row"),
    ],
)
def test_what_cannot_be_decoded_has_a_reason(encoding: bytes, body: bytes, reason: str) -> None:
    assert decode(body, [encoding]) == Undecodable(reason)


def gzip_bomb(size: int) -> bytes:
    writer = zlib.compressobj(9, wbits=31)
    block = bytes(2**20)
    return b"".join([*(writer.compress(block) for _ in range(size >> 20)), writer.flush()])


def brotli_bomb(size: int) -> bytes:
    writer = brotli.Compressor(quality=5)
    block = bytes(2**20)
    return b"".join([*(writer.process(block) for _ in range(size >> 20)), writer.finish()])


def zstd_bomb(size: int) -> bytes:
    writer = zstd.ZstdCompressor()
    block = bytes(2**20)
    return b"".join([*(writer.compress(block) for _ in range(size >> 20)), writer.flush()])


BOMBS = {"gzip": gzip_bomb(2**27), "br": brotli_bomb(2**27), "zstd": zstd_bomb(2**27)}
BOMBS["gzip, gzip"] = gzipped(BOMBS["gzip"])


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "br" or coding._BROTLI_STOPS])
def test_a_bomb_stops_at_the_cap(name: str) -> None:
    _check_that_it_stops(name, most=2**23)  # what the libraries themselves hold is bounded by their windows


def test_a_bomb_stops_where_brotli_cannot_be_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before its version 1.2, which mitmproxy for Python 3.11 does not allow."""
    monkeypatch.setattr(coding, "_BROTLI_STOPS", False)
    _check_that_it_stops("br", most=2**26)  # one block, and what it is joined from


def _check_that_it_stops(name: str, most: int) -> None:
    tracemalloc.start()
    found = decode(BOMBS[name], [name.encode()], most=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == Undecodable("decodes to more than 1048576 bytes", large=True)
    assert peak < most


@pytest.mark.parametrize("size", [2**20 - 1, 2**20, 2**20 + 1])
@pytest.mark.parametrize("name", WRITERS)
def test_the_cap_is_exact(name: str, size: int) -> None:
    found = decode(WRITERS[name](bytes(size)), [name.encode()], most=2**20)
    assert isinstance(found, bytes) == (size <= 2**20)


def test_a_window_larger_than_a_reader_must_have_is_refused() -> None:
    writer = zstd.ZstdCompressor(
        options={zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.compression_level: 1}
    )
    body = writer.compress(bytes(range(256)) * 2**10, writer.FLUSH_BLOCK) + writer.flush()
    assert decode(body, [b"zstd"]) == Undecodable("not zstd, or damaged")


@settings(max_examples=300)
@given(st.sampled_from(sorted(WRITERS)), st.binary(max_size=200), st.binary(max_size=60), st.integers(0, 200))
def test_damage_never_raises(name: str, data: bytes, noise: bytes, at: int) -> None:
    body = bytearray(WRITERS[name](data))
    body[at : at + len(noise)] = noise
    found = decode(bytes(body), [name.encode()], most=10_000)
    assert isinstance(found, bytes | Undecodable)
