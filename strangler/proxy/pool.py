"""Connections to one upstream: which idle one carries the next exchange, and how a new one is made.

It knows nothing of requests, except whether one may be sent twice.
"""

from __future__ import annotations

import asyncio
import logging
import select
import ssl
from collections import deque
from typing import TYPE_CHECKING, Protocol

from strangler.core.model import Upstream
from strangler.proxy.dial import DialError, dial
from strangler.proxy.reasons import Reason
from strangler.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from strangler.proxy.gate import Gate
    from strangler.proxy.proxy import Proxy

log = logging.getLogger("strangler.proxy")

MAX_IDLE = 256  # connections kept for one upstream


class Waiting(Protocol):
    """Who asked for a connection."""

    over: bool

    def carry(self, connection: UpstreamConnection) -> None: ...
    def unreachable(self, reason: Reason) -> None: ...
    def break_off(self) -> None: ...


class Pool:
    """The connections of one worker to one upstream.

    Attributes:
        host: value of the Host header that it gets, if the client's own is not preserved or there is none.
        context: to speak TLS with on new connections; None for plain HTTP.
        answered: requests whose answer has begun, ever.
        gate: whether requests are sent; asked only while `shut`.
    """

    def __init__(self, name: str, upstream: Upstream, proxy: Proxy) -> None:
        self.name = name
        self.preserves_host = upstream.host == "preserve"
        self.host = (upstream.url.authority if upstream.host in ("preserve", "upstream") else upstream.host).encode()
        self.upstream = upstream
        self.proxy = proxy
        self.context: ssl.SSLContext | None = None
        self.answered = 0
        self.shut = False
        self.gate: Gate
        self.retired = False
        self._told: set[Reason] = set()
        self._idle: deque[UpstreamConnection] = deque()
        self._connecting: set[asyncio.Task[None]] = set()

    def take(self, repeatable: bool) -> UpstreamConnection | None:
        """The idle connection used last, or None.

        One that the upstream has closed in the meantime is found out only by using it. A request that must not be sent
        twice therefore has a look at the socket first.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and (repeatable or not _readable(connection.fileno)):
                return connection
            connection.close()
        return None

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection that stands between two exchanges."""
        if self.retired or not connection.usable:
            connection.close()
            return
        connection.rest()
        self._idle.append(connection)
        if len(self._idle) > MAX_IDLE:
            self._idle.popleft().close()

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection has gone."""
        if connection.passage is None and connection in self._idle:
            self._idle.remove(connection)

    def connect(self, waiting: Waiting) -> None:
        """Make a new connection for `waiting`; it hears of it later."""
        task = asyncio.get_running_loop().create_task(self._connect(waiting))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def retire(self) -> None:
        """No new exchange: idle connections close now, the others when they are put back."""
        self.retired = True
        self.gate.close()
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Retire, and wait for no new connection either."""
        self.retire()
        for task in self._connecting:
            task.cancel()

    async def _connect(self, waiting: Waiting) -> None:
        connection = UpstreamConnection(self)
        try:
            await dial(self.upstream.url, self.context, connection, float(self.upstream.timeouts.connect))
        except DialError as error:
            self._tell(error)
            self._report(waiting, error.reason)
        else:
            self._report(waiting, connection)

    def _tell(self, error: DialError) -> None:
        """Log why there is no connection, the first time for each reason: the counters say how often."""
        if error.reason not in self._told:
            self._told.add(error.reason)
            log.warning("upstream %s: %s (%s); logged once", self.name, error.reason.label, error.detail)

    def _report(self, waiting: Waiting, outcome: UpstreamConnection | Reason) -> None:
        try:
            if isinstance(outcome, Reason):
                waiting.unreachable(outcome)
            elif waiting.over:
                self.put(outcome)
            else:
                waiting.carry(outcome)
        except Exception as error:
            self.proxy.fault(error)
            waiting.break_off()


def _readable(fileno: int) -> bool:
    """Whether an idle socket has something to say: its end, or bytes that nobody asked for."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
