"""`strangler discover` and `strangler init`, as people type them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from strangler.cli.discover import create
from strangler.cli.main import main
from strangler.config.load import check
from strangler.core.errors import UsageError
from strangler.traffic import har
from strangler.traffic.entry import Entry, Message

LOG = '10.1.2.3 - - [22/Oct/2026:15:{:02d}:00 +0200] "{}" {} 512 "-" "curl" 0.250\n'
ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    asked = [(f"GET /api/orders/{number} HTTP/1.1", 200) for number in range(40)]
    asked += [("GET / HTTP/1.1", 200), ("POST /api/orders HTTP/1.1", 201), ("GET /wp-login.php HTTP/1.1", 404)]
    asked += [("GET /login?token=s3cr3t-s3cr3t&next=/ HTTP/1.1", 200), ("GET /x\\x1b[31m HTTP/1.1", 404), ("-", 408)]
    path = tmp_path / "access.log"
    path.write_text("".join(LOG.format(number % 60, *each) for number, each in enumerate(asked)), encoding="utf-8")
    return path


def test_the_answer_comes_first_then_the_endpoints_the_reasons_and_what_was_put_aside(run: Run, log: Path) -> None:
    code, said, warned = run("discover", str(log))
    assert code == 0
    assert said.startswith("4 endpoints in 45 requests of 44 min\n")
    assert said.index("/api/orders/{order_id}") < said.index("strangle first") < said.index("put aside: 2 requests")
    assert "only reads, so it can be shadowed from the first day" in said
    assert "1 left out" in warned


def test_nothing_is_wider_than_the_terminal_and_nothing_obeyed(run: Run, log: Path) -> None:
    for option in ((), ("--all",)):
        _, said, _ = run("discover", str(log), *option)
        assert max(map(len, said.splitlines())) <= 80
        assert said.replace("\n", "").isprintable()


def test_no_secret_and_no_address_is_shown(run: Run, log: Path) -> None:
    for option in ("--all", "--json"):
        _, said, _ = run("discover", str(log), option)
        assert "s3cr3t" not in said
        assert "10.1.2.3" not in said
        assert "/login?token=" in said


def test_json_has_every_figure(run: Run, log: Path) -> None:
    code, said, _ = run("discover", str(log), "--json")
    told = json.loads(said)
    assert code == 0
    one = next(each for each in told["endpoints"] if each["path"] == "/api/orders/{order_id}")
    assert (one["rank"], one["requests"], one["statuses"], one["seconds"]) == (1, 40, {"200": 40}, {"p50": 0.25, "p95": 0.25})
    assert [each["rank"] for each in told["endpoints"]] == [1, 2, 3, 4]
    assert {each["requests"] for each in told["aside"]} == {2}
    assert told["openapi"] is None


def test_several_files_are_one_recording(run: Run, log: Path, tmp_path: Path) -> None:
    recording = tmp_path / "a.har"
    body = b'{"id": 1, "customer": {"id": 7}, "items": []}'
    entry = Entry("GET", "/api/orders/1", status=200, response=Message((("content-type", "application/json"),), body, len(body)))
    with recording.open("wb") as file:
        har.write([entry], file)
    _, said, _ = run("discover", str(log), str(recording), "--json", "--mappings", str(ROOT / "mappings.yaml"))
    told = json.loads(said)
    assert told["requests"] == 46
    one = next(each for each in told["endpoints"] if each["path"] == "/api/orders/{order_id}")
    assert (one["requests"], one["mappings"]) == (41, ["customers", "memberships", "orders"])


def test_standard_input_is_read(log: Path) -> None:
    words = [sys.executable, "-m", "strangler", "discover", "-", "--json"]
    done = subprocess.run(words, input=log.read_bytes(), capture_output=True, check=True)
    assert json.loads(done.stdout)["requests"] == 45


def test_a_document_says_what_is_missing_on_either_side(run: Run, log: Path, tmp_path: Path) -> None:
    paths = {"/api/orders/{number}": {"get": {}}, "/api/invoices": {"get": {}}}
    (tmp_path / "api.yaml").write_text(yaml.safe_dump({"openapi": "3.0.0", "paths": paths}), encoding="utf-8")
    _, said, _ = run("discover", str(log), "--openapi", "api.yaml")
    assert "documented: 1 of 4 endpoints" in said
    assert (
        said.index("in use, but not documented: 3")
        < said.index("documented, but never seen: 1")
        < said.index("GET /api/invoices")
    )
    told = json.loads(run("discover", str(log), "--openapi", "api.yaml", "--json")[1])["openapi"]
    assert set(told["undocumented"]) == {"GET /", "GET /login", "POST /api/orders"}
    assert told["unseen"] == [{"method": "GET", "path": "/api/invoices", "operation": None}]


def test_a_proposal_is_written_once_and_is_sound(run: Run, log: Path, tmp_path: Path) -> None:
    code, said, _ = run("discover", str(log), "--propose", "new.yaml", "--shadow", "--legacy", "http://old:8000")
    assert (code, said.splitlines()[-1]) == (0, "new.yaml: written; next: strangler check -c new.yaml")
    outcome = check(tmp_path / "new.yaml", {})
    assert outcome.problems == ()
    assert outcome.config
    assert str(outcome.config.upstreams["legacy"].url) == "http://old:8000"
    before = (tmp_path / "new.yaml").read_text(encoding="utf-8")
    code, _, warned = run("discover", str(log), "--propose", "new.yaml")
    assert (code, warned.count("\n")) == (2, 1)
    assert "is there already" in warned
    assert (tmp_path / "new.yaml").read_text(encoding="utf-8") == before


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "no file": (("discover",), "Missing argument"),
    "a file that is not there": (("discover", "gone.log"), "cannot be read"),
    "a file that is none": (("discover", "noise.txt"), "noise.txt"),
    "an option that means nothing": (("discover", "noise.txt", "--shadow"), "belong to --propose"),
    "a document that is none": (("discover", "noise.txt", "--openapi", "noise.txt"), "noise.txt"),
    "an address that is none": (("init", "--legacy", "shop:8000"), "--legacy 'shop:8000' is not an address"),
    "an address with a path": (("init", "--modern", "http://shop/app"), "without a path"),
    "a folder that is not there": (("init", "-o", "gone/routes.yaml"), "cannot be written"),
    "an address of our own": (("init", "--legacy", "http://127.0.0.1:8080"), "an address that this proxy listens on"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_a_line(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "noise.txt").write_text("it was a dark night\n" * 9, encoding="utf-8")
    words, wanted = BAD[name]
    code, said, warned = run(*words)
    assert code == 2
    assert wanted in said + warned
    assert (said + warned).count("\n") == 1
    assert not (tmp_path / "routes.yaml").exists()


def test_a_recording_without_an_endpoint_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bots.log").write_text(LOG.format(0, "GET /wp-login.php HTTP/1.1", 404), encoding="utf-8")
    code, said, _ = run("discover", "bots.log")
    assert code == 3
    assert said.startswith("no endpoint found in 1 request")


def test_a_first_file_without_anything_is_a_transparent_proxy(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("init", "--legacy", "http://shop.internal:8000")
    assert (code, said.splitlines()[0]) == (0, "routes.yaml: no route yet: all goes to legacy")
    outcome = check(tmp_path / "routes.yaml", {})
    assert outcome.problems == ()
    assert outcome.config
    assert outcome.config.routes == ()
    text = (tmp_path / "routes.yaml").read_text(encoding="utf-8")
    head, _, shown = text.partition("routes: []\n")
    example = "\n".join(line.removeprefix("#").removeprefix(" ") for line in shown.splitlines()[2:])
    (tmp_path / "example.yaml").write_text(head + example, encoding="utf-8")
    outcome = check(tmp_path / "example.yaml", {})
    assert outcome.config, "what is shown can be taken as it is"
    assert [route.name for route in outcome.config.routes] == ["read-order"]
    assert run("init")[0] == 2
    assert (tmp_path / "routes.yaml").read_text(encoding="utf-8") == text


def test_a_file_that_comes_up_in_the_meantime_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        create(path, 'version: 1\nupstreams: {legacy: {url: "http://h:1"}}\nroutes: []\n')
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_link_to_nowhere_is_not_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert run("init")[0] == 2
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_a_first_file_from_a_document_has_a_route_for_all_of_it(run: Run, tmp_path: Path) -> None:
    paths: dict[str, Any] = {
        "/orders/{id}": {"get": {}, "put": {}, "delete": {}},
        "/orders/export": {"get": {}},
        "/images/{id}.png": {"get": {}, "head": {}},
    }  # fmt: skip
    (tmp_path / "api.json").write_text(
        json.dumps({"openapi": "3.0.0", "paths": paths, "servers": [{"url": "/v1"}]}), encoding="utf-8"
    )
    code, said, _ = run("init", "--openapi", "api.json")
    assert (code, said.splitlines()[0]) == (0, "routes.yaml: 4 routes, all at legacy, so nothing changes yet")
    outcome = check(tmp_path / "routes.yaml", {})
    assert outcome.problems == ()
    assert outcome.config
    assert {route.match.path.text: set(route.match.methods or ()) for route in outcome.config.routes if "read" in route.name} == {
        "/v1/orders/{id}": {"GET", "HEAD"}, "/v1/orders/export": {"GET", "HEAD"}, r"/v1/images/{id:.+\.png}": {"GET", "HEAD"},
    }  # fmt: skip


def test_a_first_file_from_traffic_and_a_document_has_both(run: Run, log: Path, tmp_path: Path) -> None:
    paths = {"/api/orders/{number}": {"get": {}}, "/api/invoices": {"get": {}}}
    (tmp_path / "api.yaml").write_text(yaml.safe_dump({"openapi": "3.0.0", "paths": paths}), encoding="utf-8")
    assert run("init", "--log", str(log), "--openapi", "api.yaml")[0] == 0
    outcome = check(tmp_path / "routes.yaml", {})
    assert outcome.config
    paths_of = [route.match.path.text for route in outcome.config.routes]
    assert paths_of[0] == "/api/orders/{number}"
    assert "/api/invoices" in paths_of
