"""The upstream's side: one connection, which carries one exchange at a time and reads its response.

It decides when an upstream is late. What a response becomes for the client is not its business.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from strangler.proxy import reasons
from strangler.proxy.deadlines import NEVER
from strangler.proxy.reasons import Reason
from strangler.proxy.response import ResponseReader

if TYPE_CHECKING:
    from strangler.proxy.pool import Pool


class Carried(Protocol):
    """What a connection carries: a client's request, or a question of ours."""

    def receive(self) -> None: ...
    def upstream_gone(self, reason: Reason) -> None: ...
    def break_off(self) -> None: ...
    def regulate(self) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream.

    Attributes:
        passage: the request it carries, None while idle.
        reused: whether it has carried one before.
        writable: False while the upstream takes less than it is given.
        deadline: when it is late, on the loop's clock.
    """

    __slots__ = (
        "_deadlines",
        "_idle_timeout",
        "_reading",
        "_response_timeout",
        "_unsent",
        "_uploads",
        "deadline",
        "fileno",
        "passage",
        "pool",
        "reader",
        "reused",
        "transport",
        "usable",
        "writable",
    )

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.passage: Carried | None = None
        self.reader = ResponseReader()
        self.reused = False
        self.usable = False
        self.writable = True
        self.deadline = NEVER
        self.fileno = -1
        self.transport: asyncio.Transport
        self._reading = True
        self._unsent = 0
        self._uploads = False  # whether more than the head of a request was written
        self._deadlines = pool.proxy.deadlines
        self._response_timeout = float(pool.upstream.timeouts.response)
        self._idle_timeout = float(pool.upstream.timeouts.idle)

    # What the exchange does.

    def begin(self, passage: Carried, method: str) -> None:
        """Carry `passage` from now on."""
        self.passage = passage
        self._uploads = False
        self.reader.expect(method)
        self.deadline = self._deadlines.now + self._response_timeout

    def write(self, pieces: list[bytes]) -> None:
        """Write a request that has a body, or more of it."""
        self._uploads = True
        write(self.transport, pieces)

    def request_sent(self) -> None:
        """A part of the request was written: the answer is due from now on."""
        self.deadline = self._deadlines.now + self._response_timeout

    def request_due(self) -> None:
        """The client is at work, so the upstream is not late."""
        self.deadline = NEVER

    def rest(self) -> None:
        """The exchange is over and was clean."""
        self.passage = None
        self.reused = True
        self.deadline = self._deadlines.now + self._idle_timeout
        if not self._reading:
            self.read(True)

    def read(self, on: bool) -> None:
        """Let the upstream go on, or have it wait."""
        if on == self._reading or not self.usable:
            return
        self._reading = on
        if on:
            self.transport.resume_reading()
            self._refresh()
        else:
            self.transport.pause_reading()
            self.deadline = NEVER  # it is the client who is slow

    def close(self) -> None:
        """Leave at once; nothing more is read."""
        self.passage = None
        if self.usable:
            self.usable = False
            self.transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.fileno = transport.get_extra_info("socket").fileno()
        self.usable = True
        self.pool.proxy.deadlines.watch(self)
        self.pool.proxy.upstream_connections.add(self)

    def data_received(self, data: bytes) -> None:
        passage = self.passage
        if passage is None:  # nobody asked for this
            self.close()
            return
        try:
            self.reader.feed(data)
            passage.receive()
            if self.passage is passage and self._reading and self.reader.response is not None:
                self.deadline = self._deadlines.now + self._idle_timeout
        except Exception as error:
            self.pool.proxy.fault(error)
            passage.break_off()

    def eof_received(self) -> bool:
        self.usable = False  # the transport closes itself, a little later
        passage = self.passage
        if passage is not None:
            try:
                self.reader.end()
                if self.reader.complete:
                    passage.receive()
            except Exception as error:
                self.pool.proxy.fault(error)
                passage.break_off()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if exc is not None and self._uploads:
            self._hear_out()
        proxy = self.pool.proxy
        proxy.deadlines.forget(self)
        proxy.upstream_connections.discard(self)
        passage = self.passage
        self.pool.forget(self)
        self.passage = None
        if passage is not None:
            try:
                passage.upstream_gone(reasons.RESET)
            except Exception as error:
                proxy.fault(error)
                passage.break_off()

    def pause_writing(self) -> None:
        self.writable = False
        self._unsent = self.transport.get_write_buffer_size()
        if self.passage is not None:
            self.request_sent()
            self.passage.regulate()

    def resume_writing(self) -> None:
        self.writable = True
        if self.passage is not None:
            self.request_sent()
            self.passage.regulate()

    def expire(self) -> None:
        """The deadline has passed."""
        unsent = self.transport.get_write_buffer_size()
        if not self.writable and unsent < self._unsent:  # slow, but it moves
            self._unsent = unsent
            self.request_sent()
            return
        passage, self.passage = self.passage, None
        self.deadline = NEVER
        self.pool.forget(self)
        self.close()
        if passage is not None:
            passage.upstream_gone(reasons.RESPONSE_TIMEOUT)

    def _hear_out(self) -> None:
        """Take the answer of an upstream that refused an upload and closed at once.

        Writing to it fails then, and the event loop gives the connection up without a look at what has arrived. Not for a
        request without a body: on a pooled connection that may be a farewell to nobody.
        """
        if self.transport.get_extra_info("ssl_object") is not None:
            return
        with suppress(OSError):
            for _ in range(LAST_READS):
                if self.passage is None or not (data := os.read(self.fileno, JOIN_UP_TO)):
                    break
                self.data_received(data)

    def _refresh(self) -> None:
        """The answer has begun and goes on."""
        started = self.reader.response is not None
        self.deadline = self._deadlines.now + (self._idle_timeout if started else self._response_timeout)


LAST_READS = 16  # of a connection that has gone; nobody can be told to wait, so a long answer is cut
JOIN_UP_TO = 64 * 1024  # bytes; beyond it a copy costs more than a longer list of buffers


def write(transport: asyncio.Transport, pieces: list[bytes]) -> None:
    """Write the pieces in one go; nothing if the other side has gone, of which `connection_lost` will tell."""
    if transport.is_closing():
        return
    if len(pieces) == 1:
        transport.write(pieces[0])
    elif len(pieces) == 2 or sum(map(len, pieces)) <= JOIN_UP_TO:  # two: a head and what was read with it, once a message
        transport.write(b"".join(pieces))
    else:
        transport.writelines(pieces)
