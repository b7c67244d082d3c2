"""Where workers hand in their pairs: links are accepted, cut into frames, and told to wait when there is no room.

Each pair that arrives is accounted for at once (see `accounts`) and passed on unopened. One that a worker took under a newer
configuration than control has waits until control has it too.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from strangler.control.frames import FrameError, Frames, Head
from strangler.control.gathering import sampler
from strangler.control.gathering.accounts import Accounts
from strangler.control.gathering.comparators import Job


class Postbox:
    """All links.

    Args:
        sock: on which the supervisor listens; it outlives this process.
        take: called with each pair.
        lose: called with incarnation, route and number of pairs that will never arrive.
        glance: called with each sample of requests.

    Attributes:
        revision: of the configuration in force.
    """

    def __init__(
        self,
        sock: socket.socket,
        accounts: Accounts,
        *,
        take: Callable[[Job], None],
        lose: Callable[[str, str, int], None],
        glance: Callable[[Head], None] = lambda head: None,
    ) -> None:
        self._sock, self.accounts = sock, accounts
        self.take, self._lose, self.glance = take, lose, glance
        self.links: set[Link] = set()
        self.waiting = False
        self.revision = 0
        self._accepting: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Accept links from now on."""
        self._sock.setblocking(False)
        asyncio.get_running_loop().add_reader(self._sock, self._accept)

    def use(self, revision: int) -> None:
        """A configuration has come into force."""
        self.revision = revision
        self._go_on()

    def wait(self) -> None:
        """Read no more, for now."""
        self.waiting = True
        for link in self.links:
            link.pause()

    def resume(self) -> None:
        """There is room again."""
        self.waiting = False
        self._go_on()

    def close(self) -> None:
        """End all links. What they still carried is as if it had been lost with them."""
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        for link in list(self.links):
            link.end()

    def begin(self, link: Link, incarnation: str, given: dict[str, int]) -> None:
        """A link says whose it is. Any earlier one of the same worker is over, or its pairs would count twice."""
        for other in list(self.links):
            if other is not link and other.incarnation == incarnation:
                other.end()
        link.incarnation = incarnation
        for route, number in self.accounts.begin(incarnation, given).items():
            self._lose(incarnation, route, number)

    def _accept(self) -> None:
        """Not by a server of the event loop: some remove the socket's file at their end, and it is the supervisor's."""
        with suppress(OSError):
            connection, _ = self._sock.accept()
            accepting = asyncio.get_running_loop().connect_accepted_socket(lambda: Link(self), connection)
            task: asyncio.Task[object] = asyncio.ensure_future(accepting)
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    def _go_on(self) -> None:
        for link in list(self.links):
            link.go_on()


class Link(asyncio.Protocol):
    """One worker's connection.

    Attributes:
        incarnation: of the worker; "" until it has said so.
    """

    def __init__(self, postbox: Postbox) -> None:
        self.incarnation = ""
        self._postbox = postbox
        self._frames = Frames()
        self._held: deque[tuple[int, Job]] = deque()
        self._transport: asyncio.Transport
        self._over = False

    def pause(self) -> None:
        if not self._over:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Pass on what can be, and read on if nothing stands against it."""
        postbox = self._postbox
        while self._held and self._held[0][0] <= postbox.revision:
            postbox.take(self._held.popleft()[1])
        if self._over and not self._held:
            postbox.links.discard(self)
        elif not self._over and (self._held or postbox.waiting):
            self._transport.pause_reading()
        elif not self._over:
            self._transport.resume_reading()

    def end(self) -> None:
        """Hear no more; what has arrived is kept."""
        if not self._over:
            self._over = True
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._postbox.links.add(self)
        if self._postbox.waiting:
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        try:
            for head, body in self._frames.feed(data):
                self._hear(head, body)
        except (FrameError, KeyError, TypeError, AttributeError):
            self.end()
        self.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self.go_on()

    def _hear(self, head: Head, body: bytes) -> None:
        if head["is"] == "hello":
            self._postbox.begin(self, head["incarnation"], head["given"])
            return
        if head["is"] == sampler.KIND:
            self._postbox.glance(head)
            return
        job = Job(self.incarnation, head["route"], head["again"], body)
        revision: int = head["revision"]
        if not job.again:
            self._postbox.accounts.take(job.incarnation, job.route)
        self._held.append((revision, job))
