"""`strangler check --traffic`: the screen, JSON, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.check import command
from strangler.config.load import load
from strangler.core.errors import ConfigError, UsageError
from strangler.core.recent import Place, Recent
from strangler.core.records import Batch
from strangler.store.store import Store
from tests.unit.cli.stored import HEAD, NOW

Run = Callable[..., Result]

OLD = (
    HEAD
    + """\
routes:
  - {name: a, match: {path: "/a/{id}", methods: [GET]}, sticky: {by: "cookie:user"}, stage: shadow}
"""
)
NEW = OLD.replace("stage: shadow", "stage: canary, weight: 50%")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """In a folder with an old file, a new one, and a broken one."""
    for name, text in (("routes.yaml", OLD), ("new.yaml", NEW), ("broken.yaml", OLD.replace("shadow", "shade"))):
        (tmp_path / name).write_text(text, encoding="utf-8")

    def command_line(*arguments: str, new: str = "new.yaml") -> Result:
        words = [str(tmp_path / word) if word.endswith(".yaml") else word for word in arguments]
        return CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"}).invoke(
            command, ["-c", str(tmp_path / new), *words], standalone_mode=False
        )

    return command_line


@pytest.fixture
def recorded(tmp_path: Path) -> None:
    """A tenth of 100 requests, every second of which stands below one half; and an ambiguous path."""
    config = load(tmp_path / "routes.yaml", {})
    seen = {"cookie:user": "[secret:0123456789ab]"}
    found = [
        Recent(NOW + at, 10.0, "GET", f"/a/{at}", "", seen, "a", "legacy", "modern", Place("cookie:user", "a", at % 2 / 2))
        for at in range(10)
    ]
    found.append(Recent(NOW + 60, 1.0, "GET", "/a%2f\x1b[31m", "", {}, "", "legacy"))
    with closing(Store.open(config.store, config.folder)) as store:
        store.record(Batch(requests=found), store.begin_run(NOW, "0.1.0"))


def test_the_screen(run: Run, recorded: None) -> None:
    found = run("--traffic", "--against", "routes.yaml")
    assert found.exit_code == 0
    lines = found.output.splitlines()
    first = lines.index("a: 50 requests")
    told = " ".join(lines[:first])  # the name of a folder may be long enough to break a line
    assert told.startswith("50.5 % would go otherwise than by ")
    assert ": 51 of 101 requests" in told
    assert "11 requests drawn from them, 2026-11-21 12:00:00 UTC to 2026-11-21 12:01:00 UTC" in told
    assert lines[first:] == [
        "a: 50 requests",
        "  50 served by modern, now by legacy",
        "  such as GET /a/0",
        "  such as GET /a/2",
        "  such as GET /a/4",
        "",
        "no route → refused: 1 request",
        "  1 refused, now served by legacy (a path that servers read differently)",
        "  such as GET /a%2f\\x1b[31m",
    ]


def test_json(run: Run, recorded: None) -> None:
    said = json.loads(run("--traffic", "--json", "--against", "routes.yaml").output)
    assert (said["requests"], said["drawn"], said["unchanged"], said["approximate"]) == (101, 11, 50, {})
    assert said["changes"][0] == {
        "before": "a", "after": "a", "requests": 50, "served": [{"before": "legacy", "after": "modern", "requests": 50}],
        "refused": 0, "gains_copies": 0, "loses_copies": 0, "approximate": 0, "examples": ["GET /a/0", "GET /a/2", "GET /a/4"],
    }  # fmt: skip
    assert said["changes"][1]["refused"] == 1


def test_without_another_file_it_is_held_against_what_was_decided(run: Run, recorded: None) -> None:
    assert run("--traffic", new="routes.yaml").output.startswith("nothing changes: 0 of 101 requests\n")
    assert "than when they came: 51 of 101" in run("--traffic").output


def test_nothing_was_recorded_yet(run: Run) -> None:
    found = run("--traffic")
    assert found.return_value == 3
    assert "no request was recorded yet" in found.output


def test_a_file_with_problems_is_not_held_against_anything(run: Run, recorded: None) -> None:
    found = run("--traffic", new="broken.yaml")
    assert (found.return_value, "nothing would start" in found.output) == (2, True)
    assert isinstance(run("--traffic", "--against", "broken.yaml").exception, ConfigError)


def test_against_belongs_to_traffic(run: Run) -> None:
    assert isinstance(run("--against", "routes.yaml").exception, UsageError)


def test_no_key_is_made(run: Run, recorded: None, tmp_path: Path) -> None:
    assert run("--traffic").exit_code == 0
    assert not (tmp_path / "redaction.key").exists()
