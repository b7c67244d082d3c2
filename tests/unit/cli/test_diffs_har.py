"""`strangler diffs show --har`: a mismatch as two exchanges that other tools open."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import cli
from strangler.core.errors import UsageError
from strangler.core.model import Side
from strangler.core.observation import Observation
from strangler.store.store import Store
from strangler.traffic.entry import Message
from strangler.traffic.reading import read
from tests.unit.cli.stored import answer, batch_of, configured, pair, record


def show(folder: Path, *arguments: str, **pairs: object) -> Result:
    path, config = configured(folder)
    route = config.routes[0]
    control, candidate = pairs.pop("control", answer({"a": 1})), pairs.pop("candidate", answer({"a": 2}))
    told = {"headers": ((b"host", b"shop.example.org"), (b"cookie", b"sid=abcdefgh12")), **pairs}
    record(config, batch_of(route, [pair(route, control, candidate, **told)]))  # type: ignore[arg-type]
    run = CliRunner(env={"STRANGLER_CONFIG": str(path)})
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        found = store.examples()[0].id
    return run.invoke(cli, ["diffs", "show", found, *arguments], standalone_mode=False)


def test_control_and_candidate_with_tokens_for_secrets(tmp_path):
    file = tmp_path / "one.har"
    shown = show(tmp_path, "--har", str(file), side=Side.MODERN)
    assert shown.output == f"control and candidate in {file}\n"
    control, candidate = read(file)
    assert (control.method, control.target, control.host, control.route) == (
        "GET",
        "/api/orders/1",
        "shop.example.org",
        "read-order",
    )
    assert (control.side, control.response.body) == ("modern", b'{"a":1}')
    assert (candidate.side, candidate.response.body, candidate.status) == ("legacy", b'{"a":2}', 200)
    assert control.request == candidate.request
    assert control.request.first("cookie").startswith("sid=[secret:")
    assert file.stat().st_mode & 0o777 == 0o600


def test_on_the_terminal(tmp_path):
    log = json.loads(show(tmp_path, "--har").output)["log"]
    assert [entry["response"]["content"]["text"] for entry in log["entries"]] == ['{"a":1}', '{"a":2}']


def test_a_candidate_that_gave_no_answer(tmp_path):
    log = json.loads(show(tmp_path, "--har", candidate=Observation(0, failure="timeout")).output)["log"]
    assert [(entry["response"]["status"], entry["response"].get("_error")) for entry in log["entries"]] == [
        (200, None),
        (0, "timeout"),
    ]


def test_a_body_that_is_not_kept_is_unknown(tmp_path):
    file = tmp_path / "one.har"
    show(tmp_path, "--har", str(file), candidate=answer(b"\x89PNG", kind="image/png"))
    _, candidate = read(file)
    assert candidate.response == Message((("content-type", "image/png"),), None, 4)


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    file = tmp_path / "one.har"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        raise show(tmp_path, "--har", str(file)).exception  # type: ignore[misc]
    with pytest.raises(UsageError, match=r"call it \.har"):
        raise show(tmp_path, "--har", "one.flows").exception  # type: ignore[misc]
