"""The data process as the supervisor starts it, and as `serve --only data` runs it: reconcile's jobs, with a life-line.

The main thread only hears and answers the supervisor: a database that hangs must not make the process look dead.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from strangler.control import lifeline
from strangler.control.frames import Frames, Head, encode

ALIVE = 1.0  # seconds between two words to the supervisor
LAST = 9.0  # seconds at the end, in which a batch in hand is finished


def alone(files: Sequence[str], document: Path, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _work(files, document, stop, say)


def _main() -> None:
    settings = lifeline.begin()
    link, stop, over = socket.socket(fileno=settings["link"]), threading.Event(), threading.Event()
    lock = threading.Lock()

    def tell(head: Head) -> None:
        with lock:
            link.sendall(encode(head))

    def work() -> None:
        try:
            _work(settings["files"], Path(settings["document"]), stop, lambda why: tell({"is": "complaining", "why": why}))
        finally:
            over.set()

    threading.Thread(target=work, name="work", daemon=True).start()
    _converse(link, tell, stop, over)


def _converse(link: socket.socket, tell: Callable[[Head], None], stop: threading.Event, over: threading.Event) -> None:
    """Until the work is over: asked to stop, or failed, which a restart may mend."""
    frames = Frames()
    while not over.is_set():
        tell({"is": "alive"})
        if not select.select([link], [], [], 0.1 if stop.is_set() else ALIVE)[0]:
            continue
        for head, _ in frames.feed(link.recv(65536) or _gone()):
            if head["do"] == "stop":
                stop.set()
                threading.Timer(LAST, over.set).start()
            elif head["do"] == "serve":
                tell({"is": "serving", "revision": head["revision"]})


def _gone() -> bytes:
    os._exit(1)


def _work(files: Sequence[str], document: Path, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Imported here: the supervisor is answered before SQLAlchemy is there."""
    from reconcile.jobs import process

    process.run(files, document, os.environ, stop, say)


if __name__ == "__main__":
    try:
        _main()
    except OSError:  # the supervisor has gone
        sys.exit(1)
    os._exit(0)  # whatever still waits for a database has committed what it will
