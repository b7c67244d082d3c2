"""One recording under way: workers hand over what they keep, it goes through the scribe, and on to whoever asked.

Nobody waits for a reader who is slow: he holds up the scribe, the scribe the links, and the workers count what they cannot hand
over.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any

from strangler.config.keyfile import REDACTION
from strangler.control import runtime
from strangler.control.child import python
from strangler.control.frames import FrameError, Frames, Head, encode, framed, head_text
from strangler.control.recording import parcel
from strangler.control.recording.order import Order
from strangler.control.sockets import open_private
from strangler.core.model import Config

BEAT = 1.0  # seconds after which something is said, so that either end notices when the other has gone
TICK = 0.1  # seconds between two looks
PARTING = 3.0  # seconds for what the workers still have when the time is over

_TOO_LATE = ("time", "stopping", "scribe")  # ends after which there is more that belongs to it
_CHUNK = 256 * 1024
_MODULE = "strangler.control.recording.scribe"


class Course:
    """From `open` to `close`.

    Args:
        tell: called with what workers record from now on, {} for nothing.
        stopping: whether this process is about to end.

    Attributes:
        why: it has ended, in a word; empty until then.
    """

    def __init__(self, order: Order, tell: Callable[[Head], None], stopping: Callable[[], bool]) -> None:
        self.order, self._tell, self._stopping = order, tell, stopping
        self.why = ""
        self._token, self._path = token_hex(8), ""
        self._missed: dict[str, Counter[str]] = {}
        self._handed: dict[str, int] = {}
        self._unclean = self._number = self._bytes = 0
        self._links: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._scribe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._frames = Frames()
        self._until = self._last = 0.0
        self._over = self._asked_to_end = False

    async def open(self, config: Config) -> None:
        """Start the scribe, take links, and tell the workers. Raises StranglerError."""
        key = await asyncio.to_thread(REDACTION.find, os.environ, config.folder)
        ours, theirs = socket.socketpair()
        with theirs:
            settings = json.dumps({"parent": os.getpid(), "link": theirs.fileno()})
            # In this thread: what a thread started dies with it (PR_SET_PDEATHSIG, prctl(2)).
            command = [*python(), "-m", _MODULE, "scribe", settings]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._scribe = await asyncio.open_unix_connection(sock=ours)
        self._scribe[1].write(encode({"do": "begin", "keep": sorted(self.order.keep)}, key))
        self.use(config)
        self._path = runtime.takes_of(os.getpid())
        self._server = await asyncio.start_unix_server(self._take, sock=open_private(self._path))
        self._tell(self.order.head(self._token, self._path))
        self._until = asyncio.get_running_loop().time() + self.order.seconds

    async def entries(self) -> AsyncIterator[list[bytes]]:
        """Exchanges as HAR has them, some at a time; none after a second in which none came. Until something ends it."""
        assert self._scribe is not None
        reader, clock = self._scribe[0], asyncio.get_running_loop().time
        said = clock()
        while not self._over:
            found: list[bytes] = []
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    data = await reader.read(_CHUNK)
                found = self._written(data)
            self._look(clock())
            if found or clock() - said >= BEAT:
                said = clock()
                yield found

    def use(self, config: Config) -> None:
        """Remove secrets by the rules of this configuration from now on."""
        if self._scribe is not None:
            self._scribe[1].write(encode({"do": "serve"}, pickle.dumps(config)))

    def hear(self, head: Head) -> None:
        """A worker says how many exchanges it hands over, and how many it could not, if that is of this recording."""
        if head["token"] == self._token:
            self._missed[head["incarnation"]] = Counter(head["missed"])
            self._handed[head["incarnation"]] = head["handed"]

    def sums(self) -> dict[str, Any]:
        """How many exchanges there are, and how many are missing, by the reason."""
        missed = sum(self._missed.values(), Counter({"unclean": self._unclean}))
        if self._over and self.why in _TOO_LATE:
            missed["late"] = sum(self._handed.values()) - self._number - self._unclean
        return {"exchanges": self._number, "missed": {reason: number for reason, number in missed.items() if number > 0}}

    async def close(self) -> None:
        """Workers record no more, and nothing of it is left here."""
        self._tell({})
        if self._server is not None:
            self._server.close()
        for writer in [*self._links, *([self._scribe[1]] if self._scribe else [])]:
            writer.close()
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _look(self, now: float) -> None:
        """Is it over? Whatever workers have handed over by the time they have stopped is part of it."""
        if not self.why:
            self.why = "time" if now >= self._until else "stopping" if self._stopping() else ""
            if self.why:
                self._tell({})
                self._last = now + PARTING
        elif now >= self._last:
            self._over = True
        elif not self._links and not self._asked_to_end and self._scribe is not None:
            self._asked_to_end = True
            self._scribe[1].write(encode({"do": "end"}))

    def _written(self, data: bytes) -> list[bytes]:
        """What the scribe has written, up to what was ordered."""
        if not data:
            self.why, self._over = self.why or "scribe", True
        found: list[bytes] = []
        for head, body in self._frames.feed(data):
            if head["is"] == "end":
                self._over = True
            elif head["is"] == "unclean":
                self._unclean += 1
            elif not self._over:
                found.append(body)
                self._number += 1
                self._bytes += len(body)
                self._weigh()
        return found

    def _weigh(self) -> None:
        if self._number == self.order.count:
            self.why, self._over = "count", True
        elif self._bytes >= self.order.size:
            self.why, self._over = "size", True

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One worker's link, until it ends."""
        self._links.add(writer)
        frames = Frames()
        try:
            with suppress(FrameError, KeyError, TypeError, ValueError, AttributeError, OSError):
                while data := await reader.read(_CHUNK):
                    for head, body in frames.feed(data):
                        await self._pass_on(head, body)
        finally:
            self._links.discard(writer)
            writer.close()

    async def _pass_on(self, head: Head, body: bytes) -> None:
        if head["is"] == parcel.EXCHANGE and self._scribe is not None:
            self._scribe[1].write(framed(head_text(head), body))
            await self._scribe[1].drain()
