"""The scribe: a process that takes exchanges one after another, removes their secrets and writes each as an entry of a HAR.

It lives as long as one recording, knows nobody but control, and runs behind everything else on the machine, so that a recording
delays no rollback. Secrets are in its memory alone, and die with it.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import sys
from types import TracebackType

from strangler.control.frames import Frames, Head, encode, framed, head_text
from strangler.control.lifeline import begin
from strangler.control.recording import parcel
from strangler.control.recording.cleaning import Cleaner
from strangler.core.model import Config
from strangler.traffic.har_writing import plain

NICENESS = 5
_CHUNK = 256 * 1024
_ENTRY = head_text({"is": "entry"})


class Scribe:
    """Answers each exchange on a link with its entry, or with why there is none."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._frames = Frames()
        self._key = b""
        self._keep: frozenset[str] = frozenset()
        self._cleaner: Cleaner | None = None

    def run(self) -> None:
        """Until the link ends."""
        while data := self._link.recv(_CHUNK):
            for head, body in self._frames.feed(data):
                self._hear(head, body)

    def _hear(self, head: Head, body: bytes) -> None:
        if head.get("do") == "begin":
            self._key, self._keep = body, frozenset(head["keep"])
        elif head.get("do") == "serve":
            config = pickle.loads(body)
            assert isinstance(config, Config)
            self._cleaner = Cleaner(config, self._key, self._keep)
        elif head.get("do") == "end":
            self._link.sendall(encode({"is": "end"}))
        else:
            self._link.sendall(self._written(head, body))

    def _written(self, head: Head, body: bytes) -> bytes:
        assert self._cleaner is not None
        try:
            entry = self._cleaner.clean(parcel.unseal(head, body))
            return framed(_ENTRY, json.dumps(plain(entry), separators=(",", ":")).encode())
        except Exception as error:  # a worker talks to the world: what it says may be anything
            return encode({"is": "unclean", "why": type(error).__name__})


def _say_class_only(kind: type[BaseException], _: BaseException, __: TracebackType | None) -> None:
    """Messages and traces could show what was recorded."""
    print(f"strangler: scribe: {kind.__name__}", file=sys.stderr)


if __name__ == "__main__":
    settings = begin()
    sys.excepthook = _say_class_only
    os.nice(NICENESS)
    with socket.socket(fileno=settings["link"]) as link:
        Scribe(link).run()
