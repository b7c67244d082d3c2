"""Commands that ask at the supervisor's door: how things stand, and to read the file again.

Who asked for a reading is answered when one that began after the question is over, and every worker decides by what came of it.
"""

from __future__ import annotations

from collections.abc import Callable

from strangler.control.frames import Head

Say = Callable[[Head], None]


class Callers:
    """Those who wait.

    Args:
        state: what is answered.
        read: has the file read, unless what has the given digest is served already; the number of the reading that counts.
        over: whether the reading with that number is over, and all decide by what came of it.
        other: called with every other question, and a way to answer.
    """

    def __init__(
        self,
        state: Callable[[], Head],
        read: Callable[[str], int],
        over: Callable[[int], bool],
        other: Callable[[Head, Say], bool] = lambda head, say: False,
    ) -> None:
        self._state, self._read, self._over, self._other = state, read, over, other
        self._waiting: list[tuple[int, Say]] = []

    def hear(self, head: Head, say: Say) -> None:
        """A question. One that is not understood gets no answer."""
        if head.get("do") == "state":
            say(self._state())
        elif head.get("do") == "reload":
            number = self._read(str(head.get("digest", "")))  # which may call us: `_waiting` is another one then
            self._waiting.append((number, say))
            self.look()
        else:
            self._other(head, say)

    def look(self) -> None:
        """Something has happened: answer those who have waited for it."""
        waiting, self._waiting = self._waiting, []
        for number, say in waiting:
            if self._over(number):
                say(self._state())
            else:
                self._waiting.append((number, say))
