"""What routing sees of a request: the head, read lazily, nothing decoded that no route asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote_plus


class Request:
    """The head of one request. No dataclass, whose constructor would stay interpreted in the compiled build.

    Attributes:
        method: as sent, upper case.
        path: path part of the target as it arrived (latin-1 text of the bytes), ``/`` first.
        query: after the ``?``, as it arrived, "" if none.
        host: host name in lower case, without port.
        client: address of the client, as far as trusted proxies vouch for it.
        headers: name and value as they arrived, in order, duplicates kept.
    """

    __slots__ = ("client", "headers", "host", "method", "path", "query")

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        host: str = "",
        client: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.host = host
        self.client = client
        self.headers = headers

    def header_values(self, name: str) -> Iterator[str]:
        """Values of a header by its lower-case name."""
        wanted = name.encode("latin-1")
        for key, value in self.headers:
            if key.lower() == wanted:
                yield value.decode("latin-1").strip(" \t")

    def query_values(self, name: str) -> Iterator[str]:
        """Decoded values of a query parameter."""
        for pair in self.query.split("&"):
            key, _, value = pair.partition("=")
            if unquote_plus(key, errors="surrogateescape") == name:
                yield unquote_plus(value, errors="surrogateescape")

    def cookie_values(self, name: str) -> Iterator[str]:
        """Values of a cookie; browsers send the most specific path first (RFC 6265 section 5.4)."""
        for line in self.header_values("cookie"):
            for pair in line.split(";"):
                key, equals, value = pair.partition("=")
                if equals and key.strip() == name:
                    yield value.strip().strip('"')


def host_of(authority: str) -> str:
    """The host name of an authority (``Shop.example.org:8080``) in lower case, without port and final dot."""
    if authority.startswith("["):
        return authority.partition("]")[0][1:].lower()
    return authority.partition(":")[0].lower().rstrip(".")
