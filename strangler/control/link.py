"""The supervisor's end of the socket to a child, or to another supervisor. Neither side can make the other wait."""

from __future__ import annotations

import socket
from collections.abc import Callable

from strangler.control.frames import FrameError, Frames, Head, encode
from strangler.control.loop import Loop

_CHUNK = 256 * 1024


class Link:
    """Frames both ways.

    Args:
        on_frame: called with head and body of each frame.
        on_end: called once, when the other side has gone, or talks nonsense; never after `close`.
    """

    def __init__(
        self, loop: Loop, sock: socket.socket, on_frame: Callable[[Head, bytes], None], on_end: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        self._loop, self._sock, self._on_frame, self._on_end = loop, sock, on_frame, on_end
        self._frames = Frames()
        self._waiting = bytearray()
        self._open = True
        loop.watch(sock, self._read)

    def send(self, head: Head, body: bytes = b"") -> None:
        """Send when there is room; to one that has gone, nothing is sent."""
        if not self._open:
            return
        if not self._waiting:
            self._loop.watch(self._sock, self._read, self._write)
        self._waiting += encode(head, body)

    def close(self) -> None:
        """Hear no more."""
        if self._open:
            self._open = False
            self._loop.forget(self._sock)
            self._sock.close()

    def _write(self) -> None:
        try:
            sent = self._sock.send(memoryview(self._waiting)[:_CHUNK])
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._waiting)  # it has gone: reading tells
        del self._waiting[:sent]
        if not self._waiting:
            self._loop.watch(self._sock, self._read)

    def _read(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
            for head, body in self._frames.feed(data):
                if self._open:
                    self._on_frame(head, body)
        except BlockingIOError:
            return
        except (OSError, FrameError):
            data = b""
        if not data and self._open:
            self.close()
            self._on_end()
