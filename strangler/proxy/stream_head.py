"""The head of a request that came in frames (RFC 9113 section 8.3), spelled as HTTP/1.1; or why it is refused.

What comes out is read again, as strictly as what any client sends. All that has to be made sure here is that nothing in it
can be read as anything but what it was: that a value stays a value, and a body ends where it ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.streams import Field
from strangler.proxy import reasons
from strangler.proxy.reasons import Reason

_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(rb"/[!-~]*|\*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
# They speak of a connection, and have no meaning in a stream (RFC 9113 section 8.2.2).
_OF_CONNECTIONS = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


@dataclass(frozen=True, slots=True)
class Spelled:
    """A head as lines, and what follows it: chunks, or so many bytes."""

    lines: bytes
    chunked: bool
    length: int


def spell(method: bytes, authority: bytes, target: bytes, fields: Sequence[Field], ended: bool) -> Spelled | Reason:
    """The head of the only request on its connection.

    Args:
        ended: whether there is no body.
    """
    if _METHOD.fullmatch(method) is None or not all(map(_is_sound, fields)):
        return reasons.MALFORMED_STREAM
    if _TARGET.fullmatch(target) is None:
        return reasons.BAD_TARGET
    hosts = {value.strip(b" \t") for name, value in fields if name == b"host"} | ({authority} if authority else set())
    lengths = [value.strip(b" \t") for name, value in fields if name == b"content-length"]
    if not hosts:
        return reasons.NO_HOST
    if len({host.lower() for host in hosts}) > 1:
        return reasons.HOST_MISMATCH
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        return reasons.REPEATED_LENGTH if len(lengths) > 1 else reasons.MALFORMED_STREAM
    length = int(lengths[0]) if lengths else 0
    if ended and length:
        return reasons.MALFORMED_STREAM
    host = authority or hosts.pop()
    if _VALUE.fullmatch(host) is None:
        return reasons.BAD_HOST
    chunked = not ended and not lengths
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *_lines(fields)]
    lines += [b"Transfer-Encoding: chunked"] if chunked else []
    return Spelled(b"\r\n".join([*lines, b"Connection: close", b"", b""]), chunked, length)


def trailer_section(trailers: Sequence[Field]) -> list[bytes] | None:
    """The lines of trailers; None if one of them could be read as something else."""
    if not all(map(_is_sound, trailers)):
        return None
    return [name + b": " + value for name, value in trailers]


def _is_sound(field: Field) -> bool:
    name, value = field
    if name in _OF_CONNECTIONS or _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        return False
    return name != b"te" or value.strip(b" \t").lower() == b"trailers"


def _lines(fields: Sequence[Field]) -> list[bytes]:
    """In their order; a cookie that came in crumbs is one again (RFC 9113 section 8.2.3), where its first one stood."""
    cookies = [value for name, value in fields if name == b"cookie"]
    lines = []
    for name, value in fields:
        if name == b"cookie":
            if cookies:
                lines.append(b"cookie: " + b"; ".join(cookies))
                cookies = []
        elif name != b"host":
            lines.append(name + b": " + value)
    return lines
