"""`strangler journal`: flips, holds and reasons on screen, with and without a store, whatever text is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import cli, main
from strangler.control.flipping.flip import flip
from strangler.control.flipping.hold import hold, resume
from strangler.control.flipping.order import Refused
from strangler.control.flipping.settlement import keep
from tests.unit.control.flips import FAILED, Given, order, rollback

Run = Callable[..., Result]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """A minute after its last entry."""
    world = Given(tmp_path)
    monkeypatch.setattr("strangler.cli.journal.time.time", lambda: world.time + 60)
    return world


@pytest.fixture
def run(world: Given) -> Run:
    def command(*arguments: str, columns: int = 120) -> Result:
        environ = {"COLUMNS": str(columns), "NO_COLOR": "1", "STRANGLER_CONFIG": str(world.path)}
        return CliRunner(env=environ).invoke(cli, ["journal", *arguments], standalone_mode=False)

    return command


def lines(result: Result) -> list[str]:
    """What was printed, without when it was."""
    assert result.exception is None, result.exception
    return [" ".join(line.split()).partition(" ago ")[2] or line.strip() for line in result.output.splitlines()]


def test_flips_holds_and_reasons_newest_first(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%", reason="week 1"), world)
    flip(rollback("@carts", reason="slow"), world)
    resume("@carts", "bob", "fixed", world)
    hold("read", "bob", "", world)
    assert lines(run()) == [
        "read held",
        "by bob",
        "@carts (2 routes) resumed",
        "by bob: fixed",
        "@carts (2 routes): canary 25% → shadow live, held",
        "by anna: slow",
        "read: shadow → canary 5% live",
        "by anna, guard: pass: week 1",
    ]
    assert run().return_value == 0


def test_what_was_forced_says_what_the_guard_had_said(run: Run, world: Given) -> None:
    world.verdicts["read"] = FAILED
    flip(order("read", "canary 5%", force=True, reason="demo day"), world)
    assert lines(run())[1] == "by anna, forced, although the guard said: fail: demo day"


def test_what_was_refused_is_no_event(run: Run, world: Given) -> None:
    world.verdicts["read"] = FAILED
    with pytest.raises(Refused):
        flip(order("read", "canary 5%"), world)
    assert lines(run())[0].startswith("nothing is journalled yet: `strangler flip ROUTE shadow` is the first step")


def test_one_route_or_one_group_or_lately(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%"), world)
    flip(order("@carts", "canary 50%"), world)
    assert lines(run("cart"))[0] == lines(run("@carts"))[0] == "@carts (2 routes): canary 25% → canary 50% live"
    assert len(lines(run("read"))) == len(lines(run("--limit", "1"))) == 2
    assert len(lines(run("--since", "1h"))) == 4
    assert lines(run("--since", "10s"))[0].startswith("nothing is journalled yet")
    assert lines(run("new"))[0].startswith("nothing is journalled of new yet")


def test_a_route_that_is_gone_has_its_history_still(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%"), world)
    world.path.write_text(world.path.read_text().replace("name: read", "name: renamed"))
    assert lines(run("read"))[0] == "read: shadow → canary 5% live"


def test_json_has_everything(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%", reason="week 1"), world)
    told = json.loads(run("--json").output)
    assert (told["now"], told["incomplete"]) == (world.time + 60, None)
    (event,) = told["events"]
    assert (event["event"], event["became"], event["actor"], event["reason"]) == ("flip", "live", "anna", "week 1")
    assert event["routes"][0]["to"] == {"stage": "canary", "weight": 0.05}
    assert event["routes"][0]["findings"][0]["words"] == "all agree"


def test_from_the_store_it_is_the_same(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%"), world)
    before = run().output
    keep(world, create=True)
    assert (world.path.parent / "strangler.db").exists()
    assert run().output == before


def test_without_the_store_what_waits_beside_the_file_is_shown(run: Run, world: Given) -> None:
    flip(order("read", "canary 5%"), world)
    (world.path.parent / "strangler.db").write_text("this is no database" * 100)
    result = run()
    assert result.return_value == 5
    assert "read: shadow → canary 5%  live" in result.stdout
    assert "not all is shown: store sqlite:///" in result.stderr
    assert json.loads(run("--json").stdout)["incomplete"].startswith("store sqlite:///")


@pytest.mark.parametrize("columns", [40, 80])
def test_hostile_text_is_shown_by_its_codes_and_all_of_it(run: Run, world: Given, columns: int) -> None:
    flip(order("read", "canary 5%", actor="ev\x1b]0;il", reason="line\nanother \u202e[red]"), world)
    shown = run(columns=columns).output
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "by ev\\x1b]0;il, guard: pass: line\\nanother \\u202e[red]" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["raed"], "there is no route 'raed'; did you mean 'read'?"),
        (["@cart"], "there is no group @cart; did you mean '@carts'?"),
        (["--since", "7"], "7 has no unit"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    world: Given, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["journal", *arguments, "-c", str(world.path)])
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert words in error
