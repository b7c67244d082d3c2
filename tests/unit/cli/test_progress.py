"""`strangler progress`: the terminal, JSON and the page, over a journal and a store as `serve` leaves them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.progress import command
from strangler.control.flipping.spool import Spool
from strangler.core.errors import UsageError
from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Config, Stage
from strangler.core.outcome import Outcome
from strangler.core.progress import DAY, HOUR
from strangler.core.records import Batch, Stratum
from strangler.store.store import Store
from tests.unit.cli.stored import NOW, configured

Run = Callable[..., Result]

ROUTES = """\
routes:
  - {name: read-order, match: {path: "/api/orders/{id}", methods: [GET]}, stage: retired}
  - {name: home, match: {path: /b}}
milestones: [{name: "Orders <b>& more</b>", routes: [read-order], due: 2026-12-31}]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`strangler progress …` at NOW."""
    monkeypatch.setattr("strangler.cli.progress.time.time", lambda: NOW)

    def command_line(*arguments: str) -> Result:
        environ = {"COLUMNS": "120", "STRANGLER_CONFIG": str(tmp_path / "routes.yaml"), "NO_COLOR": "1"}
        return CliRunner(env=environ).invoke(command, arguments, standalone_mode=False)

    return command_line


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A route that climbed, was compared and retired; half of its journal is still in the spool."""
    path, config = configured(tmp_path, ROUTES)
    entries = [entry(kind, at) for at in (3.0, 2.0) for kind in (Kind.INTENDED, Kind.LIVE)]
    Spool(path).append(entries[2:])
    stratum = Stratum("read-order", "canary", "legacy", config.routes[0].rules, "b7", "GET", "2xx")
    minutes = [int((NOW - hours * HOUR) // 60) for hours in (2 * 24 + 1, 3, 2)]
    batch = Batch(
        arms={
            (minutes[0], "read-order", "modern", "", "served by legacy"): [0, 0, 40],
            (minutes[1], "read-order", "retired", "", "served by modern"): [0, 0, 90],
            (minutes[2], "", "", "", "served by legacy"): [0, 0, 10],
            (minutes[2], "", "", "", "served by "): [0, 0, 0, 0, 5],
        },
        counts={(minutes[0], stratum, Outcome.MATCH.value): [98, 0], (minutes[0], stratum, Outcome.MISMATCH.value): [2, 0]},
    )
    with closing(Store.open(config.store, config.folder)) as store:
        store.append(entries[:2])
        store.record(batch, store.begin_run(NOW - 4 * DAY, "0.1.0"))
    return config


def entry(kind: Kind, days_ago: float) -> Entry:
    before, after = (Stage.SHADOW, Stage.MODERN) if days_ago == 3 else (Stage.MODERN, Stage.RETIRED)
    words: dict[str, Any] = {"before": Place(before), "after": Place(after), "reason": "<i>quiet</i>"}
    name = f"{days_ago}-{kind}"
    return Entry(name, kind, f"f{days_ago}", NOW - days_ago * DAY, "anna", "read-order", **words)


def test_the_terminal_says_how_far_it_is(run: Run, config: Config) -> None:
    said = run().output
    assert "1 of 2 routes at modern or retired; modern answered 90.0 % of 100 requests in the last day" in said
    assert re.search(r"Orders <b>& more</b>, due 2026-12-31: done; 1 of 1 route retired, 100% of the way climbed", said)
    assert re.search(r"read-order +– +■ retired +2 d +90 +100 %", said)
    assert "retired: read-order; `strangler progress ROUTE` prints the record" in said


def test_the_record_of_a_route(run: Run, config: Config) -> None:
    said = run("read-order").output
    assert said.startswith("read-order: retired since 2026-11-19 12:00 UTC\n")
    assert "last answer of legacy  2026-11-19 11:01 UTC" in said
    assert "98 of 100 answers agreed" in said
    assert said.endswith("nothing is missing\n")


def test_json(run: Run, config: Config) -> None:
    said = json.loads(run("--json").output)
    assert said["traffic"] == {"requests": 100, "by_modern": 90, "no_route": 10, "retired": 90,
                               **dict.fromkeys(("legacy", "shadow", "canary", "modern"), 0)}  # fmt: skip
    assert {one["route"]: one["stage"] for one in said["standings"]} == {"read-order": "retired", "home": "legacy"}
    assert [one["missing"] for one in said["records"]] == [[]]
    assert json.loads(run("read-order", "--json").output)["proof"]["agreed"] == 98


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_takes_no_text_for_markup(run: Run, config: Config, tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    assert run("--html", str(target)).exit_code == 0
    page = Page(target.read_text(encoding="utf-8"))
    assert not {"script", "link", "img", "iframe", "b", "i"} & set(page.tags)
    assert page.links == []
    assert "url(" not in page.text
    assert "Orders <b>& more</b>" in page.text
    assert "<i>quiet</i>" in page.text
    assert "1 of 2 routes on modern, 90 % of requests answered by it" in page.text
    assert [path.name for path in tmp_path.glob(".out.html*")] == []


def test_without_evidence_it_says_what_will_be_shown(run: Run, tmp_path: Path) -> None:
    configured(tmp_path, ROUTES)
    said = run().output
    assert "no request was recorded in the last day (`strangler serve` records them)" in said
    assert "its answers were never compared" in run("read-order").output
    assert run("--html", str(tmp_path / "empty.html")).exit_code == 0


def test_without_routes(run: Run, tmp_path: Path) -> None:
    configured(tmp_path, "routes: []\n")
    assert run().output.startswith("There is no route yet.")
    run("--html", str(tmp_path / "none.html"))
    assert "There is no route yet" in (tmp_path / "none.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["read-orders"], "no route is named 'read-orders'; did you mean 'read-order'?"),
        (["read-order", "--html", "x.html"], "--html is of all routes"),
        (["--html", "/nowhere/at/all.html"], "cannot be written"),
    ],
)
def test_what_cannot_be_done(run: Run, config: Config, arguments: list[str], why: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert why in str(error)
