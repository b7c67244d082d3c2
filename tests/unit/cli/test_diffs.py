"""`strangler diffs`: screens over a store that holds what `serve` would have put there, empty states, JSON, following."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from rich.text import Text

from strangler.cli import diffs_screen, diffs_show
from strangler.cli.diffs_follow import More, News, news, news_as_json
from strangler.cli.main import cli, main
from strangler.control.diffs import mismatch_as_json
from strangler.core.difference import Kind
from strangler.core.model import Config, Side
from strangler.core.observation import Observation
from strangler.core.outcome import Outcome
from strangler.core.records import Batch, Cause, Example, Stratum
from strangler.core.what_if import Effect
from strangler.store.rows import CauseRow, ExampleRow
from strangler.store.store import Store
from tests.unit.cli.stored import NOW, ROUTES, answer, batch_of, configured, pair, record, shown_in_readme, some_mismatches

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`strangler diffs …` in a folder with a routes.yaml, five minutes after what is stored."""
    configured(tmp_path)
    monkeypatch.setattr("strangler.cli.diffs.time.time", lambda: NOW)

    def command(*arguments: str, columns: int = 120) -> Result:
        environ = {"COLUMNS": str(columns), "STRANGLER_CONFIG": str(tmp_path / "routes.yaml"), "NO_COLOR": "1"}
        return CliRunner(env=environ).invoke(cli, ["diffs", *arguments], standalone_mode=False)

    return command


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """What the routes.yaml says, with mismatches of one route in its store."""
    _, config = configured(tmp_path)
    route = config.routes[0]
    record(config, batch_of(route, some_mismatches(route), matches=990, skips={"sample": 400, "concurrency": 10}))
    return config


def the_json(result: Result) -> Any:
    assert result.exception is None
    return json.loads(result.output)


def causes(run: Run) -> dict[str, dict[str, Any]]:
    """Causes of the first route, by pattern."""
    return {each["pattern"]: each for each in the_json(run("--json"))["routes"][0]["causes"]}


class TestOverview:
    def test_the_answer_then_the_causes_then_the_ledger_then_what_to_do(self, run: Run, config: Config) -> None:
        total, tags = causes(run)["$.total"], causes(run)["$.tags"]
        shown = run("read-order", columns=140).output
        assert [" ".join(line.split()) for line in shown.splitlines()] == [
            "GET read-order: 99.0 % agree over 1,000 (since the first, 5 min ago, modern build 2026-11-20.3)",
            "2 causes of 10 mismatches:",
            "share pairs what differs cause example",
            f"70 % 7 $.total: number became a string {total['id']} {total['example']}",
            f"30 % 3 $.tags: same items in another order {tags['id']} {tags['example']}",
            "ledger, in all: seen 1,410 = compared 1,000 + skipped 410 (sample 400, concurrency 10) + lost 0 + in flight 0; "
            "coverage 99.0 %",
            f"next: strangler diffs show {total['example']} see one, both answers side by side",
            f"strangler diffs accept {total['id']} --dry-run if it is meant to differ: the rule to write",
            "",
        ]

    def test_no_line_is_wider_than_the_terminal(self, run: Run, config: Config) -> None:
        assert max(map(len, run(columns=60).output.splitlines())) <= 60

    def test_all_routes_with_those_that_are_silent_in_short(self, run: Run, config: Config) -> None:
        shown = run().output
        assert "99.0 % agree" in shown
        assert "search: nothing compared yet. What differs appears here within seconds of its first GET, HEAD request" in shown
        assert "home" not in shown

    def test_limit_says_how_to_see_the_rest(self, run: Run, config: Config) -> None:
        assert "and 1 more: --limit 2" in run("--limit", "1").output

    def test_since(self, run: Run, config: Config) -> None:
        assert "99.0 % agree over 1,000 (in the last 10m" in run("--since", "10m").output
        assert (
            "read-order: nothing was compared in the last 1m; without --since all of it is shown." in run("--since", "1m").output
        )

    def test_the_direction_after_the_cutover(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        record(config, batch_of(route, [pair(route, answer({"a": 1}), answer({"a": 2}), side=Side.MODERN)]))
        cause = next(iter(causes(run).values()))
        shown = run("show", cause["example"]).output
        assert "control: modern (the client got this)" in shown
        assert "candidate: legacy" in shown
        assert "control (modern)  candidate (legacy)" in shown

    def test_new_rules_start_anew(self, run: Run, config: Config, tmp_path: Path) -> None:
        configured(tmp_path, ROUTES.replace("[$.generated_at]", "[$.generated_at, $.x]"))
        expected = (
            "read-order: nothing compared yet under the current rules; 1,000 pairs were under earlier ones, which no longer"
        )
        assert expected in run("read-order", columns=200).output
        assert expected in run(columns=200).output
        _, changed = configured(tmp_path, ROUTES.replace("[$.generated_at]", "[$.generated_at, $.x]"))
        route = changed.routes[0]
        record(changed, batch_of(route, [pair(route, answer({"a": 1}), answer({"a": 2}), at=NOW - 120)]))
        assert "0 % agree over 1 (since the rules changed 2 min ago, modern build 2026-11-20.3)" in run("read-order").output

    def test_another_build_starts_anew(self, run: Run, config: Config) -> None:
        route = config.routes[0]
        record(config, batch_of(route, [pair(route, answer(1), answer(1, status=500), at=NOW - 60, version="2")]))
        shown = run("read-order").output
        assert "0 % agree over 1 (since this build came 1 min ago, modern build 2)" in shown
        assert "status differs" in shown

    def test_candidates_that_failed_are_told_apart(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        failed = Observation(0, failure="connect: refused")
        record(config, batch_of(route, [pair(route, answer({"a": 1}), failed, version="")], matches=3))
        shown = run("read-order").output
        assert "75.0 % agree over 4 (since the first, 5 min ago, modern's build is not known)" in shown
        assert "1 time the candidate gave no whole answer (25.0 %)" in shown

    def test_a_ledger_that_does_not_close_is_said_loudly(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        batch = batch_of(route, some_mismatches(route))
        batch.worker_counts[route.name, "seen"] = 5
        record(config, batch)
        assert "DOES NOT CLOSE" in run("read-order").output

    def test_learned_noise_is_proposed(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        batch = batch_of(route, [pair(route, answer({"etag": "a1b2c3d4e5"}), answer({"etag": "f6a7b8c9d0"}))])
        batch.noise[route.name, ""] = {"looked": 40}
        batch.noise[route.name, "$.etag"] = {"different": 12, "kinds": {"token": 12}}
        record(config, batch)
        assert "noise: $.etag differs from itself in 12 of 40 answers" in run("read-order").output
        cause = causes(run)["$.etag"]["id"]
        assert "noise $.etag token: would be added to noise.fields" in run("accept", cause, "--dry-run").output
        assert the_json(run("read-order", "--json"))["routes"][0]["noise"][0]["kind"] == "token"


class TestEmpty:
    def test_no_store_yet(self, run: Run, tmp_path: Path) -> None:
        result = run()
        assert result.exit_code == 0
        assert "nothing compared yet: read-order, search. What differs appears here within seconds" in result.output
        assert not (tmp_path / "evidence.db").exists()

    def test_no_route_is_copied(self, run: Run, tmp_path: Path) -> None:
        configured(tmp_path, "routes: [{name: home, match: {path: /}}]")
        assert run().output == "Nothing is compared yet. Set `stage: shadow` on a route in routes.yaml, and it appears here.\n"
        assert "home stands at legacy, where nothing is copied. Set `stage: shadow` on it" in run("home").output

    def test_all_was_skipped(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        record(config, Batch(worker_counts={(route.name, "seen"): 7, (route.name, "skip:breaker_open"): 7}))
        shown = " ".join(run("read-order").output.split())
        assert "nothing compared yet. ledger, in all: seen 7 = compared 0 + skipped 7 (breaker_open 7)" in shown
        assert "(mostly breaker_open: the breaker for shadow requests to the candidate is open)" in shown


class TestUnknown:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["serch"], "no route is named 'serch'; did you mean 'search'?"),
            (["--cause", "ffffffff"], "no cause has an id that begins with 'ffffffff': `strangler diffs` lists them"),
            (["show", "\x1b[31m"], "no example has an id that begins with '\\x1b[31m': `strangler diffs` lists them"),
            (["accept", "0"], "no cause has an id that begins with '0'"),
            (["what-if", "ignore x"], "'x' does not start with $: write $.x"),
            (["what-if", "hide $.x"], "'hide $.x' is no rule: write one of ignore $.generated_at"),
        ],
    )
    def test_one_line_that_says_what_to_do(
        self, arguments: list[str], message: str, config: Config, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["diffs", *arguments, "-c", str(Path(config.folder) / "routes.yaml")])
        shown = capsys.readouterr().err
        assert caught.value.code == 2
        assert message in shown
        assert shown.count("\n") == 1

    def test_a_cause_of_another_route(self, run: Run, config: Config) -> None:
        total = causes(run)["$.total"]["id"]
        assert str(run("search", "--cause", total).exception) == f"cause {total} is of route 'read-order': leave 'search' out"


class TestCause:
    def test_its_examples_newest_first(self, run: Run, config: Config) -> None:
        total = causes(run)["$.total"]
        lines = run("--cause", total["id"][:6], "--limit", "2").output.splitlines()
        assert lines[0] == "read-order: $.total: number became a string"
        assert "7 pairs, first 5 min ago, last 5 min ago" in lines[1]
        assert [line.split()[0] for line in lines[3:5]] == [total["example"], lines[4].split()[0]]
        assert "GET /api/orders/6" in lines[3]

    def test_json(self, run: Run, config: Config) -> None:
        total = causes(run)["$.total"]
        shown = the_json(run("--cause", total["id"], "--json"))
        assert shown["cause"]["words"] == "$.total: number became a string"
        assert [each["target"] for each in shown["examples"]][:2] == ["/api/orders/6", "/api/orders/5"]


def test_json_keys_stay_as_they_are(run: Run, config: Config) -> None:
    shown = the_json(run("--json"))
    route = shown["routes"][0]
    assert set(shown) == {"store", "now", "routes"}
    assert set(route) == {
        *("route", "stage", "rules", "version", "since", "compared", "agreed", "agree", "outcomes", "compared_under_other_rules"),
        *("causes", "more_causes", "noise", "ledger"),
    }
    assert set(route["causes"][0]) == {
        *("id", "route", "rules", "version", "pattern", "kind", "transform", "words", "count", "first_seen", "last_seen"),
        *("state", "example"),
    }
    assert route["ledger"] == {
        "seen": 1410,
        "compared": {"match": 990, "mismatch": 10},
        "skipped": {"sample": 400, "concurrency": 10},
        "lost": {},
        "in_flight": 0,
        "closes": True,
        "coverage": 1000 / 1010,
    }
    example = the_json(run("show", route["causes"][0]["example"], "--json"))
    assert set(example) == {
        *("id", "at", "route", "outcome", "method", "target", "request_id", "control", "candidate", "version", "differences"),
        *("causes", "cause_ids", "stage", "rules", "request", "answers"),
    }
    assert (example["control"], example["candidate"]) == ("legacy", "modern")
    assert example["differences"] == [{"path": "$.total", "kind": "type", "control": "10.5", "candidate": '"10.5"'}]


class TestFollow:
    def test_new_mismatches_come_as_they_are_stored(self, config: Config) -> None:
        route = config.routes[0]
        found = followed(config, lambda: record(config, batch_of(route, [pair(route, answer({"a": 1}), answer({}))])))
        (new,) = found
        assert isinstance(new, ExampleRow)
        assert new.example.causes[0].pattern == "$.a"

    def test_those_that_are_only_counted_are_told_too(self, config: Config) -> None:
        route = config.routes[0]
        batch = batch_of(route, some_mismatches(route))
        batch.examples = batch.examples[:1]
        example, total, tags = followed(config, lambda: record(config, batch))
        assert isinstance(example, ExampleRow)
        assert isinstance(total, More)
        assert isinstance(tags, More)
        assert [(each.row.cause.pattern, each.number) for each in (total, tags)] == [("$.total", 6), ("$.tags", 3)]
        assert diffs_screen.followed(total, NOW).endswith(
            f"read-order  6 more of cause {total.row.id}  $.total: number became a string"
        )
        assert news_as_json(total)["more"] == 6

    def test_a_store_that_is_not_there_yet_is_waited_for(self, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        (new,) = followed(config, lambda: record(config, batch_of(route, some_mismatches(route)[:1])))
        assert isinstance(new, ExampleRow)
        assert new.example.target == "/api/orders/0"

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_line_each_until_ctrl_c_which_ends_it_well(
        self, as_json: bool, run: Run, config: Config, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        route = config.routes[0]
        again = replace(some_mismatches(route)[0], target="/api/orders/\x1b[2J\u202e")
        steps = iter([lambda: record(config, batch_of(route, [again]))])
        monkeypatch.setattr("strangler.cli.diffs.time.sleep", lambda _: next(steps, _interrupt)())
        result = run("--follow", *(["--json"] if as_json else []))
        assert result.exception is None
        line = result.stdout.strip()
        assert line.isprintable()
        if as_json:
            assert json.loads(line)["causes"][0]["words"] == "$.total: number became a string"
        else:
            assert line.endswith("$.total: number became a string")
            assert "read-order" in line

    @pytest.mark.parametrize(("only", "lines"), [(["read-order"], 1), (["search"], 0), (["--cause", "ffff"], 0)])
    def test_only_what_was_asked_for(
        self, only: list[str], lines: int, run: Run, config: Config, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        route = config.routes[0]
        steps = iter([lambda: record(config, batch_of(route, some_mismatches(route)[:1]))])
        monkeypatch.setattr("strangler.cli.diffs.time.sleep", lambda _: next(steps, _interrupt)())
        assert len(run("--follow", *only).stdout.splitlines()) == lines


def followed(config: Config, *steps: Callable[[], None]) -> list[News]:
    """What is new after each of some steps."""
    waits = iter([*steps, _interrupt])
    found: list[News] = []
    new = news(lambda: Store.open(config.store, config.folder, read_only=True), lambda _: next(waits)())
    with pytest.raises(KeyboardInterrupt):
        found.extend(new)  # what came before the interruption stays
    return found


def _interrupt() -> None:
    raise KeyboardInterrupt


class TestShow:
    def test_side_by_side_with_signs_not_colour_alone(self, run: Run, config: Config) -> None:
        shown = run("show", causes(run)["$.total"]["example"]).output
        row = next(line for line in shown.splitlines() if line.count('"total"') == 2)
        assert row.split() == ["≠", '"total":', "10.5,", "≠", '"total":', '"10.5",']
        assert "control: legacy (the client got this)" in shown
        assert "candidate: modern" in shown
        assert "$.generated_at  by ignore $.generated_at" in shown
        assert "GET /api/orders/6" in shown
        assert "number became a string" in shown

    def test_one_under_the_other_if_narrow(self, run: Run, config: Config) -> None:
        shown = run("show", causes(run)["$.total"]["example"], columns=70).output
        assert max(map(len, shown.splitlines())) <= 70
        lines = [line.strip() for line in shown.splitlines()]
        assert lines.index('≠   "total": 10.5,') < lines.index("candidate: modern") < lines.index('≠   "total": "10.5",')

    def test_many_items_that_differ_alike_are_told_three_times(self, run: Run, tmp_path: Path) -> None:
        lists = [{"items": [{"id": number, "n": number + moved} for number in range(9)]} for moved in (0, 1)]
        shown = stored(run, tmp_path, *map(answer, lists))
        assert "$.items[2].n" in shown
        assert "$.items[3].n" not in shown
        assert "and 6 differences more of these kinds (--whole shows them)" in shown
        assert "lines, 6 of which differ as those above (--whole shows them)" in shown

    def test_whole_shows_the_equal_lines(self, run: Run, config: Config) -> None:
        example = causes(run)["$.total"]["example"]
        assert "equal lines" in run("show", example).output
        assert "equal lines" not in run("show", example, "--whole").output

    def test_what_only_one_side_has(self, run: Run, tmp_path: Path) -> None:
        shown = stored(run, tmp_path, answer({"a": 1, "old": {"x": 1}}), answer({"a": 1, "new": [2]}))
        control, candidate = (line for line in shown.splitlines() if '"old"' in line or '"new"' in line if "+" in line)
        assert control.startswith('+   "old"')
        assert '+   "new"' in candidate
        assert "control has it, the candidate has not" in shown

    def test_status_and_headers(self, run: Run, tmp_path: Path) -> None:
        shown = stored(run, tmp_path, answer("<p>x</p>", kind="text/html"), answer("no", status=500, kind="text/plain"))
        marked = [line for line in shown.splitlines() if line.startswith("≠")]
        assert "status 200" in marked[0]
        assert "status 500" in marked[0]
        assert "content-type: text/html" in marked[1]

    def test_a_failure(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        record(config, batch_of(route, [pair(route, answer({"a": 1}), Observation(0, failure="timeout", duration=5.0))]))
        with closing(Store.open(config.store, config.folder, read_only=True)) as store:
            (row,) = store.examples()
        shown = run("show", row.id).output
        assert f"candidate failed {row.id} on read-order" in shown
        assert "≠ no whole answer: timeout after 5,000 ms" in shown

    def test_a_body_that_was_cut_says_so(self, run: Run, tmp_path: Path) -> None:
        shown = stored(run, tmp_path, answer({"a": 1, "long": "x" * 100_000}), answer({"a": 2, "long": "x" * 100_000}))
        assert "(cut: only this was kept of 100," in shown

    def test_bytes(self, run: Run, tmp_path: Path) -> None:
        shown = stored(run, tmp_path, answer(b"\x00\x01\x02", kind="image/png"), answer(b"\x00\x01\x03", kind="image/png"))
        assert "control (legacy)" in shown
        assert printable(shown)

    def test_nothing_from_outside_reaches_the_terminal_as_it_is(self, run: Run, tmp_path: Path) -> None:
        evil = "\x1b]0;x\x07\x1b[2J[bold]\u202eevil\u2066\x9b31m\r\n"
        shown = stored(
            run,
            tmp_path,
            answer({evil: evil, "t": evil}),
            answer(evil.encode("utf-8"), kind=f"text/plain; {'x' * 10}"),
            target="/api/orders/%1b\x1b[2J\u202e",
            request_id=evil,
            headers=((b"x-a", "\x1b[31m\u202e".encode()),),
            version=evil,
        )
        assert printable(shown)
        assert "[bold]" in shown

    @pytest.mark.parametrize("depth", [100, 900, 5000])
    def test_deep_nesting(self, depth: int, run: Run, tmp_path: Path) -> None:
        deep = "[" * depth + "1" + "]" * depth
        shown = stored(run, tmp_path, answer(deep), answer(deep.replace("1", "2")))
        assert "candidate: modern" in shown


def printable(shown: str) -> bool:
    return all(line.isprintable() for line in shown.splitlines())


def stored(run: Run, folder: Path, control: Observation, candidate: Observation, **rest: Any) -> str:
    """The screen of one mismatch of these answers."""
    _, config = configured(folder)
    route = config.routes[0]
    record(config, batch_of(route, [pair(route, control, candidate, **rest)]))
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        (row,) = store.examples()
    result = run("show", row.id, columns=140)
    assert result.exception is None
    return result.output


class TestAccept:
    def test_a_rule_is_written_and_the_cause_marked(self, run: Run, config: Config, tmp_path: Path) -> None:
        total = causes(run)["$.total"]["id"]
        shown = run("accept", total).output
        assert "ignore $.total: added to compare.ignore of route read-order" in shown
        assert "+    compare: {ignore: [$.generated_at, $.total]} # stamped by each side" in shown
        assert "clears 7 of 10 stored mismatches; 3 stay" in shown
        assert "hides nothing else" in shown
        assert "compare: {ignore: [$.generated_at, $.total]} # stamped by each side" in (tmp_path / "routes.yaml").read_text()
        assert "accepted" in run("--cause", total).output

    def test_dry_run_changes_nothing(self, run: Run, config: Config, tmp_path: Path) -> None:
        before = (tmp_path / "routes.yaml").read_text()
        shown = run("accept", causes(run)["$.total"]["id"], "--dry-run").output
        assert "ignore $.total: would be added to compare.ignore" in shown
        assert "nothing is written" in shown
        assert (tmp_path / "routes.yaml").read_text() == before
        assert causes(run)["$.total"]["state"] == "open"

    @pytest.mark.parametrize(
        ("pattern", "options", "rule"),
        [
            ("$.tags", [], "unordered $.tags"),
            ("$.tags", ["--as", "unordered", "--key", "sku"], "unordered $.tags key sku"),
            ("$.tags", ["--as", "ignore"], "ignore $.tags"),
            ("$.total", ["--as", "treat_equal"], "treat_equal number_string"),
            ("$.total", ["--as", "tolerance", "--abs", "0.01"], "tolerance $.total abs 0.01"),
            ("$.total", ["--as", "noise", "--kind", "value"], "noise $.total value"),
        ],
    )
    def test_as(self, pattern: str, options: list[str], rule: str, run: Run, config: Config) -> None:
        shown = the_json(run("accept", causes(run)[pattern]["id"], *options, "--dry-run", "--json"))
        assert shown["rule"] == rule
        assert shown["written"] is False
        assert any(line.startswith("+") for line in shown["diff"])

    @pytest.mark.parametrize(
        ("pattern", "options", "code", "message"),
        [
            ("$.total", ["--as", "noise"], 2, "noise keeps a shape: add --kind, one of clock: a time"),
            ("$.total", ["--as", "tolerance"], 2, "a tolerance needs how far: add --abs 0.01, or --seconds 2"),
            ("$.tags", ["--as", "treat_equal"], 2, "treat_equal has no word for this cause"),
            ("$.total", ["--as", "tolerance", "--abs", "much"], 2, "'much' is no distance"),
        ],
    )
    def test_refused(self, pattern: str, options: list[str], code: int, message: str, run: Run, config: Config) -> None:
        error = run("accept", causes(run)[pattern]["id"], *options).exception
        assert message in str(error)
        assert getattr(error, "exit_code", None) == code

    def test_no_rule_lets_a_status_or_a_header_pass(self, run: Run, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        route = config.routes[0]
        different = pair(route, answer("x", kind="text/html"), answer("x", 201, kind="text/plain"))
        record(config, batch_of(route, [different]))
        for pattern, message in (
            ("status", "one of the two sides has to change"),
            ("content-type", "out of the route's compare.headers"),
        ):
            error = run("accept", causes(run)[pattern]["id"]).exception
            assert message in str(error)
            assert getattr(error, "exit_code", None) == 3

    def test_twice(self, run: Run, config: Config) -> None:
        total = causes(run)["$.total"]["id"]
        assert run("accept", total).exception is None
        assert "is accepted already" in str(run("accept", total).exception)


class TestWhatIf:
    def test_what_it_clears_and_what_else_it_hides(self, run: Run, config: Config) -> None:
        shown = run("what-if", "ignore $..total").output
        assert "read-order: with ignore $..total" in shown
        assert "clears 7 of 10 stored mismatches; 3 stay" in shown
        everything = run("what-if", "ignore $").output
        assert "clears 10 of 10 stored mismatches; 0 stay" in everything
        assert "and would also hide:" in everything
        assert "$.total (type) in 7 mismatches" in everything

    def test_json(self, run: Run, config: Config) -> None:
        shown = the_json(run("what-if", "ignore $.total", "read-order", "--json"))
        assert shown == {
            "rule": "ignore $.total",
            "routes": {"read-order": {"cleared": 7, "remaining": 3, "unclear": 0, "hidden": [], "passed": []}},
        }

    def test_a_rule_about_no_place_says_what_passes(self, run: Run, config: Config) -> None:
        shown = run("what-if", "treat_equal number_string").output
        assert "it is about no place; these would pass wherever they are:" in shown
        assert "$.total (type) in 7 mismatches" in shown
        assert "would also hide" not in shown

    def test_nothing_stored(self, run: Run) -> None:
        assert "no mismatch is stored yet" in run("what-if", "ignore $.total").output


README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
SCREENS = [
    text.partition("\n")
    for text in re.findall(r"```console\n\$ strangler (diffs .*?)```", README, re.DOTALL)
    if "--follow" not in text and "what-if" not in text
]


@pytest.mark.parametrize(("line", "screen"), [(line, text) for line, _, text in SCREENS], ids=[line for line, _, _ in SCREENS])
def test_screens_are_as_readme_shows_them(
    line: str, screen: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_in_readme(tmp_path)
    monkeypatch.chdir(tmp_path)
    first = causes(run)["$.total"]
    ids = {"show": [first["example"]], "accept": [first["id"]]}
    _, verb, *rest = shlex.split(line)
    shown = run(verb, *ids.get(verb, []), *rest[len(ids.get(verb, [])) :], "-c", "routes.yaml", columns=110).output
    assert without_ids(shown).split("\n\n") == without_ids(screen).split("\n\n")


def without_ids(text: str) -> str:
    """A screen with its ids, which are drawn, made the same."""
    return re.sub(r"\b[0-9a-f]{8}\b", "#" * 8, text).strip()


def test_readme_shows_them() -> None:
    assert [line.split()[1] for line, _, _ in SCREENS] == ["read-order", "show", "accept"]


EVIL = "\x1b]0;x\x07\x1b[2J[bold]\u202eevil\u2066\x9b31m\r\n\ud800"


def evil_row() -> ExampleRow:
    """A stored mismatch as no redactor would let it be stored: every word of it is hostile."""
    view = {"status": 200, "headers": [[EVIL, EVIL]], "body": json.dumps({EVIL: [EVIL]}), "note": EVIL, "cut": True, "size": 3}
    cause = Cause(f"$['{EVIL}']", Kind.VALUE)
    differences = tuple({"path": f"$['{EVIL}']", "kind": kind, "control": EVIL, "candidate": EVIL} for kind in Kind)
    text = {**view, "body": EVIL * 3, "failure": ""}
    failed = {**view, "failure": EVIL, "duration": 1.0}
    stratum = Stratum(EVIL, EVIL, "legacy", EVIL, EVIL, EVIL, EVIL)
    example = Example(EVIL, stratum, Outcome.MISMATCH, NOW, EVIL, EVIL, EVIL, text, view, failed, differences, (cause,))
    return ExampleRow(1, "0" * 8, ("1" * 8,), example)


@pytest.mark.parametrize("columns", [60, 140])
def test_every_screen_makes_text_from_outside_harmless_by_itself(columns: int) -> None:
    row = evil_row()
    cause = CauseRow("1" * 8, EVIL, EVIL, EVIL, row.example.causes[0], 3, NOW, NOW, "open")
    ignored = [(EVIL, f"ignore {EVIL}")]
    terminal = Console(width=columns, highlight=False, markup=False, emoji=False, color_system=None, file=io.StringIO())
    for part in (
        *diffs_show.screen(row, NOW, columns, ignored=ignored),
        *diffs_screen.cause_screen(cause, [row], NOW),
        *diffs_screen.accept_screen(EVIL, EVIL, [EVIL], Effect(1, 1, 1, {(EVIL, Kind.VALUE): 1}), dry_run=True),
        Text(diffs_screen.followed(row, NOW)),
        Text(diffs_screen.followed(More(cause, 3), NOW)),
    ):
        with terminal.capture() as shown:
            terminal.print(part)
        assert printable(shown.get()), shown.get()
    assert printable(json.dumps(mismatch_as_json(row)))


def test_a_secret_in_no_place_of_the_store_is_in_no_place_of_the_output(run: Run, tmp_path: Path) -> None:
    secret = "hunter2-Zx81-correct-horse"
    body = {"password": secret, "total": 1}
    shown = stored(
        run, tmp_path, answer(body), answer({**body, "total": 2}), headers=((b"authorization", f"Bearer {secret}".encode()),)
    )
    assert '"total": 2' in shown
    assert secret not in shown
