"""The names that upstreams have for themselves, and answers that would send a client there.

A Location or a cookie's Domain is changed only if it names a configured upstream; everything else is the application's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from strangler.core.model import Url
from strangler.proxy.authority import host_name
from strangler.proxy.heads import ResponseHead

_ORIGIN = re.compile(rb"(?P<scheme>https?:)?//(?P<authority>[^/?#\\]*)", re.I)
_DOMAIN = re.compile(rb";\s*domain\s*=\s*\.?(?P<domain>[^;\s]*)", re.I)


class Origins:
    """The authorities and host names of all configured upstreams."""

    def __init__(self, urls: Iterable[Url]) -> None:
        self._authorities: set[bytes] = set()
        self._hosts: set[bytes] = set()
        for url in urls:
            host = f"[{url.host}]" if ":" in url.host else url.host
            self._authorities |= {url.authority.lower().encode(), f"{host}:{url.port}".lower().encode()}
            self._hosts.add(url.host.lower().encode())

    def translate(self, head: ResponseHead, scheme: bytes, host: bytes | None) -> None:
        """Have Location and Set-Cookie name what the client asked for: `host`, or no host if it named none."""
        for at in head.locations_at:
            name, _, value = head.lines[at].partition(b": ")
            head.lines[at] = name + b": " + self.location(value, scheme, host)
        for at in head.cookies_at:
            name, _, value = head.lines[at].partition(b": ")
            head.lines[at] = name + b": " + self.cookie(value, host)

    def location(self, value: bytes, scheme: bytes, host: bytes | None) -> bytes:
        """A Location that names an upstream, with the client's origin instead."""
        found = _ORIGIN.match(value)
        if found is None or found["authority"].lower() not in self._authorities:
            return value
        rest = value[found.end() :]
        if not host:
            return rest if rest.startswith(b"/") else b"/" + rest
        return (scheme + b":" if found["scheme"] else b"") + b"//" + host + rest

    def cookie(self, value: bytes, host: bytes | None) -> bytes:
        """A Set-Cookie whose Domain names an upstream, with the client's host instead."""
        found = _DOMAIN.search(value)
        if found is None or found["domain"].lower() not in self._hosts:
            return value
        name = (host_name(host) or "").encode("latin-1") if host else b""
        domain = b"; Domain=" + name if name else b""
        return value[: found.start()] + domain + value[found.end() :]
