"""One request of a connection that carries many: to its client connection it looks like a connection of its own.

It turns frames into the bytes of one HTTP/1.1 request, and the bytes of the answer back into frames. Its pace is its own:
a body that an upstream does not take stops this stream, and so does an answer that the client does not take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from strangler.core.streams import Field
from strangler.proxy.framing import as_chunk, last_chunk
from strangler.proxy.heads import ResponseHead
from strangler.proxy.response import ResponseReader
from strangler.proxy.stream_head import Spelled, trailer_section

if TYPE_CHECKING:
    from strangler.proxy.multiplexed import Multiplexed

HIGH_WATER, LOW_WATER = 64 * 1024, 16 * 1024  # bytes of an answer that wait for the client


class Stream(asyncio.Transport):
    """The transport of one request.

    Attributes:
        protocol: who serves it.
        begun, answered: whether the answer's head, and all of it, was handed on.
    """

    def __init__(self, outer: Multiplexed, number: int, method: str, spelled: Spelled) -> None:
        super().__init__()
        self.protocol: asyncio.Protocol
        self.begun = self.answered = False
        self._outer = outer
        self._number = number
        self._spelled = spelled
        self._reader = ResponseReader()
        self._reader.expect(method)
        self._complete = self._closing = self._over = False
        self._reading = True
        self._paused = False
        self._waiting: list[bytes] = []
        self._received = 0

    # What arrives.

    def begin(self, protocol: asyncio.Protocol, complete: bool) -> None:
        """The head has come, which may be all of the request."""
        self.protocol = protocol
        self._complete = complete
        protocol.connection_made(self)
        self._pass(self._spelled.lines)

    def arrived(self, data: bytes) -> None:
        self._received += len(data)
        if not self._spelled.chunked and self._received > self._spelled.length:
            self._break()
        elif data:
            self._pass(b"".join(as_chunk([data])) if self._spelled.chunked else data)

    def ended(self, trailers: Sequence[Field]) -> None:
        if self._complete:
            return
        lines = trailer_section(trailers)
        if lines is None or (not self._spelled.chunked and self._received != self._spelled.length):
            self._break()
            return
        self._complete = True
        if self._spelled.chunked:
            self._pass(last_chunk(lines))

    def gone(self) -> None:
        """The client does not want it any more, or has left."""
        if not self._over:
            self._end()

    def _pass(self, data: bytes) -> None:
        if self._reading and not self._waiting:
            self._give(data)
        else:
            self._waiting.append(data)

    def _give(self, data: bytes) -> None:
        if not self._over:
            self.protocol.data_received(data)
        if self._reading and not self._complete:
            self._outer.codec.take(self._number)

    def _pass_waiting(self) -> None:
        while self._waiting and self._reading and not self._over:
            self._give(self._waiting.pop(0))
        self._outer.flush()

    def _break(self) -> None:
        """It is not the request that its head said it was."""
        self._outer.codec.reset(self._number, wanted=False)
        self._end()

    # What the client connection asks of its transport.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._outer.transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        raise NotImplementedError("a stream cannot become a tunnel")

    def is_closing(self) -> bool:
        return self._closing or self._over

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self._outer.codec.buffered(self._number)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        asyncio.get_running_loop().call_soon(self._pass_waiting)
        if not self._waiting and not self._complete and not self._over:
            self._outer.codec.take(self._number)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._over or self._closing:
            return
        self._reader.feed(bytes(data))
        self._answer()
        self._outer.flush()
        self.steer()

    def close(self) -> None:
        """Once what waits for the client is out."""
        self._closing = True
        self.settle()

    def abort(self) -> None:
        if not self._over:
            self._outer.codec.reset(self._number, wanted=False)
            self._end()
            self._outer.flush()

    # The answer.

    def _answer(self) -> None:
        codec, number, reader = self._outer.codec, self._number, self._reader
        interim, reader.interim = reader.interim, []
        for one in interim:
            codec.respond(number, one.status, fields_of(one.head), last=False)
        if reader.response is None or self.answered:
            return
        pieces = reader.take_body()
        alone = not self.begun and reader.complete and not pieces and not reader.trailers
        if not self.begun:
            self.begun = True
            codec.respond(number, reader.response.status, fields_of(reader.response.head), last=alone)
        for piece in pieces:
            codec.body(number, piece)
        if reader.complete:
            self.answered = True
            if not alone:
                codec.end(number, reader.trailers)

    def steer(self) -> None:
        """The answer goes at the client's pace: this stream's, and the connection's."""
        if self._over or self._closing:
            return
        waiting = self.get_write_buffer_size()
        if not self._paused and (waiting > HIGH_WATER or not self._outer.writable):
            self._paused = True
            self.protocol.pause_writing()
        elif self._paused and waiting <= LOW_WATER and self._outer.writable:
            self._paused = False
            self.protocol.resume_writing()

    def settle(self) -> None:
        """Leave, if all is out that has to be."""
        if not self._closing or self._over or self.get_write_buffer_size():
            return
        if not (self.answered and self._complete):
            self._outer.codec.reset(self._number, wanted=self.answered)
        self._end()
        self._outer.flush()

    def _end(self) -> None:
        self._over = True
        self._waiting = []
        self._outer.forget(self._number, self.answered)
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


def fields_of(head: ResponseHead) -> list[Field]:
    """What goes on of a head, in its order."""
    split = [line.partition(b": ") for line in head.lines if line]
    return [(name.lower(), value) for name, _, value in split]
