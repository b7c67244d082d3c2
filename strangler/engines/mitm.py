"""HTTP/2 as mitmproxy speaks it: its protocol layer, driven by hand, without its server, its hooks or its flows.

Bytes go in and out, so there is no task, no thread and no event loop here. Three things are done otherwise than mitmproxy
does them, because it means to record and this means to serve:

- It opens all windows as wide as they go, so that a client may send without end what an upstream takes slowly. Here a stream's
  window opens again when what arrived was taken; the connection's opens at once, so that one slow request holds up no other.
- It remembers every stream of a connection. Here an ended one is forgotten.
- It answers what it refuses with a page of its own. Here only frames that break the protocol end at it; every request is
  handed on, and judged where all others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from h2.stream import StreamState
from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.connection import ConnectionState as Link
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from strangler.core.streams import Field, Receiver

WINDOW = 128 * 1024  # bytes of one request's body that may be on their way
CONNECTION_WINDOW = 1024 * 1024  # and of all of a connection's together
MOST_STREAMS = 100  # at a time, on one connection
MOST_FRAME = 16 * 1024
_FIRST_WINDOW = 65_535  # of a connection (RFC 9113 section 6.9.2)
_ANY_STREAM = 2**31 - 1
_WORTH_TELLING = 16 * 1024  # bytes of a window, so that not every frame is answered with one
_NOBODY = ("", 0)


def _options() -> Options:
    options = Options()
    options.add_option("validate_inbound_headers", bool, True, "Frames that break the protocol end the connection.")
    options.add_option("normalize_outbound_headers", bool, True, "Names go out in lower case.")
    return options


_OPTIONS = _options()


class _Frames(BufferedH2Connection):
    """The connection's frames, with windows that open when they should. `owed`: bytes by stream that were not taken yet;
    `taken_back`: streams that the client has reset."""

    def __init__(self, config: H2Configuration, field_bytes: int) -> None:
        super().__init__(config)
        self.local_settings.initial_window_size = WINDOW
        self.local_settings.max_frame_size = self.max_inbound_frame_size = MOST_FRAME
        self.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = MOST_STREAMS
        self.local_settings[SettingCodes.MAX_HEADER_LIST_SIZE] = 2 * field_bytes  # up to here the answer says why not
        self.local_settings.acknowledge()
        self.decoder.max_header_list_size = 2 * field_bytes
        self.owed: dict[int, int] = {}
        self.taken_back: list[int] = []
        self._spent = 0

    def initiate_connection(self) -> None:
        H2Connection.initiate_connection(self)
        self.increment_flow_control_window(CONNECTION_WINDOW - _FIRST_WINDOW)

    def receive_data(self, data: bytes) -> list[Event]:
        found: list[Event] = super().receive_data(data)
        self.taken_back += [event.stream_id for event in found if isinstance(event, StreamReset)]
        return found

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """What arrived was handed on. Whether it was taken, nobody knows yet."""
        self.owed[stream_id] = self.owed.get(stream_id, 0) + acknowledged_size
        self._spent += acknowledged_size
        if self._spent >= _WORTH_TELLING:
            self.increment_flow_control_window(self._spent)
            self._spent = 0

    def stream_window_updated(self, stream_id: int) -> bool:
        """An end without a byte needs no room, and there may never be any: what the client wanted to have, it has."""
        sent = super().stream_window_updated(stream_id)
        waiting = self.stream_buffers.get(stream_id)
        if waiting and not waiting[0].data and waiting[0].end_stream:
            del self.stream_buffers[stream_id]
            H2Connection.send_data(self, stream_id, b"", end_stream=True)
            return True
        return sent

    def take(self, stream: int) -> None:
        """Open the window of a stream by what it owes."""
        if self.owed.get(stream, 0) < _WORTH_TELLING or not self._awaits(stream):
            return
        with suppress(ProtocolError):
            self.increment_flow_control_window(self.owed.pop(stream), stream)

    def _awaits(self, stream: int) -> bool:
        """Whether more of this request may come."""
        found = self.streams.get(stream)
        if found is None or self.state_machine.state is ConnectionState.CLOSED:
            return False
        return found.state_machine.state in (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)


class Http2:
    """The protocol of one connection; a `strangler.core.streams.Codec`."""

    def __init__(self, receiver: Receiver, field_bytes: int) -> None:
        self._receiver = receiver
        client = Client(peername=_NOBODY, sockname=_NOBODY, state=Link.OPEN, alpn=b"h2")
        self._layer = Http2Server(Context(client, _OPTIONS))
        self._client = client
        self._frames = self._layer.h2_conn = _Frames(self._layer.h2_conf, field_bytes)
        self._trailers: dict[int, Sequence[Field]] = {}
        self._highest = 0
        self._left = False
        self._tell(events.Start())

    def receive(self, data: bytes) -> None:
        self._tell(events.DataReceived(self._client, data))
        taken_back, self._frames.taken_back = self._frames.taken_back, []
        for stream in taken_back:  # mitmproxy passes over those that were asked for and taken back in one go
            self._receiver.reset(stream)

    def respond(self, stream: int, status: int, fields: Sequence[Field], last: bool) -> None:
        head = http.Response(b"HTTP/1.1", status, b"", http.Headers(fields), None, None, 0.0, None)
        self._tell(ResponseHeaders(stream, head, last))

    def body(self, stream: int, data: bytes) -> None:
        self._tell(ResponseData(stream, data))

    def end(self, stream: int, trailers: Sequence[Field]) -> None:
        if trailers:
            self._tell(ResponseTrailers(stream, http.Headers([(name.lower(), value) for name, value in trailers])))
        else:
            self._tell(ResponseEndOfMessage(stream))

    def reset(self, stream: int, wanted: bool) -> None:
        if self._layer.is_closed(stream):
            return
        self._frames.reset_stream(stream, ErrorCodes.NO_ERROR if wanted else ErrorCodes.INTERNAL_ERROR)
        self._flush()

    def take(self, stream: int) -> None:
        self._frames.take(stream)
        self._flush()

    def buffered(self, stream: int) -> int:
        waiting = self._frames.stream_buffers.get(stream)
        return max(1, sum(len(piece.data) for piece in waiting)) if waiting else 0

    def forget(self, stream: int) -> None:
        self._layer.streams.pop(stream, None)
        self._trailers.pop(stream, None)
        self._frames.owed.pop(stream, None)

    def leave(self, final: bool, busy: bool = False) -> None:
        self._left = self._left or final
        frame = GoAwayFrame(0)
        frame.last_stream_id = self._highest if final else _ANY_STREAM
        frame.error_code = ErrorCodes.ENHANCE_YOUR_CALM if busy else ErrorCodes.NO_ERROR
        self._receiver.send(frame.serialize())

    def _flush(self) -> None:
        if data := self._frames.data_to_send():
            self._receiver.send(data)

    def _tell(self, event: events.Event | HttpEvent) -> None:
        """Have mitmproxy's layer act, and do as it says. What it says is heard out first: it is not to be told more meanwhile."""
        for command in list(self._layer.handle_event(event)):
            if isinstance(command, ReceiveHttp):
                self._hand_on(command.event)
            elif isinstance(command, commands.SendData):
                self._receiver.send(command.data)
            elif isinstance(command, commands.CloseConnection):
                self._receiver.close()

    def _hand_on(self, event: HttpEvent) -> None:
        stream = event.stream_id
        if isinstance(event, RequestHeaders):
            self._open(stream, event)
        elif isinstance(event, RequestData):
            self._receiver.arrived(stream, event.data)
        elif isinstance(event, RequestTrailers):
            self._trailers[stream] = event.trailers.fields
        elif isinstance(event, RequestEndOfMessage):
            self._receiver.ended(stream, self._trailers.pop(stream, ()))
        elif isinstance(event, RequestProtocolError):
            self._receiver.reset(stream)

    def _open(self, stream: int, event: RequestHeaders) -> None:
        if self._left:
            self._frames.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            self._flush()
            return
        self._highest = stream
        asked = event.request.data
        self._receiver.opened(stream, asked.method, asked.authority, asked.path, asked.headers.fields, event.end_stream)
