"""`strangler status`: what stands on the screen, at every width, of many routes, and when half of it cannot be asked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from strangler.cli.main import cli, main
from strangler.cli.status_look import between, with_traffic
from strangler.cli.status_metrics import Metrics
from strangler.cli.status_screen import details, overview
from strangler.control.standings import Overview, Proxy, Traffic
from strangler.core.figures import rate
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from tests.unit.cli.standing import FAIL, NOW, PASS, WAIT, compared, flowing, held, route, standing
from tests.unit.cli.standing import overview as seen_as
from tests.unit.cli.stored import answer, batch_of, configured, pair, record

PATH = Path("routes.yaml")
HOSTILE = "a\x1b[31mb\u202ec\n"
Run = Callable[..., Result]


def printed(seen: Overview, width: int = 130, *, everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    for part in overview(seen, PATH, width, everything=everything):
        console.print(part)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


SHOP = seen_as(
    standing("read-order", "canary 5%", PASS, traffic=flowing(40, 2), evidence=compared(12_400, 12_480), serving=PASS),
    standing("cart", "shadow", WAIT, group="carts", traffic=flowing(0.05), evidence=compared(10, 10)),
    standing("pay", "shadow", PASS, group="carts", traffic=flowing(0), evidence=compared(5, 5)),
    standing("home", "legacy", PASS, traffic=flowing(5)),
    standing("old", "retired"),
)


class TestTable:
    def test_who_serves_then_every_unit_on_a_line(self) -> None:
        assert lines(printed(SHOP)) == [
            "routes.yaml is served by 2 workers (pid 7), 47/s on routes",
            "route stage traffic by modern agree p95 legacy / modern next step",
            "read-order canary 5% 42/s 4.8 % 99.36 % of 12,480 9 ms / 89 ms canary 25%: pass",
            "@carts shadow 3.0/min 0 % 100 % of 15 9 ms / 89 ms canary 1%: more data",
            "home legacy 5.0/s 0 % – – / – shadow: pass",
            "old retired – – – – / – –",
        ]

    def test_with_all_the_routes_of_a_group_stand_below_it(self) -> None:
        names = [line.split()[0] for line in lines(printed(SHOP, everything=True))[2:]]
        assert names == ["read-order", "@carts", "cart", "pay", "home", "old"]

    def test_what_needs_attention_stands_above_with_its_command(self) -> None:
        seen = seen_as(
            standing("quiet", "shadow", WAIT, hold=held("quiet", "month end")), standing("bad", "canary 5%", PASS, serving=FAIL)
        )
        assert lines(printed(seen))[1:6] == [
            "needs attention:",
            "bad: clients get modern, and the guard fails: parity: GET 2xx: 98.00% of 500 agree",
            "strangler rollback bad",
            "quiet: held by anna: month end",
            "strangler resume quiet",
        ]
        assert "canary 1%: more data (held)" in printed(seen)

    @pytest.mark.parametrize("width", [20, 40, 63, 64, 80, 86, 100, 112, 160])
    def test_fits_every_width_and_never_loses_stage_and_verdict(self, width: int) -> None:
        text = printed(SHOP, width)
        assert max(map(len, text.splitlines())) <= width
        whole = "".join(text.split())
        for words in ("read-order", "canary5%", "42/s", "99.36%", "pass", "moredata", "@carts"):
            assert words in whole, words

    def test_many_routes_show_those_that_one_can_do_something_about(self) -> None:
        quiet = [standing(f"legacy-{number}", "legacy", PASS) for number in range(250)]
        busy = [standing(f"shadow-{number}", "shadow", WAIT) for number in range(47)]
        telling = [
            standing("half", "canary 50%", WAIT),
            standing("ready", "shadow", PASS),
            standing("held", "shadow", WAIT, hold=held("held")),
        ]
        text = printed(seen_as(*quiet, *busy, *telling))
        assert [line.split()[0] for line in lines(text)[5:]] == ["half", "ready", "held", "and"]
        assert "and 297 more with nothing to do (250 at legacy, 47 at shadow): --all shows them" in text
        assert len(lines(printed(seen_as(*quiet, *busy, *telling), everything=True))) == 5 + 300

    def test_much_attention_is_cut(self) -> None:
        several = [standing(f"route-{number}", "shadow", WAIT, hold=held("x")) for number in range(30)]
        assert "and 22 more: strangler status ROUTE says them" in printed(seen_as(*several))

    def test_a_group_whose_routes_stand_apart_says_so(self) -> None:
        assert "mixed" in printed(seen_as(standing("a", "shadow", group="g"), standing("b", "legacy", group="g")))

    def test_what_no_sample_would_show_is_not_called_a_lack_of_them(self) -> None:
        unknown = Judgement((Finding("health", Verdict.NOT_ENOUGH, "modern has no health check"),))
        assert "shadow: not known" in printed(seen_as(standing("a", "legacy", unknown)))

    def test_no_routes_say_what_comes_next(self) -> None:
        assert "no routes: everything goes to legacy" in printed(seen_as())

    def test_hostile_text_is_shown_by_its_codes(self) -> None:
        seen = seen_as(standing("a", "shadow", WAIT, hold=held("a", HOSTILE)), trouble=(HOSTILE,))
        text = printed(replace(seen, proxy=Proxy(7, 2, False, HOSTILE, HOSTILE)))
        assert not {"\x1b", "\u202e"} & set(text)
        assert text.count("a\\x1b[31mb\\u202ec") == 4


class TestHead:
    @pytest.mark.parametrize(
        ("proxy", "words"),
        [
            (Proxy(), "nobody serves routes.yaml here: `strangler serve` starts it. This is the file, and the last evidence"),
            (Proxy(7, 2, False, "line one\nline two"), "routes.yaml is not what is served: what was served before goes on"),
            (Proxy(7, 1, True, silent="no answer in time"), "live numbers are not known: no answer in time"),
            (Proxy(0, 3, True), "routes.yaml is served by 3 workers"),
        ],
    )
    def test_says_who_serves(self, proxy: Proxy, words: str) -> None:
        assert words in printed(seen_as(standing("a"), proxy=proxy))

    def test_every_problem_of_a_refused_file_is_a_line(self) -> None:
        assert lines(printed(seen_as(proxy=Proxy(7, 2, False, "one\ntwo"))))[1:4] == [
            "one",
            "two",
            "the stages below are those of the file",
        ]


class TestDetails:
    def screen(self, *standings: object) -> list[str]:
        console = Console(file=io.StringIO(), width=110, highlight=False, markup=False, emoji=False)
        seen = seen_as(*standings)  # type: ignore[arg-type]
        for part in details(seen, seen.units[0], PATH):
            console.print(part)
        assert isinstance(console.file, io.StringIO)
        return lines(console.file.getvalue())

    def test_everything_about_one_route(self) -> None:
        one = standing(
            "read", "canary 5%", PASS, serving=PASS, traffic=flowing(38, 2), evidence=compared(99, 100), since=NOW - 7200
        )
        assert self.screen(one)[1:] == [
            "read stands at canary 5%, since 2027-01-15 06:00:00 UTC (2 h)",
            "traffic 40/s, 5.0 % by modern",
            "compared 99.00 % of 100 pairs agree under the current rules, modern build 7",
            "p95 legacy 9 ms, modern 89 ms",
            "next step, canary 25%: pass",
            "✓ parity all agree",
            "next: strangler flip read canary --weight 25% the next step",
            "strangler diffs read what differs, and why",
            "strangler rollback read takes it back; needs no evidence",
            "strangler journal read how it came here",
        ]

    def test_a_group_says_it_of_each_route(self) -> None:
        shown = self.screen(standing("a", "shadow", WAIT, group="g"), standing("b", "shadow", PASS, group="g"))
        assert shown[1:3] == ["@g stands at shadow", "a"]
        assert "next step, canary 1%: not enough data" in shown
        assert "a: not enough data" in shown

    def test_a_hold_comes_with_the_way_out(self) -> None:
        shown = self.screen(standing("a", "shadow", PASS, hold=held("a")))
        assert shown[2] == "held by anna: slow"
        assert "next: strangler resume a if the reason for the hold is gone" in shown

    def test_at_the_top_there_is_no_next_step(self) -> None:
        assert not [line for line in self.screen(standing("a", "retired")) if "next step" in line]


@pytest.mark.parametrize(
    ("per_second", "shown"),
    [(0, "0/s"), (1234.4, "1,234/s"), (41.2, "41/s"), (1.04, "1.0/s"), (0.5, "30/min"), (0.02, "1.2/min"), (0.0005, "1.8/h")],
)
def test_rates_come_in_the_unit_in_which_there_are_some(per_second: float, shown: str) -> None:
    assert rate(per_second) == shown


class TestReadings:
    BEFORE = Metrics({("a", "legacy"): 10, ("b", "legacy"): 5}, started=1.0)
    AFTER = Metrics({("a", "legacy"): 30, ("a", "modern"): 4, ("b", "legacy"): 5}, started=1.0)

    def test_traffic_is_what_came_between(self) -> None:
        found = with_traffic([standing("a"), standing("b"), standing("c")], self.BEFORE, self.AFTER, 2.0)
        assert [each.traffic for each in found] == [Traffic(10, 2), Traffic(0, 0), Traffic(0, 0)]

    def test_a_proxy_that_began_anew_is_not_compared_with_the_one_before(self) -> None:
        assert between(route("a"), self.BEFORE, replace(self.AFTER, started=2.0), 2.0) is None

    def test_two_readings_of_one_moment_say_nothing(self) -> None:
        assert between(route("a"), self.BEFORE, self.AFTER, 0.0) is None


class TestCommand:
    @pytest.fixture
    def run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
        """In a folder with evidence, and nobody who serves."""
        path, config = configured(tmp_path)
        path.write_text(path.read_text().replace("version: 1", 'version: 1\nadmin: {address: "127.0.0.1:3"}'))
        one = config.routes[0]
        record(config, batch_of(one, [pair(one, answer({"a": 1}), answer({"a": 2}))], matches=99))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

        def command(*arguments: str, columns: int = 120) -> Result:
            environ = {"COLUMNS": str(columns), "NO_COLOR": "1", "STRANGLER_CONFIG": str(path)}
            return CliRunner(env=environ).invoke(cli, ["status", *arguments], standalone_mode=False)

        return command

    def test_without_a_proxy_it_shows_the_file_and_the_evidence(self, run: Run) -> None:
        result = run()
        assert (result.exception, result.return_value) == (None, None)
        assert "This is the file, and the last evidence route stage traffic" in " ".join(lines(result.output))
        assert [line for line in lines(result.output) if line.startswith("read-order shadow – – 99.00 % of 100")]

    def test_json_of_one_route(self, run: Run) -> None:
        told = json.loads(run("read-order", "--json").output)
        assert [(each["route"], each["compared"], each["agree"]) for each in told["routes"]] == [("read-order", 100, 0.99)]
        assert told["proxy"]["pid"] is None
        assert told["proxy"]["silent"].startswith("the admin address 127.0.0.1:3 ")

    def test_a_store_that_is_none_is_said(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "evidence.db").write_text("this is no database" * 100)
        result = run()
        assert result.exception is None
        assert "neither evidence nor holds can be read, so nothing climbs: store sqlite:///" in " ".join(lines(result.output))

    def test_one_route(self, run: Run) -> None:
        assert "read-order stands at shadow" in lines(run("read-order").output)

    def test_an_unknown_name(self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["status", "raed-order", "-c", str(tmp_path / "routes.yaml")])
        assert ended.value.code == 2
        assert "there is no route 'raed-order'; did you mean 'read-order'?" in capsys.readouterr().err
