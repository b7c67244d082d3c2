"""A child of the supervisor, seen from above: started with its sockets and a link, killed, and mourned."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from strangler.control.frames import Head
from strangler.control.link import Link
from strangler.control.loop import Loop

_HOUSE = str(Path(__file__).parents[2])  # the folder this package was imported from


class Child:
    """One process.

    Args:
        module: run with ``python -m``.
        name: what people call it; the first argument, so that `ps` shows it.
        settings: the second argument, as JSON. ``parent`` and ``link`` are added.
        inherited: descriptors that it gets under the same numbers.
        on_end: told how it died, once it is dead and nothing of it is left.

    Attributes:
        heard: when it said something last, on the loop's clock.
    """

    def __init__(
        self,
        loop: Loop,
        module: str,
        name: str,
        settings: Mapping[str, object],
        inherited: Sequence[int],
        on_frame: Callable[[Head, bytes], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._loop, self._on_frame, self._on_end = loop, on_frame, on_end
        self.heard = loop.now
        ours, theirs = socket.socketpair()
        with theirs:
            settings = {**settings, "parent": os.getpid(), "link": theirs.fileno()}
            self._process = subprocess.Popen(
                [*python(), "-m", module, name, json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *inherited],
            )
        self._link = Link(loop, ours, self._heard, self._ended)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, head: Head, body: bytes = b"") -> None:
        self._link.send(head, body)

    def kill(self) -> None:
        """End it at once, whatever it does or does not do. `on_end` is called later."""
        self._process.kill()

    def _heard(self, head: Head, body: bytes) -> None:
        self.heard = self._loop.now
        self._on_frame(head, body)

    def _ended(self) -> None:
        """The link closes when the process ends; one that only closed its link is of no use either."""
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._on_end(_in_words(self._process.returncode))


def python() -> list[str]:
    """The interpreter, importing from where the supervisor does: never from whatever folder it was started in, unless
    that is where Strangler is (a checkout)."""
    return [sys.executable] if sys.path and os.path.abspath(sys.path[0]) == _HOUSE else [sys.executable, "-P"]


def _in_words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
