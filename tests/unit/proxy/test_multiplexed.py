"""A connection with many requests, without a socket and without a protocol: what it listens to, and when it stops to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from strangler.core.model import Limits
from strangler.core.streams import Field, Receiver
from strangler.proxy.deadlines import Deadlines
from strangler.proxy.multiplexed import MOST_UNSENT, Multiplexed


class Echo:
    """A protocol that says what it hears, as pings do."""

    def __init__(self, receiver: Receiver, field_bytes: int) -> None:
        self.receiver = receiver
        self.left: list[bool] = []

    def receive(self, data: bytes) -> None:
        self.receiver.send(data)

    def leave(self, final: bool, busy: bool = False) -> None:
        self.left.append(final)

    def respond(self, stream: int, status: int, fields: Sequence[Field], last: bool) -> None: ...
    def body(self, stream: int, data: bytes) -> None: ...
    def end(self, stream: int, trailers: Sequence[Field]) -> None: ...
    def reset(self, stream: int, wanted: bool) -> None: ...
    def take(self, stream: int) -> None: ...
    def forget(self, stream: int) -> None: ...
    def buffered(self, stream: int) -> int:
        return 0


class Socket(asyncio.Transport):
    """A client that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading, self.closed = True, False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def connected() -> tuple[Multiplexed, Socket, Deadlines]:
    deadlines = Deadlines(asyncio.get_running_loop(), lambda error: None)
    proxy = SimpleNamespace(deadlines=deadlines, multiplexed=set(), stopping=False, fault=None, tell_empty=lambda: None)
    door = SimpleNamespace(limits=Limits(), open=0)
    multiplexed = Multiplexed(cast(Any, proxy), cast(Any, door), Echo)
    socket = Socket()
    multiplexed.connection_made(socket)
    return multiplexed, socket, deadlines


async def test_who_takes_nothing_is_not_heard() -> None:
    """Else its pings would be answered into memory without end."""
    multiplexed, socket, deadlines = connected()
    sent = 0
    while socket.reading:
        multiplexed.data_received(bytes(65536))
        sent += 65536
        assert sent <= MOST_UNSENT + 65536
    multiplexed.pause_writing()
    socket.written = b""
    multiplexed.resume_writing()
    assert socket.reading
    deadlines.stop()


async def test_silence_ends_it_and_a_client_that_stays_is_cut_off() -> None:
    multiplexed, socket, deadlines = connected()
    multiplexed.expire()
    assert cast(Any, multiplexed.codec).left == [True]
    assert socket.closed
    multiplexed.connection_lost(None)
    assert (multiplexed.door.open, multiplexed.proxy.multiplexed) == (0, set())
    deadlines.stop()


async def test_it_retires_in_two_steps() -> None:
    """First it asks the client to go elsewhere, and later says that nothing more is served."""
    multiplexed, socket, deadlines = connected()
    multiplexed.retire()
    multiplexed.retire()
    assert cast(Any, multiplexed.codec).left == [False]
    multiplexed.expire()
    assert cast(Any, multiplexed.codec).left == [False, True]
    assert socket.closed
    deadlines.stop()
