"""`strangler flip`, `rollback`, `hold` and `resume`: words, exit codes and JSON over a world whose guard and proxy are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli import flip_world
from strangler.cli.main import cli, main
from strangler.control.flipping.door import Answer, Outcome
from strangler.core.errors import UsageError
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from tests.unit.control.flips import FAILED, Given

Run = Callable[..., Result]
HOSTILE = "a\x1b[31mb\u202ec\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """What the commands touch here; nobody else's supervisor is asked anything."""
    world = Given(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("strangler.cli.flip.world_of", lambda path: world)
    monkeypatch.setattr("strangler.cli.flip_hold.world_of", lambda path: world)
    return world


@pytest.fixture
def run(world: Given) -> Run:
    def command(*arguments: str, columns: int = 120) -> Result:
        environ = {"COLUMNS": str(columns), "NO_COLOR": "1", "STRANGLER_CONFIG": str(world.path)}
        return CliRunner(env=environ).invoke(cli, [*arguments, "--as", "anna"], standalone_mode=False)

    return command


def lines(result: Result) -> list[str]:
    """What was printed, each line without the spaces that lay it out."""
    assert result.exception is None, result.exception
    return [" ".join(line.split()) for line in result.output.splitlines()]


class TestUp:
    def test_says_what_changed_who_decides_by_it_and_the_way_back(self, run: Run, world: Given) -> None:
        result = run("flip", "read", "canary", "--weight", "5%")
        first, live, *steps = lines(result)
        assert first == "read: shadow → canary 5%"
        assert live.startswith("live: every worker decides by it, ")
        assert live.endswith(" after you asked")
        assert steps[0] == "next: strangler rollback read takes it back; needs no evidence"
        assert (result.return_value, world.places()["read"]) == (0, "canary 5%")

    def test_a_group_says_each_of_its_routes(self, run: Run, world: Given) -> None:
        assert lines(run("flip", "@carts", "modern"))[:2] == ["cart: canary 25% → modern", "pay: canary 25% → modern"]

    def test_a_canary_without_a_weight_is_one_at_the_first_step(self, run: Run, world: Given) -> None:
        run("flip", "read", "canary")
        assert world.places()["read"] == "canary 1%"

    def test_without_a_proxy_it_says_when_it_counts(self, run: Run, world: Given) -> None:
        world.proxy.rest = Answer(Outcome.NOBODY)
        assert "nobody serves it now: it takes effect at the next `strangler serve`" in run("flip", "read", "canary").output

    def test_to_where_it_stands_is_nothing_to_do(self, run: Run) -> None:
        result = run("flip", "read", "shadow")
        assert (lines(result), result.return_value) == (["read stands there already: nothing to do"], 0)

    def test_forced_says_so(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = FAILED
        shown = run("flip", "read", "canary", "--force", "--reason", "the boss is in the room").output
        assert "forced against the guard, as the journal shows: the boss is in the room" in shown
        assert world.history()[0].entry.forced

    def test_json(self, run: Run, world: Given) -> None:
        told = json.loads(run("flip", "read", "canary", "--weight", "5%", "--json").output)
        assert told["effect"] == "live"
        assert told["flips"] == [
            {"route": "read", "from": {"stage": "shadow", "weight": 0.0}, "to": {"stage": "canary", "weight": 0.05}}
        ]
        assert told["judgements"]["read"]["verdict"] == "pass"
        assert told["flip"] == world.history()[0].entry.flip


class TestRefused:
    def test_every_unmet_condition_is_a_line_then_what_is_met_then_what_to_do(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = FAILED
        before = world.path.read_text()
        result = run("flip", "read", "canary", "--weight", "5%")
        assert lines(result) == [
            "refused: read: shadow → canary 5%",
            "✗ parity fail: GET 2xx: 90.00% of 1,000 agree",
            "? errors not enough data: 3 of 10; 400 more samples needed, about 2 h at current traffic",
            "✓ coverage all of it",
            "next: strangler diffs read what differs, and why",
            "strangler status read how far the samples have come",
            "strangler flip read canary --weight 5% --force --reason WHY against the guard",
        ]
        assert (result.return_value, world.path.read_text(), world.told()) == (3, before, [])

    @pytest.mark.parametrize("columns", [30, 40, 60, 80])
    def test_no_word_is_lost_on_a_narrow_terminal(self, run: Run, world: Given, columns: int) -> None:
        world.verdicts["read"] = FAILED
        shown = run("flip", "read", "canary", columns=columns).output
        words = "GET 2xx: 90.00% of 1,000 agree 400 more samples needed, about 2 h at current traffic"
        assert [word for word in words.split() if word not in shown.split()] == []
        assert max(len(line) for line in shown.splitlines() if "strangler" not in line and "refused" not in line) <= columns

    def test_a_group_says_it_route_by_route(self, run: Run, world: Given) -> None:
        world.verdicts["pay"] = FAILED
        shown = lines(run("flip", "@carts", "canary", "--weight", "50%"))
        assert shown[:2] == ["refused: cart: canary 25% → canary 50%", "refused: pay: canary 25% → canary 50%"]
        assert shown[2:5] == ["cart: pass", "✓ parity all agree", "pay: fail"]

    def test_a_guard_that_says_nothing_refuses(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = Judgement(())
        result = run("flip", "read", "canary")
        assert (result.return_value, lines(result)[1]) == (3, "? guard not enough data: nothing is known of it")

    def test_a_hold_says_how_to_end_it(self, run: Run, world: Given) -> None:
        run("hold", "read", "--reason", "month end")
        result = run("flip", "read", "canary", "--force", "--reason", "now")
        assert result.return_value == 3
        assert "read: held by anna since " in result.output
        assert "because: month end: `strangler resume read` first" in " ".join(result.output.split())
        assert lines(result)[-1] == "next: strangler resume read if the reason for the hold is gone"

    def test_writes_with_data_say_cutover(self, run: Run) -> None:
        assert "strangler cutover write" in run("flip", "write", "modern").output

    def test_the_running_proxy_refuses(self, run: Run, world: Given) -> None:
        world.proxy.answers = [Answer(Outcome.REFUSED, "worker 1: no\nand no")]
        result = run("flip", "read", "canary")
        assert result.return_value == 3
        assert lines(result)[1:4] == ["✗ worker 1: no", "✗ and no", "✗ what was served before goes on; the file is as it was"]

    def test_json_has_every_reason(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = FAILED
        result = run("flip", "read", "canary", "--json")
        told = json.loads(result.output)
        assert (result.return_value, told["effect"]) == (3, "refused")
        found = [(each["condition"], each["verdict"], each["more"]) for each in told["judgements"]["read"]["findings"]]
        assert found == [("parity", "fail", None), ("coverage", "pass", None), ("errors", "not enough data", 400)]
        assert len(told["objections"]) == 2

    def test_hostile_text_is_shown_by_its_codes(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = Judgement((Finding("version", Verdict.FAIL, f"build {HOSTILE}"),))
        shown = run("flip", "read", "canary").output
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "build a\\x1b[31mb\\u202ec\\n" in shown


class TestDryRun:
    def test_shows_the_change_and_the_verdict_and_writes_nothing(self, run: Run, world: Given) -> None:
        before = world.path.read_text()
        result = run("flip", "read", "canary", "--weight", "5%", "--dry-run")
        shown = lines(result)
        assert shown[:2] == ["would be made: read: shadow → canary 5%", "✓ parity all agree"]
        changed = [line.strip() for line in result.output.splitlines() if "name: read" in line]
        assert [(line[0], "canary" in line, "weight: 5%" in line) for line in changed] == [("-", False, False), ("+", True, True)]
        assert shown[-1] == "nothing is written: leave --dry-run out to flip"
        assert (world.path.read_text(), world.told(), result.return_value) == (before, [], 0)

    def test_of_what_would_be_refused_has_its_exit_code(self, run: Run, world: Given) -> None:
        world.verdicts["read"] = FAILED
        result = run("flip", "read", "canary", "--dry-run")
        assert (result.return_value, lines(result)[0]) == (3, "would be refused: read: shadow → canary 1%")
        assert "the file would change:" in lines(result)

    def test_json_has_the_lines(self, run: Run) -> None:
        told = json.loads(run("flip", "read", "canary", "--dry-run", "--json").output)
        assert told["effect"] == "planned"
        assert [line[0] for line in told["changes"] if line[0] in "+-"] == ["-", "+"]

    def test_of_nothing_to_do(self, run: Run) -> None:
        assert lines(run("flip", "read", "shadow", "--dry-run")) == ["read stands there already: nothing to do"]


class TestRollback:
    def test_says_the_hold_and_how_to_climb_again(self, run: Run, world: Given) -> None:
        shown = lines(run("rollback", "@carts", "--reason", "slow"))
        assert shown[:2] == ["cart: canary 25% → shadow", "pay: canary 25% → shadow"]
        assert shown[3:] == [
            "held: nothing climbs there again until somebody resumes",
            "next: strangler resume @carts when it may climb again, and then",
            "strangler flip @carts canary --weight 25% to where it stood",
        ]
        assert world.judged == []

    def test_to_a_stage(self, run: Run, world: Given) -> None:
        run("rollback", "@carts", "--to", "legacy")
        assert world.places()["cart"] == "legacy"

    def test_works_with_a_store_that_is_none(self, run: Run, world: Given) -> None:
        (world.path.parent / "strangler.db").write_text("not a database, certainly not one of ours" * 40)
        result = run("rollback", "@carts")
        assert (result.exception, result.return_value, world.places()["cart"]) == (None, 0, "shadow")

    def test_at_the_bottom_there_is_nothing_to_take_back(
        self, run: Run, world: Given, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["rollback", "new", "-c", str(world.path)])
        assert (ended.value.code, capsys.readouterr().err) == (
            3,
            "strangler: new stands at legacy: there is nothing to roll back\n",
        )


class TestHolds:
    def test_come_and_go(self, run: Run, world: Given) -> None:
        assert lines(run("hold", "@carts")) == ["held: cart, pay: nothing climbs there until `strangler resume @carts`"]
        assert lines(run("hold", "@carts")) == ["@carts is held already: nothing to do"]
        assert run("flip", "@carts", "modern").return_value == 3
        assert lines(run("resume", "@carts")) == ["resumed: cart, pay: what the guard lets pass may climb again"]
        assert lines(run("resume", "@carts")) == ["@carts is not held: nothing to do"]
        assert run("flip", "@carts", "modern").return_value == 0

    def test_json(self, run: Run) -> None:
        assert json.loads(run("hold", "read", "--json").output) == {"held": ["read"]}
        assert json.loads(run("resume", "read", "--json").output) == {"resumed": ["read"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["flip", "read", "canary", "--force"], "--force needs a --reason"),
        (["flip", "read", "shadow", "--weight", "5%"], "--weight belongs to a canary"),
        (["flip", "read", "canary", "--weight", "5"], "5%"),
        (["flip", "read", "canary", "--weight", "101%"], "more than 100%"),
        (["flip", "raed", "canary"], "there is no route 'raed'; did you mean 'read'?"),
        (["flip", "cart", "canary"], "say @carts"),
        (["flip", "@cart", "canary"], "there is no group @cart"),
        (["flip", "read", "canery"], "is not one of 'legacy', 'shadow', 'canary', 'modern', 'retired'"),
        (["flip", "read", "canary", "--as", "file"], "that is an edit of the file"),
        (["hold", "read", "--as", " "], "write a name"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    world: Given, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-c", str(world.path)])
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert words in error


@pytest.mark.parametrize(
    ("environ", "who"), [({"LOGNAME": "anna"}, "anna@shop"), ({"LOGNAME": "root", "SUDO_USER": "anna"}, "anna@shop")]
)
def test_the_actor_is_who_asks_on_this_machine(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], who: str) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("socket.gethostname", lambda: "shop")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert flip_world.actor(None) == who


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no name")

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert flip_world.actor(None).startswith("uid-")


def test_names_that_mean_something_else_in_the_journal_are_refused() -> None:
    for name in ("file", "ladder", "", "x" * 201):
        with pytest.raises(UsageError):
            flip_world.actor(name)
    assert flip_world.actor("anna, by phone") == "anna, by phone"
