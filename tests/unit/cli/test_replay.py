from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strangler.cli.main import _run
from tests.e2e.running import free_port
from tests.unit.control.replaying.given import Got, Say, recorded, system, written

ASKED = [("GET", f"/p/{at}") for at in range(3)]


def product(got: Got) -> Say:
    return Say({"path": got.target, "price": 5})


def wrong(got: Got) -> Say:
    return Say({"path": got.target, "price": "<script>alert(1)</script>"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRANGLER_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    written(tmp_path, recorded(product, *ASKED))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = _run(["replay", *arguments])
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_build_that_agrees_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(product) as build:
        code, out, err = told(capsys, "traffic.har", "--against", build.url)
    assert (code, err) == (0, "")
    assert out.startswith("✓ 100 % agree over 3; the bar is 100%\n")
    assert "entries 3 = compared 3 + put aside 0 + not reached 0" in out


def test_a_build_that_differs_does_not_and_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(wrong) as build:
        code, out, _ = told(capsys, "traffic.har", "--against", build.url, "--fail-under", "99.9%")
    assert code == 3
    assert out.startswith("✗ 0 % agree over 3; the bar is 99.9%\n")
    assert "everything: 1 cause of 3 mismatches" in out
    assert "$.price: another type" in out


def test_the_same_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(wrong) as build:
        code, out, _ = told(capsys, "traffic.har", "--against", build.url, "--json")
    document: dict[str, Any] = json.loads(out)
    assert code == document["exit_code"] == 3
    assert (document["verdict"], document["agree"], document["compared"]) == ("below the bar", 0.0, 3)
    assert document["ledger"] == {
        "entries": 3,
        "compared": {"match": 0, "ignored": 0, "mismatch": 3, "candidate_failed": 0},
        "aside": {},
        "not_reached": 0,
        "closes": True,
    }


def test_the_page_stands_alone_and_shows_what_came_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(wrong) as build:
        _, _, err = told(capsys, "traffic.har", "--against", build.url, "--html", "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert err == "written: report.html\n"
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "Too much differs" in page
    assert not [word for word in ("http-equiv", "src=", "@import", "url(") if word in page]


def test_nobody_there_is_4(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, _, err = told(capsys, "traffic.har", "--against", url)
    assert (code, err) == (4, f"strangler: {url} cannot be reached: connection refused; nothing was asked\n")


def test_nothing_compared_is_no_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(product) as build:
        code, out, _ = told(capsys, "traffic.har", "--against", build.url, "--methods", "HEAD")
    assert code == 3
    assert out.startswith("✗ nothing was compared, which proves nothing\n")
    assert "3 method: its method is not among --methods" in out


URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.har", "--against", URL], "none.har cannot be read: No such file or directory"),
        (["traffic.har", "--against", "modern"], "no upstream is named 'modern': write http://HOST:PORT"),
        (["traffic.har", "--against", f"{URL}/path"], "without a path"),
        (["traffic.har", "--against", "ftp://h"], "write http://HOST:PORT or https://HOST"),
        (["traffic.har", "--against", "http://h:99999"], "write http://HOST:PORT or https://HOST"),
        (["traffic.har", "--against", URL, "--fail-under", "99.9"], "99.9 has no unit: write 99.9%"),
        (["traffic.har", "--against", URL, "--speed", "2"], "is not a speed"),
        (["traffic.har", "--against", URL, "--rate", "5"], "is not a rate"),
        (
            ["traffic.har", "--against", URL, "--rate", "5/s", "--speed", "1x"],
            "--speed and --rate are two ways to send: give one",
        ),
        (["traffic.har", "--against", URL, "--methods", "POST"], "only with --yes-write"),
        (["traffic.har", "--against", URL, "--methods", "G T"], "are no methods"),
        (["traffic.har", "--against", URL, "--header", "x"], "write 'NAME: VALUE'"),
        (["traffic.har", "--against", URL, "--cookie", "x"], "write NAME=VALUE"),
        (["traffic.har", "--against", URL, "--route", "x"], "no route is named 'x'"),
        (["traffic.har", "--against", URL, "-c", "none.yaml"], "none.yaml does not exist"),
        (["traffic.har"], "Missing option '--against'"),
    ],
)
def test_bad_input_gets_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_file_that_is_no_recording_is_bad_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty.har").write_text('{"log": {"version": "1.2", "entries": []}}')
    with system(product) as build:
        code, _, err = told(capsys, "empty.har", "--against", build.url)
    assert code == 2
    assert "no exchange in it" in err


def test_routes_of_the_file_decide_and_one_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with system(product) as build:
        (folder / "routes.yaml").write_text(
            f'version: 1\nupstreams: {{legacy: {{url: "{URL}"}}, modern: {{url: "{build.url}"}}}}\n'
            "routes:\n  - {name: one, match: {path: /p/1}}\n  - {name: rest, match: {path: '/p/{id}'}, stage: shadow}\n"
        )
        _, both, _ = told(capsys, "traffic.har", "--against", "modern", "--json")
        _, one, _ = told(capsys, "traffic.har", "--against", "modern", "--route", "one", "--json")
    assert json.loads(both)["ledger"]["aside"] == {"stage": 1}
    assert [route["route"] for route in json.loads(both)["routes"]] == ["rest"]
    assert [route["route"] for route in json.loads(one)["routes"]] == ["one"]
