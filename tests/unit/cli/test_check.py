"""`strangler check` and `strangler schema`, as a person runs them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import reconcile
from reconcile.owning.ownership import set_owner
from strangler.cli.main import main
from strangler.config.load import load
from strangler.control.cutover.record import Shelf
from strangler.control.flipping.guard import guard
from strangler.control.reader import read
from strangler.core.cutover import Record
from strangler.core.cutover_terms import stranded

BROKEN = Path(__file__).parents[2] / "data" / "broken.yaml"

# line:column, path, and the beginning of the message
FIFTEEN = """
4:14 listen[0].address: '127.0.0.1' is not host and port: write 127.0.0.1:8080, or unix:PATH
5:45 listen[1].tls.cert: there is no file missing.pem
7:62 upstreams.legacy.timeouts.connect: 2 has no unit: write 2s
8:17 upstreams.modern.url: 'http://127.0.0.1:9002/api' has a path
10:18 defaults.ladder.auto: write true
11:11 defaults.modern: there is no upstream 'modren'; did you mean 'modern'?
16:13 routes[0].weight: 5 has no unit: write 5%
17:18 routes[0].sticky.by: /api/orders/{id} has no parameter 'order'; known: id
19:19 routes[1].match.path: '/api/orders/*': '*' would be those very characters
20:12 routes[1].stage: 'shadowed' is not one of legacy, shadow, canary, modern, retired; did you mean 'shadow'?
25:5 routes[2].gaurd: unknown key; did you mean 'guard'?
26:11 routes[3].name: 'products' is taken: another route has it on line 21
28:25 routes[3].guard.match_rate: no number of samples shows 100%
30:12 routes[4].match: can never match: 'products' above it takes every such request
32:5 routes[4].stage: stands twice: first on line 31
"""


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, err


@pytest.mark.parametrize("command", ["check", "serve", "explain GET /"])
def test_fifteen_mistakes_are_fifteen_messages_and_nothing_starts(command):
    words = [sys.executable, "-m", "strangler", *command.split(), "-c", str(BROKEN)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    told = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(f"{BROKEN}:") and " problem" not in line]
    assert done.returncode == 2
    assert len(told) == 15
    for line, expected in zip(told, FIFTEEN.strip().splitlines(), strict=True):
        place, _, rest = expected.partition(" ")
        assert line.startswith(f"{BROKEN}:{place}: {rest}")


def test_the_summary_comes_last_and_on_standard_error(capsys):
    code, out, err = run(capsys, "check", "-c", str(BROKEN))
    assert (code, len(out.splitlines()), err) == (2, 15, f"{BROKEN}: 15 problems: nothing would start\n")


def test_json(capsys):
    code, out, err = run(capsys, "check", "--json", "-c", str(BROKEN))
    report = json.loads(out)
    assert (code, report["sound"], len(report["problems"]), err) == (2, False, 15, "")
    assert report["problems"][3] | {"message": ""} == {
        "file": str(BROKEN), "line": 8, "column": 17, "path": "upstreams.modern.url", "message": "", "warning": False
    }  # fmt: skip


WRITING = """version: 1
upstreams: {legacy: {url: "http://a:1"}, modern: {url: "http://b:1"}}
defaults: {sticky: {by: "cookie:user"}}
routes:
  - {name: read, match: {path: /orders, methods: [GET]}, stage: modern, group: orders, data: [orders]}
  - {name: write, match: {path: /orders}, group: orders, data: [orders], stage: modern}
mappings: [mappings.yaml]
"""
ORDERS = """version: 1
databases: {old: "sqlite:///old.db", new: "sqlite:///new.db"}
mappings:
  - name: orders
    from: {database: old, table: orders, key: no}
    to: {database: new, table: orders, key: id}
    columns: {id: no}
    one_way: accepted
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file whose writes go to modern, and two databases that nobody has ever moved anything in."""
    monkeypatch.chdir(tmp_path)
    Path("routes.yaml").write_text(WRITING)
    Path("mappings.yaml").write_text(ORDERS)
    for name, key in ("old", "no"), ("new", "id"):
        with closing(sqlite3.connect(f"{name}.db")) as database, database:
            database.execute(f"CREATE TABLE orders ({key} INTEGER PRIMARY KEY)")
    return tmp_path


def stand_at(stage: str) -> None:
    Path("routes.yaml").write_text(WRITING.replace("stage: modern", f"stage: {stage}"))


def owned_by(side: str) -> None:
    set_owner(reconcile.load("mappings.yaml", {}), "orders", side)


WRONG = [
    ("modern", "old", "write would write to modern, and legacy owns orders: say `stage: canary` with `weight: 100%`, and then"),
    ("shadow", "new", "write would write to legacy, and modern owns orders: say `stage: modern`, and then"),
]


@pytest.mark.parametrize(("stage", "side", "words"), WRONG)
def test_writes_that_go_where_their_data_is_not_owned_are_warned_of(capsys, written: Path, stage: str, side: str, words: str):
    stand_at(stage)
    owned_by(side)
    code, out, _ = run(capsys, "check")
    (warning, summary) = out.splitlines()
    assert (code, summary.partition(" (")[0]) == (0, "routes.yaml: sound, 2 routes")
    assert re.match(r"routes\.yaml:6:\d+: warning: routes\[1\]\.stage: ", warning)
    assert words in warning
    assert run(capsys, "check", "--strict")[0] == 2


@pytest.mark.parametrize(("stage", "side"), [("modern", "new"), ("shadow", "old"), ("canary", "new"), ("canary", "old")])
def test_writes_that_go_to_the_owner_are_not_spoken_of(capsys, written: Path, stage: str, side: str):
    stand_at(stage)
    owned_by(side)
    assert len(run(capsys, "check")[1].splitlines()) == 1


@pytest.mark.parametrize(("stage", "side", "words"), WRONG)
def test_serve_refuses_in_the_same_words_what_its_record_says(written: Path, stage: str, side: str, words: str):
    stand_at(stage)
    shelf = Shelf(written / "routes.yaml")
    shelf.write(Record().closed({"orders": (side, 2)}))
    (line,) = stranded(load(Path("routes.yaml"), {}), shelf.read())
    assert line.startswith(f"routes[1].stage: {words}")
    assert list(stranded(load(Path("routes.yaml"), {}), Record())) == [], "a record that was lost stops nobody"
    stand_at("canary")
    assert list(stranded(load(Path("routes.yaml"), {}), shelf.read())) == [], "at canary writes go to whoever owns their data"


def test_owners_that_cannot_be_read_are_said_to_be_unknown(capsys, written: Path):
    Path("old.db").unlink()
    code, out, _ = run(capsys, "check", "--strict")
    assert code == 0
    assert out.startswith("routes.yaml: who owns orders could not be read (database old: there is no file old.db")
    assert "could not be read" in json.loads(run(capsys, "check", "--json")[1])["unread"]
    stand_at("canary")
    assert len(run(capsys, "check")[1].splitlines()) == 1, "there is nothing to ask"
    assert not Path("old.db").exists()


def started() -> dict[str, Any]:
    """What `serve` is told of the file at its first start."""
    return read(Path("routes.yaml"), {}, "", None, guard)[0]


def test_serve_does_not_start_with_writes_that_somebody_has_put_ahead_of_their_data(written: Path):
    said = started()
    assert said["is"] == "problems"
    assert said["text"].startswith("routes.yaml: write would write to modern, and legacy owns orders: say `stage: canary`")
    owned_by("new")
    assert started()["is"] == "read"


def test_what_cannot_be_asked_at_a_first_start_is_said_and_only_asked_for_writes_at_modern(written: Path):
    Path("old.db").unlink()
    (note,) = started()["notes"]
    assert note.startswith("who owns orders could not be read (database old: there is no file old.db")
    stand_at("shadow")
    assert not started()["notes"]


def test_the_record_speaks_where_a_database_cannot(capsys, written: Path):
    Path("old.db").unlink()
    Shelf(written / "routes.yaml").write(Record().closed({"orders": ("old", 3)}))
    assert "legacy owns orders" in run(capsys, "check")[1]


SOUND = "version: 1\nupstreams: {legacy: {url: 'http://a:1'}, modern: {url: 'http://b:1'}}\n"
WARNED = SOUND + "routes: [{name: a, match: {path: /a}, stage: shadow, sticky: {by: 'cookie:session'}}]\n"


@pytest.mark.parametrize(
    ("text", "options", "code", "summary"),
    [
        (SOUND, [], 0, "sound, 0 routes"),
        (WARNED, [], 0, "sound, 1 route (1 at shadow, 1 warning)"),
        (WARNED, ["--strict"], 2, "1 warning, which --strict counts as errors"),
        (WARNED.replace("path: /a", "path: a"), [], 2, "1 problem: nothing would start"),
        (WARNED + "workers: 0", [], 2, "1 problem, 1 warning: nothing would start"),
    ],
)
def test_summaries(tmp_path, capsys, text, options, code, summary):
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    ended, out, err = run(capsys, "check", "-c", str(file), *options)
    assert (ended, (out + err).splitlines()[-1]) == (code, f"{file}: {summary}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist: write it"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"\xff"), "1:1: not UTF-8"),
        (lambda path: path.write_text(""), "1:1: is empty: write at least"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, capsys, make, message):
    make(tmp_path / "routes.yaml")
    code, out, err = run(capsys, "check", "-c", str(tmp_path / "routes.yaml"))
    assert code == 2
    assert message in out + err
    assert "Traceback" not in out + err


def test_the_configuration_can_be_named_by_the_environment(tmp_path, capsys, monkeypatch):
    (tmp_path / "other.yaml").write_text(SOUND.replace("http://a:1", "${URL}"))
    monkeypatch.setenv("STRANGLER_CONFIG", str(tmp_path / "other.yaml"))
    monkeypatch.setenv("URL", "http://a:1")
    assert run(capsys, "check")[0] == 0


MAPPING = """
version: 1
databases: {old: "sqlite:///old.db", new: "sqlite:///new.db"}
mappings:
  - name: customers
    from: {database: old, table: customer, key: no}
    to: {database: new, table: customers, key: id}
    columns: {id: no}
"""


def test_mappings_are_checked_too(tmp_path, capsys):
    routes = SOUND + (
        "mappings: [mappings.yaml]\nroutes:\n- {name: a, match: {path: /a}, data: [customer]}\n"
        "- {name: b, match: {path: /b}, data: [customers]}\n"
    )
    (tmp_path / "routes.yaml").write_text(routes)
    (tmp_path / "mappings.yaml").write_text(MAPPING)
    code, out, _ = run(capsys, "check", "-c", str(tmp_path / "routes.yaml"))
    assert code == 2
    assert out.replace(os.fspath(tmp_path) + "/", "") == (
        "routes.yaml:5:38: routes[0].data: no mapping file has a mapping 'customer'; did you mean 'customers'?\n"
    )
    (tmp_path / "mappings.yaml").write_text(MAPPING.replace("table: customers, key", "tabel: customers, key"))
    code, out, _ = run(capsys, "check", "-c", str(tmp_path / "routes.yaml"))
    assert code == 2
    assert f"{tmp_path}/mappings.yaml:7:" in out
    assert "tabel" in out


def test_schema(capsys):
    code, out, err = run(capsys, "schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["title"] == "Strangler routes.yaml"
