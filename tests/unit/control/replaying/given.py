"""A system that answers as a function says, and recordings of such answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from strangler.traffic import har
from strangler.traffic.entry import Entry, Message

JSON = ("content-type", "application/json")


@dataclass(frozen=True)
class Got:
    """A request as the system got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True)
class Say:
    """An answer; None closes the connection without one."""

    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def sent(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Behaviour = Callable[[Got], Say | None]


@dataclass
class System:
    url: str
    got: list[Got] = field(default_factory=list)


@contextmanager
def system(behave: Behaviour) -> Iterator[System]:
    """A system for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            got = Got(self.command, self.path, list(self.headers.items()), body)
            here.got.append(got)
            said = behave(got)
            if said is None:
                self.close_connection = True
                return
            self.send_response_only(said.status)
            for name, value in said.headers if said.body is None else (JSON, *said.headers):
                self.send_header(name, value)
            self.send_header("content-length", str(len(said.sent)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.sent)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        here = System(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()


def recorded(behave: Behaviour, *asked: tuple[Any, ...]) -> list[Entry]:
    """Entries of what a system would have answered: method, target, and if there is more, body, headers and client."""
    return [_recorded(behave, *each) for each in asked]


def _recorded(
    behave: Behaviour,
    method: str,
    target: str,
    body: Any = None,
    headers: tuple[tuple[str, str], ...] = (),
    client: str = "anna",
) -> Entry:
    sent = None if body is None else json.dumps(body).encode()
    said = behave(Got(method, target, list(headers), sent or b""))
    request = Message((*((JSON,) if sent else ()), *headers), sent, len(sent or b""))
    base = {"host": "shop.example.org", "at": 1.0, "duration": 0.01, "request": request, "client": client}
    if said is None:
        return Entry(method, target, failure="upstream_reset", **base)
    response = Message(said.headers if said.body is None else (JSON, *said.headers), said.sent, len(said.sent))
    return Entry(method, target, status=said.status, response=response, **base)


def written(folder: Path, entries: list[Entry]) -> Path:
    """A HAR of some entries."""
    path = folder / "traffic.har"
    with path.open("wb") as file:
        har.write(entries, file)
    return path
