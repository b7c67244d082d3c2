"""How a new supervisor takes the place of a running one, without a moment in which nobody listens.

The new one asks on the old one's Unix socket, which is the user's own, and gets its listening sockets and locks. Both hold
them then, and the old one goes on serving. Only when all processes of the new one serve does it tell the old one to leave.
If it dies or gives up before that, its end of the connection closes, and nothing has happened.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

from strangler.control import runtime
from strangler.control.frames import FrameError, Frames, Head, encode
from strangler.control.link import Link
from strangler.control.loop import Loop
from strangler.core.errors import UnreachableError

_WAIT = 10.0  # seconds for an answer of the old one
_MOST_DESCRIPTORS = 250


class Heir:
    """The new supervisor's side: what it got, and the line on which it says that it is ready."""

    def __init__(self, pid: int) -> None:
        """Ask the supervisor `pid`. Raises UnreachableError."""
        self._pid = pid
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(_WAIT)
        try:
            self._sock.connect(runtime.door_of(pid))
            self._sock.sendall(encode({"do": "offer"}))
            data, descriptors, _, _ = socket.recv_fds(self._sock, 65536, _MOST_DESCRIPTORS)
            self.offer = self._frame(data)
        except (OSError, FrameError) as error:
            self._sock.close()
            raise UnreachableError(f"pid {pid} does not hand over: {error}; it goes on serving") from None
        self.descriptors = descriptors

    def ready(self) -> None:
        """Have the old one leave. Raises UnreachableError if it has gone on its own, which is as good."""
        with self._sock, suppress(OSError, FrameError):
            self._sock.sendall(encode({"do": "leave"}))
            self._frame(self._sock.recv(65536))

    def _frame(self, data: bytes) -> Head:
        for head, _ in Frames().feed(data):
            return head
        raise FrameError("no answer")


class Handover:
    """The old supervisor's side: a door for one successor at a time, and for commands.

    Args:
        offer: what is handed over, and the descriptors of it.
        leave: called with the successor's pid, when it serves.
        other: called with whatever else is asked, and a way to answer.
        may: whether anything may be handed over now.
    """

    def __init__(
        self,
        loop: Loop,
        offer: Callable[[], tuple[Head, list[int]]],
        leave: Callable[[int], None],
        other: Callable[[Head, Callable[[Head], None]], None],
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop, self._offer, self._leave, self._other, self._may = loop, offer, leave, other, may
        self._links: set[Link] = set()
        self._successor: Link | None = None
        self._path = runtime.door_of(os.getpid())
        with suppress(FileNotFoundError):
            os.unlink(self._path)  # of a process that had our number before us
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.bind(self._path)
        os.chmod(self._path, 0o600)
        self._sock.listen(64)
        self._sock.setblocking(False)
        loop.watch(self._sock, self._accept)

    @property
    def busy(self) -> bool:
        """Whether a successor has what we offer, and is getting ready."""
        return self._successor is not None

    def close(self) -> None:
        """Hand over to nobody else, and answer nobody: there may be another who does."""
        for link in self._links - {self._successor}:
            link.close()
        if self._sock.fileno() >= 0:
            self._loop.forget(self._sock)
            self._sock.close()
            with suppress(FileNotFoundError):
                os.unlink(self._path)

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return
        pid, user = _peer(sock)
        if user != os.geteuid():
            sock.close()
            return

        def heard(head: Head, _: bytes) -> None:
            if head.get("do") == "offer":
                self._offer_to(link, sock)
            elif head.get("do") != "leave":
                self._other(head, link.send)
            elif link is self._successor:
                self._leave(pid)
                link.send({"is": "leaving"})

        def ended() -> None:
            self._links.discard(link)
            if link is self._successor:
                self._successor = None

        link = Link(self._loop, sock, heard, ended)
        self._links.add(link)

    def _offer_to(self, link: Link, sock: socket.socket) -> None:
        """One successor at a time, and none while a cutover holds writes: it would not know of them."""
        if self._successor is not None or not self._may():
            self._links.discard(link)
            link.close()
            return
        self._successor = link
        offer, descriptors = self._offer()
        with suppress(OSError):
            socket.send_fds(sock, [encode(offer)], descriptors)


def _peer(sock: socket.socket) -> tuple[int, int]:
    """Process and user at the other end; where the kernel does not tell, the folder's mode has to do."""
    if sys.platform != "linux":
        return 0, os.geteuid()
    pid, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, user
