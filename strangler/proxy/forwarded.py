"""Who the client is, and the headers that say so to an upstream (RFC 7239, and the X-Forwarded-* that came before it).

Only what a trusted proxy says is passed on; from anybody else the claims are replaced. Nothing here knows of connections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Claims that the proxy adds its own word to; others of the family pass from a trusted proxy as they are.
MERGED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})

Networks = tuple[IPv4Network | IPv6Network, ...]
Claims = Mapping[bytes, Sequence[bytes]]  # values by lower-case name, in order

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAX_ADDRESS = 64  # characters; an IPv6 address with its zone has fewer
_MAX_HOPS = 64  # of X-Forwarded-For that are looked at


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a client connection.

    Attributes:
        address: its IP address; "" for a Unix socket.
        trusted: whether its claims are believed. A Unix socket's peer is: the file's permissions chose it.
    """

    address: str
    trusted: bool


def peer_of(address: object, networks: Networks) -> Peer:
    """The peer behind a transport's ``peername``."""
    if not isinstance(address, tuple):
        return Peer("", True)
    found = _parse(str(address[0]))
    if found is None:
        return Peer(str(address[0]), False)
    return Peer(str(found), _within(found, networks))


def client_address(peer: Peer, claims: Claims, networks: Networks) -> str:
    """The rightmost address that no trusted proxy vouches for as one of its own; the peer if it is not trusted."""
    if not peer.trusted:
        return peer.address
    hops = [hop.strip() for line in claims.get(b"x-forwarded-for", ()) for hop in line.decode("latin-1").split(",")]
    client = peer.address
    for hop in reversed(hops[-_MAX_HOPS:]):
        address = _parse(_without_port(hop))
        if address is None:
            break
        client = str(address)
        if not _within(address, networks):
            break
    return client


def set_lines(peer: Peer, claims: Claims, host: bytes, scheme: bytes) -> bytes:
    """The header lines that tell an upstream where the request came from, with CRLF between them.

    Via is not among them, although RFC 9110 section 7.6.3 asks a proxy for it: servers take it for the sign of a proxy and
    answer otherwise than before (nginx stops compressing), and nothing may change. A client's own goes on as it is.

    Args:
        host: authority that the client asked for, b"" if it named none.
        scheme: of the client's connection, ``http`` or ``https``.
    """
    if not (peer.trusted and claims):
        return _own_lines(peer.address, host, scheme)
    chain = _joined(claims.get(b"x-forwarded-for", ()), peer.address.encode())
    return _lines(
        chain,
        _single(claims, b"x-forwarded-proto") or scheme,
        _single(claims, b"x-forwarded-host") or host,
        _joined(claims.get(b"forwarded", ()), _element(peer.address, host, scheme)),
    )


@lru_cache(maxsize=4096)
def _own_lines(address: str, host: bytes, scheme: bytes) -> bytes:
    """The lines when nothing that the request claims counts: the same for every request of one client to one host."""
    return _lines(address.encode(), scheme, host, _element(address, host, scheme))


def _lines(chain: bytes, proto: bytes, host: bytes, forwarded: bytes) -> bytes:
    lines = [b"X-Forwarded-For: " + chain] if chain else []
    lines.append(b"X-Forwarded-Proto: " + proto)
    lines += [b"X-Forwarded-Host: " + host] if host else []
    return b"\r\n".join([*lines, b"Forwarded: " + forwarded])


def _element(address: str, host: bytes, scheme: bytes) -> bytes:
    """One element of a Forwarded header (RFC 7239 section 4)."""
    node = f"[{address}]" if ":" in address else address or "unknown"
    pairs = [("for", node), ("host", host.decode("latin-1")), ("proto", scheme.decode())]
    return ";".join(f"{name}={_value(value)}" for name, value in pairs if value).encode("latin-1")


def _value(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else f'"{text}"'  # an authority holds neither quote nor backslash


def _joined(values: Sequence[bytes], last: bytes) -> bytes:
    return b", ".join([value.strip() for value in values if value.strip()] + ([last] if last else []))


def _single(claims: Claims, name: bytes) -> bytes:
    """The value of a claim that was made once and is one word, else b""."""
    values = claims.get(name, ())
    return values[0].strip() if len(values) == 1 else b""


def _without_port(hop: str) -> str:
    """An address as proxies write it: ``1.2.3.4``, ``1.2.3.4:80``, ``2001:db8::1``, ``[2001:db8::1]:80``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > _MAX_ADDRESS:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _within(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
