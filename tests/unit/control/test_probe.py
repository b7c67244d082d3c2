"""One health check, asked for now."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from strangler.control.probe import well
from strangler.core.model import Health, Upstream, Url


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "expected"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
def test_an_answer_is_what_the_proxys_checks_take_it_for(port: int, status: int, expected: bool) -> None:
    assert well(Upstream(Url("http", "127.0.0.1", port), health=Health(f"/{status}"))) is expected


def test_nobody_there_is_not_well() -> None:
    assert well(Upstream(Url("http", "127.0.0.1", 1), health=Health("/200"))) is False


def test_without_a_check_nothing_is_known() -> None:
    assert well(Upstream(Url("http", "127.0.0.1", 1))) is None
