"""The table that a cutover will bring, read before anybody waits for it.

The reader is shown the file as it will be, and the record as it will be when it is decided. What it says is taken only for a file
with exactly that content, and only while the writes of that cutover wait.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from strangler.control.child import Child
from strangler.control.frames import Head
from strangler.control.loop import Loop

Say = Callable[[Head], None]


class Foresight:
    """At most one.

    Args:
        held: the listeners whose sockets are open, as the reader gave them.
    """

    def __init__(self, loop: Loop, path: Path, held: Callable[[], str]) -> None:
        self._loop, self._path, self._held = loop, path, held
        self._reader: Child | None = None
        self._seen: tuple[Head, bytes] | None = None
        self._token = ""

    def look(self, token: str, record: str, say: Say) -> None:
        """Have the file read as a cutover will leave it, and say what is wrong with it then. One at a time."""
        if self._reader is not None:
            say(_foreseen("another one is being read"))
            return
        self._seen, self._token = None, token

        def answered(head: Head, body: bytes) -> None:
            self._seen = head, body

        def ended(how: str) -> None:
            self._reader = None
            head, _ = self._seen or ({"is": "problems", "text": f"the reader of the file {how}"}, b"")
            if head["is"] != "read":
                self._seen = None
            say(_foreseen(head.get("text", "")))

        try:
            settings = {"path": str(self._path), "held": self._held()}
            self._reader = Child(self._loop, "strangler.control.reader", "reader", settings, [], answered, ended)
            self._reader.send({"served": None, "record": record})
        except OSError as error:
            ended(f"could not be started: {error.strerror}")

    def take(self, token: str, digest: str) -> tuple[Head, bytes] | None:
        """What was said of a file with this digest for this cutover, once; None if nothing was."""
        if self._seen is None or not token or (self._token, self._seen[0]["digest"]) != (token, digest):
            return None
        seen, self._seen = self._seen, None
        return seen

    def forget(self) -> None:
        """It is not wanted any more."""
        self._seen = None


def _foreseen(problems: str) -> Head:
    return {"is": "foreseen", "problems": problems}
