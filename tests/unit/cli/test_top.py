"""`strangler top` on a terminal of its own: draws, changes, ends by key or signal, and leaves the terminal as it was."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from strangler.cli.main import cli, main
from strangler.core.errors import UsageError

SECONDS = 60.0  # on a machine that has a lot to do
FILE = """version: 1
admin: {{address: "127.0.0.1:{port}"}}
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}, modern: {{url: "http://127.0.0.1:2"}}}}
routes: [{{name: read, match: {{path: /read}}, stage: {stage}}}]
"""
ENTERS, LEAVES = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Path]:
    """A file, and at its admin address counters that go up with every question."""
    asked = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[0] += 100
            count = f'strangler_requests_total{{route="read",stage="shadow",served_by="legacy",code_class="2xx"}} {asked[0]}'
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"strangler_workers 2\nstrangler_workers_ready 2\n{count}\n".encode())

        def log_message(self, *arguments: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    path = tmp_path / "routes.yaml"
    path.write_text(FILE.format(port=server.server_port, stage="shadow"))
    yield path
    server.shutdown()
    server.server_close()


class Terminal:
    """A terminal, and the command that runs on it."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "240", "LINES": "20", "XDG_RUNTIME_DIR": str(path.parent)}
        command = [sys.executable, "-m", "strangler", "top", "-c", str(path), "--interval", "100ms", *arguments]
        self.process = subprocess.Popen(
            command, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, env=environ, start_new_session=True
        )
        self.shown = b""

    def until(self, words: bytes) -> None:
        """Wait until this was drawn."""
        deadline = time.monotonic() + SECONDS
        while words not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                self.shown += os.read(self.ours, 65536)

    def end(self) -> int:
        """Its exit code, with everything that it still drew."""
        self.until(LEAVES)
        return self.process.wait(SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(proxy: Path) -> Iterator[Terminal]:
    terminal = Terminal(proxy)
    yield terminal
    terminal.close()


def test_draws_traffic_as_it_comes_and_q_ends_it(terminal: Terminal, proxy: Path) -> None:
    terminal.until(b"routes.yaml is served by 2 workers, ")
    assert terminal.shown.count(ENTERS) == 1
    assert termios.tcgetattr(terminal.theirs) != terminal.before
    terminal.until(b"on routes")
    assert b"\x1b[2J" not in terminal.shown  # clearing is what flickers
    proxy.write_text(proxy.read_text().replace("shadow", "legacy"))
    terminal.until(b"shadow: ")
    os.write(terminal.ours, b"q")
    assert terminal.end() == 0
    assert termios.tcgetattr(terminal.theirs) == terminal.before
    assert b"Traceback" not in terminal.shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_leave_the_terminal_as_it_was(terminal: Terminal, number: signal.Signals, code: int) -> None:
    terminal.until(b"q quits")
    os.kill(terminal.process.pid, number)
    assert terminal.end() == code
    assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_without_a_terminal_it_says_what_else_there_is(proxy: Path) -> None:
    result = CliRunner().invoke(cli, ["top", "-c", str(proxy)], standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert "`strangler status` prints the same once" in str(result.exception)


def test_without_a_proxy_it_is_unreachable(tmp_path: Path, proxy: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(FILE.format(port=3, stage="shadow"))
    terminal = Terminal(path)
    try:
        terminal.until(b"start `strangler serve`")
        assert terminal.process.wait(SECONDS) == 4
        assert ENTERS not in terminal.shown
    finally:
        terminal.close()


@pytest.mark.parametrize(("interval", "words"), [("1", "1 has no unit"), ("10ms", "too short"), ("soon", "soon")])
def test_an_interval_has_a_unit_and_a_least(proxy: Path, capsys: pytest.CaptureFixture[str], interval: str, words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["top", "--interval", interval, "-c", str(proxy)])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
