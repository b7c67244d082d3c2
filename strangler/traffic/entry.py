"""One request and what it got: what every recording is made of, whatever file it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]
"""Name and value as they were sent, in that order, repeated ones repeated."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request's or an answer's headers and body.

    Args:
        headers: empty if they are unknown, as from an access log.
        body: as it was sent, content coding included; None if it is not known, or only in part.
        size: of the body in bytes, as it was sent; None if unknown.
    """

    headers: Headers = ()
    body: bytes | None = None
    size: int | None = None

    def all(self, name: str) -> list[str]:
        """The values of a header, in order; its name in lower case."""
        return [value for given, value in self.headers if given.lower() == name]

    def first(self, name: str) -> str:
        """The first value of a header, or nothing; its name in lower case."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A request and its answer.

    Args:
        method: in capitals, as sent.
        target: path and query as sent, percent-encoding kept, beginning with a slash.
        host: name, with the port if one was given; empty if unknown.
        scheme: http or https.
        at: when it arrived, in seconds since 1970; 0 if unknown.
        duration: from the request's first byte to the answer's last, in seconds; None if unknown.
        status: of the answer; None if there was none, or it is unknown.
        failure: why there was no answer, in a word; empty if there was one.
        side: legacy or modern, whoever answered; empty if unknown.
        route: the name of the route that it took; empty if unknown.
        client: stands for whoever asked, the same for all their requests; empty if unknown. Never an address.
    """

    method: str
    target: str
    host: str = ""
    scheme: str = "http"
    at: float = 0.0
    duration: float | None = None
    request: Message = field(default=Message())
    status: int | None = None
    response: Message = field(default=Message())
    failure: str = ""
    side: str = ""
    route: str = ""
    client: str = ""

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """Without the question mark; empty if there is none."""
        return self.target.partition("?")[2]


Entries = Iterable[Entry]
"""In the order in which they arrived; read one at a time, since a recording may be larger than memory."""
