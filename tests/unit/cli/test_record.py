"""`strangler record` against an admin address that says what it is told to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import cli
from strangler.core.errors import Refusal, UnreachableError, UsageError
from strangler.traffic.entry import Entry, Message
from strangler.traffic.har_writing import plain
from strangler.traffic.reading import read

TOKEN = "t" * 64
FILE = """version: 1
admin: {{address: "127.0.0.1:{}"}}
upstreams: {{legacy: {{url: "http://h:1"}}}}
routes:
  - {{name: search, match: {{path: /search}}}}
  - {{name: read-order, group: orders, match: {{path: "/orders/{{id}}"}}}}
"""
ENTRY = {"entry": plain(Entry("GET", "/a", "shop.example.org", status=200))}
END = {"end": {"why": "count", "exchanges": 1, "missed": {"queue": 3}}}
BEAT = {"beat": {"exchanges": 0, "missed": {}}}


@dataclass
class Admin:
    """What stands at the admin address.

    Attributes:
        lines: that it answers; what it was asked is in `asked`, with the Authorization that came.
    """

    port: int
    status: int = 200
    lines: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def admin() -> Iterator[Admin]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.asked.append((self.headers["authorization"], json.loads(body)))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(b"".join(json.dumps(line).encode() + b"\n" for line in found.lines))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Admin(server.server_port)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield found
        server.shutdown()
        serving.join()


@pytest.fixture
def folder(tmp_path: Path, admin: Admin) -> Path:
    (tmp_path / "routes.yaml").write_text(FILE.format(admin.port))
    (tmp_path / "admin.token").write_text(TOKEN)
    (tmp_path / "admin.token").chmod(0o600)
    return tmp_path


def run(folder: Path, *arguments: str, **environ: str) -> Result:
    environ = {"STRANGLER_CONFIG": str(folder / "routes.yaml"), "STRANGLER_ADMIN_TOKEN": "", **environ}
    return CliRunner(env=environ).invoke(cli, ["record", *arguments], standalone_mode=False)


def test_what_comes_is_in_the_file_and_what_is_missing_is_told(admin, folder):
    admin.lines = [BEAT, ENTRY, BEAT, END]
    shown = run(folder, "@orders", "search", "--sample", "5%", "--count", "7", "-o", str(folder / "a.har"))
    assert shown.exception is None
    first, *rest = shown.output.splitlines()
    assert first.startswith(f"1 exchange in {folder / 'a.har'} (")
    assert rest == [
        "ended: there are as many as you asked for",
        "missed: 3 found too many waiting for their secrets to be removed: --sample takes a part of all",
    ]
    assert [entry.target for entry in read(folder / "a.har")] == ["/a"]
    (authorization, asked), *_ = admin.asked
    assert authorization == f"Bearer {TOKEN}"
    assert asked == {
        "routes": "@orders,search",
        "sample": "5%",
        "for": "10m",
        "size": "100MiB",
        "count": "7",
        "max_body": "1MiB",
        "keep": "",
    }


def test_as_json(admin, folder):
    admin.lines = [ENTRY, END]
    told = json.loads(run(folder, "--json", "-o", str(folder / "a.flows")).output)
    size = (folder / "a.flows").stat().st_size
    assert told == {
        "file": str(folder / "a.flows"),
        "exchanges": 1,
        "bytes": size,
        "missed": {"queue": 3},
        "ended": "count",
        "error": None,
    }


PASSING = [
    Entry("GET", "/orders/57?q=a", status=200, side="modern", route="read-order", duration=0.0124, response=Message(size=1234)),
    Entry("POST", "/x\x1b]0;owned\x07", status=503),
    Entry("GET", "/gone", failure="refused", side="legacy"),
]


def test_whoever_looks_on_sees_a_line_for_each_exchange_and_needs_no_file(admin, folder):
    admin.lines = [BEAT, *({"entry": plain(entry)} for entry in PASSING), END]
    shown = run(folder, "read-order", "--live")
    assert shown.exception is None
    first, second, third, summary, *_ = shown.output.splitlines()
    assert first.partition("  ")[2] == "GET /orders/57?q=a  200  modern by read-order  12 ms  1,234 bytes"
    assert second.endswith("  503")
    assert "\x1b" not in second
    assert third.partition("  ")[2] == "GET /gone  refused  legacy"
    assert summary.startswith("3 exchanges (")
    assert {each.name for each in folder.iterdir()} == {"routes.yaml", "admin.token"}


def test_looking_on_and_keeping_go_together(admin, folder):
    admin.lines = [ENTRY, END]
    assert "GET /a  200" in run(folder, "--live", "-o", str(folder / "a.har")).output
    assert [entry.target for entry in read(folder / "a.har")] == ["/a"]


def test_secrets_that_are_kept_are_said_aloud(admin, folder):
    admin.lines = [ENTRY, END]
    shown = run(folder, "--keep", "header:cookie", "--keep", "header:x-a", "-o", str(folder / "a.har"))
    assert f"header:cookie, header:x-a will stand in {folder / 'a.har'} AS IT IS" in shown.stderr
    assert admin.asked[0][1]["keep"] == "header:cookie,header:x-a"


def test_a_proxy_that_goes_away_leaves_what_came_until_then(admin, folder):
    admin.lines = [BEAT, ENTRY]
    shown = run(folder, "-o", str(folder / "a.har"))
    assert isinstance(shown.exception, UnreachableError)
    assert str(shown.exception) == f"the proxy went away: {folder / 'a.har'} has what came until then"
    assert [entry.target for entry in read(folder / "a.har")] == ["/a"]


@pytest.mark.parametrize(
    ("status", "lines", "kind", "says"),
    [
        (200, [BEAT, {"end": {"why": "time", "exchanges": 0, "missed": {}}}], Refusal, "nothing was recorded"),
        (200, [{"error": "ann is recording everything"}], Refusal, "ann is recording everything"),
        (409, [{"error": {"message": "ann is recording everything"}}], Refusal, "ann is recording everything"),
        (403, [{"error": {"message": "ann is a viewer"}}], Refusal, "ann is a viewer"),
        (401, [{"error": {"message": "this token is nobody's"}}], UsageError, "this token is nobody's"),
        (503, [{"error": {"message": "just starting"}}], UnreachableError, "just starting"),
        (500, [], UnreachableError, "the answer was 500"),
    ],
)
def test_what_stands_against_it_is_told_and_no_file_is_made(admin, folder, status, lines, kind, says):
    admin.status, admin.lines = status, lines
    found = run(folder, "-o", str(folder / "a.har")).exception
    assert type(found) is kind
    assert says in str(found)
    assert sorted(path.name for path in folder.iterdir()) == ["admin.token", "routes.yaml"]


def test_without_a_token_it_says_where_one_is(admin, folder):
    (folder / "admin.token").unlink()
    found = run(folder, "-o", str(folder / "a.har")).exception
    assert "start `strangler serve`, which makes it" in str(found)
    assert not (folder / "admin.token").exists()
    admin.lines = [ENTRY, END]
    assert run(folder, "-o", str(folder / "a.har"), STRANGLER_ADMIN_TOKEN="mine").exception is None
    assert admin.asked[0][0] == "Bearer mine"


def test_nobody_there(folder):
    (folder / "routes.yaml").write_text(FILE.format(1))
    found = run(folder, "-o", str(folder / "a.har")).exception
    assert isinstance(found, UnreachableError)
    assert "nobody answers at the admin address 127.0.0.1:1: start `strangler serve`" in str(found)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "a.txt"], "call it .har"),
        (["-o", "a.har", "--for", "10"], "10 has no unit: write 10s"),
        (["-o", "a.har", "--sample", "2"], "2"),
        (["-o", "a.har", "--keep", "cookie"], "write header:NAME"),
        (["-o", "a.har", "nosuch"], "there is no route or group 'nosuch'"),
        ([], "say where to: -o FILE.har, or --live"),
        (["--live", "--json"], "take one of them"),
    ],
)
def test_what_is_written_wrong_is_told_before_anybody_is_asked(admin, folder, monkeypatch, arguments, says):
    monkeypatch.chdir(folder)
    assert says in str(run(folder, *arguments).exception)
    assert admin.asked == []
