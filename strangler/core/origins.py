"""The names that upstreams have for themselves, and answers that would send a client there.

A Location or a cookie's Domain is changed only if it names a configured upstream; everything else is the application's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from strangler.core.model import Url

_ORIGIN = re.compile(rb"(?P<scheme>https?:)?//(?P<authority>[^/?#\\]*)", re.I)
_DOMAIN = re.compile(rb";\s*domain\s*=\s*\.?(?P<domain>[^;\s]*)", re.I)


class Origins:
    """The authorities and host names of all configured upstreams."""

    def __init__(self, urls: Iterable[Url] = ()) -> None:
        self._authorities: set[bytes] = set()
        self._hosts: set[bytes] = set()
        for url in urls:
            host = f"[{url.host}]" if ":" in url.host else url.host
            self._authorities |= {url.authority.lower().encode(), f"{host}:{url.port}".lower().encode()}
            self._hosts.add(url.host.lower().encode())

    def location(self, value: bytes, scheme: bytes, host: bytes | None) -> bytes:
        """A Location that names an upstream, with the client's origin instead; without any if the client named no host."""
        found = _ORIGIN.match(value)
        if found is None or found["authority"].lower() not in self._authorities:
            return value
        if not host:
            return _path(value, found)
        return (scheme + b":" if found["scheme"] else b"") + b"//" + host + value[found.end() :]

    def cookie(self, value: bytes, domain: bytes) -> bytes:
        """A Set-Cookie whose Domain names an upstream, with `domain` instead; without any if that is b""."""
        found = _DOMAIN.search(value)
        if found is None or found["domain"].lower() not in self._hosts:
            return value
        return value[: found.start()] + (b"; Domain=" + domain if domain else b"") + value[found.end() :]

    def relative_location(self, value: bytes, host: bytes) -> bytes:
        """A Location as the client sees it: only the path if it leads to an upstream, or to the `host` that the client asked."""
        found = _ORIGIN.match(value)
        ours = found is not None and found["authority"].lower() in (*self._authorities, host.lower())
        return _path(value, found) if found and ours else value


def _path(value: bytes, origin: re.Match[bytes]) -> bytes:
    rest = value[origin.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest
