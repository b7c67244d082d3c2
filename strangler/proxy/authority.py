"""Host headers and request targets: which are valid, and whether they agree (RFC 9112 section 3.2, RFC 3986 section 3.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from strangler.core.request import host_of
from strangler.proxy import reasons
from strangler.proxy.reasons import Reason

_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::(?P<port>[0-9]{0,5}))?",
)
_ABSOLUTE = re.compile(rb"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S)
MAX_AUTHORITY = 255 + len(":65535")  # RFC 1035 section 2.3.4
_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}


def host_name(authority: bytes) -> str | None:
    """The host in lower case without port, or None if `authority` is not ``host[:port]`` (user information is not allowed)."""
    return _host_name(authority) if len(authority) <= MAX_AUTHORITY else None


@lru_cache(maxsize=4096)
def _host_name(authority: bytes) -> str | None:
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    return host_of(authority.decode("latin-1"))


def origin_form(method: str, target: bytes, host: bytes | None) -> tuple[bytes, bytes | None] | Reason:
    """The target in origin-form (or ``*``) and the authority that goes with it, or why the two are refused.

    Args:
        target: as it arrived; not empty.
        host: value of the Host header, None if there is none (HTTP/1.0).
    """
    if target.startswith(b"/"):
        return target, host
    if target == b"*":
        return (target, host) if method == "OPTIONS" else reasons.BAD_TARGET
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return reasons.BAD_TARGET
    scheme, authority, rest = found["scheme"].lower(), found["authority"], found["rest"]
    if not authority or host_name(authority) is None:
        return reasons.BAD_TARGET
    if host is not None and _plain(host, scheme) != _plain(authority, scheme):
        return reasons.HOST_MISMATCH
    if not rest and method == "OPTIONS":
        return b"*", authority  # RFC 9112 section 3.2.4
    return (rest if rest.startswith(b"/") else b"/" + rest), authority


def _plain(authority: bytes, scheme: bytes) -> bytes:
    """An authority in lower case, without the scheme's own port."""
    lower = authority.lower()
    name, colon, port = lower.rpartition(b":")
    return name if colon and port in (b"", _DEFAULT_PORTS[scheme]) else lower
