"""Clients of the two protocols, alike to whoever uses them: a call is sent piece by piece, and so is its answer read."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import h11
from hyperframe.frame import Frame, GoAwayFrame

from tests.e2e.proxy.wire import PATIENCE, Wire, dial

Fields = list[tuple[bytes, bytes]]
HOST = b"shop.example"


class BrokenOff(Exception):
    """The answer ended before it was complete. `code`: why, as HTTP/2 says it."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Head:
    """Of an answer; names in lower case."""

    status: int
    fields: Fields

    def all(self, name: str) -> list[str]:
        return [value.decode() for found, value in self.fields if found == name.encode()]


@dataclass
class Answer(Head):
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    interim: list[Head] = field(default_factory=list)


class Call(ABC):
    """One request and its answer."""

    def __init__(self) -> None:
        self.interim: list[Head] = []
        self.trailers: Fields = []

    @abstractmethod
    def send(self, data: bytes) -> None:
        """A piece of the body."""

    @abstractmethod
    def end(self, trailers: Fields = []) -> None:  # noqa: B006
        """The request is complete."""

    @abstractmethod
    def cancel(self) -> None:
        """The answer is not wanted any more."""

    @abstractmethod
    async def head(self) -> Head:
        """The final head; interim ones are in `interim` then."""

    @abstractmethod
    async def piece(self) -> bytes:
        """The next bytes of the body; none at its end."""

    async def answer(self) -> Answer:
        head, pieces = await self.head(), []
        while piece := await self.piece():
            pieces.append(piece)
        return Answer(head.status, head.fields, b"".join(pieces), self.trailers, self.interim)


class Speaker(ABC):
    """A client. `name` of its protocol."""

    name: str

    @abstractmethod
    async def open(self, method: str, target: str, fields: Sequence[tuple[str, str]] = (), *, ended: bool = True) -> Call:
        """Send the head of a request."""

    @abstractmethod
    async def close(self) -> None: ...

    async def ask(self, method: str, target: str, fields: Sequence[tuple[str, str]] = (), body: bytes | None = None) -> Answer:
        call = await self.open(method, target, fields, ended=body is None)
        if body is not None:
            call.send(body)
            call.end()
        async with asyncio.timeout(PATIENCE):
            return await call.answer()


class Http1(Speaker):
    """A connection for each call."""

    name = "HTTP/1.1"

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self._port, self._context = port, context
        self._calls: list[Http1Call] = []

    async def open(self, method: str, target: str, fields: Sequence[tuple[str, str]] = (), *, ended: bool = True) -> Call:
        call = Http1Call(await dial(self._port, self._context, HOST.decode() if self._context else None))
        self._calls.append(call)
        sized = ended or any(name.lower() == "content-length" for name, _ in fields)
        lines = [("Host", HOST.decode()), *fields, *([] if sized else [("Transfer-Encoding", "chunked")])]
        call.say(h11.Request(method=method, target=target, headers=lines))
        if ended:
            call.end()
        return call

    async def close(self) -> None:
        for call in self._calls:
            await call.wire.close()


class Http1Call(Call):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire
        self._state = h11.Connection(h11.CLIENT)

    def say(self, event: h11.Event) -> None:
        self.wire.send(self._state.send(event) or b"")

    def send(self, data: bytes) -> None:
        self.say(h11.Data(data=data))

    def end(self, trailers: Fields = []) -> None:  # noqa: B006
        self.say(h11.EndOfMessage(headers=trailers))

    def cancel(self) -> None:
        self.wire.writer.transport.abort()

    async def head(self) -> Head:
        while True:
            event = await self._next()
            assert isinstance(event, h11.Response | h11.InformationalResponse), event
            head = Head(event.status_code, [(name, value) for name, value in event.headers])
            if isinstance(event, h11.Response):
                return head
            self.interim.append(head)

    async def piece(self) -> bytes:
        event = await self._next()
        if isinstance(event, h11.EndOfMessage):
            self.trailers = list(event.headers)
            return b""
        assert isinstance(event, h11.Data)
        return bytes(event.data)

    async def _next(self) -> object:
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(PATIENCE):
                    self._state.receive_data(await self.wire.reader.read(65536))
        except (h11.RemoteProtocolError, ConnectionError):
            raise BrokenOff from None
        return event


class Http2(Speaker):
    """One connection for all calls. Whatever it is told to send it sends, right or wrong."""

    name = "HTTP/2"

    def __init__(self, wire: Wire, *, window: int | None = None) -> None:
        self.wire = wire
        self.calls: dict[int, Http2Call] = {}
        self.closed: GoAwayFrame | None = None
        self.over = asyncio.Event()
        quiet = dict.fromkeys(("validate_outbound_headers", "normalize_outbound_headers"), False)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=False, **quiet))
        self.state._frame_dispatch_table[GoAwayFrame] = self._note_goaway  # h2 would take it for the end of everything
        self.state.initiate_connection()
        if window is not None:
            self.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.opens_windows = window is None
        self.flush()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def dial(cls, port: int, context: ssl.SSLContext | None = None, *, window: int | None = None) -> Http2:
        wire = await dial(port, context, HOST.decode() if context else None)
        if context is not None:
            assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        return cls(wire, window=window)

    async def open(self, method: str, target: str, fields: Sequence[tuple[str, str]] = (), *, ended: bool = True) -> Http2Call:
        pseudo = [(":method", method), (":scheme", "https"), (":authority", HOST.decode()), (":path", target)]
        told = [(name.lower(), value) for name, value in fields]
        return self.start([(name.encode(), value.encode("latin-1")) for name, value in [*pseudo, *told]], ended=ended)

    def start(self, fields: Fields, *, ended: bool = True) -> Http2Call:
        """A request with exactly these fields."""
        number = self.state.get_next_available_stream_id()
        call = self.calls[number] = Http2Call(self, number)
        self.state.send_headers(number, fields, end_stream=ended)
        self.flush()
        return call

    def _note_goaway(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        self.closed = frame
        return [], []

    async def gone(self) -> None:
        """The proxy has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            await self.over.wait()

    def flush(self) -> None:
        data = self.state.data_to_send()
        if not self.wire.writer.transport.is_closing():
            self.wire.send(data)

    async def close(self) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        await self.wire.close()

    async def _read(self) -> None:
        with suppress(ConnectionError, h2.exceptions.ProtocolError):
            while data := await self.wire.reader.read(65536):
                for event in self.state.receive_data(data):
                    self._note(event)
                self.flush()
        self.over.set()
        for call in self.calls.values():
            call.note(None)

    def _note(self, event: h2.events.Event) -> None:
        if (call := self.calls.get(getattr(event, "stream_id", 0))) is None:
            return
        call.note(event)
        if isinstance(event, h2.events.DataReceived) and self.opens_windows and event.flow_controlled_length:
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)


class Http2Call(Call):
    def __init__(self, speaker: Http2, number: int) -> None:
        super().__init__()
        self.number = number
        self._speaker = speaker
        self._events: deque[h2.events.Event | None] = deque()
        self._noted = asyncio.Event()

    def note(self, event: h2.events.Event | None) -> None:
        self._events.append(event)
        self._noted.set()

    def send(self, data: bytes) -> None:
        for at in range(0, len(data), 16384):
            self._speaker.state.send_data(self.number, data[at : at + 16384])
        self._speaker.flush()

    async def send_much(self, data: bytes) -> None:
        """As the windows allow."""
        state = self._speaker.state
        while data:
            room = min(state.local_flow_control_window(self.number), state.max_outbound_frame_size)
            if not room:
                await asyncio.sleep(0.001)
                continue
            state.send_data(self.number, data[:room])
            data = data[room:]
            self._speaker.flush()
            await self._speaker.wire.drain()

    def end(self, trailers: Fields = []) -> None:  # noqa: B006
        state = self._speaker.state
        if trailers:
            state.send_headers(self.number, trailers, end_stream=True)
        else:
            state.end_stream(self.number)
        self._speaker.flush()

    def cancel(self) -> None:
        self._speaker.state.reset_stream(self.number, h2.errors.ErrorCodes.CANCEL)
        self._speaker.flush()

    async def head(self) -> Head:
        while True:
            event = await self._next()
            if isinstance(event, h2.events.ResponseReceived | h2.events.InformationalResponseReceived):
                head = Head(int(event.headers[0][1]), [(name, value) for name, value in event.headers[1:]])
                if isinstance(event, h2.events.ResponseReceived):
                    return head
                self.interim.append(head)

    async def piece(self) -> bytes:
        while True:
            event = await self._next()
            if isinstance(event, h2.events.DataReceived) and event.data:
                return bytes(event.data)
            if isinstance(event, h2.events.TrailersReceived):
                self.trailers = [(name, value) for name, value in event.headers]
            if isinstance(event, h2.events.StreamEnded):
                return b""

    async def _next(self) -> h2.events.Event:
        while not self._events:
            self._noted.clear()
            async with asyncio.timeout(PATIENCE):
                await self._noted.wait()
        event = self._events.popleft()
        if event is None or isinstance(event, h2.events.StreamReset):
            if isinstance(event, h2.events.StreamReset) and event.error_code == h2.errors.ErrorCodes.NO_ERROR:
                return await self._next()
            raise BrokenOff(event.error_code if event else None)
        return event
