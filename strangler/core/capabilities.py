"""What each engine speaks, and what a request can have in each protocol: `strangler check`, the documentation and the tests of
the engines all go by this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a request and its answer can have.

    Attributes:
        spelling: names of headers arrive in the case in which they were sent.
        phrases: the reason phrase of an answer arrives.
        upgrades: the connection can become another protocol, such as WebSocket.
        trailers: fields after the body arrive, either way.
        interim: 100 and 103 arrive.
    """

    spelling: bool = True
    phrases: bool = True
    upgrades: bool = True
    trailers: bool = True
    interim: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine: its `protocols` by name, and whether it has to be installed as an `extra`."""

    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    extra: str = ""


_OLDEST = Protocol(upgrades=False, trailers=False, interim=False)  # RFC 9110 sections 6.5.1, 7.8 and 15.2
_HTTP_2 = Protocol(spelling=False, phrases=False, upgrades=False)  # RFC 9113 sections 8.2, 8.3.2 and 8.6

CAPABILITIES: Mapping[str, Engine] = {
    "native": Engine({"HTTP/1.0": _OLDEST, "HTTP/1.1": Protocol()}),
    "mitmproxy": Engine({"HTTP/1.0": _OLDEST, "HTTP/1.1": Protocol(), "HTTP/2": _HTTP_2}, extra="mitmproxy"),
}
