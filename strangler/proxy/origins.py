"""Answers that name an upstream, so that the client hears its own name for it."""

from __future__ import annotations

from strangler.core import origins
from strangler.proxy.authority import host_name
from strangler.proxy.heads import ResponseHead


class Origins(origins.Origins):
    """The names of all configured upstreams."""

    def translate(self, head: ResponseHead, scheme: bytes, host: bytes | None) -> None:
        """Have Location and Set-Cookie name what the client asked for: `host`, or no host if it named none."""
        for at in head.locations_at:
            name, _, value = head.lines[at].partition(b": ")
            head.lines[at] = name + b": " + self.location(value, scheme, host)
        domain = (host_name(host) or "").encode("latin-1") if host else b""
        for at in head.cookies_at:
            name, _, value = head.lines[at].partition(b": ")
            head.lines[at] = name + b": " + self.cookie(value, domain)
