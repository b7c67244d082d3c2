"""The file, from the supervisor's side: when it is read, and which readings are news.

A person who asks gets an answer, whatever the file holds. A change that the watch saw is news only if the content is: each
content, good or bad, is told once.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from strangler.control.child import Child
from strangler.control.frames import Head
from strangler.control.loop import Loop
from strangler.control.watch import signature


class Reading:
    """Has a file read by a process of its own, one at a time.

    Args:
        served: where each route is served now, as an earlier answer gave it; None before the first start.
        news: called with what the reader says: head, body, and whether a person asked.
        over: called at the end of each reading, news or not.

    Attributes:
        done: number of readings that are over.
    """

    def __init__(
        self,
        loop: Loop,
        path: Path,
        served: Callable[[], Head | None],
        news: Callable[[Head, bytes, bool], None],
        over: Callable[[], None],
    ) -> None:
        self._loop, self._path, self._served, self._news, self._over = loop, path, served, news, over
        self.done = 0
        self._reader: Child | None = None
        self._answer: tuple[Head, bytes] | None = None
        self._asked = False
        self._next: bool | None = None
        self._held = ""
        self._seen = signature(path)
        self._digest = ""

    @property
    def busy(self) -> bool:
        return self._reader is not None

    @property
    def changed(self) -> bool:
        """Whether there is another file than when it was read last."""
        return signature(self._path) not in (None, self._seen)

    def read(self, asked: bool) -> int:
        """Have it read; if that is being done already, once more after it, for it may have begun too early. The number of
        the reading: it is over when so many are."""
        if self._reader is not None:
            self._next = asked or bool(self._next)
            return self.done + 2
        number = self.done + 1
        self._asked, self._next, self._answer = asked, None, None
        self._seen = signature(self._path)
        settings = {"path": str(self._path), "held": self._held}
        try:
            self._reader = Child(self._loop, "strangler.control.reader", "reader", settings, [], self._answered, self._ended)
            self._reader.send({"served": self._served()})
        except OSError as error:
            self._ended(f"could not be started: {error.strerror}")
        return number

    @property
    def held(self) -> str:
        """The listeners whose sockets are open, as the last answer gave them."""
        return self._held

    def foretold(self, head: Head, body: bytes) -> int:
        """It is known what a file says that has been written just now: `read` need not be asked. The number of the reading; 0 if
        the file is another one, or is being read already."""
        seen = signature(self._path)
        if self._reader is not None or sha256(self._path.read_bytes()).hexdigest() != head["digest"]:
            return 0
        self._seen, self._asked, self._answer = seen, True, (head, body)
        number = self.done + 1
        self._ended("")
        return number

    def _answered(self, head: Head, body: bytes) -> None:
        self._answer = head, body

    def _ended(self, how: str) -> None:
        self._reader = None
        head, body = self._answer or ({"is": "problems", "text": f"the reader of the file {how}", "digest": ""}, b"")
        self._held = head.get("held", self._held)
        news = self._asked or not head["digest"] or head["digest"] != self._digest
        self._digest = head["digest"]
        self.done += 1
        if news:
            self._news(head, body, self._asked)
        self._over()
        if self._next is not None:
            self.read(self._next)
