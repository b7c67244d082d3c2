"""What speaks a protocol that carries many requests at a time, and who serves them: the words between the two.

A codec knows frames and nothing of connections, routes or upstreams. Streams are its numbers for requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Field = tuple[bytes, bytes]
"""Name and value, as they stand in a head or a trailer section."""


class Receiver(Protocol):
    """Who is told what has arrived. Called only from within a call of the codec."""

    def opened(self, stream: int, method: bytes, authority: bytes, target: bytes, fields: Sequence[Field], ended: bool) -> None:
        """A request has begun; `ended` says that its head is all of it."""

    def arrived(self, stream: int, data: bytes) -> None:
        """A piece of its body has come. More is allowed only once the codec is told to `take`."""

    def ended(self, stream: int, trailers: Sequence[Field]) -> None:
        """It is complete."""

    def reset(self, stream: int) -> None:
        """The client does not want the answer any more."""

    def send(self, data: bytes) -> None:
        """These bytes are for the client."""

    def close(self) -> None:
        """The connection is of no use any more, once what was sent is out."""


class Codec(Protocol):
    """One connection's protocol. What is said of a stream that has ended is passed over."""

    def receive(self, data: bytes) -> None:
        """Read on."""

    def respond(self, stream: int, status: int, fields: Sequence[Field], last: bool) -> None:
        """Send a head, an interim one (1xx) or the final one; `last` says that nothing follows it."""

    def body(self, stream: int, data: bytes) -> None:
        """Send a piece of a body, now or when the client has room for it."""

    def end(self, stream: int, trailers: Sequence[Field]) -> None:
        """The answer is complete."""

    def reset(self, stream: int, wanted: bool) -> None:
        """End a stream before its time. `wanted`: its answer is complete, and only the rest of the request is not needed."""

    def take(self, stream: int) -> None:
        """What has arrived of a body was taken: as much may follow."""

    def buffered(self, stream: int) -> int:
        """Bytes of its answer that wait for room at the client."""

    def forget(self, stream: int) -> None:
        """Nothing more will be said of it."""

    def leave(self, final: bool, busy: bool = False) -> None:
        """Tell the client to take its next requests elsewhere; `final`: none that comes from now on is served; `busy`: because
        it asks too much."""


MakeCodec = Callable[[Receiver, int], Codec]
"""Begins a connection's protocol; the number is how many bytes the fields of one request may have."""
