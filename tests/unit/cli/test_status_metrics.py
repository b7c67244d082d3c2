"""Reading a proxy's counters: from text, whatever it is, and from an admin address, whoever answers there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from strangler.cli.status_metrics import SilentError, ask, read
from strangler.control.metrics import render
from strangler.control.totals import Totals
from strangler.core.model import Address, Admin

Serve = Callable[[str, int], Admin]


def test_reads_what_the_proxy_writes() -> None:
    totals = Totals()
    for route, upstream, number in (("read", "legacy", 3), ('a"\\\n{x="y"} 9', "modern", 2), ("", "legacy", 1)):
        totals.rows["route", route, "shadow", upstream][2] = number
        totals.rows["route", route, "canary", upstream][5] = number
    crew = [{"name": name, "revision": 4, "restarts": 0} for name in ("worker 1", "worker 2", "control")]
    state = {"revision": 4, "crew": crew, "problems": "", "reloaded": 0.0, "stopping": False}
    found = read(render(totals, state, "0.1.0", 123.5))
    assert found.requests == {("read", "legacy"): 6, ('a"\\\n{x="y"} 9', "modern"): 4, ("", "legacy"): 2}
    assert (found.workers, found.ready, found.refused, found.started) == (2, 2, False, 123.5)
    assert read(render(totals, {**state, "problems": "no"}, "0.1.0", 1.0)).refused


def test_says_which_upstreams_some_worker_does_not_use() -> None:
    text = (
        'strangler_upstream_healthy{upstream="modern",worker="1"} 0\nstrangler_upstream_healthy{upstream="legacy",worker="1"} 1\n'
        'strangler_upstream_breaker_state{upstream="modern",worker="1"} 2\n'
        'strangler_upstream_breaker_state{upstream="other",worker="2"} 1\n'
        'strangler_upstream_breaker_state{upstream="legacy",worker="2"} 0\n'
    )
    assert read(text).ailing == {
        "modern": "is out of service by its health checks",
        "other": "is not asked for now: its breaker is open",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# HELP strangler_workers no\n",
        "strangler_workers",
        "strangler_workers NaN\n",
        "strangler_workers +Inf\n",
        "strangler_workers many\n",
        "other_workers 3\n",
        'strangler_requests_total{route="a} 3\n\x00\x1b[2J',
        "strangler_requests_total{{{{}}}} x",
    ],
)
def test_what_is_no_number_of_ours_is_none(text: str) -> None:
    found = read(text)
    assert (found.workers, sum(found.requests.values()), found.ailing) == (0, 3 if "} 3" in text else 0, {})


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Something that answers every request, at an address of its own."""
    servers: list[HTTPServer] = []

    def start(body: str, status: int = 200) -> Admin:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: Any) -> None:
                return

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return Admin(Address("0.0.0.0", servers[-1].server_port))

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_asks_the_admin_address(serve: Serve) -> None:
    assert ask(serve("strangler_workers 3\n", 200)).workers == 3


@pytest.mark.parametrize(("body", "status"), [("not ours", 200), ("strangler_workers 3\n", 421), ("", 500)])
def test_somebody_else_who_answers_is_not_believed(serve: Serve, body: str, status: int) -> None:
    with pytest.raises(SilentError, match=f"is not the admin address of a strangler: it answered {status}"):
        ask(serve(body, status))


def test_a_port_that_nobody_listens_on() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SilentError, match=f"the admin address 127.0.0.1:{port} does not answer: connection refused"):
        ask(Admin(Address("127.0.0.1", port)))


def test_somebody_who_never_answers() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, pytest.raises(SilentError, match="no answer in time"):
        ask(Admin(Address("127.0.0.1", listener.getsockname()[1])), patience=0.05)


def test_a_port_that_the_system_chose_is_not_known() -> None:
    with pytest.raises(SilentError, match="no port of its own"):
        ask(Admin(Address("127.0.0.1", 0)))


def test_a_unix_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SilentError, match="no such file"):
        ask(Admin(Address(unix=str(tmp_path / "admin.sock"))))
