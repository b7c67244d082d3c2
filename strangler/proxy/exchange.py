"""The record of one finished request, for whoever observes: the demo, later the ledger and the access log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Exchange(NamedTuple):
    """One request, finished. A tuple, because every request makes one: a frozen dataclass takes a microsecond more.

    Attributes:
        method: "" if the request was refused before it was known.
        target: origin-form, as it arrived.
        client: address of the client, as far as trusted proxies vouch for it.
        route: name of the route, "" if none matched.
        stage: at which the route stood when it was decided, "" if none matched.
        side, upstream: who was asked last; "" if nobody was.
        status: what the client got; 0 if it got no final answer.
        reason: label of the reason if the answer was ours or ended early, else "".
        fell_back: whether the fallback upstream was asked.
        retried: whether `upstream` was asked twice.
        started: seconds on `time.perf_counter`, when the request was taken up.
        first_byte: seconds from then until the answer's head; equals `duration` if there was none.
        duration: seconds until the end of the exchange.
        request_bytes, response_bytes: of bodies, without transfer coding; for a tunnel, the bytes each way.
    """

    method: str
    target: str
    client: str
    route: str
    stage: str
    side: str
    upstream: str
    status: int
    reason: str
    request_id: str
    fell_back: bool
    retried: bool
    started: float
    first_byte: float
    duration: float
    request_bytes: int
    response_bytes: int


Observe = Callable[[Exchange], None]
