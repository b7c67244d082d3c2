"""Asking the supervisor that serves a file: to read it again, and what its workers decide by.

Supervisors of one user have their doors in one folder (`runtime`); the one that serves the file is known by its answer. It
answers when every worker has acknowledged: nobody polls.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strangler.control import runtime
from strangler.control.frames import FrameError, Frames, Head, encode
from strangler.core.errors import UsageError

PATIENCE = 30.0  # seconds for all workers; one that does not answer is replaced before
GREETING = 5.0  # seconds until a supervisor says who it is
_GAP = 1.0  # seconds in which one supervisor may follow another
_PAUSE = 0.02


class Outcome(StrEnum):
    """What became of a changed file."""

    SERVED = "served"
    REFUSED = "refused"
    NOBODY = "nobody"  # serves it
    LATE = "late"  # not every worker has said that it decides by it


@dataclass(frozen=True, slots=True)
class Answer:
    """What the running proxy says. `why` names what it has against the file, or who is late; `pid` is the supervisor's."""

    outcome: Outcome
    why: str = ""
    pid: int = 0


class Door:
    """An open connection to a supervisor. `state` is what it said of itself."""

    def __init__(self, path: str) -> None:
        """Raises OSError or FrameError if nobody is there."""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._frames = Frames()
        self._sock.settimeout(GREETING)
        try:
            self._sock.connect(path)
            self.state = self.ask({"do": "state"}, GREETING)
        except (OSError, FrameError):
            self._sock.close()
            raise

    def ask(self, question: Head, patience: float) -> Head:
        """Ask, and wait for the answer for so many seconds. Raises OSError, FrameError."""
        deadline = time.monotonic() + patience
        self._sock.sendall(encode(question))
        while True:
            self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionResetError("it has gone")
            for head, _ in self._frames.feed(data):
                return head

    def listen(self, question: Head, patience: float) -> Iterator[Head]:
        """Ask what has many answers, and hear them until nobody takes more. Raises OSError, FrameError, TimeoutError if nothing
        was said for so many seconds."""
        self._sock.settimeout(patience)
        self._sock.sendall(encode(question))
        while data := self._sock.recv(65536):
            yield from (head for head, _ in self._frames.feed(data))

    def close(self) -> None:
        self._sock.close()


def take_up(real: Path, digest: str, patience: float = PATIENCE) -> Answer:
    """Have whoever serves `real` read it, and wait until every worker decides by it, or by a later one.

    Args:
        digest: SHA-256 of the file, in hexadecimal: who serves it already need not read it.
        patience: seconds.
    """
    deadline = time.monotonic() + patience
    door = find(real)
    while door is not None:
        with closing(door):
            try:
                said = door.ask({"do": "reload", "digest": digest}, deadline - time.monotonic())
                return Answer(Outcome.REFUSED if said["problems"] else Outcome.SERVED, str(said["problems"]), said["pid"])
            except TimeoutError:
                return Answer(Outcome.LATE, f"it has not answered within {patience:g} s", door.state["pid"])
            except (OSError, FrameError, KeyError):
                pass  # it has gone: stopped, or somebody took its place
        door = _successor(real, deadline)
    return Answer(Outcome.NOBODY)


def state(real: Path) -> Head | None:
    """What the supervisor that serves `real` says of itself: pid, digest, revision, serving, crew, problems; None if nobody
    does."""
    door = find(real)
    if door is None:
        return None
    door.close()
    return door.state


def find(real: Path) -> Door | None:
    """The supervisor that serves a file; None if there is none of this user."""
    for path in _doors():
        with suppress(OSError, FrameError, KeyError):
            door = Door(path)
            if door.state["path"] == str(real):
                return door
            door.close()
    return None


def _successor(real: Path, deadline: float) -> Door | None:
    """Somebody else who serves the file now; it may take a moment until it says so."""
    until = min(time.monotonic() + _GAP, deadline)
    while (door := find(real)) is None and time.monotonic() < until:
        time.sleep(_PAUSE)
    return door


def _doors() -> list[str]:
    with suppress(OSError, UsageError):
        return runtime.doors()
    return []
