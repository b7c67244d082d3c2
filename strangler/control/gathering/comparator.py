"""A comparator process: takes pairs one after another, says what it finds, and knows nobody but control.

It has no loop and no other duty, so it may take its time; whoever thinks that it takes too long kills it. It runs behind
everything else on the machine. What it holds of bodies and secrets is in its memory alone, and dies with it.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from strangler.control.frames import Frames, Head, encode
from strangler.control.gathering import findings, pairs
from strangler.control.gathering.ration import Ration
from strangler.control.lifeline import begin
from strangler.core.errors import UsageError
from strangler.core.model import Config, Route
from strangler.core.observation import Pair
from strangler.core.origins import Origins
from strangler.core.records import Cause
from strangler.evidence.comparator import Examiner
from strangler.proxy.hooks import load_hook

NICENESS = 5
_CHUNK = 256 * 1024


class Comparator:
    """Answers what it is asked on a link."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._frames = Frames()
        self._ration = Ration()
        self._key = b""
        self._folder = ""
        self._origins = Origins()
        self._routes: dict[str, Route] = {}
        self._examiners: dict[str, Examiner | None] = {}

    def run(self) -> None:
        """Until the link ends."""
        while data := self._link.recv(_CHUNK):
            for head, body in self._frames.feed(data):
                getattr(self, f"_{head['do']}")(body)

    def _begin(self, key: bytes) -> None:
        self._key = key

    def _serve(self, body: bytes) -> None:
        config = pickle.loads(body)
        assert isinstance(config, Config)
        self._routes = {route.name: route for route in config.routes}
        self._folder = config.folder
        self._origins = Origins(upstream.url for upstream in config.upstreams.values())
        self._examiners = {}
        self._say({"is": "ready"})

    def _compare(self, frame: bytes) -> None:
        finding, skipped = None, ""
        try:
            pair = pairs.unpack(frame)
            examiner = self._examiner_of(pair.route)
            if examiner is None:
                skipped = "rules_gone"
            else:
                finding = findings.pack(examiner.examine(pair, self._wants(pair)))
        except UsageError:
            skipped = "compare_failed"  # its functions cannot be loaded
        except Exception:  # that nobody thought of
            skipped = "engine_error"
        self._say({"is": "found", "finding": finding, "skipped": skipped})

    def _examiner_of(self, name: str) -> Examiner | None:
        """None if there is no such route any more. Made at its first pair. Raises UsageError if its functions are not there."""
        if name not in self._examiners:
            route = self._routes.get(name)
            self._examiners[name] = Examiner(route, self._key, self._load, self._origins) if route else None
        return self._examiners[name]

    def _load(self, name: str) -> Callable[..., Any]:
        return load_hook(name, self._folder)

    def _wants(self, pair: Pair) -> Callable[[Cause], bool]:
        return lambda cause: self._ration.wants(pair.route, pair.rules, cause, time.monotonic())

    def _say(self, head: Head) -> None:
        self._link.sendall(encode(head))


def _say_class_only(kind: type[BaseException], _: BaseException, __: TracebackType | None) -> None:
    """Messages and traces could show what was compared."""
    print(f"strangler: comparator: {kind.__name__}", file=sys.stderr)


if __name__ == "__main__":
    settings = begin()
    sys.excepthook = _say_class_only
    os.nice(NICENESS)
    with socket.socket(fileno=settings["link"]) as link:
        Comparator(link).run()
