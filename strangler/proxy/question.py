"""A question of ours to an upstream: one GET on its pool, and a small answer, which is told whole or not at all.

What a client's request and a question have in common is the connection that carries them, so timeouts and the rest of a
pool's care hold for both. A question has a deadline as a whole, besides.
"""

from __future__ import annotations

from collections.abc import Callable

from strangler.proxy import reasons
from strangler.proxy.pool import Pool
from strangler.proxy.reasons import Reason
from strangler.proxy.upstream import UpstreamConnection

Tell = Callable[[int, bytes], None]  # status and body; status 0 if there was no answer


class Question:
    """Asked once, with `begin`; `tell` is called once.

    Args:
        head: of the request, which has no body.
        most: bytes of an answer's body; one that is larger is none.
        seconds: until it is given up.
        fresh: on a connection of its own, so that the answer also says whether one can be made.

    Attributes:
        over: whether `tell` was called.
    """

    __slots__ = ("_body", "_connection", "_fresh", "_head", "_most", "_pool", "_retried", "_size", "_tell", "deadline", "over")

    def __init__(self, pool: Pool, head: bytes, tell: Tell, *, most: int, seconds: float, fresh: bool = False) -> None:
        self.over = False
        self.deadline = pool.proxy.deadlines.now + seconds
        self._pool = pool
        self._head = head
        self._tell = tell
        self._most = most
        self._fresh = fresh
        self._connection: UpstreamConnection | None = None
        self._retried = False
        self._body: list[bytes] = []
        self._size = 0

    def begin(self) -> None:
        """Ask."""
        self._pool.proxy.deadlines.watch(self)
        connection = None if self._fresh else self._pool.take(repeatable=True)
        if connection is None:
            self._pool.connect(self)
        else:
            self.carry(connection)

    # What the pool and the connection call.

    def carry(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.begin(self, "GET")
        connection.write([self._head])

    def receive(self) -> None:
        connection = self._connection
        assert connection is not None
        reader = connection.reader
        reader.interim = []
        if reader.response is None and not reader.broken:
            return
        self._size += sum(map(len, reader.body))
        self._body += reader.take_body()
        if reader.broken or reader.response is None or reader.response.status == 101 or self._size > self._most:
            self._end(0)
        elif reader.complete:
            self._connection = None
            if reader.clean and connection.writable:
                self._pool.put(connection)
            else:
                connection.close()
            self._end(reader.response.status)

    def unreachable(self, reason: Reason) -> None:
        self._end(0)

    def upstream_gone(self, reason: Reason) -> None:
        connection, self._connection = self._connection, None
        stale = connection is not None and connection.reused and not connection.reader.started
        if stale and reason is reasons.RESET and not self._retried and not self.over:
            self._retried = True
            self._pool.connect(self)
        else:
            self._end(0)

    def break_off(self) -> None:
        self._end(0)

    def regulate(self) -> None:
        """A question is sent in one piece."""

    def expire(self) -> None:
        """It has taken too long."""
        self._end(0)

    def _end(self, status: int) -> None:
        if self.over:
            return
        self.over = True
        self._pool.proxy.deadlines.forget(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._tell(status, b"".join(self._body))
