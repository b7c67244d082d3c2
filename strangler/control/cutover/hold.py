"""The supervisor's part in a cutover: it has the workers hold writes, knows how far they are, and lets go if nobody keeps it.

Whoever asked for the hold may die or hang. Until the hold is *kept* it ends by itself, so that nothing but a decision makes
clients wait for longer; and since both are said here, one after the other, nobody decides on a hold that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strangler.control.frames import Head
from strangler.control.loop import Loop, Timer

LEFT = 2.0  # seconds that the writes of a worker that died count as at work: the upstream may not have noticed


class Hold:
    """At most one.

    Args:
        tell: called with what every worker has to know of it; {} if there is none.
        say: told what people should know.
        workers: names of those that are to run, by their numbers.
    """

    def __init__(
        self, loop: Loop, tell: Callable[[Head], None], say: Callable[[str], None], workers: Callable[[], dict[int, str]]
    ) -> None:
        self._loop, self._tell, self._say, self._workers = loop, tell, say, workers
        self._told: dict[int, Head] = {}
        self._timer: Timer | None = None
        self._died = loop.now  # those of whoever served before, perhaps
        self.order: Head = {}
        self.kept = False

    @property
    def token(self) -> str:
        """Whose it is; "" if there is none."""
        return str(self.order.get("token", ""))

    def begin(self, token: str, routes: Sequence[str], seconds: float, *, kept: bool = False) -> bool:
        """Hold the writes of these routes. Whether that is so now: there may be another.

        Args:
            seconds: that a request waits, and after which it ends by itself unless it is kept.
        """
        if self.token not in ("", token):
            return False
        self.kept = self.kept or kept
        if not self.token:
            self.order = {"token": token, "routes": list(routes), "seconds": seconds}
            self._told = {}
            self._tell(self.order)
            self._timer = self._loop.after(seconds, lambda: self._end_of(token))
        return True

    def keep(self, token: str) -> bool:
        """Let it end only when told; whether there still is one."""
        if token and self.token == token:
            self.kept = True
        return bool(token) and self.token == token

    def release(self, token: str) -> None:
        """Let the writes go. An empty token is whatever there is."""
        if not self.token or token not in ("", self.token):
            return
        if self._timer is not None:
            self._timer.cancel()
        self.order, self.kept, self._told = {}, False, {}
        self._tell({})

    def hear(self, number: int, head: Head) -> None:
        """How far a worker is."""
        if head.get("token") == self.token:
            self._told[number] = head

    def bury(self, number: int) -> None:
        """A worker has died, and nobody knows what its upstreams still do."""
        self._told.pop(number, None)
        self._died = self._loop.now

    def state(self) -> Head:
        """How far all of them are: who has not said that it holds, how many writes are at work, and how many wait."""
        workers = self._workers()
        told = [self._told[number] for number in workers if number in self._told]
        return {
            "is": "hold",
            "token": self.token,
            "kept": self.kept,
            "late": [name for number, name in workers.items() if number not in self._told] if self.token else [],
            "at_work": sum(each["at_work"] for each in told) + (self._loop.now - self._died < LEFT),
            "waiting": sum(each["waiting"] for each in told),
        }

    def _end_of(self, token: str) -> None:
        if self.token == token and not self.kept:
            self._say(f"the hold of {', '.join(self.order['routes'])} has lasted for {self.order['seconds']:g} s: it ends")
            self.release(token)
