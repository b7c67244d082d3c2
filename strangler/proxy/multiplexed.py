"""A client's connection that carries many requests at a time, each a stream: HTTP/2, as a codec speaks it.

Every stream is served by a client connection of its own, which decides, waits and answers as for any other. What is left
here is what the streams share: the socket, its pace, how long it may be idle, and how it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from strangler.core.streams import Field, MakeCodec
from strangler.proxy import answers, request_id
from strangler.proxy.client import LINGER, PARTING, ClientConnection
from strangler.proxy.deadlines import NEVER
from strangler.proxy.reasons import Reason
from strangler.proxy.response import ResponseReader
from strangler.proxy.stream import Stream, fields_of
from strangler.proxy.stream_head import spell

if TYPE_CHECKING:
    from strangler.proxy.door import Door
    from strangler.proxy.proxy import Proxy

MOST_UNSENT = 1024 * 1024  # bytes that wait for the socket; a client that takes none of them is not listened to either
PATIENCE_WITH_RESETS = 100  # requests taken back more often than answered: nobody at work does that (CVE-2023-44487)


class Multiplexed(asyncio.Protocol):
    """One connection.

    Attributes:
        codec: speaks the protocol.
        writable: False while the client takes less than it is given.
        deadline: when it is late, on the loop's clock.
    """

    def __init__(self, proxy: Proxy, door: Door, make: MakeCodec) -> None:
        self.proxy = proxy
        self.door = door
        self.writable = True
        self.deadline = NEVER
        self.transport: asyncio.Transport
        self._make = make
        self._streams: dict[int, Stream] = {}
        self._out: list[bytes] = []
        self._busy = False  # what is sent waits until the codec has said all
        self._closing = self._retiring = False
        self._unanswered = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.deadline = self.proxy.deadlines.now + float(self.door.limits.header_timeout)
        self.door.open += 1
        self.proxy.multiplexed.add(self)
        self.proxy.deadlines.watch(self)
        self.codec = self._make(self, int(self.door.limits.header_bytes))
        self.flush()
        if self.proxy.stopping:
            self.retire()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._busy = True
        try:
            self.codec.receive(data)
        except Exception as error:
            self.proxy.fault(error)
            self.abort()
            return
        finally:
            self._busy = False
        self.flush()
        self._steer()
        if self.transport.get_write_buffer_size() > MOST_UNSENT:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._lose_streams()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._lose_streams()
        if self in self.proxy.multiplexed:
            self.proxy.multiplexed.discard(self)
            self.proxy.deadlines.forget(self)
            self.door.open -= 1
            self.proxy.tell_empty()

    def pause_writing(self) -> None:
        self.writable = False
        self._steer()

    def resume_writing(self) -> None:
        self.writable = True
        if not self._closing:
            self.transport.resume_reading()
        self._steer()

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = NEVER
        if self._closing:
            self.abort()
        elif not self._streams:
            self._leave()
        elif self._retiring:
            self.codec.leave(final=True)
            self.flush()

    # What the codec says.

    def opened(self, stream: int, method: bytes, authority: bytes, target: bytes, fields: Sequence[Field], ended: bool) -> None:
        spelled = spell(method, authority, target, fields, ended)
        if isinstance(spelled, Reason):
            self._refuse(stream, spelled, method)
            return
        if not self._retiring:
            self.deadline = NEVER
        opened = self._streams[stream] = Stream(self, stream, method.decode("ascii"), spelled)
        opened.begin(ClientConnection(self.proxy, self.door), ended)

    def arrived(self, stream: int, data: bytes) -> None:
        if (found := self._streams.get(stream)) is not None:
            found.arrived(data)

    def ended(self, stream: int, trailers: Sequence[Field]) -> None:
        if (found := self._streams.get(stream)) is not None:
            found.ended(trailers)

    def reset(self, stream: int) -> None:
        found = self._streams.get(stream)
        if found is None:
            return
        begun = found.begun
        found.gone()
        self._unanswered += not begun
        if self._unanswered > PATIENCE_WITH_RESETS:
            self.codec.leave(final=True, busy=True)
            self.close()

    def send(self, data: bytes) -> None:
        self._out.append(data)
        if not self._busy:
            self.flush()

    def close(self) -> None:
        """Close once what was sent is out."""
        if self._closing:
            return
        self._closing = True
        self.flush()
        self._lose_streams()
        self.deadline = self.proxy.deadlines.now + LINGER
        self.transport.close()

    # What streams and the proxy call.

    def flush(self) -> None:
        """Write what the codec has sent."""
        if self._out and not self._busy:
            data, self._out = b"".join(self._out), []
            if not self.transport.is_closing():
                self.transport.write(data)

    def forget(self, stream: int, answered: bool) -> None:
        """A stream has ended."""
        if self._streams.pop(stream, None) is None:
            return
        self.codec.forget(stream)
        if answered:
            self._unanswered = max(0, self._unanswered - 1)
        if self._closing:
            return
        if not self._streams:
            self.deadline = self.proxy.deadlines.now + (PARTING if self._retiring else float(self.door.limits.idle))

    def retire(self) -> None:
        """The proxy stops: what the client has sent before it heard of that is served, and nothing after."""
        if self._retiring or self._closing:
            return
        self._retiring = True
        self.codec.leave(final=False)
        self.flush()
        self.deadline = self.proxy.deadlines.now + PARTING

    def abort(self) -> None:
        """Close without writing what is left."""
        self._closing = True
        self._lose_streams()
        self.transport.abort()

    # Ours.

    def _leave(self) -> None:
        self.codec.leave(final=True)
        self.close()

    def _steer(self) -> None:
        for stream in list(self._streams.values()):
            stream.settle()
            stream.steer()

    def _lose_streams(self) -> None:
        for stream in list(self._streams.values()):
            stream.gone()

    def _refuse(self, stream: int, reason: Reason, method: bytes) -> None:
        self.proxy.counters.refusals[reason.label] += 1
        reader = ResponseReader()
        reader.expect(method.decode("latin-1"))
        reader.feed(answers.render(reason, request_id=request_id.new().decode(), to_head=method == b"HEAD"))
        assert reader.response is not None
        self.codec.respond(stream, reason.status, fields_of(reader.response.head), last=not reader.body)
        for piece in reader.take_body():
            self.codec.body(stream, piece)
        self.codec.end(stream, ())
        self.codec.reset(stream, wanted=True)
        self.codec.forget(stream)
