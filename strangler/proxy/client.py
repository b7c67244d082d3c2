"""The client's side: one connection, whose requests are answered in order, one at a time.

It decides when to read, how long to wait for the client and how the connection ends. What a request becomes is its
passage's business. A client that closes its side, even only for writing, has gone: an upstream is not kept at work for
nobody (nginx and Envoy see it the same way).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum
from typing import TYPE_CHECKING, cast

from strangler.proxy import answers, reasons, request_id
from strangler.proxy.deadlines import NEVER
from strangler.proxy.inbound import Inbound, RequestReader
from strangler.proxy.passage import Passage

if TYPE_CHECKING:
    from strangler.proxy.door import Door
    from strangler.proxy.proxy import Proxy

PARTING = 1.0  # seconds of silence after which an idle connection is closed when the proxy stops
LINGER = 5.0  # seconds for a client to read our last answer while it still sends
BUFFER = 64 * 1024  # bytes of a body that wait for a connection to the upstream
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class State(Enum):
    """Of a client connection, in order."""

    OPEN = "requests are read"
    LINGERING = "the last answer was given; what still comes is thrown away"
    CLOSING = "what is left to write is written"


_OPEN = State.OPEN  # looked up for every request


class ClientConnection(asyncio.Protocol):
    """One connection of a client.

    Attributes:
        passage: the request being served.
        scheme: that the client uses, ``http`` or ``https``.
        writable: False while the client takes less than it is given.
        deadline: when it is late, on the loop's clock.
    """

    __slots__ = (
        "_advancing",
        "_head_begun",
        "_idle",
        "_reading",
        "_state",
        "_unsent",
        "deadline",
        "door",
        "passage",
        "peer",
        "proxy",
        "reader",
        "scheme",
        "transport",
        "writable",
    )

    def __init__(self, proxy: Proxy, door: Door) -> None:
        self.proxy = proxy
        self.door = door
        self.passage: Passage | None = None
        self.writable = True
        self.deadline = NEVER
        self.transport: asyncio.Transport
        self._state = _OPEN
        self._advancing = False
        self._head_begun = False
        self._reading = True
        self._unsent = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.scheme = b"http" if transport.get_extra_info("sslcontext") is None else b"https"
        self.peer = self.door.peer(transport.get_extra_info("peername"))
        self.reader = RequestReader(self.door.limits, self.peer)
        self._idle = float(self.door.limits.idle)
        self.deadline = self.proxy.deadlines.now + self._idle
        self.proxy.enter(self)
        if self.door.full:
            self._turn_away()

    def data_received(self, data: bytes) -> None:
        if self._state is not _OPEN:
            return
        try:
            self.reader.feed(data)
            if self.passage is not None:
                self.passage.more()
        except Exception as error:
            self._fault(error)
        self.advance()

    def eof_received(self) -> bool:
        self._leave()
        self._state = State.CLOSING
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = self.proxy.deadlines.now + self._idle
        return False  # the transport writes what is left and closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._state = State.CLOSING
        self.proxy.leave(self)

    def pause_writing(self) -> None:
        self.writable = False
        self._unsent = self.transport.get_write_buffer_size()
        self._steer()

    def resume_writing(self) -> None:
        self.writable = True
        self._steer()
        self.advance()

    def expire(self) -> None:
        """The deadline has passed."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent < self._unsent:  # slow, but it moves
            self._unsent = unsent
            self.deadline = self.proxy.deadlines.now + self._idle
        elif self._state is not _OPEN or not self.writable:
            self._leave()
            self.abort()
        elif self.passage is not None:
            self.passage.refuse(reasons.BODY_TIMEOUT)
        elif self.reader.in_head:
            self.reader.refuse(reasons.HEADER_TIMEOUT)
            self.advance()
        else:
            self._close()

    # What the passage calls.

    def finished(self, inbound: Inbound, keep: bool) -> None:
        """The request has its answer; `keep` says whether another may follow."""
        self.passage = None
        if not keep:
            self._end(linger=not inbound.complete or bool(self.reader.requests) or self.reader.holding)
            return
        reader = self.reader
        self._head_begun = False
        if self._reading and not (reader.requests or reader.holding or reader.in_head):
            self.deadline = self.proxy.deadlines.now + self._idle
        else:
            reader.release()
            self.advance()
        if self.proxy.stopping:  # the answer had begun before, and promised that the connection stays
            self.retire()

    def cut_short(self, delimited: bool) -> None:
        """Close in the middle of an answer.

        A body that only the close delimits would look complete, so the connection is reset after what is left is written;
        with TLS it ends without being told so, which means the same (RFC 9112 section 9.8), but what is left is lost.
        """
        self.passage = None
        if not delimited:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if not self.transport.can_write_eof():
                self.abort()
                return
        self._close()

    def abort(self) -> None:
        """Close without writing what is left."""
        self._state = State.CLOSING
        self.transport.abort()

    def regulate(self) -> None:
        """Read only what can go on at once, or one request ahead."""
        passage = self.passage
        if passage is not None and passage.inbound.complete and self._reading and not self.reader.requests and self.writable:
            self.deadline = NEVER  # nothing is expected of the client
            return
        wanted = self._wants_to_read()
        if wanted != self._reading:
            self._reading = wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()
        self._set_deadline()

    def become_tunnel(self) -> bytes:
        """The connection belongs to a tunnel now: the bytes that the client sent early, and reading goes on."""
        self.deadline = NEVER
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()
        return self.reader.held

    def retire(self) -> None:
        """The proxy stops. A connection between two requests is closed after a moment of silence: one that is on its way
        already would be lost, and its client could not know whether it was served."""
        if self._state is _OPEN and self.passage is None and not self.reader.in_head:
            self.deadline = min(self.deadline, self.proxy.deadlines.now + PARTING)

    def go_on(self) -> None:
        """The request that waited is decided again. Does not raise."""
        passage = self.passage
        if passage is None:
            return
        try:
            passage.go_on()
        except Exception as error:
            self._fault(error)
        self.advance()

    # Ours.

    def advance(self) -> None:
        """Take up the next request, if it is its turn. Does not raise."""
        if self._advancing:  # an answer that needed no upstream: the loop below goes on
            return
        self._advancing = True
        requests = self.reader.requests
        try:
            while requests and self.passage is None and self.writable and self._state is _OPEN:
                passage = self.passage = Passage(self, requests.popleft())
                passage.begin()
        except Exception as error:
            self._fault(error)
        self._advancing = False
        if self._state is _OPEN:
            self.regulate()

    def _wants_to_read(self) -> bool:
        if self._state is not _OPEN:
            return True
        if self.reader.requests or self.reader.holding:
            return False
        passage = self.passage
        if passage is None:
            return self.writable
        if passage.connection is None:
            return not passage.waiting and passage.inbound.buffered < BUFFER
        return passage.connection.writable

    def _set_deadline(self) -> None:
        limits, now, passage = self.door.limits, self.proxy.deadlines.now, self.passage
        if not self.writable:
            self.deadline = now + self._idle
        elif passage is not None:
            self.deadline = now + self._idle if passage.awaits_client else NEVER
        elif not self.reader.in_head:
            self.deadline = now + self._idle
        elif not self._head_begun:
            self.deadline = now + limits.header_timeout
        self._head_begun = passage is None and self.reader.in_head

    def _steer(self) -> None:
        """The client's pace is the upstream's."""
        passage = self.passage
        if passage is not None and passage.connection is not None:
            passage.connection.read(self.writable)
        if self._state is _OPEN:
            self.regulate()

    def _turn_away(self) -> None:
        self.proxy.counters.refusals[reasons.TOO_MANY_CONNECTIONS.label] += 1
        self.transport.write(answers.render(reasons.TOO_MANY_CONNECTIONS, request_id=request_id.new().decode(), close=True))
        self._end(linger=True)

    def _leave(self) -> None:
        passage, self.passage = self.passage, None
        if passage is not None:
            passage.client_gone()

    def _end(self, linger: bool) -> None:
        """Close once the answer is out. A client that still sends gets time to read it: closing would reset it away, except
        with TLS, which waits by itself for the other side to close."""
        if not linger or not self.transport.can_write_eof():
            self._close()
            return
        self._state = State.LINGERING
        self.transport.write_eof()
        self.deadline = self.proxy.deadlines.now + LINGER
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()

    def _close(self) -> None:
        self._state = State.CLOSING
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = self.proxy.deadlines.now + (self._idle if self._unsent else LINGER)
        self.transport.close()

    def _fault(self, error: Exception) -> None:
        """An error of ours: the request gets 502 if it can, and the connection ends."""
        self.proxy.fault(error)
        if self.passage is not None:
            self.passage.break_off()
        else:
            self.abort()
